import { DecodeError } from '../../base/errors.ts';
import { MAX_STRING } from './protocol.ts';

// The data of options, as clients send it during the handshake. Strings are UTF-8 without NUL, of at most 4096 bytes;
// a count is believed only as far as there are bytes for it.

/**
 * NBD_OPT_INFO and NBD_OPT_GO:
 *   u32 length of name, name, u16 number of information requests, u16 each
 */
export interface InfoOption {
  readonly name: string;
  readonly requests: readonly number[];
}

/**
 * NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT:
 *   u32 length of export's name, name, u32 number of queries, (u32 length, query) each
 */
export interface MetaContextOption {
  readonly name: string;
  readonly queries: readonly string[];
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

class Reader {
  readonly data: Buffer;
  readonly what: string;
  at = 0;

  constructor(data: Buffer, what: string) {
    this.data = data;
    this.what = what;
  }

  need(bytes: number): void {
    if (this.data.length - this.at < bytes)
      throw new DecodeError(this.what, this.at, `${bytes} bytes wanted, ${this.data.length - this.at} there`);
  }

  u16(): number {
    this.need(2);
    this.at += 2;
    return this.data.readUInt16BE(this.at - 2);
  }

  u32(): number {
    this.need(4);
    this.at += 4;
    return this.data.readUInt32BE(this.at - 4);
  }

  string(length: number): string {
    this.need(length);
    const text = decodeString(this.data.subarray(this.at, this.at + length), this.what);
    this.at += length;
    return text;
  }

  end(): void {
    if (this.at !== this.data.length)
      throw new DecodeError(this.what, this.at, `${this.data.length - this.at} bytes too many`);
  }
}

/** A string that is all of `bytes`. */
export function decodeString(bytes: Buffer, what: string): string {
  if (bytes.length > MAX_STRING)
    throw new DecodeError(what, 0, `a string of ${bytes.length} bytes; ${MAX_STRING} are allowed`);
  if (bytes.includes(0)) throw new DecodeError(what, 0, 'a string with NUL in it');
  try {
    return utf8.decode(bytes);
  } catch {
    throw new DecodeError(what, 0, 'a string that is not UTF-8');
  }
}

/** Throws DecodeError. */
export function decodeInfoOption(data: Buffer): InfoOption {
  const reader = new Reader(data, 'NBD_OPT_INFO');
  const name = reader.string(reader.u32());
  const count = reader.u16();
  reader.need(2 * count);
  const requests = Array.from({ length: count }, () => reader.u16());
  reader.end();
  return { name, requests };
}

/** Throws DecodeError. */
export function decodeMetaContextOption(data: Buffer): MetaContextOption {
  const reader = new Reader(data, 'NBD_OPT_META_CONTEXT');
  const name = reader.string(reader.u32());
  const count = reader.u32();
  reader.need(4 * count);
  const queries: string[] = [];
  for (let i = 0; i < count; i++) queries.push(reader.string(reader.u32()));
  reader.end();
  return { name, queries };
}
