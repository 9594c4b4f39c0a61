import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/base/errno.ts';
import { MOSDBackoff } from '../../src/ceph/messages/mosd-backoff.ts';
import { MOSDMap } from '../../src/ceph/messages/mosd-map.ts';
import { MOSDOp } from '../../src/ceph/messages/mosdop.ts';
import { makePool } from '../../src/ceph/osdmap/build.ts';
import { OSD_UP, OSDMAP_FULL, OSDMAP_PAUSERD, OSDMAP_PAUSEWR } from '../../src/ceph/osdmap/flags.ts';
import { encodeOsdMap } from '../../src/ceph/osdmap/osdmap-codec.ts';
import { POOL_FLAG_FULL } from '../../src/ceph/osdmap/pool-flags.ts';
import { HOBJECT_MAX, HOBJECT_MIN } from '../../src/ceph/types/hobject.ts';
import { makeLocator } from '../../src/ceph/types/object-locator.ts';
import {
  CEPH_OSD_BACKOFF_OP_ACK_BLOCK,
  CEPH_OSD_BACKOFF_OP_BLOCK,
  CEPH_OSD_BACKOFF_OP_UNBLOCK,
  CEPH_OSD_FLAG_BALANCE_READS,
  CEPH_OSD_FLAG_FULL_FORCE,
  CEPH_OSD_FLAG_FULL_TRY,
  CEPH_OSD_FLAG_REDIRECTED,
  CEPH_OSD_FLAG_RETRY,
} from '../../src/ceph/types/rados.ts';
import { FakeCluster, settle } from './fake-cluster.ts';

const tidsOf = (ms: readonly MOSDOp[]) => ms.map(m => m.tid);

describe('submitting', () => {
  it('sends an op to the primary of its PG and finishes it once with the reply', () => {
    const c = new FakeCluster();
    const { op, outcome } = c.write('foo');
    const con = c.con(c.primary('foo'));
    const [m] = con.take(MOSDOp);
    expect(m.tid).toBe(op.tid);
    expect(m.osdmapEpoch).toBe(c.map.epoch);
    expect(m.spg.pgid).toEqual(c.map.placement.rawPgToPg(c.map.placement.objectToPg(1, 'foo')!));
    expect(m.hash).toBe(c.map.placement.objectToPg(1, 'foo')!.seed);
    expect(m.retryAttempt).toBe(0);
    expect(m.hasFlag(CEPH_OSD_FLAG_RETRY)).toBe(false);
    c.reply(con, m, 0, r => {
      r.userVersion = 7;
    });
    c.reply(con, m);
    expect(outcome).toMatchObject({ calls: 1, result: 0 });
    expect(op.reply?.userVersion).toBe(7);
    expect(c.objecter.numActive).toBe(0);
  });

  it('keeps ops of one object in the order of submission over one session', () => {
    const c = new FakeCluster();
    const tids = Array.from({ length: 20 }, () => c.write('foo').op.tid);
    expect(tidsOf(c.con(c.primary('foo')).take(MOSDOp))).toEqual(tids);
  });

  it('ignores replies that come over another connection', () => {
    const c = new FakeCluster();
    const { outcome } = c.write('foo');
    const con = c.con(c.primary('foo'));
    const [m] = con.take(MOSDOp);
    c.write(c.objectOn((c.primary('foo') + 1) % 3));
    c.reply(c.con((c.primary('foo') + 1) % 3), m);
    expect(outcome.done).toBe(false);
    c.reply(con, m);
    expect(outcome.done).toBe(true);
  });

  it('cancels by signal: gives up once, ignores the late reply', async () => {
    const c = new FakeCluster();
    const stop = new AbortController();
    const { outcome } = c.write('foo', 'data', 0, stop.signal);
    const con = c.con(c.primary('foo'));
    const [m] = con.take(MOSDOp);
    stop.abort();
    c.reply(con, m);
    expect(outcome).toMatchObject({ calls: 1, result: -ERRNO['ECANCELED'] });
    const late = c.write('foo', 'data', 0, stop.signal);
    expect(late.outcome.done).toBe(false);
    await settle();
    expect(late.outcome).toMatchObject({ calls: 1, result: -ERRNO['ECANCELED'] });
    expect(con.take(MOSDOp)).toEqual([]);
  });

  it('times out after rados_osd_op_timeout, and not when the reply came', () => {
    const c = new FakeCluster(3, { rados_osd_op_timeout: 5 });
    const kept = c.write('foo');
    const lost = c.write('foo');
    const con = c.con(c.primary('foo'));
    c.reply(con, con.take(MOSDOp)[0]);
    c.time.advance(4999);
    expect(lost.outcome.done).toBe(false);
    c.time.advance(2);
    expect(lost.outcome).toMatchObject({ calls: 1, result: -ERRNO['ETIMEDOUT'] });
    expect(kept.outcome).toMatchObject({ calls: 1, result: 0 });
  });

  it('fails what is under way when it is closed, and what comes after', async () => {
    const c = new FakeCluster();
    const { outcome } = c.write('foo');
    await c.objecter.close();
    expect(outcome).toMatchObject({ calls: 1, result: -ERRNO['ESHUTDOWN'] });
    const late = c.write('foo');
    await settle();
    expect(late.outcome.result).toBe(-ERRNO['ESHUTDOWN']);
    expect(c.live).toEqual([]);
    expect(c.time.timers).toBe(0);
  });
});

