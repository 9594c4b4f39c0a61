/**
 * Names and paths: inside of a graph they are strings of one character a byte, so that any name survives; users give and get
 * UTF-8. What is ASCII, nearly everything, is the same in both.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL to DEL is what ASCII is.
const ASCII = /^[\x00-\x7f]*$/;

export type PathLike = string | Uint8Array | URL;
export type NameEncoding = BufferEncoding | 'buffer';

/** A user's path as bytes, one a character. Throws a TypeError on what is no path. */
export function toBytes(path: PathLike): string {
  if (typeof path === 'string') return ASCII.test(path) ? path : Buffer.from(path, 'utf8').toString('latin1');
  if (path instanceof Uint8Array)
    return Buffer.from(path.buffer, path.byteOffset, path.length).toString('latin1');
  if (path instanceof URL) return toBytes(decodeURIComponent(path.pathname));
  throw new TypeError(`a path is a string, a Buffer or a URL, not ${typeof path}`);
}

/** Bytes as text. */
export function toText(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Bytes in the encoding that a user asked for. */
export function toEncoding(bytes: string, encoding: NameEncoding = 'utf8'): string | Buffer {
  if (encoding === 'utf8' || encoding === 'utf-8') return toText(bytes);
  const buffer = Buffer.from(bytes, 'latin1');
  return encoding === 'buffer' ? buffer : buffer.toString(encoding);
}
