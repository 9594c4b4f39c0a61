import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { Encoder } from '../../src/base/encoder.ts';
import { OSDOp } from '../../src/ceph/messages/osd-op.ts';
import { POOL_FLAG_FULL, POOL_FLAG_FULL_QUOTA } from '../../src/ceph/osdmap/index.ts';
import {
  CEPH_OSD_FLAG_FULL_TRY,
  CEPH_OSD_FLAG_ORDERSNAP,
  CEPH_OSD_OP_APPEND,
  CEPH_OSD_OP_ASSERT_VER,
  CEPH_OSD_OP_CHECKSUM,
  CEPH_OSD_OP_CMPXATTR,
  CEPH_OSD_OP_CREATE,
  CEPH_OSD_OP_DELETE,
  CEPH_OSD_OP_FLAG_EXCL,
  CEPH_OSD_OP_FLAG_FAILOK,
  CEPH_OSD_OP_LIST_SNAPS,
  CEPH_OSD_OP_PG_HITSET_LS,
  CEPH_OSD_OP_READ,
  CEPH_OSD_OP_SETXATTR,
  CEPH_OSD_OP_STAT,
  CEPH_OSD_OP_TRIMTRUNC,
  CEPH_OSD_OP_WRITE,
  CEPH_OSD_OP_WRITEFULL,
} from '../../src/ceph/types/rados.ts';
import { objListSnapResponse } from '../../src/ceph/types/replies.ts';
import { OnePg } from './fake-host.ts';

const bytes = (text: string) => Buffer.from(text);
const writeFull = (text: string) => new OSDOp(CEPH_OSD_OP_WRITEFULL, 0, text.length, bytes(text));
const append = (text: string) => new OSDOp(CEPH_OSD_OP_APPEND, 0, text.length, bytes(text));
const read = (offset = 0, length = 0) => new OSDOp(CEPH_OSD_OP_READ, offset, length);
const stat = () => new OSDOp(CEPH_OSD_OP_STAT);

describe('requests', () => {
  it('are applied as a whole or not at all', async () => {
    const one = await OnePg.create();
    await one.ops('o', writeFull('before'));
    const exclusive = new OSDOp(CEPH_OSD_OP_CREATE);
    exclusive.flags = CEPH_OSD_OP_FLAG_EXCL;
    const failed = await one.ops('o', writeFull('after'), exclusive, append('more'));
    expect(failed.result).toBe(-17);
    expect(failed.ops[1].rval).toBe(-17);
    expect((await one.ops('o', read())).ops[0].outdata).toEqual(bytes('before'));
  });

  it('go on after an op that may fail', async () => {
    const one = await OnePg.create();
    await one.ops('o', writeFull('x'));
    const exclusive = new OSDOp(CEPH_OSD_OP_CREATE);
    exclusive.flags = CEPH_OSD_OP_FLAG_EXCL | CEPH_OSD_OP_FLAG_FAILOK;
    const reply = await one.ops('o', exclusive, append('y'));
    expect(reply.result).toBe(0);
    expect(reply.ops[0].rval).toBe(-17);
    expect((await one.ops('o', read())).ops[0].outdata).toEqual(bytes('xy'));
  });

  it('that come again are answered as the first time, and change nothing', async () => {
    const one = await OnePg.create();
    const m = one.message('o', [append('once')]);
    const first = await one.run(m);
    await one.ops('o', append('!'));
    const again = one.message('o', [append('once')]);
    again.tid = m.tid;
    again.setRetryAttempt(1);
    const second = await one.run(again);
    expect([second.result, second.replayVersion, second.userVersion]).toEqual([
      first.result,
      first.replayVersion,
      first.userVersion,
    ]);
    expect((await one.ops('o', read())).ops[0].outdata).toEqual(bytes('once!'));
  });

  it('that come again while they are under way get the same answer', async () => {
    const one = await OnePg.create();
    const m = one.message('o', [append('once')]);
    const again = one.message('o', [append('once')]);
    again.tid = m.tid;
    one.submit(m);
    one.submit(again);
    await new Promise<void>(resolve => setImmediate(resolve));
    expect(one.sent.filter(sent => sent.tid === m.tid)).toHaveLength(2);
    expect((await one.ops('o', read())).ops[0].outdata).toEqual(bytes('once'));
  });

  it('that failed fail again, though they would succeed now', async () => {
    const one = await OnePg.create();
    const m = one.message('o', [new OSDOp(CEPH_OSD_OP_DELETE)]);
    expect((await one.run(m)).result).toBe(-2);
    await one.ops('o', writeFull('x'));
    const again = one.message('o', [new OSDOp(CEPH_OSD_OP_DELETE)]);
    again.tid = m.tid;
    expect((await one.run(again)).result).toBe(-2);
    expect((await one.ops('o', stat())).result).toBe(0);
  });

  it('on one object are answered in order: a read sees the write before it', async () => {
    const one = await OnePg.create();
    const w = one.message('o', [writeFull('seen')]);
    const r = one.message('o', [read()]);
    one.submit(w);
    one.submit(r);
    expect(one.sent).toHaveLength(0);
    await new Promise<void>(resolve => setImmediate(resolve));
    expect(one.sent.map(m => m.tid)).toEqual([w.tid, r.tid]);
    expect(r.ops[0].outdata).toEqual(bytes('seen'));
  });

  it('with a bad input fail with EINVAL', async () => {
    const one = await OnePg.create();
    expect((await one.ops('o', new OSDOp(CEPH_OSD_OP_WRITE, 0, 5, bytes('123')))).result).toBe(-22);
    expect((await one.ops('', stat())).result).toBe(-22);
    expect((await one.ops('o', new OSDOp(0x2fff))).result).toBe(-95);
    const hitset = await one.ops('o', new OSDOp(CEPH_OSD_OP_PG_HITSET_LS));
    expect(hitset.result).toBe(-95);
  });
});

