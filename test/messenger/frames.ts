import { Encoder, encodeToBuffer } from '../../src/base/encoder.ts';
import { onWirePair } from '../../src/ceph/messenger/crypto-onwire.ts';
import { FrameReader } from '../../src/ceph/messenger/frame-reader.ts';
import { FrameWriter } from '../../src/ceph/messenger/frame-writer.ts';
import { TAG_MESSAGE } from '../../src/ceph/messenger/frames-v2.ts';
import { MESSENGER_DEFAULTS, type MessengerConfig } from '../../src/ceph/messenger/options.ts';
import { OutBuffer } from '../../src/ceph/messenger/out-buffer.ts';
import type { NetAddress, Socket } from '../../src/env/env.ts';

export interface Framing {
  readonly name: string;
  readonly revision1: boolean;
  readonly secure: boolean;
}

export const FRAMINGS: readonly Framing[] = [
  { name: '2.0 crc', revision1: false, secure: false },
  { name: '2.1 crc', revision1: true, secure: false },
  { name: '2.0 secure', revision1: false, secure: true },
  { name: '2.1 secure', revision1: true, secure: true },
];

const SECRET = Buffer.from(Array.from({ length: 40 }, (_, i) => i * 7));

const NOWHERE: NetAddress = { path: '' };

/** Collects what an OutBuffer writes. */
export class Sink implements Socket {
  readonly remote = NOWHERE;
  readonly local = NOWHERE;
  readonly pending = 0;
  readonly parts: Buffer[] = [];

  write(bytes: Uint8Array): boolean {
    this.parts.push(Buffer.from(bytes));
    return true;
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}

  take(): Buffer {
    return Buffer.concat(this.parts.splice(0));
  }
}

/** One frame as a test writes and expects it. */
export interface TestFrame {
  readonly tag: number;
  /** Payload of a control frame, or front, middle and data of a message. */
  readonly parts: readonly Buffer[];
}

/** The bytes of frames, and where each begins. */
export function writeFrames(
  framing: Framing,
  frames: readonly TestFrame[],
  withBanner = false,
): { bytes: Buffer; starts: number[] } {
  const out = new OutBuffer(n => Buffer.allocUnsafeSlow(n));
  const sink = new Sink();
  const writer = new FrameWriter(out);
  writer.revision1 = framing.revision1;
  if (withBanner) writer.banner(1n, 0n);
  if (framing.secure) writer.encrypter = onWirePair(SECRET, true, framing.revision1).tx;
  const starts: number[] = [];
  let length = 0;
  const parts: Buffer[] = [];
  for (const [i, { tag, parts: content }] of frames.entries()) {
    out.flush(sink);
    const so = sink.take();
    parts.push(so);
    length += so.length;
    starts.push(length);
    if (tag !== TAG_MESSAGE) {
      writer.control(tag, content[0]);
      continue;
    }
    const [front, middle, data] = content;
    const e = new Encoder();
    e.bytes(front);
    const fields = {
      seq: i + 1,
      ackSeq: i,
      tid: i * 3,
      type: 42,
      priority: 63,
      version: 8,
      compatVersion: 3,
      dataOff: 0,
    };
    const cut = data.length >> 1;
    writer.message(fields, e, middle.length > 0 ? middle : undefined, [
      data.subarray(0, cut),
      data.subarray(cut),
    ]);
  }
  out.flush(sink);
  parts.push(sink.take());
  return { bytes: Buffer.concat(parts), starts };
}

/** A reader that remembers what it found, and what memory it asked for. */
export class Collector {
  readonly reader: FrameReader;
  readonly frames: TestFrame[] = [];
  readonly aborted: number[] = [];
  readonly banners: bigint[][] = [];
  allocated = 0;
  /** Every how many messages the reader is held first. */
  holdEvery = 0;
  private messages = 0;

  constructor(framing: Framing, config: Partial<MessengerConfig> = {}, withBanner = false) {
    this.reader = new FrameReader(
      {
        onBanner: (supported, required) => {
          this.banners.push([supported, required]);
        },
        onPreamble: tag =>
          tag !== TAG_MESSAGE || this.holdEvery === 0 || ++this.messages % this.holdEvery !== 0,
        onFrame: tag => {
          const r = this.reader;
          const seg0 = Buffer.from(r.seg0.subarray(r.seg0At, r.seg0At + r.len0));
          if (tag !== TAG_MESSAGE) this.frames.push({ tag, parts: [seg0] });
          else
            this.frames.push({
              tag,
              parts: [r.seg1, r.seg2, r.seg3].map(part => part ?? Buffer.alloc(0)),
            });
        },
        onAborted: tag => {
          this.aborted.push(tag);
        },
      },
      { ...MESSENGER_DEFAULTS, ...config },
      n => {
        this.allocated += n;
        return Buffer.allocUnsafeSlow(n);
      },
    );
    if (!withBanner) this.reader.skipBanner();
    this.reader.revision1 = framing.revision1;
    if (framing.secure) this.reader.decrypter = onWirePair(SECRET, false, framing.revision1).rx;
  }

  /** As a socket does it: into the reader's own memory, which is asked for before every read. */
  read(bytes: Uint8Array, most = Number.POSITIVE_INFINITY): void {
    let lent = this.reader.readBuffer();
    for (let at = 0; at < bytes.length; ) {
      const n = Math.min(lent.length, bytes.length - at, most);
      lent.set(bytes.subarray(at, at + n));
      at += n;
      this.reader.onRead(n);
      // The next buffer is asked for before anybody can let the reader go on.
      lent = this.reader.readBuffer();
      while (this.reader.held) this.reader.resume();
    }
  }
}

export function controlPayload(n: number): Buffer {
  return encodeToBuffer(e => e.zeros(n));
}
