import { crc32c } from '../../src/base/crc32c.ts';
import type { WireMessage } from './v2-messages.ts';

const TAG_MSG = 7;
const HEADER_BYTES = 53;
const FOOTER_BYTES = 21;

/**
 * The messages in one direction of a protocol v1 connection: whatever follows a message tag and has a header
 * whose checksum is right. u64 seq, u64 tid, u16 type, u16 priority, u16 version, u32 front, u32 middle, u32
 * data, u16, u8 and u64 source, u16 compat version, u16, u32 crc; then the parts, then a footer of 21 bytes.
 */
export function messagesOfV1Stream(stream: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at + 1 + HEADER_BYTES <= stream.length; ) {
    const h = stream.subarray(at + 1, at + 1 + HEADER_BYTES);
    if (
      stream[at] !== TAG_MSG ||
      crc32c(h.subarray(0, HEADER_BYTES - 4), 0) !== h.readUInt32LE(HEADER_BYTES - 4)
    ) {
      at++;
      continue;
    }
    let p = at + 1 + HEADER_BYTES;
    const part = (length: number) => {
      const bytes = stream.subarray(p, p + length);
      p += length;
      return bytes;
    };
    const front = part(h.readUInt32LE(22));
    const middle = part(h.readUInt32LE(26));
    const data = part(h.readUInt32LE(30));
    messages.push({
      seq: Number(h.readBigUInt64LE(0)),
      tid: Number(h.readBigUInt64LE(8)),
      type: h.readUInt16LE(16),
      priority: h.readUInt16LE(18),
      version: h.readUInt16LE(20),
      compatVersion: h.readUInt16LE(45),
      front,
      middle: middle.length === 0 ? undefined : middle,
      data: data.length === 0 ? undefined : data,
    });
    at = p + FOOTER_BYTES;
  }
  return messages;
}