describe('versions and comparisons', () => {
  it('assert a version: older, same, newer', async () => {
    const one = await OnePg.create();
    const { userVersion } = await one.ops('o', writeFull('x'));
    const assert = (ver: number) => one.ops('o', new OSDOp(CEPH_OSD_OP_ASSERT_VER, 0, 0, undefined, { ver }));
    expect((await assert(userVersion)).result).toBe(0);
    expect((await assert(userVersion + 1)).result).toBe(-75);
    await one.ops('o', writeFull('y'));
    expect((await assert(userVersion)).result).toBe(-34);
    expect((await assert(0)).result).toBe(-22);
  });

  it.each([
    [1, '5', 1],
    [2, '5', -125],
    [3, '6', 1],
    [3, '5', -125],
    [4, '5', 1],
    [5, '4', 1],
    [6, '6', -125],
    [9, '5', -22],
  ])('compare an attribute: op %i with %s gives %i', async (cmpOp, given, result) => {
    const one = await OnePg.create();
    const set = { nameLen: 1, valueLen: 1, cmpOp: 0, cmpMode: 0 };
    await one.ops('o', new OSDOp(CEPH_OSD_OP_SETXATTR, 0, 0, bytes('n5'), set));
    const arg = { nameLen: 1, valueLen: 1, cmpOp, cmpMode: 1 };
    const reply = await one.ops('o', new OSDOp(CEPH_OSD_OP_CMPXATTR, 0, 0, bytes(`n${given}`), arg));
    expect(reply.result).toBe(result);
  });

  it.each([
    [0, 4, 0],
    [2, 4, 0xffff_ffff],
  ])('checksums of type %i differ by seed and content', async (type, seedBytes, seed) => {
    const one = await OnePg.create();
    await one.ops('o', writeFull('abcdefgh'));
    const init = (value: number) => {
      const e = new Encoder(8);
      e.u32(value);
      return e.result().subarray(0, seedBytes);
    };
    const sum = async (length: number, value: number) => {
      const op = new OSDOp(CEPH_OSD_OP_CHECKSUM, 0, length, init(value), { chunkSize: 4, type });
      const reply = await one.ops('o', op);
      expect(reply.result).toBe(0);
      return [...new Uint32Array(new Uint8Array(reply.ops[0].outdata!).buffer)];
    };
    const both = await sum(8, seed);
    const first = await sum(4, seed);
    expect(both[0]).toBe(2);
    expect(first).toEqual([1, both[1]]);
    expect(both[1]).not.toBe(both[2]);
    expect(await sum(4, seed ^ 1)).not.toEqual(first);
  });
});

