/** A message as it was on the wire. */
export interface WireMessage {
  readonly type: number;
  readonly version: number;
  readonly compatVersion: number;
  readonly seq: number;
  readonly tid: number;
  readonly priority: number;
  readonly front: Buffer;
  readonly middle: Buffer | undefined;
  readonly data: Buffer | undefined;
}

const BANNER = 'ceph v2\n';
const TAG_MESSAGE = 17;

/**
 * The messages in one direction of a protocol v2.1 connection in crc mode: an independent reading of the
 * frame format for tests (preamble of 32 bytes: u8 tag, u8 segments, 4 x (u32 length, u16 alignment), u8
 * flags, u8 0, u32 crc; first segment and its crc; other segments; epilogue of 13 bytes when there are any).
 */
export function messagesOfStream(stream: Buffer): WireMessage[] {
  if (stream.subarray(0, BANNER.length).toString('latin1') !== BANNER) throw new Error('no v2 banner');
  const messages: WireMessage[] = [];
  let at = BANNER.length + 2 + stream.readUInt16LE(BANNER.length);
  while (at + 32 <= stream.length) {
    const tag = stream[at];
    const segments = stream[at + 1];
    const lengths: number[] = [];
    for (let i = 0; i < 4; i++) lengths.push(stream.readUInt32LE(at + 2 + i * 6));
    let p = at + 32;
    const parts: Buffer[] = [];
    for (let i = 0; i < segments; i++) {
      parts.push(stream.subarray(p, p + lengths[i]));
      p += lengths[i];
      if (i === 0 && lengths[0] > 0) p += 4;
    }
    if (segments > 1) p += 13;
    if (p > stream.length) break;
    if (tag === TAG_MESSAGE) messages.push(messageOf(parts));
    at = p;
  }
  return messages;
}

/** ceph_msg_header2: u64 seq, u64 tid, u16 type, u16 priority, u16 version, u32, u16, u64, u8, u16 compat, u16. */
function messageOf(parts: readonly Buffer[]): WireMessage {
  const [header, front, middle, data] = parts;
  return {
    seq: Number(header.readBigUInt64LE(0)),
    tid: Number(header.readBigUInt64LE(8)),
    type: header.readUInt16LE(16),
    priority: header.readUInt16LE(18),
    version: header.readUInt16LE(20),
    compatVersion: header.readUInt16LE(37),
    front: front ?? Buffer.alloc(0),
    middle: middle === undefined || middle.length === 0 ? undefined : middle,
    data: data === undefined || data.length === 0 ? undefined : data,
  };
}
