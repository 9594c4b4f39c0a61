import { decodeFileName, encodeFileName } from '../../base/file-name.ts';

/**
 * Names and paths: inside of a graph they are strings of one character a byte; outside they are text, in which bytes that are no UTF-8
 * survive (base/file-name.ts). What is ASCII, nearly everything, is the same in both.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL to DEL is what ASCII is.
const ASCII = /^[\x00-\x7f]*$/;

/** Text as bytes, one a character. */
export function nameBytes(name: string): string {
  return ASCII.test(name) ? name : encodeFileName(name).toString('latin1');
}

/** Bytes, one a character, as text. */
export function nameText(bytes: string): string {
  if (ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  return decodeFileName(buffer, 0, buffer.length);
}
