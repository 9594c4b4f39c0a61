/**
 * Where names go: the hash (gf_dm_hashfn, libglusterfs/hashfn.c), a Davies-Meyer construction over TEA with six rounds for each
 * full block of 16 bytes and ten for the last, padded one. Names are strings of one character a byte.
 */

const DELTA = 0x9e3779b9;
const PART_ROUNDS = 6;
const FULL_ROUNDS = 10;

/** The 32-bit hash of a name, unsigned. */
export function dmHash(name: string): number {
  const length = name.length;
  let pad = length | (length << 8);
  pad |= pad << 16;
  let h0 = 0x9464a485 | 0;
  let h1 = 0x542e1a94 | 0;
  let at = 0;
  for (;;) {
    const left = length - at;
    const last = left < 16;
    let k0 = pad;
    let k1 = pad;
    let k2 = pad;
    let k3 = pad;
    if (!last) {
      k0 = word(name, at);
      k1 = word(name, at + 4);
      k2 = word(name, at + 8);
      k3 = word(name, at + 12);
    } else {
      if (left >= 4) k0 = word(name, at);
      if (left >= 8) k1 = word(name, at + 4);
      if (left >= 12) k2 = word(name, at + 8);
      // What is left of a word goes into the first word that is not full, behind the padding.
      const rest = tail(name, length - (left & 3), pad);
      if (left < 4) k0 = rest;
      else if (left < 8) k1 = rest;
      else if (left < 12) k2 = rest;
      else k3 = rest;
    }
    let b0 = h0;
    let b1 = h1;
    let sum = 0;
    for (let n = last ? FULL_ROUNDS : PART_ROUNDS; n > 0; n--) {
      sum = (sum + DELTA) | 0;
      b0 = (b0 + (((b1 << 4) + k0) ^ (b1 + sum) ^ ((b1 >>> 5) + k1))) | 0;
      b1 = (b1 + (((b0 << 4) + k2) ^ (b0 + sum) ^ ((b0 >>> 5) + k3))) | 0;
    }
    h0 = (h0 + b0) | 0;
    h1 = (h1 + b1) | 0;
    if (last) return (h0 ^ h1) >>> 0;
    at += 16;
  }
}

function word(s: string, at: number): number {
  return (
    s.charCodeAt(at) |
    (s.charCodeAt(at + 1) << 8) |
    (s.charCodeAt(at + 2) << 16) |
    (s.charCodeAt(at + 3) << 24)
  );
}

/** C's `char` is signed where Gluster's placement was defined: a byte over 127 sets all bits above it. */
function tail(s: string, from: number, pad: number): number {
  let value = pad;
  for (let i = from; i < s.length; i++) value = (value << 8) | ((s.charCodeAt(i) << 24) >> 24);
  return value;
}

/** What rsync calls a file while it writes it: '.name.XXXXXX' stands where 'name' will. */
export const DEFAULT_RSYNC_REGEX = '^\\.(.+)\\.[^.]+$';

/**
 * The hash of file names with the regular expressions that take the decoration of temporary files off, so that a file does not
 * change its brick's range when it gets its final name.
 */
export class NameHash {
  #rsync: RegExp | undefined;
  #extra: RegExp | undefined;

  /** `rsync`, `extra`: options rsync-hash-regex and extra-hash-regex; 'none' for no expression. Returns what could not be compiled. */
  configure(rsync: string | undefined, extra: string | undefined): string[] {
    const bad: string[] = [];
    this.#rsync = compile(rsync ?? DEFAULT_RSYNC_REGEX, bad);
    this.#extra = extra === undefined ? undefined : compile(extra, bad);
    return bad;
  }

  of(name: string): number {
    return dmHash(this.munge(name));
  }

