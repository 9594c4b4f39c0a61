/**
 * File names on Linux are bytes. In strings they are UTF-8; bytes that are not UTF-8 become lone surrogates U+DC80 to U+DCFF,
 * one each (PEP 383's way), so that every name survives the way to a string and back.
 */

import { DecodeError } from './errors.ts';

/** The string of buffer[start, end). */
export function decodeFileName(buffer: Buffer, start: number, end: number): string {
  const name = buffer.toString('utf8', start, end);
  // The decoder marks what it does not understand, but a name may also really contain that mark.
  return name.includes('\ufffd') ? decodeOdd(buffer.subarray(start, end)) : name;
}

/** The bytes of a name. */
export function encodeFileName(name: string): Buffer {
  return isWellFormed(name) ? Buffer.from(name, 'utf8') : encodeOdd(name);
}

/** How many bytes a name has. */
export function fileNameLength(name: string): number {
  return isWellFormed(name) ? Buffer.byteLength(name, 'utf8') : encodeOdd(name).length;
}

/** Writes a name at `offset` and returns how many bytes it took; there must be room for it. */
export function writeFileName(buffer: Buffer, name: string, offset: number): number {
  if (isWellFormed(name)) return buffer.write(name, offset, 'utf8');
  const bytes = encodeOdd(name);
  bytes.copy(buffer, offset);
  return bytes.length;
}

/** The string of buffer[start, end), which must not contain a zero byte. */
export function decodeCleanFileName(buffer: Buffer, start: number, end: number, type: string): string {
  const name = decodeFileName(buffer, start, end);
  if (name.includes('\0')) throw new DecodeError(type, start, 'a zero byte inside a name');
  return name;
}

function isWellFormed(name: string): boolean {
  // In every Node since 20, not yet in the library that the sources are checked against.
  return (name as unknown as { isWellFormed(): boolean }).isWellFormed();
}

/** Length of the valid UTF-8 sequence at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
  if (lead < 0x80) return 1;
  const length = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 ? 4 : 0;
  if (length === 0 || lead > 0xf4 || at + length > bytes.length) return 0;
  for (let i = 1; i < length; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1];
  // Overlong forms, surrogates and what lies beyond U+10FFFF are not UTF-8.
  if (lead === 0xe0 && second < 0xa0) return 0;
  if (lead === 0xed && second > 0x9f) return 0;
  if (lead === 0xf0 && second < 0x90) return 0;
  if (lead === 0xf4 && second > 0x8f) return 0;
  return length;
}

function decodeOdd(bytes: Buffer): string {
  let name = '';
  let from = 0;
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    name += bytes.toString('utf8', from, at) + String.fromCharCode(0xdc00 + bytes[at]);
    at++;
    from = at;
  }
  return name + bytes.toString('utf8', from);
}

function encodeOdd(name: string): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff && (name.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      i++;
      continue;
    }
    if (unit < 0xdc80 || unit > 0xdcff) continue;
    parts.push(Buffer.from(name.slice(from, i), 'utf8'), Buffer.from([unit - 0xdc00]));
    from = i + 1;
  }
  parts.push(Buffer.from(name.slice(from), 'utf8'));
  return Buffer.concat(parts);
}