describe('truncate sequences of file systems', () => {
  it('cut what an older write would put behind the end', async () => {
    const one = await OnePg.create();
    await one.ops('o', writeFull('0123456789'));
    const trim = new OSDOp(CEPH_OSD_OP_TRIMTRUNC);
    trim.truncateSeq = 2;
    trim.truncateSize = 4;
    await one.ops('o', trim);
    const old = new OSDOp(CEPH_OSD_OP_WRITE, 2, 6, bytes('abcdef'));
    old.truncateSeq = 1;
    await one.ops('o', old);
    expect((await one.ops('o', read())).ops[0].outdata).toEqual(bytes('01ab'));
  });
});

describe('snapshots', () => {
  const at = (one: OnePg, oid: string, seq: bigint, snaps: bigint[], ...ops: OSDOp[]) => {
    const m = one.message(oid, ops);
    m.snapc = { seq, snaps };
    return one.run(m);
  };

  it('keep what was there, and share what did not change', async () => {
    const one = await OnePg.create();
    await one.ops('o', writeFull('0123456789'));
    await at(one, 'o', 1n, [1n], new OSDOp(CEPH_OSD_OP_WRITE, 3, 2, bytes('XX')));
    const m = one.message('o', [read()]);
    m.snapid = 1n;
    expect((await one.run(m)).ops[0].outdata).toEqual(bytes('0123456789'));
    expect((await one.ops('o', read())).ops[0].outdata).toEqual(bytes('012XX56789'));
    const list = await one.ops('o', new OSDOp(CEPH_OSD_OP_LIST_SNAPS));
    const { clones, seq } = objListSnapResponse.decode(new Decoder(list.ops[0].outdata!));
    expect(seq).toBe(1n);
    expect(clones[0]).toMatchObject({ cloneid: 1n, snaps: [1n], size: 10 });
    expect(clones[0].overlap.map(pair => [...pair])).toEqual([
      [0, 3],
      [5, 5],
    ]);
    expect(one.pg.stats).toMatchObject({ objects: 2, clones: 1, bytes: 12 });
  });

  it('refuse an older context when asked to', async () => {
    const one = await OnePg.create();
    await at(one, 'o', 5n, [5n], writeFull('x'));
    const m = one.message('o', [writeFull('y')]);
    m.snapc = { seq: 4n, snaps: [4n] };
    m.flags = CEPH_OSD_FLAG_ORDERSNAP;
    expect((await one.run(m)).result).toBe(-85);
    const invalid = one.message('o', [writeFull('y')]);
    invalid.snapc = { seq: 4n, snaps: [9n] };
    expect((await one.run(invalid)).result).toBe(-22);
  });

  it('go when their snapshot is removed, and take a whiteout along', async () => {
    const one = await OnePg.create();
    await one.ops('o', writeFull('x'));
    await at(one, 'o', 1n, [1n], new OSDOp(CEPH_OSD_OP_DELETE));
    expect((await one.ops('o', stat())).result).toBe(-2);
    expect(one.pg.stats).toMatchObject({ objects: 2, clones: 1, whiteouts: 1 });
    one.map.epoch++;
    one.map.removedSnapsQueue.set(1, [{ start: 1n, length: 1n }]);
    one.pg.trimmer.wake();
    for (let i = 0; i < 5; i++) await new Promise<void>(resolve => setImmediate(resolve));
    expect(one.pg.stats).toMatchObject({ objects: 0, clones: 0, whiteouts: 0, bytes: 0 });
  });
});

describe('a full pool', () => {
  it('refuses growth to those who asked to be told, and lets deletes through', async () => {
    const one = await OnePg.create();
    await one.ops('o', writeFull('x'));
    one.pool.setFlag(POOL_FLAG_FULL);
    const m = one.message('p', [writeFull('y')]);
    m.flags = CEPH_OSD_FLAG_FULL_TRY;
    expect((await one.run(m)).result).toBe(-28);
    one.pool.setFlag(POOL_FLAG_FULL_QUOTA);
    const quota = one.message('p', [writeFull('y')]);
    quota.flags = CEPH_OSD_FLAG_FULL_TRY;
    expect((await one.run(quota)).result).toBe(-122);
    expect((await one.ops('o', new OSDOp(CEPH_OSD_OP_DELETE))).result).toBe(0);
  });
});