  /** The part of the name that counts. */
  munge(name: string): string {
    return (this.#extra && strip(this.#extra, name)) ?? (this.#rsync && strip(this.#rsync, name)) ?? name;
  }
}

/** The first group, when the expression matches and the group took part. */
function strip(regex: RegExp, name: string): string | undefined {
  if (!NOT_ASCII.test(name)) return regex.exec(name)?.[1];
  // Expressions are of characters, not bytes: Gluster's clients set a UTF-8 locale. What is not UTF-8 matches nothing there.
  let text: string;
  try {
    text = UTF8.decode(Buffer.from(name, 'latin1'));
  } catch {
    return undefined;
  }
  const found = regex.exec(text)?.[1];
  return found === undefined ? undefined : Buffer.from(found, 'utf8').toString('latin1');
}

const NOT_ASCII = /[\x80-\xff]/;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function compile(text: string, bad: string[]): RegExp | undefined {
  if (text === 'none') return undefined;
  try {
    return new RegExp(fromPosix(text), 'su');
  } catch {
    bad.push(text);
    return undefined;
  }
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: '\\p{Alphabetic}',
  digit: '0-9',
  alnum: '\\p{Alphabetic}\\p{N}',
  upper: '\\p{Lu}',
  lower: '\\p{Ll}',
  space: '\\s',
  blank: ' \\t',
  punct: '\\p{P}\\p{S}',
  print: '\\P{C}',
  graph: '\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}',
  cntrl: '\\p{Cc}',
  xdigit: '0-9A-Fa-f',
};

const QUANTIFIER = /^\{\d+(,\d*)?\}/;

/**
 * A POSIX extended regular expression (regcomp with REG_EXTENDED, glibc) as one of JavaScript with the flag `u`: what differs is the
 * bracket expression, in which a backslash is an ordinary character and classes have names, and what may be escaped.
 */
export function fromPosix(text: string): string {
  let out = '';
  let i = 0;
  while (i < text.length) {
    const c = text[i];
    if (c === '\\') {
      out += escaped(text[i + 1]);
      i += 2;
    } else if (c === '(' && text[i + 1] === '?') {
      // '(?' has no meaning in POSIX; what it would mean in JavaScript it must not get.
      throw new SyntaxError(`misplaced '?' in ${text}`);
    } else if (c === '[') {
      const end = bracketEnd(text, i);
      out += bracket(text.slice(i + 1, end));
      i = end + 1;
    } else if (c === '{') {
      const quantifier = QUANTIFIER.exec(text.slice(i))?.[0];
      out += quantifier ?? '\\{';
      i += quantifier?.length ?? 1;
    } else {
      out += c === ']' || c === '}' || c === '/' ? `\\${c}` : c;
      i++;
    }
  }
  return out;
}

/** A character behind a backslash: some mean something to glibc, all others themselves. */
function escaped(c: string | undefined): string {
  if (c === undefined) throw new SyntaxError('trailing backslash');
  if (/[wWsSbB1-9]/.test(c)) return `\\${c}`;
  if (c === '<') return '\\b(?=\\w)';
  if (c === '>') return '\\b(?<=\\w)';
  return /[\^$\\.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

function bracketEnd(text: string, start: number): number {
  let i = start + 1;
  if (text[i] === '^') i++;
  if (text[i] === ']') i++;
  while (i < text.length && text[i] !== ']') {
    const kind = text[i] === '[' ? text[i + 1] : '';
    if (kind === ':' || kind === '.' || kind === '=') {
      const close = text.indexOf(`${kind}]`, i + 2);
      if (close < 0) break;
      i = close + 2;
    } else i++;
  }
  if (text[i] !== ']') throw new SyntaxError(`unmatched [ in ${text}`);
  return i;
}

function bracket(inside: string): string {
  const negated = inside.startsWith('^');
  let body = '';
  for (let i = negated ? 1 : 0; i < inside.length; ) {
    const named = /^\[:([a-z]+):\]/.exec(inside.slice(i));
    if (named !== null) {
      const members = CLASSES[named[1]];
      if (members === undefined) throw new SyntaxError(`unknown class ${named[1]}`);
      body += members;
      i += named[0].length;
    } else {
      const c = inside[i++];
      body += c === '\\' || c === ']' || c === '[' || c === '^' ? `\\${c}` : c;
    }
  }
  return `[${negated ? '^' : ''}${body}]`;
}
