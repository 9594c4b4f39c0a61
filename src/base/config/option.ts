import { NacreError } from '../errors.ts';

/** Types of option values, named as Ceph names them (common/options.h). */
export type OptionType =
  | 'uint'
  | 'int'
  /** Bytes; read with binary suffixes: 4K, 4Ki, 4KB are all 4096. */
  | 'size'
  /** Whole seconds; read as '90' or '1 hour 30 min'. */
  | 'secs'
  | 'millisecs'
  | 'float'
  | 'bool'
  | 'str'
  /** One address: 'v2:10.0.0.1:3300/0'. */
  | 'addr'
  | 'addrvec'
  | 'uuid';

export type OptionValue = number | boolean | string;

/** Who is expected to touch it. */
export type OptionLevel = 'basic' | 'advanced' | 'dev';

/**
 * runtime / startup: whether a change takes effect in a running process; no_mon_update: never taken from the
 * monitors' central configuration; create, cluster_create: only read when the daemon or cluster is made.
 */
export type OptionFlag = 'runtime' | 'no_mon_update' | 'startup' | 'create' | 'cluster_create';

/** Anything that an option has beside its type, default and description. */
export interface OptionExtras {
  readonly level?: OptionLevel;
  /** Default in daemons, where it differs from that in clients. */
  readonly daemon?: OptionValue;
  /** The default as Ceph declares it, where it reads such a value as another text. */
  readonly describedDefault?: string;
  readonly min?: number;
  readonly max?: number;
  /** The only strings allowed. */
  readonly values?: readonly string[];
  readonly flags?: readonly OptionFlag[];
}

export interface OptionSpec<T extends OptionValue = OptionValue> extends OptionExtras {
  readonly type: OptionType;
  readonly default: T;
  readonly desc: string;
}

/** One or more options by name. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

function make<T extends OptionValue>(type: OptionType) {
  return (value: T, desc: string, extras?: OptionExtras): OptionSpec<T> => ({
    type,
    default: value,
    desc,
    ...extras,
  });
}

/** Constructors of table entries: `float(15, 'what it does', { min: 0 })`. */
export const uint = make<number>('uint');
export const int = make<number>('int');
export const size = make<number>('size');
export const secs = make<number>('secs');
export const millisecs = make<number>('millisecs');
export const float = make<number>('float');
export const bool = make<boolean>('bool');
export const str = make<string>('str');
export const addr = make<string>('addr');
export const addrvec = make<string>('addrvec');
export const uuid = make<string>('uuid');

/** A log level pair 'N/M' (log level / gather level in memory), each 0 to 99. */
export function debugLevels(log: number, gather: number, subsystem: string): OptionSpec<string> {
  return { type: 'str', default: `${log}/${gather}`, desc: `Log levels of ${subsystem}`, flags: ['runtime'] };
}

const NUMBER_TYPES = new Set<OptionType>(['uint', 'int', 'size', 'secs', 'millisecs', 'float']);

/**
 * Whether a change in a running process is taken (common/options.h can_update_at_runtime): numbers and
 * booleans are read where they are used, strings only when they are marked so.
 */
export function updatesAtRuntime(spec: OptionSpec): boolean {
  const flags = spec.flags ?? [];
  if (flags.includes('startup') || flags.includes('create') || flags.includes('cluster_create')) return false;
  return flags.includes('runtime') || spec.type === 'bool' || NUMBER_TYPES.has(spec.type);
}

const SI: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };
const IEC: Readonly<Record<string, number>> = {
  B: 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
  P: 2 ** 50,
  E: 2 ** 60,
};

/** Seconds in each unit, under every spelling (common/options.cc, include/timegm). */
const UNITS = new Map<string, number>();
for (const [seconds, names] of [
  [1, ['s', 'sec', 'secs', 'second', 'seconds']],
  [60, ['m', 'min', 'mins', 'minute', 'minutes']],
  [3600, ['h', 'hr', 'hrs', 'hour', 'hours']],
  [86_400, ['d', 'day', 'days']],
  [7 * 86_400, ['w', 'wk', 'week', 'weeks']],
  [30 * 86_400, ['mo', 'month', 'months']],
  [365 * 86_400, ['y', 'yr', 'year', 'years']],
] as const)
  for (const name of names) UNITS.set(name, seconds);

const DURATION = /^(\s*\d+\s*[a-z]+)+\s*$/;
const FLOAT = /^\s*[-+]?((\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|0[xX][0-9a-fA-F]+)$/;
const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i;
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** Integers are 64 bits wide; beyond 2^53 only some of them are numbers here, the powers of two among them. */
const TWO63 = 2 ** 63;

/** Why a text is not a value of an option. The reason alone: the caller knows the name and the text. */
class BadValue extends Error {}

function bad(reason: string): never {
  throw new BadValue(reason);
}

function integer(text: string): number {
  const trimmed = text.trimStart();
  if (!/^[-+]?\d+$/.test(trimmed)) bad('not an integer');
  const value = Number(trimmed);
  if (!(Math.abs(value) < TWO63)) bad('out of range');
  return value;
}

/** An integer with one decimal suffix: 5K is 5000 (strict_si_cast). */
function siInteger(text: string): number {
  const factor = SI[text.at(-1) ?? ''];
  const value = factor === undefined ? integer(text) : integer(text.slice(0, -1)) * factor;
  if (!(Math.abs(value) < TWO63)) bad('out of range');
  return value;
}

/** Bytes with one binary suffix: 5K, 5Ki and 5KB are 5120 (strict_iec_cast). */
function bytes(text: string): number {
  const match = /^\s*([-+]?\d+)([A-Z][iB]?)?$/.exec(text);
  if (match === null || match[2] === 'Bi') bad('not a size: a number and one of B K M G T P E');
  const factor = match[2] === undefined ? 1 : IEC[match[2][0]];
  if (factor === undefined) bad(`unknown size suffix '${match[2]}'`);
  const value = Number(match[1]) * factor;
  if (!(Math.abs(value) < TWO63)) bad('out of range');
  return value;
}

/** Number() takes no sign before hexadecimal digits. */
function toFloat(text: string): number {
  const negative = text.startsWith('-');
  const value = Number(text.replace(/^[-+]/, ''));
  return negative ? -value : value;
}

function seconds(text: string): number {
  if (/^\s*\d+$/.test(text)) return integer(text);
  if (!DURATION.test(text)) bad("not a duration: seconds, or like '1 hour 30 min'");
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)\s*([a-z]+)/g)) {
    const each = UNITS.get(unit);
    if (each === undefined) bad(`unknown time unit '${unit}'`);
    total += Number(count) * each;
  }
  if (!(Math.abs(total) < TWO63)) bad('out of range');
  return total;
}

