import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { Encoder } from '../../src/base/encoder.ts';
import { Keyring } from '../../src/ceph/auth/keyring.ts';
import { CON_MODE_SECURE } from '../../src/ceph/auth/types.ts';
import { CONTROL_DECODERS } from '../../src/ceph/messenger/control-frames.ts';
import {
  type OnWireDecrypter,
  type OnWireEncrypter,
  onWirePair,
} from '../../src/ceph/messenger/crypto-onwire.ts';
import { FrameReader } from '../../src/ceph/messenger/frame-reader.ts';
import { FrameWriter } from '../../src/ceph/messenger/frame-writer.ts';
import {
  TAG_AUTH_DONE,
  TAG_AUTH_SIGNATURE,
  TAG_MESSAGE,
  tagName,
} from '../../src/ceph/messenger/frames-v2.ts';
import { MESSENGER_DEFAULTS } from '../../src/ceph/messenger/options.ts';
import { OutBuffer } from '../../src/ceph/messenger/out-buffer.ts';
import { ReaderV1 } from '../../src/ceph/messenger/reader-v1.ts';
import { MessageSigner } from '../../src/ceph/messenger/signature-v1.ts';
import { readU16, readU64 } from '../../src/ceph/messenger/stream-reader.ts';
import {
  CONNECT_REPLY_SIZE,
  CONNECT_SIZE,
  decodeConnect,
  decodeConnectReply,
  TAG_SEQ,
} from '../../src/ceph/messenger/wire-v1.ts';
import { FEATURE_CEPHX_V2, Features } from '../../src/ceph/types/features.ts';
import { type CapturedHandshake, CephxCapture, CephxCaptureV1 } from '../support/cephx-capture.ts';
import { goldenPath } from '../support/golden.ts';
import { type CapturedConnection, readPcap } from '../support/pcap.ts';
import { Sink } from './frames.ts';

const wire = goldenPath('peers/golden/ceph/wire');
const EMPTY = Buffer.alloc(0);
const alloc = (n: number) => Buffer.allocUnsafeSlow(n);

interface Found {
  readonly tags: Map<string, number>;
  readonly signature: Buffer | undefined;
  /** Bytes that our writer made of what our reader found. */
  readonly rewritten: Buffer;
  readonly types: Set<number>;
}

/** Reads one direction, from `lastPlain` on as the mode says, and writes every frame again. */
function replay(
  bytes: Buffer,
  lastPlain: number,
  rx: OnWireDecrypter | undefined,
  tx: OnWireEncrypter | undefined,
  cut: number,
): Found {
  const tags = new Map<string, number>();
  const types = new Set<number>();
  let signature: Buffer | undefined;
  const out = new OutBuffer(alloc);
  const sink = new Sink();
  const writer = new FrameWriter(out);
  const rewritten: Buffer[] = [];
  const flush = () => {
    out.flush(sink);
    rewritten.push(sink.take());
  };
  let read = 0;
  const reader: FrameReader = new FrameReader(
    {
      onBanner(supported, required) {
        reader.revision1 = (supported & 1n) !== 0n;
        writer.revision1 = reader.revision1;
        writer.banner(supported, required);
        flush();
        read = rewritten[0].length;
      },
      onPreamble: () => true,
      onAborted: () => expect.unreachable('aborted frame'),
      onFrame(tag) {
        const name = tagName(tag);
        tags.set(name, (tags.get(name) ?? 0) + 1);
        const seg0 = Buffer.from(reader.seg0.subarray(reader.seg0At, reader.seg0At + reader.len0));
        if (tag === TAG_MESSAGE) {
          types.add(readU16(seg0, 16));
          const front = new Encoder();
          front.bytes(reader.seg1 ?? EMPTY);
          const fields = {
            seq: readU64(seg0, 0),
            tid: readU64(seg0, 8),
            type: readU16(seg0, 16),
            priority: readU16(seg0, 18),
            version: readU16(seg0, 20),
            dataOff: readU16(seg0, 26),
            ackSeq: readU64(seg0, 28),
            compatVersion: readU16(seg0, 37),
          };
          writer.message(fields, front, reader.seg2, reader.seg3 === undefined ? [] : [reader.seg3]);
        } else {
          const d = new Decoder(seg0, name);
          CONTROL_DECODERS[name](d);
          expect(d.remaining, name).toBe(0);
          if (tag === TAG_AUTH_SIGNATURE) signature = seg0;
          writer.control(tag, seg0);
        }
        flush();
        read += rewritten.at(-1)!.length;
        if (read === lastPlain) {
          reader.decrypter = rx;
          writer.encrypter = tx;
        }
      },
    },
    MESSENGER_DEFAULTS,
    alloc,
  );
  for (let at = 0; at < bytes.length; ) {
    const lent = reader.readBuffer();
    const n = Math.min(lent.length, bytes.length - at, cut);
    lent.set(bytes.subarray(at, at + n));
    at += n;
    reader.onRead(n);
  }
  return { tags, signature, rewritten: Buffer.concat(rewritten), types };
}

function sign(key: Buffer | undefined, bytes: Buffer): Buffer {
  return key === undefined ? Buffer.alloc(32) : createHmac('sha256', key).update(bytes).digest();
}

