import { readFileSync } from 'node:fs';

/** One direction of a captured TCP connection, in order, without gaps. */
export interface CapturedStream {
  /** 'ip:port' of both ends. */
  readonly from: string;
  readonly to: string;
  readonly bytes: Buffer;
  /** Where each segment starts in `bytes`, and when it was seen (seconds since the epoch). */
  readonly marks: readonly { readonly offset: number; readonly time: number }[];
  /** True when segments were missing: `bytes` ends at the first gap. */
  readonly truncated: boolean;
}

/** A captured TCP connection; the client is the end that sent the first SYN. */
export interface CapturedConnection {
  readonly client: CapturedStream;
  readonly server: CapturedStream;
}

interface Segment {
  readonly seq: number;
  readonly data: Buffer;
  readonly time: number;
}

interface Half {
  readonly from: string;
  readonly to: string;
  /** Sequence number of the first payload byte; undefined until SYN or the first segment. */
  first: number | undefined;
  sentSyn: boolean;
  readonly segments: Segment[];
}

interface Packet {
  readonly link: number;
  readonly time: number;
  readonly data: Buffer;
}

const LINK_NULL = 0;
const LINK_ETHERNET = 1;
const LINK_RAW = 101;
const LINK_LINUX_SLL = 113;
const LINK_LINUX_SLL2 = 276;

/**
 * Classic pcap: u32 magic (0xa1b2c3d4 microseconds, 0xa1b23c4d nanoseconds, either byte order), u16 major,
 * u16 minor, u32 zone, u32 accuracy, u32 snap length, u32 link type; then packets: u32 seconds,
 * u32 fraction, u32 captured, u32 original, bytes.
 */
function* classicPackets(file: Buffer): Generator<Packet> {
  const magic = file.readUInt32LE(0);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  const nano = magic === 0xa1b23c4d || file.readUInt32BE(0) === 0xa1b23c4d;
  const u32 = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const link = u32(20) & 0xffff;
  for (let at = 24; at + 16 <= file.length; ) {
    const captured = u32(at + 8);
    const time = u32(at) + u32(at + 4) / (nano ? 1e9 : 1e6);
    yield { link, time, data: file.subarray(at + 16, at + 16 + captured) };
    at += 16 + captured;
  }
}

/** pcapng: blocks of u32 type, u32 length, body, u32 length; interface blocks (1) and enhanced packets (6). */
function* ngPackets(file: Buffer): Generator<Packet> {
  let links: { link: number; unit: number }[] = [];
  let little = true;
  const u32 = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const u16 = (at: number) => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  for (let at = 0; at + 12 <= file.length; ) {
    if (file.readUInt32LE(at) === 0x0a0d0d0a) {
      little = file.readUInt32LE(at + 8) === 0x1a2b3c4d;
      links = [];
    }
    const type = u32(at);
    const length = u32(at + 4);
    if (type === 1) {
      let unit = 1e-6;
      for (let o = at + 16; o + 4 <= at + length - 4; ) {
        const code = u16(o);
        const size = u16(o + 2);
        if (code === 0) break;
        if (code === 9) {
          const r = file[o + 4];
          unit = r & 0x80 ? 2 ** -(r & 0x7f) : 10 ** -r;
        }
        o += 4 + ((size + 3) & ~3);
      }
      links.push({ link: u16(at + 8), unit });
    } else if (type === 6) {
      const at_ = links[u32(at + 8)] ?? { link: LINK_ETHERNET, unit: 1e-6 };
      const time = (u32(at + 12) * 2 ** 32 + u32(at + 16)) * at_.unit;
      const captured = u32(at + 20);
      yield { link: at_.link, time, data: file.subarray(at + 28, at + 28 + captured) };
    }
    at += length;
  }
}

/** The IP packet inside a link-layer frame; undefined when there is none. */
function ipOf(packet: Packet): Buffer | undefined {
  const { data } = packet;
  switch (packet.link) {
    case LINK_ETHERNET: {
      let at = 12;
      while (data.readUInt16BE(at) === 0x8100) at += 4;
      const kind = data.readUInt16BE(at);
      return kind === 0x0800 || kind === 0x86dd ? data.subarray(at + 2) : undefined;
    }
    case LINK_LINUX_SLL:
      return data.subarray(16);
    case LINK_LINUX_SLL2:
      return data.subarray(20);
    case LINK_NULL:
      return data.subarray(4);
    case LINK_RAW:
      return data;
    default:
      throw new Error(`pcap link type ${packet.link} is not known`);
  }
}

