import { nameBytes, nameText } from '../types/names.ts';

/** Paths as users give and get them; inside of a graph they are strings of one character a byte (types/names.ts). */

export type PathLike = string | Uint8Array | URL;
export type NameEncoding = BufferEncoding | 'buffer';

/** A user's path as bytes, one a character. Throws a TypeError on what is no path. */
export function toBytes(path: PathLike): string {
  if (typeof path === 'string') return nameBytes(path);
  if (path instanceof Uint8Array)
    return Buffer.from(path.buffer, path.byteOffset, path.length).toString('latin1');
  if (path instanceof URL) return toBytes(decodeURIComponent(path.pathname));
  throw new TypeError(`a path is a string, a Buffer or a URL, not ${typeof path}`);
}

export { nameText as toText };

/** Bytes in the encoding that a user asked for. */
export function toEncoding(bytes: string, encoding: NameEncoding = 'utf8'): string | Buffer {
  if (encoding === 'utf8' || encoding === 'utf-8') return nameText(bytes);
  const buffer = Buffer.from(bytes, 'latin1');
  return encoding === 'buffer' ? buffer : buffer.toString(encoding);
}
