import { decodeFileName, encodeFileName } from '../../../../base/file-name.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL to DEL is what ASCII is.
const ASCII = /^[\x00-\x7f]*$/;

/** A name as the FUSE library has it (text in which bytes that are no UTF-8 survive) as bytes, one a character. */
export function toBytes(name: string): string {
  return ASCII.test(name) ? name : encodeFileName(name).toString('latin1');
}

export function toName(bytes: string): string {
  if (ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  return decodeFileName(buffer, 0, buffer.length);
}