describe('budget', () => {
  it('holds ops beyond objecter_inflight_ops back, in order', () => {
    const c = new FakeCluster(3, { objecter_inflight_ops: 2 });
    const all = Array.from({ length: 5 }, () => c.write('foo'));
    const con = c.con(c.primary('foo'));
    const sent = con.take(MOSDOp);
    expect(sent).toHaveLength(2);
    expect(all[2].op.tid).toBe(0);
    c.reply(con, sent[0]);
    const [third] = con.take(MOSDOp);
    expect(third.tid).toBe(all[2].op.tid);
    c.reply(con, sent[1]);
    c.reply(con, third);
    expect(tidsOf(con.take(MOSDOp))).toEqual([all[3].op.tid, all[4].op.tid]);
    expect(all.map(({ outcome }) => outcome.calls)).toEqual([1, 1, 1, 0, 0]);
  });

  it('counts bytes, and lets an op larger than the whole budget go alone', () => {
    const c = new FakeCluster(3, { objecter_inflight_op_bytes: 100 });
    const con = () => c.con(c.primary('foo'));
    c.write('foo', 'x'.repeat(60));
    c.write('foo', 'y'.repeat(60));
    c.write('foo', 'z');
    const [first, ...rest] = con().take(MOSDOp);
    expect(rest).toEqual([]);
    c.reply(con(), first);
    const next = con().take(MOSDOp);
    expect(next).toHaveLength(2);
    for (const m of next) c.reply(con(), m);
    c.write('foo', 'w'.repeat(1000));
    expect(con().take(MOSDOp)).toHaveLength(1);
  });

  it('follows a change of the options', () => {
    const c = new FakeCluster(3, { objecter_inflight_ops: 1 });
    for (let i = 0; i < 4; i++) c.write('foo');
    const con = c.con(c.primary('foo'));
    expect(con.take(MOSDOp)).toHaveLength(1);
    c.objecter.context.config.set('objecter_inflight_ops', '3', 'override');
    expect(con.take(MOSDOp)).toHaveLength(2);
  });

  it('forgets a waiting op that is cancelled', () => {
    const c = new FakeCluster(3, { objecter_inflight_ops: 1 });
    const stop = new AbortController();
    c.write('foo');
    const waiting = c.write('foo', 'data', 0, stop.signal);
    const after = c.write('foo');
    stop.abort();
    expect(waiting.outcome.result).toBe(-ERRNO['ECANCELED']);
    const con = c.con(c.primary('foo'));
    c.reply(con, con.take(MOSDOp)[0]);
    expect(tidsOf(con.take(MOSDOp))).toEqual([after.op.tid]);
    expect(c.objecter.budget.ops).toBe(1);
  });
});

