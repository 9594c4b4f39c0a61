import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { Encoder, encodeToBuffer } from '../../src/base/encoder.ts';
import { DecodeError } from '../../src/base/errors.ts';
import {
  decodeOSDOp,
  encodeOSDOp,
  type MOSDOp,
  messageDecoder,
  OSD_OP_BYTES,
  type OSDOp,
  opAppend,
  opAssertVer,
  opCall,
  opChecksum,
  opCmpExt,
  opCmpXattr,
  opCopyFrom,
  opCreate,
  opDelete,
  opGetXattr,
  opListSnaps,
  opNotify,
  opNotifyAck,
  opOmapClear,
  opOmapCmp,
  opOmapGetKeys,
  opOmapGetVals,
  opOmapGetValsByKeys,
  opOmapRmKeyRange,
  opOmapRmKeys,
  opOmapSetVals,
  opPgnls,
  opPlain,
  opRead,
  opRmXattr,
  opRollback,
  opSetAllocHint,
  opSetXattr,
  opStat,
  opTruncate,
  opWatch,
  opWrite,
  opWriteFull,
  opWriteSame,
  opZero,
  osdOpText,
} from '../../src/ceph/messages/index.ts';
import { HOBJECT_MIN } from '../../src/ceph/types/hobject.ts';
import { makeLocator } from '../../src/ceph/types/object-locator.ts';
import * as rados from '../../src/ceph/types/rados.ts';
import { SNAP_NOSNAP } from '../../src/ceph/types/snap.ts';
import { messageVectors } from '../support/message-vectors.ts';

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1');

function bytesOf(op: OSDOp): string {
  const e = new Encoder();
  encodeOSDOp(e, op, op.indata?.length ?? 0);
  return e.result().toString('hex');
}

/** Every op that librados and the rados program sent in the sessions of the vectors. */
const sent = messageVectors('MOSDOp').flatMap(w => {
  const m = messageDecoder(w.type)!(new Decoder(w.front), w, w.data, undefined) as MOSDOp;
  return m.ops;
});

/** The calls of librados that made them, as ours. */
const built: OSDOp[] = [
  opRead(0, 4 << 20),
  opStat(),
  opChecksum(2, ascii('\xff\xff\xff\xff'), 0, 16, 8),
  opCmpExt(7, ascii('hello')),
  opWrite(0, ascii('q')),
  opWriteFull(Buffer.alloc(100, 'x')),
  opAppend(ascii('tail')),
  opWriteSame(32, 16, ascii('ab')),
  opZero(8, 16),
  opTruncate(100),
  opDelete(),
  opCreate(true),
  opSetAllocHint(4 << 20, 65536),
  opSetAllocHint(4 << 20, 65536, 0x11),
  opGetXattr('a'),
  opSetXattr('name', ascii('value')),
  opRmXattr('name'),
  opCmpXattr('name', rados.CEPH_OSD_CMPXATTR_OP_EQ, rados.CEPH_OSD_CMPXATTR_MODE_STRING, ascii('value')),
  opCall('lock', 'list_locks', Buffer.alloc(0)),
  opCall('rbd', 'get_size', ascii('\xfe\xff\xff\xff\xff\xff\xff\xff')),
  opOmapGetKeys('alpha', 5),
  opOmapGetVals('', '', 1024),
  opOmapGetValsByKeys(['alpha', 'beta']),
  opOmapCmp(new Map([['beta', { value: ascii('two'), cmpOp: rados.CEPH_OSD_CMPXATTR_OP_EQ }]])),
  opOmapSetVals(
    new Map([
      ['alpha', ascii('1')],
      ['beta', ascii('two')],
      ['gamma', ascii('three')],
    ]),
  ),
  opOmapClear(),
  opOmapRmKeys(['alpha']),
  opOmapRmKeyRange('b', 'c'),
  opAssertVer(19),
  opRollback(2n),
  opListSnaps(),
  opWatch(54485280n, rados.CEPH_OSD_WATCH_OP_WATCH, 30),
  opNotify(54486384n, 5, ascii('hey')),
  opNotifyAck(0x12_0000_0000n, 54485280n, ascii('ok')),
  opPgnls(1024, HOBJECT_MIN, 18),
  opPlain(rados.CEPH_OSD_OP_CACHE_FLUSH),
  opPlain(rados.CEPH_OSD_OP_CACHE_EVICT),
  opPlain(rados.CEPH_OSD_OP_UNSET_MANIFEST),
];

describe('ops', () => {
  it.each(built.map(op => [osdOpText(op), op] as const))('%s is what librados sends', (_text, op) => {
    const same = sent.filter(s => bytesOf(s) === bytesOf(op));
    expect(same.length).toBeGreaterThan(0);
    expect(same.some(s => Buffer.compare(s.indata ?? ascii(''), op.indata ?? ascii('')) === 0)).toBe(true);
  });

  it('copy-from is what librados sends, its flags for the destination aside', () => {
    const op = opCopyFrom('o2', SNAP_NOSNAP, makeLocator(2), 0, 0, 0x48);
    op.flags = 0x28;
    const same = sent.find(s => s.op === op.op)!;
    expect(bytesOf(op)).toBe(bytesOf(same));
    expect(Buffer.from(op.indata!)).toEqual(same.indata);
  });

  it.each(Object.entries(rados).filter(([name]) => /^CEPH_OSD_OP_(?!MODE|TYPE|FLAG)/.test(name)))(
    '%s takes 38 bytes and comes back',
    (_name, code) => {
      const bytes = Buffer.alloc(OSD_OP_BYTES);
      bytes.writeUInt16LE(code as number, 0);
      for (let i = 2; i < 12; i++) bytes[i] = i;
      const op = decodeOSDOp(new Decoder(bytes));
      const e = new Encoder();
      encodeOSDOp(e, op, 0);
      const again = decodeOSDOp(new Decoder(e.result()));
      expect(e.length).toBe(OSD_OP_BYTES);
      expect(again).toEqual(op);
    },
  );

  it('keeps an extent that no number can hold', () => {
    const bytes = encodeToBuffer(e => {
      e.u16(rados.CEPH_OSD_OP_WRITE);
      e.u32(0);
      e.u64(4096);
      e.u64(10);
      e.u64b(0xffff_ffff_ffff_ffffn);
      e.u32(1);
      e.u32(10);
    });
    const op = decodeOSDOp(new Decoder(bytes));
    expect([op.offset, op.length, op.truncateSize, op.truncateSeq]).toEqual([
      4096,
      10,
      Number.MAX_SAFE_INTEGER,
      1,
    ]);
    const e = new Encoder();
    encodeOSDOp(e, op, 10);
    expect(e.result()).toEqual(bytes);
  });

  it('refuses ops that claim more data than came', () => {
    const w = messageVectors('MOSDOp').find(v => v.data !== undefined)!;
    const short = w.data!.subarray(0, w.data!.length - 1);
    const decode = messageDecoder(w.type)!;
    expect(() => decode(new Decoder(w.front), w, short, undefined)).toThrow(DecodeError);
    expect(() => decode(new Decoder(w.front), w, undefined, undefined)).toThrow(DecodeError);
  });
});
