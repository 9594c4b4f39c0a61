import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { decodeCallback } from '../../../src/gluster/rpc/callback.ts';
import { decodeGfxDict, decodeOldDict } from '../../../src/gluster/rpc/dict.ts';
import { dumpReply } from '../../../src/gluster/rpc/dump.ts';
import { ReplyHead, WIRE_3, WIRE_4 } from '../../../src/gluster/rpc/fop-wire.ts';
import {
  eventNotifyReply,
  getspecReply,
  getVolumeInfoReply,
  setvolumeReply,
} from '../../../src/gluster/rpc/handshake.ts';
import { decodeCallHeader, decodeReplyHeader } from '../../../src/gluster/rpc/message.ts';
import { brickByPortReply, portByBrickReply } from '../../../src/gluster/rpc/portmap.ts';
import { FOP_PROGRAM } from '../../../src/gluster/rpc/programs.ts';
import { RecordReader } from '../../../src/gluster/rpc/record-reader.ts';
import { XdrDecoder } from '../../../src/gluster/rpc/xdr-decoder.ts';
import { prng } from '../../support/fuzz.ts';
import { REPLIES } from '../../support/gluster-replies.ts';

const VECTORS = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'vectors', 'gluster', 'rpc.json'), 'utf8'),
) as { program: number; procedure: number; call: string; reply?: string }[];

/** Truncations, changed bytes, lengths that lie, and noise: a value or a DecodeError, nothing else, and little memory. */
function fuzz(
  name: string,
  decode: (d: XdrDecoder) => unknown,
  samples: readonly Buffer[],
  cases = 600,
): void {
  const next = prng(7);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < cases; i++) {
    const kind = samples.length === 0 ? 3 : i % 4;
    let input: Buffer;
    if (kind === 3) {
      input = Buffer.alloc(next() % 200);
      for (let k = 0; k < input.length; k++) input[k] = next() % 5 === 0 ? next() : 0;
    } else {
      const sample = samples[next() % samples.length];
      input = Buffer.from(sample);
      if (kind === 0) input = input.subarray(0, next() % (input.length + 1));
      else if (kind === 1)
        for (let k = 0; k < 4 && input.length > 0; k++) input[next() % input.length] = next();
      else if (input.length >= 4)
        input.writeUInt32BE((next() | 0x7f000000) >>> 0, (next() % (input.length >> 2)) << 2);
    }
    try {
      decode(new XdrDecoder(input, name, i % 2 === 0));
    } catch (error) {
      if (!(error instanceof DecodeError))
        throw new Error(`${name} case ${i}: ${input.toString('hex').slice(0, 400)}: ${String(error)}`, {
          cause: error,
        });
    }
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
}

const body = (hex: string, skip: number) => Buffer.from(hex, 'hex').subarray(skip);
const replies = (program: number, procedure: number) =>
  VECTORS.filter(v => v.program === program && v.procedure === procedure && v.reply !== undefined).map(v =>
    body(v.reply!, 24),
  );

describe('every decoder survives what is not what it claims to be', () => {
  it.each(Object.keys(REPLIES).map(Number))('reply of procedure %i, both programs', procedure => {
    const samples = replies(FOP_PROGRAM, procedure);
    for (const w of [WIRE_4, WIRE_3])
      fuzz(`${w.version}.${procedure}`, d => REPLIES[procedure](w, d, new ReplyHead()), samples);
  });

  it('headers', () => {
    const calls = VECTORS.map(v => body(v.call, 8));
    fuzz('call', d => decodeCallHeader(d, 1), calls, 3000);
    const answers = VECTORS.filter(v => v.reply !== undefined).map(v => body(v.reply!, 8));
    fuzz('reply', decodeReplyHeader, answers, 3000);
  });

  it('dicts, handshake, portmap, dump, callbacks', () => {
    const all = VECTORS.filter(v => v.reply !== undefined).map(v => body(v.reply!, 24));
    fuzz('gfx_dict', decodeGfxDict, all, 3000);
    fuzz('dict', decodeOldDict, all, 3000);
    for (const decode of [
      setvolumeReply,
      getspecReply,
      getVolumeInfoReply,
      eventNotifyReply,
      portByBrickReply,
      brickByPortReply,
      dumpReply,
    ])
      fuzz(decode.name, decode as (d: XdrDecoder) => unknown, all);
    for (let procedure = 0; procedure < 14; procedure++)
      fuzz(`callback ${procedure}`, d => decodeCallback(d, procedure), all);
  });
});

describe('record marking', () => {
  const stream = Buffer.concat(
    VECTORS.map(v => {
      const call = Buffer.from(v.call, 'hex');
      const mark = Buffer.alloc(4);
      mark.writeUInt32BE((0x8000_0000 | call.length) >>> 0);
      return Buffer.concat([mark, call]);
    }),
  );

  it('finds the same records however the stream is cut and fragmented', () => {
    const next = prng(3);
    for (let round = 0; round < 50; round++) {
      const found: string[] = [];
      const reader = new RecordReader(1 << 20, d => {
        found.push(d.buf.toString('hex', d.offset, d.limit));
      });
      // Each record in fragments of random length, and the whole in reads of random length.
      const pieces: Buffer[] = [];
      for (const { call } of VECTORS) {
        const record = Buffer.from(call, 'hex');
        for (let at = 0; at < record.length; ) {
          const n = Math.min(record.length - at, round === 0 ? record.length : 1 + (next() % 300));
          const mark = Buffer.alloc(4);
          mark.writeUInt32BE(((at + n === record.length ? 0x8000_0000 : 0) | n) >>> 0);
          pieces.push(mark, record.subarray(at, at + n));
          at += n;
        }
      }
      const all = Buffer.concat(pieces);
      for (let at = 0; at < all.length; ) {
        const lent = reader.buffer();
        const n = Math.min(lent.length, all.length - at, 1 + (next() % 5000));
        lent.set(all.subarray(at, at + n));
        reader.read(n);
        at += n;
      }
      expect(found).toEqual(VECTORS.map(v => v.call));
    }
  });

  it('refuses records that are longer than may be, without making room for them', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const mark of [0xffff_ffff, 0x7fff_ffff, 0x8010_0001]) {
      const reader = new RecordReader(1 << 20, () => {});
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(mark);
      expect(() => reader.consume(bytes, 8)).toThrow(/announced/);
    }
    // Many fragments that add up.
    const reader = new RecordReader(1 << 20, () => {});
    const fragment = Buffer.alloc(4 + 65536);
    fragment.writeUInt32BE(65536);
    expect(() => {
      for (let i = 0; i < 20; i++) reader.consume(fragment, fragment.length);
    }).toThrow(/announced/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
  });

  it('survives noise', () => {
    const next = prng(11);
    for (let round = 0; round < 300; round++) {
      const reader = new RecordReader(1 << 16, () => {});
      const bytes = Buffer.from(stream);
      for (let k = 0; k < 8; k++) bytes[next() % bytes.length] = next();
      try {
        reader.consume(bytes, bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }
  });
});