function v6Text(bytes: Buffer): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(i).toString(16));
  return `[${groups.join(':')}]`;
}

/** The TCP segment inside an IP packet with the addresses of both ends. */
function tcpOf(ip: Buffer): { from: string; to: string; tcp: Buffer } | undefined {
  const version = ip[0] >> 4;
  let from: string;
  let to: string;
  let tcp: Buffer;
  if (version === 4) {
    if (ip[9] !== 6) return undefined;
    from = [...ip.subarray(12, 16)].join('.');
    to = [...ip.subarray(16, 20)].join('.');
    tcp = ip.subarray((ip[0] & 15) * 4, ip.readUInt16BE(2));
  } else if (version === 6) {
    if (ip[6] !== 6) return undefined;
    from = v6Text(ip.subarray(8, 24));
    to = v6Text(ip.subarray(24, 40));
    tcp = ip.subarray(40, 40 + ip.readUInt16BE(4));
  } else return undefined;
  return { from: `${from}:${tcp.readUInt16BE(0)}`, to: `${to}:${tcp.readUInt16BE(2)}`, tcp };
}

function assemble(half: Half): CapturedStream {
  const first = half.first ?? 0;
  const segments = half.segments
    .map(s => ({ at: (s.seq - first) | 0, data: s.data, time: s.time }))
    .sort((a, b) => a.at - b.at);
  const parts: Buffer[] = [];
  const marks: { offset: number; time: number }[] = [];
  let have = 0;
  let truncated = false;
  for (const { at, data, time } of segments) {
    if (at + data.length <= have) continue;
    if (at > have) {
      truncated = true;
      break;
    }
    const fresh = data.subarray(have - at);
    marks.push({ offset: have, time });
    parts.push(fresh);
    have += fresh.length;
  }
  return { from: half.from, to: half.to, bytes: Buffer.concat(parts), marks, truncated };
}

/**
 * The TCP connections of a packet capture (pcap or pcapng), reassembled, in the order in which they began.
 * A port that was used again starts a new connection with its SYN.
 */
export function readPcap(path: string): CapturedConnection[] {
  const file = readFileSync(path);
  const packets = file.readUInt32LE(0) === 0x0a0d0d0a ? ngPackets(file) : classicPackets(file);
  const found: { a: Half; b: Half }[] = [];
  const open = new Map<string, { a: Half; b: Half }>();
  for (const packet of packets) {
    const ip = ipOf(packet);
    const segment = ip === undefined ? undefined : tcpOf(ip);
    if (segment === undefined) continue;
    const { from, to, tcp } = segment;
    const flags = tcp[13];
    const syn = (flags & 2) !== 0;
    const seq = tcp.readUInt32BE(4);
    let pair = open.get(`${from}>${to}`);
    if (pair === undefined || (syn && (flags & 16) === 0 && pair.a.first !== (seq + 1) >>> 0)) {
      const half = (f: string, t: string): Half => ({
        from: f,
        to: t,
        first: undefined,
        sentSyn: false,
        segments: [],
      });
      pair = { a: half(from, to), b: half(to, from) };
      found.push(pair);
      open.set(`${from}>${to}`, pair);
      open.set(`${to}>${from}`, pair);
    }
    const half = pair.a.from === from ? pair.a : pair.b;
    if (syn) {
      half.first = (seq + 1) >>> 0;
      if ((flags & 16) === 0) half.sentSyn = true;
    }
    const data = tcp.subarray((tcp[12] >> 4) * 4);
    if (data.length === 0) continue;
    half.first ??= seq;
    half.segments.push({ seq, data, time: packet.time });
  }
  return found.map(({ a, b }) => {
    const [client, server] = b.sentSyn && !a.sentSyn ? [b, a] : [a, b];
    return { client: assemble(client), server: assemble(server) };
  });
}
