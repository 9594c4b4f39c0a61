import { NacreError } from '../../base/errors.ts';

/*
 * Volume files (libglusterfs/src/graph.l, graph.y):
 *
 *   # a comment, to the end of the line
 *   volume NAME
 *       type CATEGORY/KIND
 *       option KEY VALUE          any number, before and after `subvolumes`
 *       subvolumes NAME NAME ...  each defined further up
 *   end-volume
 *
 * Words are parted by blanks and line ends. A value in double quotes may hold anything but a line end, which needs a
 * backslash before it as quotes and backslashes do. Text in backticks is a shell command in GlusterFS; here it is refused.
 */

export interface VolfileOption {
  readonly key: string;
  readonly value: string;
  readonly line: number;
  readonly column: number;
}

/** A `volume ... end-volume` block. */
export interface VolfileVolume {
  readonly name: string;
  readonly type: string;
  /** Where `volume` stands. */
  readonly line: number;
  readonly options: ReadonlyMap<string, VolfileOption>;
  readonly subvolumes: readonly string[];
}

/** A mistake in a volfile, with its place; lines and columns count from 1. */
export class VolfileError extends NacreError {
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, message: string) {
    super('EINVAL', 'gluster.volfile', `line ${line}, column ${column}: ${message}`);
    this.name = 'VolfileError';
    this.line = line;
    this.column = column;
  }
}

/** glusterd's largest volfiles (hundreds of bricks) are below 1 MiB. */
const MAX_VOLFILE = 16 << 20;
const MAX_SHOWN = 64;

interface Token {
  readonly text: string;
  /** Was in quotes: never a keyword. */
  readonly quoted: boolean;
  readonly line: number;
  readonly column: number;
}

