/** Why a word is not what a command wants. */
export type Mismatch = 'prefix' | 'value' | 'missing' | 'few';

export class ArgumentError extends Error {
  readonly kind: Mismatch;
  /** A line that comes before it. */
  readonly before: string | undefined;

  constructor(kind: Mismatch, message: string, before?: string) {
    super(message);
    this.before = before;
    this.name = 'ArgumentError';
    this.kind = kind;
  }
}

export type ArgValue = string | number | bigint | boolean;

/** A type of arguments, as daemons name it in their descriptions of commands (pybind/ceph_argparse.py). */
export interface ArgType {
  /** For messages: '<poolname>'. */
  readonly text: string;
  /** The value for the command. With `partial`, beginnings of literals will do. @throws ArgumentError */
  valid(word: string, partial: boolean): ArgValue;
}

/** What a description says of an argument beside its type. */
export type Attributes = Readonly<Record<string, unknown>>;

function bad(message: string): ArgumentError {
  return new ArgumentError('value', message);
}

const INTEGER = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0+|[1-9][0-9]*)$/;

/** The integer of a decimal, 0x, 0o or 0b literal. */
function parseInteger(word: string): bigint | undefined {
  const match = INTEGER.exec(word.trim());
  if (match === null) return undefined;
  const value = BigInt(match[2]);
  return match[1] === '-' ? -value : value;
}

function small(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}

function rangeOf(attributes: Attributes): number[] {
  const text = String(attributes['range'] ?? '');
  return text === '' ? [] : text.split('|').map(Number);
}

/** A number as messages have it: those of a float range with a decimal point. */
type Shown = (value: number) => string;

const asInt: Shown = String;
const asFloat: Shown = value => (Number.isInteger(value) ? `${value}.0` : String(value));

function rangeText(range: readonly number[], shown: Shown): string {
  if (range.length === 0) return '';
  return `[${shown(range[0])}-${range.length > 1 ? shown(range[1]) : ''}]`;
}

function checkRange(value: number, range: readonly number[], shown: Shown): void {
  if (value < range[0] || value > range[1])
    throw bad(`${shown(value)} not in range [${range.map(shown).join(', ')}]`);
}

function intType(attributes: Attributes): ArgType {
  const range = rangeOf(attributes);
  return {
    text: `<int${rangeText(range, asInt)}>`,
    valid(word) {
      const value = parseInteger(word);
      if (value === undefined) throw bad(`${word} doesn't represent an int`);
      checkRange(Number(value), range, asInt);
      return small(value);
    },
  };
}

function floatType(attributes: Attributes): ArgType {
  const range = rangeOf(attributes);
  return {
    text: `<float${rangeText(range, asFloat)}>`,
    valid(word) {
      const value = Number(word);
      if (word.trim() === '' || Number.isNaN(value)) throw bad(`${word} doesn't represent a float`);
      checkRange(value, range, asFloat);
      return value;
    },
  };
}

function stringType(attributes: Attributes): ArgType {
  const goodchars = String(attributes['goodchars'] ?? '');
  const good = goodchars === '' ? undefined : new RegExp(`^${goodchars}$`);
  return {
    text: `<string${goodchars === '' ? '' : `(goodchars ${goodchars})`}>`,
    valid(word) {
      const wrong = good === undefined ? [] : [...new Set(word)].filter(char => !good.test(char));
      if (wrong.length > 0) throw bad(`invalid chars ${wrong.join('')} in ${word}`);
      return word;
    },
  };
}

function choicesType(attributes: Attributes): ArgType {
  const strings = String(attributes['strings'] ?? '').split('|');
  return {
    text: strings.join('|'),
    valid(word, partial) {
      if (partial ? strings.some(each => each.startsWith(word)) : strings.includes(word)) return word;
      throw bad(`${word} not in ${strings.join('|')}`);
    },
  };
}

const boolType: ArgType = {
  text: '<bool>',
  valid(word) {
    const lower = word.toLowerCase();
    if (lower === 'true' || lower === '1') return true;
    if (lower === 'false' || lower === '0') return false;
    throw bad(`${word} not one of 'true', 'false'`);
  },
};

const pgidType: ArgType = {
  text: '<pgid>',
  valid(word) {
    const dot = word.indexOf('.');
    if (dot < 0) throw bad('pgid has no .');
    const pool = word.slice(0, dot);
    const seed = word.slice(dot + 1);
    if (!/^[+-]?\d+$/.test(pool)) throw bad(`pool ${pool} not integer`);
    if (Number(pool) < 0) throw bad(`pool ${pool} < 0`);
    if (!/^(0x)?[0-9a-f]+$/i.test(seed)) throw bad(`pgnum ${seed} not hex integer`);
    return word;
  },
};

const SERVICES = ['osd', 'mon', 'client', 'mds', 'mgr'];

const nameType: ArgType = {
  text: '<name (type.id)>',
  valid(word) {
    if (word === '*' || word === 'mgr' || word === 'mon') return word;
    const dot = word.indexOf('.');
    if (dot < 0) throw bad(`CephName: no . in ${word}`);
    const type = word.slice(0, dot);
    const id = word.slice(dot + 1);
    if (!SERVICES.includes(type)) throw bad(`unknown type ${type}`);
    if (type === 'osd' && id !== '*' && !/^\d+$/.test(id)) throw bad(`osd id ${id} not integer`);
    return word;
  },
};

const osdType: ArgType = {
  text: '<osdname (id|osd.id)>',
  valid(word) {
    if (word === '*') return word;
    const dot = word.indexOf('.');
    if (dot >= 0 && word.slice(0, dot) !== 'osd') throw bad(`unknown type ${word.slice(0, dot)}`);
    const id = word.slice(dot + 1);
    if (!/^[+-]?\d+$/.test(id)) throw bad(`osd id ${id} not integer`);
    if (Number(id) < 0) throw bad(`osd id ${id} is less than 0`);
    return Number(id);
  },
};

const uuidType: ArgType = {
  text: '<uuid>',
  valid(word) {
    if (!/^[{]?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}[}]?$/i.test(word))
      throw bad(`invalid UUID ${word}`);
    return word;
  },
};

/** Anything; who gets it looks at it. */
function anyType(text: string): () => ArgType {
  return () => ({ text, valid: word => word });
}

/** Literal words at the beginning of a command. */
export function prefixType(prefix: string): ArgType {
  return {
    text: prefix,
    valid(word, partial) {
      if (partial ? prefix.startsWith(word) : word === prefix) return word;
      throw new ArgumentError('prefix', `no match for ${word}`);
    },
  };
}

export const ARG_TYPES: Readonly<Record<string, (attributes: Attributes) => ArgType>> = {
  CephInt: intType,
  CephFloat: floatType,
  CephString: stringType,
  CephChoices: choicesType,
  CephBool: () => boolType,
  CephPgid: () => pgidType,
  CephName: () => nameType,
  CephOsdName: () => osdType,
  CephUUID: () => uuidType,
  CephPoolname: anyType('<poolname>'),
  CephObjectname: anyType('<objectname>'),
  CephIPAddr: anyType('<IPaddr[:port]>'),
  CephEntityAddr: anyType('<EntityAddr>'),
  CephSocketpath: anyType('<admin-socket-path>'),
  CephFilepath: anyType('<outfilename>'),
  CephFragment: anyType('<CephFS fragment ID (0xvvv/bbb)>'),
};
