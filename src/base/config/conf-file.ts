import { NacreError } from '../errors.ts';

/** Section name -> key -> value; keys normalised, the last of equal keys wins. */
export type ConfFile = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Leading and trailing white space does not count in a key, and inner white space stands for one underscore. */
export function normalizeKey(key: string): string {
  return key.trim().replace(/\s+/g, '_');
}

class Lines {
  private readonly text: string;
  private at = 0;
  line = 0;

  constructor(text: string) {
    this.text = text;
  }

  /**
   * The next line with its continuations joined, without its line end; undefined at the end. A line ends in
   * LF, CRLF or CR. A backslash right before the line end continues it; two of them are one literal backslash.
   */
  next(): { text: string; line: number } | undefined {
    if (this.at >= this.text.length) return undefined;
    let joined = '';
    const first = this.line + 1;
    for (;;) {
      const part = this.physical();
      if (part === undefined) break;
      const slashes = /\\*$/.exec(part)![0].length;
      // In a comment a backslash at the end is only a comment's last letter.
      if (slashes % 2 === 0 || startsComment(joined + part)) {
        joined += part;
        break;
      }
      joined += part.slice(0, -1);
    }
    return { text: joined, line: first };
  }

  private physical(): string | undefined {
    if (this.at >= this.text.length) return undefined;
    this.line++;
    const { text } = this;
    let end = this.at;
    while (end < text.length && text[end] !== '\n' && text[end] !== '\r') end++;
    const part = text.slice(this.at, end);
    this.at = text[end] === '\r' && text[end + 1] === '\n' ? end + 2 : end + 1;
    return part;
  }
}

function isComment(char: string | undefined): boolean {
  return char === '#' || char === ';';
}

/** Whether a line holds a comment start that is neither escaped nor quoted. */
function startsComment(line: string): boolean {
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const char = line[i];
    if (char === '\\') i++;
    else if (quote !== '') quote = char === quote ? '' : quote;
    else if (isComment(char)) return true;
    else if ((char === '"' || char === "'") && /=\s*$/.test(line.slice(0, i))) quote = char;
  }
  return false;
}

/** Only white space or a comment from here on. */
function isTail(rest: string): boolean {
  const trimmed = rest.trimStart();
  return trimmed === '' || isComment(trimmed[0]);
}

/**
 * A value, from right after the '='. Quoted, it ends at the same quote and nothing but a comment may follow;
 * else it ends at a comment. A backslash takes the next character as it is. White space at both ends is dropped,
 * in quotes too.
 */
function readValue(rest: string, fail: (why: string) => never): string {
  const start = rest.length - rest.trimStart().length;
  const quote = rest[start] === '"' || rest[start] === "'" ? rest[start] : '';
  let value = '';
  let i = quote === '' ? start : start + 1;
  for (; i < rest.length; i++) {
    const char = rest[i];
    if (char === '\\' && i + 1 < rest.length) value += rest[++i];
    else if (quote !== '' ? char === quote : isComment(char)) break;
    else value += char;
  }
  if (quote !== '') {
    if (i >= rest.length) fail(`no closing ${quote}`);
    if (!isTail(rest.slice(i + 1))) fail(`text after the closing ${quote}`);
  }
  return value.trim();
}

/**
 * Reads a configuration file (common/ConfUtils.cc):
 *
 *     [section]            ; a comment
 *     key with spaces = value   # a comment
 *     key = "quoted value"
 *     key = one \
 *           two
 *
 * Settings before the first section belong to [global]. Throws EINVAL with file name, line number and reason.
 */
export function parseConfFile(text: string, name = 'ceph.conf'): ConfFile {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  const open = (heading: string) => {
    section = sections.get(heading);
    if (section === undefined) sections.set(heading, (section = new Map()));
  };
  const lines = new Lines(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  for (let next = lines.next(); next !== undefined; next = lines.next()) {
    const { text: raw, line } = next;
    const fail = (why: string): never => {
      throw new NacreError('EINVAL', 'config.parse', `${name}:${line}: ${why}`);
    };
    const content = raw.trimStart();
    if (content === '' || isComment(content[0])) continue;
    if (content[0] === '[') {
      const end = content.indexOf(']');
      const heading = content.slice(1, end);
      if (end < 0) fail("section heading without ']'");
      if (heading.trim() === '') fail('section heading without a name');
      if (!isTail(content.slice(end + 1))) fail('text after a section heading');
      open(heading);
      continue;
    }
    const equals = content.indexOf('=');
    const key = equals < 0 ? content : content.slice(0, equals);
    if (equals < 0 || startsComment(key)) fail(`neither a section nor 'key = value': ${key.trim()}`);
    if (key.trim() === '') fail("nothing before the '='");
    if (key.includes('[')) fail(`'[' in the key ${key.trim()}`);
    if (section === undefined) open('global');
    section!.set(normalizeKey(key), readValue(content.slice(equals + 1), fail));
  }
  return sections;
}

/** Sections that look like 'osd3' where 'osd.3' was meant: they are never read. */
export function oldStyleSections(file: ConfFile): string[] {
  return [...file.keys()].filter(name => /^(mds|mon|osd)[^.]/.test(name));
}
