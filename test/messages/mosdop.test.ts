import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { Encoder, encodeToBuffer } from '../../src/base/encoder.ts';
import {
  CEPH_MSG_OSD_OP,
  encodeOSDOp,
  type MessageHeader,
  MOSDOp,
  MOSDOpReply,
  messageDecoder,
  opRead,
  opSetAllocHint,
  opWrite,
} from '../../src/ceph/messages/index.ts';
import {
  ALL_FEATURES,
  FEATURE_NEW_OSDOP_ENCODING,
  FEATURE_OBJECTLOCATOR,
  FEATURE_PGID64,
  Features,
} from '../../src/ceph/types/features.ts';
import { encodeObjectLocator, makeLocator } from '../../src/ceph/types/object-locator.ts';
import { encodePgId } from '../../src/ceph/types/pg.ts';
import * as rados from '../../src/ceph/types/rados.ts';

const OLDEST = new Features(FEATURE_OBJECTLOCATOR | FEATURE_PGID64);
const REORDERED = new Features(FEATURE_OBJECTLOCATOR | FEATURE_PGID64 | FEATURE_NEW_OSDOP_ENCODING);

function sample(): MOSDOp {
  const ops = [opSetAllocHint(4 << 20, 4 << 20), opWrite(65536, Buffer.alloc(4096, 3)), opRead(0, 10)];
  const spg = { pgid: { pool: 1, seed: 0x2b }, shard: 2 };
  const m = new MOSDOp('rbd_data.1.0', makeLocator(1, 'space', 'key'), spg, 0xcde3462b, ops);
  m.tid = 77;
  m.osdmapEpoch = 30;
  m.flags = 0x24;
  m.mtime = { sec: 1_600_000_000, nsec: 12 };
  m.snapid = 5n;
  m.snapc = { seq: 9n, snaps: [9n, 5n] };
  m.clientInc = 3;
  m.setRetryAttempt(2);
  return m;
}

function roundTrip(m: MOSDOp, features: Features): MOSDOp {
  const e = new Encoder();
  m.encodePayload(e, features);
  const header: MessageHeader = { ...m, tid: m.tid, priority: m.priority };
  const d = new Decoder(e.result());
  const back = messageDecoder(CEPH_MSG_OSD_OP)!(d, header, Buffer.concat(m.data), undefined) as MOSDOp;
  expect(d.remaining).toBe(0);
  return back;
}

const told = (m: MOSDOp) => ({
  oid: m.oid,
  oloc: m.oloc,
  hash: m.hash,
  epoch: m.osdmapEpoch,
  flags: m.flags,
  mtime: m.mtime,
  snapid: m.snapid,
  snapc: m.snapc,
  clientInc: m.clientInc,
  attempt: m.retryAttempt,
  ops: m.ops.map(op => [op.op, op.offset, op.length, op.arg, op.indata?.length]),
});