const KEYWORDS = /^(?:volume|type|end-volume|subvolumes|option)$/i;
/** A run of anything but blanks, quotes and backslashes. */
const WORD = /[^ \t\r\n"\\]+/y;

class Scanner {
  private at = 0;
  private line = 1;
  private lineStart = 0;
  private readonly text: string;
  /** The token that `next` returned last. */
  last: Token | undefined;
  private ahead: Token | undefined;

  constructor(text: string) {
    this.text = text;
  }

  fail(message: string, token?: Token): never {
    if (token !== undefined) throw new VolfileError(token.line, token.column, message);
    throw new VolfileError(this.line, this.at - this.lineStart + 1, message);
  }

  /** Undefined at the end. */
  peek(): Token | undefined {
    this.ahead ??= this.scan();
    return this.ahead;
  }

  next(): Token | undefined {
    const token = this.peek();
    this.ahead = undefined;
    if (token !== undefined) this.last = token;
    return token;
  }

  private scan(): Token | undefined {
    const { text } = this;
    for (;;) {
      const char = text[this.at];
      if (char === undefined) return undefined;
      if (char === '\n') {
        this.at++;
        this.line++;
        this.lineStart = this.at;
      } else if (char === ' ' || char === '\t' || char === '\r') this.at++;
      else if (char === '#') {
        const end = text.indexOf('\n', this.at);
        this.at = end < 0 ? text.length : end;
      } else if (char === '"') return this.quoted();
      else if (char === '\\') this.fail('a backslash is only good within quotes');
      else return this.word();
    }
  }

  private word(): Token {
    WORD.lastIndex = this.at;
    const [word] = WORD.exec(this.text)!;
    const token = { text: word, quoted: false, line: this.line, column: this.at - this.lineStart + 1 };
    if (word.includes('`'))
      throw new NacreError(
        'ENOTSUP',
        'gluster.volfile',
        `line ${token.line}, column ${token.column}: commands in backticks are not run`,
      );
    this.at += word.length;
    return token;
  }

  private quoted(): Token {
    const { line } = this;
    const column = this.at - this.lineStart + 1;
    const start = this.at + 1;
    const pieces: string[] = [];
    let from = start;
    for (let i = start; ; i++) {
      const char = this.text[i];
      if (char === undefined || char === '\n')
        throw new VolfileError(line, column, 'the quotes are not closed on this line');
      if (char === '"') {
        pieces.push(this.text.slice(from, i));
        this.at = i + 1;
        return { text: pieces.join(''), quoted: true, line, column };
      }
      if (char !== '\\') continue;
      pieces.push(this.text.slice(from, i));
      // Whatever follows stands for itself; but not a line end, as in flex, where a dot matches none.
      from = ++i;
      if (this.text[i] === undefined || this.text[i] === '\n')
        throw new VolfileError(line, column, 'the quotes are not closed on this line');
    }
  }
}

function shown(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}

function isKeyword(token: Token): boolean {
  return !token.quoted && KEYWORDS.test(token.text);
}

/** The volumes of a volfile in the order of their definition: the last one is the top. Throws VolfileError. */
export function parseVolfile(text: string): VolfileVolume[] {
  if (text.length > MAX_VOLFILE)
    throw new VolfileError(1, 1, `a volfile of ${text.length} bytes, over ${MAX_VOLFILE}`);
  const scanner = new Scanner(text);
  const volumes: VolfileVolume[] = [];
  const known = new Set<string>();
  for (let token = scanner.next(); token !== undefined; token = scanner.next()) {
    if (token.quoted || token.text.toLowerCase() !== 'volume')
      scanner.fail(`'volume' was expected, not '${shown(token.text)}'`, token);
    const volume = parseVolume(scanner, token, known);
    known.add(volume.name);
    volumes.push(volume);
  }
  if (volumes.length === 0) scanner.fail('there is no volume in it');
  return volumes;
}

function word(scanner: Scanner, what: string, volume: string): Token {
  const token = scanner.peek();
  if (token === undefined) scanner.fail(`the file ends where ${what} was expected${volume}`);
  if (isKeyword(token)) scanner.fail(`'${token.text}' stands where ${what} was expected${volume}`, token);
  scanner.next();
  return token;
}

function parseVolume(scanner: Scanner, start: Token, known: ReadonlySet<string>): VolfileVolume {
  const nameToken = word(scanner, 'the name of the volume', '');
  const name = nameToken.text;
  const where = ` (volume '${shown(name)}')`;
  if (known.has(name)) scanner.fail(`volume '${shown(name)}' is defined again`, nameToken);
  let type: string | undefined;
  let subvolumes: string[] | undefined;
  const options = new Map<string, VolfileOption>();
  for (;;) {
    const token = scanner.next();
    if (token === undefined) scanner.fail(`the file ends without 'end-volume'${where}`);
    const keyword = token.quoted ? '' : token.text.toLowerCase();
    if (keyword !== 'type' && keyword !== 'end-volume' && type === undefined && isKeyword(token))
      scanner.fail(`'type' must come before '${token.text}'${where}`, token);
    switch (keyword) {
      case 'type': {
        if (type !== undefined) scanner.fail(`a second 'type'${where}`, token);
        type = word(scanner, 'the type', where).text;
        break;
      }
      case 'option': {
        const key = word(scanner, 'the name of the option', where);
        const value = word(scanner, `the value of option '${shown(key.text)}'`, where);
        if (options.has(key.text)) scanner.fail(`option '${shown(key.text)}' is set twice${where}`, key);
        const { line, column } = key;
        options.set(key.text, { key: key.text, value: value.text, line, column });
        break;
      }
      case 'subvolumes': {
        if (subvolumes !== undefined) scanner.fail(`a second 'subvolumes'${where}`, token);
        subvolumes = [];
        do subvolumes.push(subvolume(scanner, name, where, known));
        while (scanner.peek() !== undefined && !isKeyword(scanner.peek()!));
        break;
      }
      case 'end-volume': {
        if (type === undefined) scanner.fail(`no 'type'${where}`, token);
        return { name, type, line: start.line, options, subvolumes: subvolumes ?? [] };
      }
      case 'volume':
        return scanner.fail(`'end-volume' is missing before 'volume'${where}`, token);
      default:
        scanner.fail(
          `'${shown(token.text)}' is none of 'type', 'option', 'subvolumes', 'end-volume'${where}`,
          token,
        );
    }
  }
}

function subvolume(scanner: Scanner, name: string, where: string, known: ReadonlySet<string>): string {
  const token = word(scanner, 'the name of a subvolume', where);
  if (token.text === name) scanner.fail(`a volume cannot be its own subvolume${where}`, token);
  if (!known.has(token.text))
    scanner.fail(`subvolume '${shown(token.text)}' is not defined before it is used${where}`, token);
  return token.text;
}