describe('resending', () => {
  it('sends everything again in order after a reset, as another attempt', () => {
    const c = new FakeCluster();
    const ops = Array.from({ length: 5 }, () => c.write('foo'));
    const old = c.con(c.primary('foo'));
    const first = old.take(MOSDOp);
    c.reset(old);
    const con = c.con(c.primary('foo'));
    const again = con.take(MOSDOp);
    expect(tidsOf(again)).toEqual(ops.map(({ op }) => op.tid));
    expect(again.every(m => m.retryAttempt === 1 && m.hasFlag(CEPH_OSD_FLAG_RETRY))).toBe(true);
    // What the first connection had on its way does not count any more, nor does the first attempt's answer.
    c.reply(old, first[0]);
    c.reply(con, first[1]);
    expect(ops.some(({ outcome }) => outcome.done)).toBe(false);
    for (const m of again) c.reply(con, m);
    expect(ops.every(({ outcome }) => outcome.calls === 1)).toBe(true);
  });

  it('moves ops to the new primary when their OSD goes down, others stay', () => {
    const c = new FakeCluster();
    const oids = [0, 1, 2].map(osd => c.objectOn(osd));
    const ops = oids.flatMap(oid => [c.write(oid), c.write(oid)]);
    for (const con of c.live) con.take(MOSDOp);
    c.osdDown(0);
    const target = c.primary(oids[0]);
    expect(target).not.toBe(0);
    expect(tidsOf(c.con(target).take(MOSDOp))).toEqual([ops[0].op.tid, ops[1].op.tid]);
    const other = [1, 2].find(osd => osd !== target)!;
    expect(c.con(other).take(MOSDOp)).toEqual([]);
    expect(() => c.con(0)).toThrow();
  });

  it('keeps ops without an OSD and sends them in order when there is one', () => {
    const c = new FakeCluster(1);
    const before = c.write('foo');
    c.con(0).take(MOSDOp);
    c.osdDown(0);
    const after = c.write('foo');
    expect(c.objecter.sessions.homeless.ops.size).toBe(2);
    expect(c.wants.at(-1)).toEqual(['osdmap', c.map.epoch + 1, true]);
    c.osdUp(0);
    const sent = c.con(0).take(MOSDOp);
    expect(tidsOf(sent)).toEqual([before.op.tid, after.op.tid]);
    expect(sent.map(m => m.retryAttempt)).toEqual([1, 0]);
  });

  it('follows an OSD that came back elsewhere in maps that arrive together', () => {
    const c = new FakeCluster(1);
    const { op } = c.write('foo');
    c.con(0).take(MOSDOp);
    const down = c.change(inc => inc.newState.set(0, OSD_UP), true);
    const up = c.change(inc => {
      c.boot(inc, 0, 9);
    }, true);
    c.sendMaps([
      [c.map.epoch - 1, down],
      [c.map.epoch, up],
    ]);
    expect(c.con(0).peerAddrs[0].nonce).toBe(9);
    expect(tidsOf(c.con(0).take(MOSDOp))).toEqual([op.tid]);
  });

  it('asks for what is missing between maps, and sends all again over a gap that nobody can fill', () => {
    const c = new FakeCluster();
    const { op } = c.write('foo');
    const con = c.con(c.primary('foo'));
    con.take(MOSDOp);
    const epoch = c.map.epoch;
    c.change(inc => inc.newWeight.set(0, 0x8000), true);
    const second = c.change(inc => inc.newWeight.set(0, 0x10000), true);
    c.sendMaps([[c.map.epoch, second]]);
    expect(c.objecter.map.epoch).toBe(epoch);
    expect(c.wants.at(-1)).toEqual(['osdmap', epoch + 1, true]);
    expect(con.take(MOSDOp)).toEqual([]);
    // The same again from someone who has nothing older: no one can tell what happened meanwhile.
    const full = new MOSDMap(c.map.fsid);
    full.maps = new Map([[c.map.epoch, encodeOsdMap(c.map)]]);
    full.oldest = c.map.epoch;
    full.newest = c.map.epoch;
    c.objecter.dispatch(c.monCon, full);
    expect(c.objecter.map.epoch).toBe(epoch + 2);
    expect(tidsOf(c.con(c.primary('foo')).take(MOSDOp))).toEqual([op.tid]);
    expect(op.attempts).toBe(2);
  });

  it('begins anew with a full map when an incremental is broken', () => {
    const c = new FakeCluster();
    const { op } = c.write('foo');
    c.con(c.primary('foo')).take(MOSDOp);
    const epoch = c.map.epoch;
    const bytes = c.change(inc => inc.newWeight.set(0, 0x8000), true);
    bytes.fill(0xff, 40, 60);
    c.sendMaps([[c.map.epoch, bytes]]);
    expect(c.objecter.map.epoch).toBe(epoch);
    expect(c.wants.at(-1)).toEqual(['osdmap', 0, true]);
    const full = new MOSDMap(c.map.fsid);
    full.maps = new Map([[c.map.epoch, encodeOsdMap(c.map)]]);
    full.oldest = 1;
    full.newest = c.map.epoch;
    c.objecter.dispatch(c.monCon, full);
    expect(c.objecter.map.epoch).toBe(epoch + 1);
    expect(tidsOf(c.con(c.primary('foo')).take(MOSDOp))).toEqual([op.tid]);
  });

  it('goes elsewhere on EAGAIN under a new name, and without asking replicas again', () => {
    const c = new FakeCluster();
    const { op, outcome } = c.read('foo', CEPH_OSD_FLAG_BALANCE_READS);
    const first = op.tid;
    const con = c.connections.find(x => x.sent.some(m => m instanceof MOSDOp))!;
    const [m] = con.take(MOSDOp);
    expect(m.hasFlag(CEPH_OSD_FLAG_BALANCE_READS)).toBe(true);
    c.reply(con, m, -ERRNO['EAGAIN']);
    const [again] = c.con(c.primary('foo')).take(MOSDOp);
    expect(again.tid).toBeGreaterThan(first);
    expect(again.hasFlag(CEPH_OSD_FLAG_BALANCE_READS)).toBe(false);
    c.reply(c.con(c.primary('foo')), again);
    expect(outcome).toMatchObject({ calls: 1, result: 0 });
  });

  it('spreads balanced reads over all replicas', () => {
    const c = new FakeCluster();
    for (let i = 0; i < 60; i++) c.read('foo', CEPH_OSD_FLAG_BALANCE_READS);
    expect(c.live.filter(con => con.take(MOSDOp).length > 0)).toHaveLength(3);
  });

  it('follows a redirect to another pool and stays there', () => {
    const c = new FakeCluster();
    c.change(inc => {
      inc.newPools.set(2, c.map.pools.get(1)!.clone());
      inc.newPoolNames.set(2, 'base');
    });
    const { outcome } = c.write('foo');
    const con = c.con(c.primary('foo'));
    c.reply(con, con.take(MOSDOp)[0], 0, r => {
      r.redirect = { locator: makeLocator(2), object: 'bar' };
    });
    const pg = c.map.placement.objectToPg(2, 'bar')!;
    const target = c.con(c.map.placement.pgToUpActing(pg).actingPrimary);
    const [m] = target.take(MOSDOp);
    expect(m).toMatchObject({ oid: 'bar', oloc: { pool: 2 }, hash: pg.seed });
    expect(m.hasFlag(CEPH_OSD_FLAG_REDIRECTED)).toBe(true);
    c.reset(target);
    const now = c.con(target.peerName.num);
    const [again] = now.take(MOSDOp);
    expect(again).toMatchObject({ oid: 'bar', oloc: { pool: 2 } });
    c.reply(now, again);
    expect(outcome).toMatchObject({ calls: 1, result: 0 });
  });
});