function boolean(text: string): boolean {
  const lower = text.toLowerCase();
  if (lower === 'true') return true;
  if (lower === 'false') return false;
  if (!/^\s*[-+]?\d+$/.test(text)) bad('not a boolean: true, false, 1 or 0');
  return Number(text) !== 0;
}

/** 'N' or 'N/M' with both between 0 and 99; 'N' means 'N/N'. */
function levels(text: string): string {
  const match = /^\s*([-+]?\d+)(?:\/([-+]?\d+))?/.exec(text);
  if (match === null) bad("not a log level: 'N' or 'N/M'");
  for (const part of [match[1], match[2] ?? '0'])
    if (Number(part) < 0 || Number(part) > 99) bad('log levels go from 0 to 99');
  return match[2] === undefined ? `${Number(match[1])}/${Number(match[1])}` : text;
}

const ADDRESS =
  /^(?:(v1|v2|any):)?(?:\[([0-9a-fA-F:.]+(?:%\w+)?)\]|(\d{1,3}(?:\.\d{1,3}){3})|-)(?::(\d+))?(?:\/(\d+))?$/;

/** An address in the form that entity_addr_t prints: 'v2:10.0.0.1:0/0'. */
function address(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === '-' || trimmed === ':/0') return '-';
  // An IPv6 address may come without brackets when it has no port.
  const bare = /^[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(trimmed) ? `[${trimmed}]` : trimmed;
  const match = ADDRESS.exec(bare);
  if (match === null) bad('not an address');
  const [, type, v6, v4, port, nonce] = match;
  if (v4?.split('.').some(part => Number(part) > 255)) bad('not an address');
  const host = v6 === undefined ? (v4 ?? '-') : `[${v6}]`;
  return `${type ?? 'v2'}:${host}:${port ?? 0}/${nonce ?? 0}`;
}

function addresses(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === '-') return '';
  const list = trimmed.startsWith('[v') && trimmed.endsWith(']') ? trimmed.slice(1, -1) : trimmed;
  const parsed = list
    .split(',')
    .filter(part => part !== '')
    .map(address);
  return parsed.length === 1 ? parsed[0] : `[${parsed.join(',')}]`;
}

function parseByType(spec: OptionSpec, name: string, text: string): OptionValue {
  switch (spec.type) {
    case 'int':
      return siInteger(text);
    case 'uint': {
      const value = siInteger(text);
      return value < 0 ? bad('below 0') : value;
    }
    case 'size':
    case 'secs':
    case 'millisecs': {
      const value = spec.type === 'size' ? bytes(text) : spec.type === 'secs' ? seconds(text) : integer(text);
      return value < 0 ? bad('below 0') : value;
    }
    case 'float':
      return FLOAT.test(text) ? toFloat(text.trimStart()) : bad('not a number');
    case 'bool':
      return boolean(text);
    case 'uuid':
      if (text === '') return NIL_UUID;
      return UUID.exec(text)?.slice(1).join('-').toLowerCase() ?? bad('not a uuid');
    case 'addr':
      return address(text);
    case 'addrvec':
      return addresses(text);
    case 'str':
      return name.startsWith('debug_') && /^\d+\/\d+$/.test(String(spec.default)) ? levels(text) : text;
  }
}

function check(spec: OptionSpec, value: OptionValue): void {
  if (typeof value === 'number') {
    if (spec.min !== undefined && value < spec.min) bad(`below the minimum ${spec.min}`);
    if (spec.max !== undefined && value > spec.max) bad(`above the maximum ${spec.max}`);
  }
  if (spec.values !== undefined && !spec.values.includes(value as string))
    bad(`not one of ${spec.values.join(', ')}`);
}

/**
 * The value that a text stands for. Throws EINVAL (ERANGE for log levels) naming option, text and reason.
 * A text that refers to variables ('$cluster') is checked only once they are replaced.
 */
export function parseOptionValue(name: string, spec: OptionSpec, text: string): OptionValue {
  try {
    const value = parseByType(spec, name, text);
    check(spec, value);
    return value;
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    const code = error.message.startsWith('log levels') ? 'ERANGE' : 'EINVAL';
    throw new NacreError(code, 'config.set', `option ${name} cannot be '${text}': ${error.message}`);
  }
}

/** The text of a value, as Ceph prints it: floats with six decimals, booleans as words. */
export function formatOptionValue(spec: OptionSpec, value: OptionValue): string {
  if (typeof value !== 'number') return String(value);
  if (spec.type === 'float') return value.toFixed(6);
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
}
