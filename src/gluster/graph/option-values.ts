/*
 * Texts of options as GlusterFS reads them (libglusterfs/src/common-utils.c, gf_string2*). All return undefined for what is not
 * valid. Numbers are C's: blanks before, a sign, decimal, 0x hexadecimal or 0 octal.
 */

const TRUE = new Set(['1', 'on', 'yes', 'true', 'enable']);
const FALSE = new Set(['0', 'off', 'no', 'false', 'disable']);
const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 2 ** 10,
  mb: 2 ** 20,
  gb: 2 ** 30,
  tb: 2 ** 40,
  pb: 2 ** 50,
};
const TIME_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3600,
  hr: 3600,
  d: 86400,
  days: 86400,
  w: 604800,
  wk: 604800,
};
const MAX_INT64 = 2 ** 63;

export function parseBool(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  if (TRUE.has(lower)) return true;
  return FALSE.has(lower) ? false : undefined;
}

/** strtoll with base 0: the value and the text that follows it. */
function longPrefix(text: string): { value: number; tail: string } | undefined {
  const match = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (match === null) return undefined;
  const [all, sign, digits] = match;
  const octal = /^0[0-7]+$/.test(digits);
  const value = octal ? Number.parseInt(digits, 8) : Number(digits);
  if (value >= MAX_INT64) return undefined;
  return { value: sign === '-' && value !== 0 ? -value : value, tail: text.slice(all.length) };
}

/** strtod, without infinities and NaN. */
function doublePrefix(text: string): { value: number; tail: string } | undefined {
  const match = /^[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)/.exec(text);
  if (match === null) return undefined;
  const value = Number(match[1]);
  return Number.isFinite(value) ? { value, tail: text.slice(match[0].length) } : undefined;
}

function isNegative(text: string): boolean {
  return /^[ \t\n\v\f\r]*-/.test(text);
}

export function parseInteger(text: string): number | undefined {
  const found = longPrefix(text);
  // '-0' is refused there, too.
  return found === undefined || found.tail !== '' || (found.value === 0 && isNegative(text))
    ? undefined
    : found.value;
}

export function parseDouble(text: string): number | undefined {
  const found = doublePrefix(text);
  return found === undefined || found.tail !== '' ? undefined : found.value;
}

/** Bytes: '4096', '128KB', '1.5GB'; units of any case. Integers are decimal only. */
export function parseByteSize(text: string): number | undefined {
  if (isNegative(text)) return undefined;
  let value: number;
  let tail: string;
  if (text.includes('.')) {
    const found = doublePrefix(text);
    if (found === undefined) return undefined;
    ({ value, tail } = found);
  } else {
    const match = /^[ \t\n\v\f\r]*\+?([0-9]+)/.exec(text);
    if (match === null) return undefined;
    value = Number(match[1]);
    tail = text.slice(match[0].length);
  }
  const lower = tail.toLowerCase();
  if (!Object.hasOwn(BYTE_UNITS, lower)) return undefined;
  const bytes = Math.trunc(value * BYTE_UNITS[lower]);
  return bytes >= MAX_INT64 ? undefined : bytes;
}

/** '10', '10%', '0.5%'; not limited to 100. */
export function parsePercent(text: string): number | undefined {
  if (isNegative(text)) return undefined;
  const found = doublePrefix(text);
  return found !== undefined && (found.tail === '' || found.tail === '%') ? found.value : undefined;
}

/** Seconds: '10', '10sec', '2min', '1h', '1days', '1w'. */
export function parseTime(text: string): number | undefined {
  if (isNegative(text)) return undefined;
  const found = longPrefix(text);
  if (found === undefined || !Object.hasOwn(TIME_UNITS, found.tail)) return undefined;
  return found.value * TIME_UNITS[found.tail];
}

/** '10%' is a percentage, '10GB' and '10' are bytes, for checking ranges (gf_string2percent_or_bytesize). */
export function parsePercentOrSize(text: string): { value: number; percent: boolean } | undefined {
  if (isNegative(text)) return undefined;
  const found = doublePrefix(text);
  if (found === undefined) return undefined;
  if (found.tail === '%') return { value: found.value, percent: true };
  const lower = found.tail.toLowerCase();
  if (lower === 'b' || !Object.hasOwn(BYTE_UNITS, lower)) return undefined;
  const value = found.value * BYTE_UNITS[lower];
  return value > 2 ** 64 ? undefined : { value, percent: false };
}
