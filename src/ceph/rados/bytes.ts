/** Bytes to store: text is stored as UTF-8. */
export type Data = Uint8Array | string;

export const EMPTY: Buffer = Buffer.alloc(0);

export function toBytes(data: Data): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