describe('paused and full', () => {
  const flagged = (c: FakeCluster, flags: number) =>
    c.change(inc => {
      inc.newFlags =
        flags === 0 ? c.map.flags & ~(OSDMAP_FULL | OSDMAP_PAUSERD | OSDMAP_PAUSEWR) : c.map.flags | flags;
    });

  it.each([
    ['pausewr', OSDMAP_PAUSEWR, true, false],
    ['pauserd', OSDMAP_PAUSERD, false, true],
    ['full', OSDMAP_FULL, true, false],
  ])('holds back by %s and goes on in order', (_name, flag, holdsWrites, holdsReads) => {
    const c = new FakeCluster();
    flagged(c, flag);
    expect(c.wants.at(-1)).toEqual(['osdmap', c.map.epoch + 1, false]);
    const w = c.write('foo');
    const r = c.read('foo');
    const con = c.con(c.primary('foo'));
    const sent = tidsOf(con.take(MOSDOp));
    expect(sent.includes(w.op.tid)).toBe(!holdsWrites);
    expect(sent.includes(r.op.tid)).toBe(!holdsReads);
    const late = holdsWrites ? c.write('foo') : c.read('foo');
    flagged(c, 0);
    expect(tidsOf(con.take(MOSDOp))).toEqual([holdsWrites ? w.op.tid : r.op.tid, late.op.tid]);
  });

  it('lets writes through a full cluster that say so', () => {
    const c = new FakeCluster();
    flagged(c, OSDMAP_FULL);
    c.write('foo', 'x', CEPH_OSD_FLAG_FULL_TRY);
    c.write('foo', 'x', CEPH_OSD_FLAG_FULL_FORCE);
    c.write('foo', 'x');
    expect(c.con(c.primary('foo')).take(MOSDOp)).toHaveLength(2);
  });

  it('holds writes to a full pool back', () => {
    const c = new FakeCluster();
    const { op } = c.write('foo');
    const con = c.con(c.primary('foo'));
    con.take(MOSDOp);
    const pool = c.map.pools.get(1)!.clone();
    pool.setFlag(POOL_FLAG_FULL);
    c.change(inc => inc.newPools.set(1, pool));
    expect(con.take(MOSDOp)).toEqual([]);
    c.read('foo');
    expect(con.take(MOSDOp)).toHaveLength(1);
    const free = pool.clone();
    free.clearFlag(POOL_FLAG_FULL);
    c.change(inc => inc.newPools.set(1, free));
    expect(tidsOf(con.take(MOSDOp))).toEqual([op.tid]);
  });
});