describe('MOSDOp', () => {
  it.each([
    [8, ALL_FEATURES],
    [7, REORDERED],
    [6, OLDEST],
  ] as const)('version %i for peers of that age', (version, features) => {
    const m = sample();
    const back = roundTrip(m, features);
    expect(m.version).toBe(version);
    expect(told(back)).toEqual(told(m));
    expect(back.features).toBe(features.bits);
    // Only version 8 knows shards and the PG that the hash was folded to.
    expect(back.spg).toEqual(version === 8 ? m.spg : { pgid: { pool: 1, seed: m.hash }, shard: -1 });
  });

  it('references its data without copying', () => {
    const m = sample();
    m.encodePayload(new Encoder(), ALL_FEATURES);
    expect(m.data).toHaveLength(1);
    expect(m.data[0]).toBe(m.ops[1].indata);
  });

  it('gives the input of each op as a view of the data', () => {
    const m = sample();
    m.ops[2] = opWrite(0, Buffer.from('second'));
    const back = roundTrip(m, ALL_FEATURES);
    expect(back.ops[0].indata).toBeUndefined();
    expect(back.ops[1].indata).toEqual(m.ops[1].indata);
    expect(back.ops[2].indata).toEqual(m.ops[2].indata);
    expect(back.ops[2].indata!.buffer).toBe(back.data[0].buffer);
  });

  // The walk through a block device's write of 2014: what librbd then sent.
  it('reads the write of version 5: allocation hint and write, flags 4194341, priority 63', () => {
    const ops = [opSetAllocHint(4 << 20, 4 << 20), opWrite(0, Buffer.alloc(512))];
    expect(ops.map(op => op.op)).toEqual([8739, 8705]);
    const front = encodeToBuffer(e => {
      e.u32(0);
      e.u32(17);
      e.u32(4194341);
      e.u64(0);
      e.zeros(12);
      encodeObjectLocator(e, makeLocator(1));
      encodePgId(e, { pool: 1, seed: 1817778731 });
      e.str('rb.0.1011.6b8b4567.000000000000');
      e.u16(ops.length);
      for (const op of ops) encodeOSDOp(e, op, op.indata?.length ?? 0);
      e.u64b(0xffff_ffff_ffff_fffen);
      e.u64(0);
      e.u32(0);
      e.i32(0);
      e.u64b(0x3ffffffffffn);
    });
    const header: MessageHeader = { type: 42, version: 5, compatVersion: 3, tid: 1, priority: 63 };
    const d = new Decoder(front);
    const m = messageDecoder(42)!(d, header, Buffer.alloc(512), undefined) as MOSDOp;
    expect(d.remaining).toBe(0);
    expect(m.hash).toBe(1817778731);
    expect(m.priority).toBe(63);
    const { CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK, CEPH_OSD_FLAG_WRITE, CEPH_OSD_FLAG_KNOWN_REDIR } = rados;
    expect(m.flags).toBe(
      CEPH_OSD_FLAG_ACK | CEPH_OSD_FLAG_ONDISK | CEPH_OSD_FLAG_WRITE | CEPH_OSD_FLAG_KNOWN_REDIR,
    );
    expect(m.ops.map(op => op.op)).toEqual([rados.CEPH_OSD_OP_SETALLOCHINT, rados.CEPH_OSD_OP_WRITE]);
    expect(rados.CEPH_OSD_OP_SPARSE_READ).toBe(4613);
  });

  it('skips the span context that newer clients add', () => {
    const m = sample();
    const e = new Encoder();
    m.encodePayload(e, ALL_FEATURES);
    const front = Buffer.from(e.result());
    // After spg_t, hash, epoch, flags, osd_reqid_t and the trace info.
    const at = 24 + 12 + 27 + 24;
    const context = encodeToBuffer(e => {
      const mark = e.start(1, 1);
      e.bool(true);
      e.zeros(25);
      e.finish(mark);
    });
    const newer = Buffer.concat([front.subarray(0, at), context, front.subarray(at)]);
    const header: MessageHeader = { ...m, version: 9, tid: m.tid, priority: m.priority };
    const back = messageDecoder(42)!(new Decoder(newer), header, Buffer.concat(m.data), undefined);
    expect(told(back as MOSDOp)).toEqual(told(m));
  });

  it('is named by its sender and tid, unless it carries a name', () => {
    const m = sample();
    const source = { type: 8, num: 4123 };
    expect(m.requestId(source)).toEqual({ name: source, tid: 77, inc: 3 });
    m.reqid = { name: { type: 4, num: 1 }, tid: 5, inc: 0 };
    expect(m.requestId(source)).toBe(m.reqid);
  });
});

describe('MOSDOpReply', () => {
  it('answers a request: its ops with output, its flags, its attempt', () => {
    const request = sample();
    request.ops[2].outdata = Buffer.from('0123456789');
    request.ops[2].rval = 10;
    const reply = MOSDOpReply.to(request, 0, 31, rados.CEPH_OSD_FLAG_ONDISK, true);
    reply.setReplyVersions({ version: 4, epoch: 31 }, 3);
    const e = new Encoder();
    reply.encodePayload(e, ALL_FEATURES);
    const d = new Decoder(e.result());
    const header: MessageHeader = { ...reply, tid: reply.tid, priority: reply.priority };
    const back = messageDecoder(43)!(d, header, Buffer.concat(reply.data), undefined) as MOSDOpReply;
    expect(d.remaining).toBe(0);
    expect(back.ops.map(op => [op.op, op.rval, op.outdata?.toString()])).toEqual(
      request.ops.map(op => [op.op, op.rval, op.outdata?.toString()]),
    );
    expect(back.ops.every(op => op.indata === undefined)).toBe(true);
    expect([back.retryAttempt, back.osdmapEpoch, back.isOndisk]).toEqual([2, 31, true]);
    expect(back.badReplayVersion).toEqual({ version: 3, epoch: 31 });
    expect(back.replayVersion).toEqual({ version: 4, epoch: 31 });
  });

  it('carries a redirect, and the old form does for older peers', () => {
    const redirect = { locator: makeLocator(9, 'there'), object: 'other' };
    for (const features of [ALL_FEATURES, OLDEST]) {
      const reply = new MOSDOpReply('here', { pool: 1, seed: 2 }, []);
      reply.redirect = redirect;
      const e = new Encoder();
      reply.encodePayload(e, features);
      const header: MessageHeader = { ...reply, tid: 1, priority: 127 };
      const back = messageDecoder(43)!(new Decoder(e.result()), header, undefined, undefined);
      expect((back as MOSDOpReply).redirect).toEqual(redirect);
    }
  });
});
