/**
 * Powers to the last bit. Straw lengths are powers cut to integers, so a result that is one bit below a whole
 * number makes another map, and Math.pow is not exact to the last bit where the C library's pow (nearly) is.
 *
 * Fixed point in BigInt, 160 bits behind the point: exp(y * ln x). Slow (tens of microseconds), which is
 * enough for building straw buckets.
 */

const BITS = 160n;
const ONE = 1n << BITS;

/** 2 * atanh(t) by its series, |t| <= 1/3. */
function atanh2(t: bigint): bigint {
  const square = (t * t) >> BITS;
  let term = t;
  let sum = 0n;
  for (let n = 1n; term !== 0n; n += 2n) {
    sum += term / n;
    term = (term * square) >> BITS;
  }
  return 2n * sum;
}

let cachedLn2: bigint | undefined;
function ln2(): bigint {
  cachedLn2 ??= atanh2(ONE / 3n);
  return cachedLn2;
}

/** A double as mantissa * 2^exponent, mantissa a 53-bit integer. */
function split(x: number): [bigint, number] {
  let exponent = 0;
  let m = x;
  while (m >= 2 ** 53) {
    m /= 2;
    exponent++;
  }
  while (m < 2 ** 52) {
    m *= 2;
    exponent--;
  }
  return [BigInt(m), exponent];
}

function ln(x: number): bigint {
  const [m, exponent] = split(x);
  // x = f * 2^k with f from 1 to 2; ln f = 2 atanh((f - 1) / (f + 1)).
  const f = m << (BITS - 52n);
  return BigInt(exponent + 52) * ln2() + atanh2(((f - ONE) << BITS) / (f + ONE));
}

/** value / 2^shift as a double, rounded to nearest even. */
function toDouble(value: bigint, shift: number): number {
  const length = value.toString(2).length;
  const drop = length - 53;
  if (drop <= 0) return Number(value) * 2 ** -shift;
  const unit = 1n << BigInt(drop);
  let m = value >> BigInt(drop);
  const twice = (value & (unit - 1n)) * 2n;
  if (twice > unit || (twice === unit && (m & 1n) === 1n)) m++;
  return Number(m) * 2 ** (drop - shift);
}

/** x to the power of y, correctly rounded, for x and y above 0 and results that a double holds. */
export function exactPow(x: number, y: number): number {
  if (x === 1 || y === 1) return x;
  const [m, exponent] = split(y);
  const product = ln(x) * m;
  const log = exponent >= 0 ? product << BigInt(exponent) : product >> BigInt(-exponent);
  // exp(log) = 2^k * exp(r), r within ln 2; then halved eight times so that the series is short.
  const k = log / ln2();
  const r = (log - k * ln2()) >> 8n;
  let term = ONE;
  let sum = ONE;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = ((term * r) >> BITS) / n;
    sum += term;
  }
  for (let i = 0; i < 8; i++) sum = (sum * sum) >> BITS;
  return toDouble(sum, Number(BITS - k));
}