describe('pools', () => {
  it('waits for a newer map before a pool that it does not know is gone', async () => {
    const c = new FakeCluster();
    c.change(inc => {
      inc.oldPools = [1];
    });
    const { outcome } = c.write('foo');
    expect(c.versions).toHaveLength(1);
    c.versions[0](c.map.epoch + 1);
    await settle();
    expect(outcome.done).toBe(false);
    c.change(() => {});
    await settle();
    expect(outcome).toMatchObject({ calls: 1, result: -ERRNO['ENOENT'] });
  });

  it('finishes ops at once when their pool is deleted under them', async () => {
    const c = new FakeCluster();
    const { outcome } = c.write('foo');
    c.change(inc => {
      inc.oldPools = [1];
    });
    await settle();
    expect(outcome).toMatchObject({ calls: 1, result: -ERRNO['ENOENT'] });
    expect(c.versions).toEqual([]);
  });

  it('sends again what a split moves to another PG', () => {
    const c = new FakeCluster();
    const oids = Array.from({ length: 16 }, (_, i) => `obj${i}`);
    for (const oid of oids) c.write(oid);
    for (const con of c.live) con.take(MOSDOp);
    const pool = c.map.pools.get(1)!.clone();
    pool.setPgNum(16);
    c.change(inc => inc.newPools.set(1, pool));
    const again = c.live.flatMap(con => con.take(MOSDOp));
    // Every PG has a child when their number doubles.
    expect(new Set(again.map(m => m.oid))).toEqual(new Set(oids));
    for (const m of again) expect(m.spg.pgid.seed).toBe(m.hash % 16);
  });

  it('sends again just what a change of the number of PGs concerns, for any numbers', () => {
    const oids = Array.from({ length: 60 }, (_, i) => `obj${i}`);
    for (const [from, to] of [
      [5, 6],
      [6, 5],
      [8, 11],
      [11, 8],
      [1, 3],
      [3, 1],
      [7, 30],
      [30, 7],
    ]) {
      const c = new FakeCluster();
      const resize = (pgNum: number) => {
        const pool = c.map.pools.get(1)!.clone();
        pool.setPgNum(pgNum);
        // Placement stays: only the PGs change.
        pool.setPgpNum(1);
        c.change(inc => inc.newPools.set(1, pool));
      };
      resize(from);
      for (const oid of oids) c.write(oid);
      const before = new Map(c.live.flatMap(con => con.take(MOSDOp)).map(m => [m.oid, m.spg.pgid.seed]));
      const members = (n: number) => {
        const sets = new Map<number, Set<number>>();
        const pool = makePool({ pgNum: n });
        for (let hash = 0; hash < 4096; hash++) {
          const seed = pool.rawSeedToPg(hash);
          sets.set(seed, (sets.get(seed) ?? new Set()).add(hash));
        }
        return sets;
      };
      const old = members(from);
      const now = members(to);
      resize(to);
      const again = new Set(c.live.flatMap(con => con.take(MOSDOp)).map(m => m.oid));
      for (const oid of oids) {
        const seed = before.get(oid)!;
        const a = old.get(seed)!;
        const b = now.get(seed);
        const same = b !== undefined && a.size === b.size && [...a].every(hash => b.has(hash));
        expect({ from, to, oid, again: again.has(oid) }).toEqual({ from, to, oid, again: !same });
      }
    }
  });
});