describe.skipIf(wire === undefined).each([
  ['v2-crc-cephx', 'cephx'],
  ['v2-crc-cephx-rbd', 'cephx'],
  ['v2-crc-noauth', 'noauth'],
  ['v2-secure-cephx', 'cephx'],
])('%s', (name, keys) => {
  it('every stream is read, its signatures verify, and what we write is the same bytes', () => {
    const keyring = Keyring.parse(readFileSync(`${wire}/${keys}.auth-export.keyring`, 'utf8'));
    const capture = new CephxCapture(keyring);
    const types = new Set<number>();
    let messages = 0;
    for (const [i, connection] of readPcap(`${wire}/${name}.pcap`).entries()) {
      const { client, server }: CapturedConnection = connection;
      const h: CapturedHandshake = capture.follow(connection);
      const secure = h.conMode === CON_MODE_SECURE;
      expect(secure).toBe(name.includes('secure'));
      // What the connector reads the acceptor wrote: one pair reads a direction, the other writes it again.
      const connector = () => (secure ? onWirePair(h.connectionSecret, false, true) : undefined);
      const acceptor = () => (secure ? onWirePair(h.connectionSecret, true, true) : undefined);
      const cut = [1 << 20, 1, 1000, 37][i % 4];
      const fromServer = replay(server.bytes, h.serverEnd, connector()?.rx, acceptor()?.tx, cut);
      const fromClient = replay(client.bytes, h.clientEnd, acceptor()?.rx, connector()?.tx, cut);
      expect(fromClient.rewritten.equals(client.bytes), `client bytes of connection ${i}`).toBe(true);
      expect(fromServer.rewritten.equals(server.bytes), `server bytes of connection ${i}`).toBe(true);
      expect(fromClient.signature).toEqual(sign(h.sessionKey, server.bytes.subarray(0, h.serverEnd)));
      expect(fromServer.signature).toEqual(sign(h.sessionKey, client.bytes.subarray(0, h.clientEnd)));
      expect(fromServer.tags.get(tagName(TAG_AUTH_DONE))).toBe(1);
      for (const type of [...fromClient.types, ...fromServer.types]) types.add(type);
      messages += (fromClient.tags.get('MESSAGE') ?? 0) + (fromServer.tags.get('MESSAGE') ?? 0);
    }
    expect(messages).toBeGreaterThan(20);
    expect(types.has(42) && types.has(43)).toBe(true);
  });
});

/** Reads the messages of one direction of protocol v1 behind its handshake. */
function replayV1(
  bytes: Buffer,
  handshake: number[],
  signer: MessageSigner | undefined,
  check: (r: ReaderV1) => void,
): number {
  let messages = 0;
  const expected = Buffer.alloc(8);
  const pieces = [...handshake];
  const reader: ReaderV1 = new ReaderV1(
    {
      onPiece() {
        const next = pieces.shift();
        if (next === undefined) reader.expectTags();
        else reader.expect(next);
      },
      onTag() {},
      onHeader: () => true,
      onMessage() {
        messages++;
        check(reader);
        const r = reader;
        if (signer === undefined) return;
        signer.sign(
          r.seq,
          r.headerCrc,
          r.frontCrc,
          r.frontLength,
          r.middleCrc,
          r.middleLength,
          r.dataCrc,
          r.dataLength,
          expected,
          0,
        );
        expect(r.signature.toString('hex')).toBe(expected.toString('hex'));
      },
    },
    MESSENGER_DEFAULTS,
    alloc,
  );
  reader.expect(pieces.shift()!);
  for (let at = 0; at < bytes.length; ) {
    const lent = reader.readBuffer();
    const n = Math.min(lent.length, bytes.length - at, 777);
    lent.set(bytes.subarray(at, at + n));
    at += n;
    reader.onRead(n);
  }
  return messages;
}

describe.skipIf(wire === undefined)('v1-cephx', () => {
  it('every message is read and the signatures of those between clients and OSDs verify', () => {
    const keyring = Keyring.parse(readFileSync(`${wire}/v1-cephx.auth-export.keyring`, 'utf8'));
    const capture = new CephxCaptureV1(keyring);
    let signed = 0;
    let plain = 0;
    for (const connection of readPcap(`${wire}/v1-cephx.pcap`)) {
      const h = capture.followV1(connection);
      const { client, server } = connection;
      const fromClient = [9 + 136];
      const fromServer = [9 + 272];
      let features = 0n;
      // Connects and replies until the one that opens the session.
      for (let c = 145, s = 281; ; ) {
        const connect = decodeConnect(new Decoder(client.bytes.subarray(c)));
        const reply = decodeConnectReply(new Decoder(server.bytes.subarray(s)));
        fromClient.push(CONNECT_SIZE + connect.authorizerLength);
        fromServer.push(CONNECT_REPLY_SIZE + reply.authorizerLength);
        c += fromClient.at(-1)!;
        s += fromServer.at(-1)!;
        features = connect.features & reply.features;
        if (reply.tag === TAG_SEQ) break;
      }
      fromClient.push(8);
      fromServer.push(8);
      const v2 = new Features(features).has(FEATURE_CEPHX_V2);
      expect(v2).toBe(true);
      const signer = h.peer === 'osd' ? new MessageSigner(h.sessionKey, v2) : undefined;
      const check = (r: ReaderV1) => {
        if (signer === undefined) plain++;
        else signed++;
        expect((r.footerFlags & 4) !== 0).toBe(signer !== undefined);
      };
      expect(replayV1(client.bytes, fromClient, signer, check)).toBeGreaterThan(0);
      expect(replayV1(server.bytes, fromServer, signer, check)).toBeGreaterThan(0);
    }
    expect(signed).toBeGreaterThan(5);
    expect(plain).toBeGreaterThan(20);
  });
});
