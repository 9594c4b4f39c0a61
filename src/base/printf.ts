/*
 * Numbers as C prints them. JavaScript's toFixed and toPrecision round exact halves up, printf to even; CRUSH
 * weights, being multiples of 2^-16, are exact halves often.
 */

/** A finite double as sign, and decimal digits over a power of ten: value = digits / 10^scale. */
function exactDecimal(value: number): { digits: bigint; scale: number } {
  let scale = 0;
  let rest = Math.abs(value);
  // A double is an integer over a power of two; each halving is one decimal more.
  while (!Number.isInteger(rest)) {
    rest *= 2;
    scale++;
  }
  return { digits: BigInt(rest) * 5n ** BigInt(scale), scale };
}

/** digits / 10^drop, rounded half to even. */
function roundedDiv(digits: bigint, drop: number): bigint {
  if (drop <= 0) return digits * 10n ** BigInt(-drop);
  const unit = 10n ** BigInt(drop);
  const whole = digits / unit;
  const twice = (digits % unit) * 2n;
  return twice > unit || (twice === unit && (whole & 1n) === 1n) ? whole + 1n : whole;
}

/** printf("%.<decimals>f"). */
export function formatFixed(value: number, decimals: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const { digits, scale } = exactDecimal(value);
  const text = roundedDiv(digits, scale - decimals)
    .toString()
    .padStart(decimals + 1, '0');
  if (decimals === 0) return sign + text;
  return `${sign}${text.slice(0, -decimals)}.${text.slice(-decimals)}`;
}

/** printf("%.<precision>g"), as C++ streams print a double: 6 digits by default, 17 in Ceph's JSON. */
export function formatGeneral(value: number, precision = 6): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  const sign = value < 0 ? '-' : '';
  const { digits, scale } = exactDecimal(value);
  const all = digits.toString().length;
  let rounded = roundedDiv(digits, all - precision).toString();
  let exponent = all - scale - 1;
  if (rounded.length > precision) {
    rounded = rounded.slice(0, precision);
    exponent++;
  }
  if (exponent < -4 || exponent >= precision) {
    const fraction = rounded.slice(1).replace(/0+$/, '');
    const e = Math.abs(exponent).toString().padStart(2, '0');
    return `${sign}${rounded[0]}${fraction && `.${fraction}`}e${exponent < 0 ? '-' : '+'}${e}`;
  }
  const point = exponent + 1;
  const whole = point > 0 ? rounded.slice(0, point) : '0';
  const fraction = (point > 0 ? rounded.slice(point) : '0'.repeat(-point) + rounded).replace(/0+$/, '');
  return `${sign}${whole}${fraction && `.${fraction}`}`;
}