describe('backoff', () => {
  it('holds ops of the range back until it is lifted, and resends in order', () => {
    const c = new FakeCluster();
    const con = () => c.con(c.primary('foo'));
    const first = c.write('foo');
    const [m] = con().take(MOSDOp);
    const backoff = (op: number) =>
      c.objecter.dispatch(
        con(),
        new MOSDBackoff(m.spg, c.map.epoch, op, 5, { ...HOBJECT_MIN, pool: 1 }, HOBJECT_MAX),
      );
    backoff(CEPH_OSD_BACKOFF_OP_BLOCK);
    expect(con().take(MOSDBackoff)[0]).toMatchObject({ op: CEPH_OSD_BACKOFF_OP_ACK_BLOCK, id: 5 });
    const second = c.write('foo');
    expect(con().take(MOSDOp)).toEqual([]);
    const elsewhere = Array.from({ length: 100 }, (_, i) => `other${i}`).find(
      oid =>
        c.primary(oid) === c.primary('foo') &&
        c.map.placement.rawPgToPg(c.map.placement.objectToPg(1, oid)!)!.seed !== m.spg.pgid.seed,
    )!;
    c.write(elsewhere);
    expect(con().take(MOSDOp)).toHaveLength(1);
    backoff(CEPH_OSD_BACKOFF_OP_UNBLOCK);
    expect(tidsOf(con().take(MOSDOp))).toEqual([first.op.tid, second.op.tid]);
  });

  it('ends with the connection', () => {
    const c = new FakeCluster();
    const { op } = c.write('foo');
    const con = c.con(c.primary('foo'));
    const [m] = con.take(MOSDOp);
    const block = new MOSDBackoff(
      m.spg,
      c.map.epoch,
      CEPH_OSD_BACKOFF_OP_BLOCK,
      1,
      { ...HOBJECT_MIN, pool: 1 },
      HOBJECT_MAX,
    );
    c.objecter.dispatch(con, block);
    c.reset(con);
    expect(tidsOf(c.con(c.primary('foo')).take(MOSDOp))).toEqual([op.tid]);
  });
});

describe('requests', () => {
  it('lists what is under way', () => {
    const c = new FakeCluster();
    c.write('foo');
    c.time.advance(2500);
    const { ops, linger_ops } = c.objecter.dumpRequests();
    expect(linger_ops).toEqual([]);
    expect(ops).toMatchObject([
      {
        tid: 1,
        osd: c.primary('foo'),
        object_id: 'foo',
        object_locator: '@1',
        target_object_id: 'foo',
        target_object_locator: '@1',
        paused: 0,
        used_replica: 0,
        precalc_pgid: 0,
        age: 2.5,
        attempts: 1,
        snapid: 'head',
        snap_context: '0=[]',
        osd_ops: ['write 0~4 in=4b'],
      },
    ]);
  });
});
