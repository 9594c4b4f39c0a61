import { ToolError } from './errors.ts';

/** How an option's value is read. */
export type OptionKind =
  | 'flag'
  | 'text'
  | 'count'
  | 'size'
  | 'bytes'
  | 'order'
  | 'image-format'
  | 'export-format'
  | 'features'
  | 'format'
  | 'io-type'
  | 'io-pattern'
  | 'fraction';

/** An option of a verb: its name without dashes, its letter, and how its value is read. */
export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  readonly kind: OptionKind;
  readonly required?: boolean;
  /** May be given more than once; the values add up. */
  readonly many?: boolean;
  /** Shown in the synopsis only: an older way to say something. */
  readonly old?: boolean;
  readonly description: string;
}

export type OptionValue = string | number | bigint | boolean;

const FEATURE_BITS: readonly (readonly [name: string, bit: bigint])[] = [
  ['layering', 1n << 0n],
  ['striping', 1n << 1n],
  ['exclusive-lock', 1n << 2n],
  ['object-map', 1n << 3n],
  ['fast-diff', 1n << 4n],
  ['deep-flatten', 1n << 5n],
  ['journaling', 1n << 6n],
  ['data-pool', 1n << 7n],
  ['operations', 1n << 8n],
  ['migrating', 1n << 9n],
  ['non-primary', 1n << 10n],
];

/** Names of the features of a mask, lowest bit first. */
export function featureNames(features: bigint): string[] {
  return FEATURE_BITS.filter(([, bit]) => (features & bit) !== 0n).map(([name]) => name);
}

/** The mask of 'layering,exclusive-lock'; undefined when a name is not known. */
export function parseFeatures(text: string): bigint | undefined {
  let features = 0n;
  for (const name of text.split(',').filter(each => each !== '')) {
    const found = FEATURE_BITS.find(([known]) => known === name);
    if (found === undefined) return undefined;
    features |= found[1];
  }
  return features;
}

const SUFFIXES = 'BKMGTPE';

/** '4096', '4K', '4Ki', '4KiB' (strict_iecstrtoll); undefined when it is something else or too large. */
export function parseIec(text: string): number | undefined {
  const match = /^\s*\+?(\d+)(?:([BKMGTPE])(?:i|iB|B)?)?$/.exec(text);
  if (match === null || /Bi/.test(text)) return undefined;
  const value = Number(match[1]) * 1024 ** Math.max(0, SUFFIXES.indexOf(match[2] ?? 'B'));
  return Number.isSafeInteger(value) ? value : undefined;
}

function parseCount(text: string): number | bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = BigInt(text);
  if (value >= 1n << 64n) return undefined;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function oneOf(...choices: string[]): (text: string) => string | undefined {
  return text => (choices.includes(text) ? text : undefined);
}

/** Reads a value; undefined when it makes no sense. */
const PARSERS: Record<Exclude<OptionKind, 'flag'>, (text: string) => OptionValue | undefined> = {
  text: text => text,
  count: parseCount,
  // Without a unit, mebibytes.
  size: text => {
    const value = parseIec(text);
    return value !== undefined && /\d$/.test(text) ? value * 2 ** 20 : value;
  },
  bytes: parseIec,
  order: text => {
    const order = /^\d+$/.test(text) ? Number(text) : 0;
    return order >= 12 && order <= 25 ? order : undefined;
  },
  'image-format': text => (text === '1' || text === '2' ? Number(text) : undefined),
  'export-format': text => (text === '1' || text === '2' ? Number(text) : undefined),
  features: parseFeatures,
  format: oneOf('plain', 'json', 'xml'),
  'io-type': text => ({ read: 'read', write: 'write', readwrite: 'readwrite', rw: 'readwrite' })[text],
  'io-pattern': oneOf('rand', 'seq', 'full-seq'),
  fraction: text => (/^[-+.\deE]+$/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined),
};

/** The options and words of one command line. */
export class ParsedArgs {
  readonly words: readonly string[];
  private readonly values: ReadonlyMap<string, OptionValue>;

  constructor(words: readonly string[], values: ReadonlyMap<string, OptionValue>) {
    this.words = words;
    this.values = values;
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  flag(name: string): boolean {
    return this.values.get(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.values.get(name);
    return value === undefined ? undefined : String(value);
  }

  number(name: string): number | undefined {
    const value = this.values.get(name);
    return value === undefined ? undefined : Number(value);
  }

  bigint(name: string): bigint | undefined {
    const value = this.values.get(name);
    return value === undefined ? undefined : BigInt(value as number | bigint);
  }

  /** A word behind the verb; '' when there are not so many. */
  word(index: number): string {
    return this.words[index] ?? '';
  }
}

function bad(message: string): ToolError {
  return new ToolError(`rbd: ${message}`);
}

function parseValue(spec: OptionSpec, shown: string, text: string): OptionValue {
  const value = PARSERS[spec.kind as Exclude<OptionKind, 'flag'>](text);
  if (value !== undefined) return value;
  throw bad(
    spec.kind === 'count' || spec.kind === 'fraction'
      ? `the argument ('${text}') for option '${shown}' is invalid`
      : `the argument for option '${shown}' is invalid`,
  );
}

/** One option on the command line, with what stands behind '='. */
interface Given {
  readonly spec: OptionSpec;
  readonly shown: string;
  readonly value: string | undefined;
}

function match(arg: string, specs: readonly OptionSpec[]): Given {
  if (arg.startsWith('--')) {
    const equals = arg.indexOf('=');
    const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
    const spec = specs.find(each => each.name === name);
    if (spec === undefined) throw bad(`unrecognised option '${arg}'`);
    return { spec, shown: `--${spec.name}`, value: equals < 0 ? undefined : arg.slice(equals + 1) };
  }
  const spec = specs.find(each => each.short === arg[1]);
  if (spec === undefined) throw bad(`unrecognised option '${arg}'`);
  return { spec, shown: `--${spec.name}`, value: arg.length > 2 ? arg.slice(2) : undefined };
}

/**
 * Reads what stands behind a verb. Options may stand anywhere before '--'; `most` is how many words may be given.
 * Throws as boost's program_options words it, with exit code 1.
 */
export function parseArgs(args: readonly string[], specs: readonly OptionSpec[], most: number): ParsedArgs {
  const words: string[] = [];
  const values = new Map<string, OptionValue>();
  const rest = [...args];
  for (let at = 0; at < rest.length; at++) {
    const arg = rest[at];
    if (arg === '--') {
      words.push(...rest.slice(at + 1));
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg);
      continue;
    }
    const { spec, shown, value } = match(arg, specs);
    if (spec.many !== true && values.has(spec.name))
      throw bad(`option '${shown}' cannot be specified more than once`);
    if (spec.kind === 'flag') {
      values.set(spec.name, true);
      if (value === undefined) continue;
      if (arg.startsWith('--')) throw bad(`option '${shown}' does not take any arguments`);
      // '-ap pool': letters of flags may be run together.
      if (!specs.some(each => each.short === value[0])) throw bad(`unrecognised option '${arg}'`);
      rest[at--] = `-${value}`;
      continue;
    }
    const text = value ?? rest[++at];
    if (text === undefined) throw bad(`the required argument for option '${shown}' is missing`);
    const parsed = parseValue(spec, shown, text);
    const before = values.get(spec.name);
    values.set(spec.name, before === undefined ? parsed : (before as bigint) | (parsed as bigint));
  }
  if (words.length > most) throw bad('too many arguments');
  return new ParsedArgs(words, values);
}
