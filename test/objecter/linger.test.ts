import { describe, expect, it } from 'vitest';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { ERRNO } from '../../src/base/errno.ts';
import { MOSDOp } from '../../src/ceph/messages/mosdop.ts';
import {
  MWatchNotify,
  WATCH_EVENT_DISCONNECT,
  WATCH_EVENT_NOTIFY,
  WATCH_EVENT_NOTIFY_COMPLETE,
} from '../../src/ceph/messages/mwatch-notify.ts';
import type { LingerOp, WatchHandler } from '../../src/ceph/objecter/linger.ts';
import { decodeNotifyResponse } from '../../src/ceph/objecter/notify-response.ts';
import { makeLocator } from '../../src/ceph/types/object-locator.ts';
import {
  CEPH_OSD_WATCH_OP_PING,
  CEPH_OSD_WATCH_OP_RECONNECT,
  CEPH_OSD_WATCH_OP_WATCH,
} from '../../src/ceph/types/rados.ts';
import { SNAPC_EMPTY } from '../../src/ceph/types/snap.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { FakeCluster, type FakeConnection, settle } from './fake-cluster.ts';

class Handler implements WatchHandler {
  readonly notified: [bigint, string][] = [];
  readonly errors: number[] = [];
  handleNotify(id: bigint, _cookie: bigint, _gid: bigint, payload: Buffer): void {
    this.notified.push([id, payload.toString()]);
  }
  handleError(_cookie: bigint, errno: number): void {
    this.errors.push(errno);
  }
}

function watch(c: FakeCluster, oid = 'foo') {
  const handler = new Handler();
  const results: number[] = [];
  const linger = c.objecter.lingers.watch(oid, makeLocator(1), 0, SNAPC_EMPTY, 30, handler, r =>
    results.push(r),
  );
  return { linger, handler, results };
}

/** The one watch op that was sent over a connection. */
function taken(con: FakeConnection): MOSDOp {
  const [m, ...more] = con.take(MOSDOp);
  expect(more).toEqual([]);
  return m;
}

function registered(c: FakeCluster) {
  const w = watch(c);
  const con = c.con(c.primary('foo'));
  c.reply(con, taken(con));
  expect(w.results).toEqual([0]);
  return { ...w, con };
}

const notification = (linger: LingerOp, event: number, id = 1n, payload = '') =>
  new MWatchNotify(linger.cookie, id, event, Buffer.from(payload));

describe('watch', () => {
  it('registers, hears notifications and the end', () => {
    const c = new FakeCluster();
    const { linger, handler, results } = watch(c);
    const con = c.con(c.primary('foo'));
    const m = taken(con);
    expect(m.ops[0].watch).toMatchObject({ cookie: linger.cookie, op: CEPH_OSD_WATCH_OP_WATCH, timeout: 30 });
    c.reply(con, m);
    expect(results).toEqual([0]);
    c.objecter.fastDispatch(con, notification(linger, WATCH_EVENT_NOTIFY, 5n, 'hi'));
    expect(handler.notified).toEqual([[5n, 'hi']]);
    c.objecter.fastDispatch(con, notification(linger, WATCH_EVENT_DISCONNECT));
    c.objecter.fastDispatch(con, notification(linger, WATCH_EVENT_DISCONNECT));
    expect(handler.errors).toEqual([-ERRNO['ENOTCONN']]);
    expect(c.objecter.lingers.check(linger)).toBe(-ERRNO['ENOTCONN']);
  });

  it('tells why it could not be registered', () => {
    const c = new FakeCluster();
    const { results } = watch(c);
    const con = c.con(c.primary('foo'));
    c.reply(con, taken(con), -ERRNO['ENOENT']);
    expect(results).toEqual([-ERRNO['ENOENT']]);
  });

  it('reconnects over a new connection, each time as another generation', () => {
    const c = new FakeCluster();
    const { handler, con } = registered(c);
    c.reset(con);
    const second = c.con(c.primary('foo'));
    expect(taken(second).ops[0].watch).toMatchObject({ op: CEPH_OSD_WATCH_OP_RECONNECT, gen: 1 });
    c.reset(second);
    const third = c.con(c.primary('foo'));
    const m = taken(third);
    expect(m.ops[0].watch).toMatchObject({ op: CEPH_OSD_WATCH_OP_RECONNECT, gen: 2 });
    c.reply(third, m, -ERRNO['ENOENT']);
    // The OSD no longer knows the watch.
    expect(handler.errors).toEqual([-ERRNO['ENOTCONN']]);
  });

  it('registers, and does not reconnect, when the first registration was lost on its way', () => {
    const c = new FakeCluster();
    const { results } = watch(c);
    const con = c.con(c.primary('foo'));
    taken(con);
    c.reset(con);
    const again = c.con(c.primary('foo'));
    const m = taken(again);
    expect(m.ops[0].watch.op).toBe(CEPH_OSD_WATCH_OP_WATCH);
    c.reply(again, m);
    expect(results).toEqual([0]);
  });

  it('goes with its object to another OSD, also when only a replica changed', () => {
    const c = new FakeCluster(4);
    registered(c);
    const { acting } = c.map.placement.pgToUpActing(c.map.placement.objectToPg(1, 'foo')!);
    c.osdDown(acting[1]);
    expect(taken(c.con(c.primary('foo'))).ops[0].watch).toMatchObject({ op: CEPH_OSD_WATCH_OP_RECONNECT });
    c.osdDown(acting[0]);
    expect(c.primary('foo')).not.toBe(acting[0]);
    expect(taken(c.con(c.primary('foo'))).ops[0].watch).toMatchObject({ op: CEPH_OSD_WATCH_OP_RECONNECT });
  });

  it('waits without an OSD and reconnects when there is one', () => {
    const c = new FakeCluster(1);
    registered(c);
    c.osdDown(0);
    expect(c.objecter.sessions.homeless.lingerOps.size).toBe(1);
    c.osdUp(0);
    expect(taken(c.con(0)).ops[0].watch).toMatchObject({ op: CEPH_OSD_WATCH_OP_RECONNECT });
  });

  it('pings, and knows since when the watch is good', () => {
    const c = new FakeCluster();
    const { linger, handler, con } = registered(c);
    c.time.advance(5000);
    const ping = taken(con);
    expect(ping.ops[0].watch.op).toBe(CEPH_OSD_WATCH_OP_PING);
    c.time.advance(100);
    c.reply(con, ping);
    expect(c.objecter.lingers.check(linger)).toBe(100);
    c.time.advance(4900);
    c.reply(con, taken(con), -ERRNO['ENOTCONN']);
    expect(handler.errors).toEqual([-ERRNO['ENOTCONN']]);
  });

  it('does not take the answer to an old ping for news of a new connection', () => {
    const c = new FakeCluster();
    const { linger, handler, con } = registered(c);
    c.time.advance(5000);
    con.take(MOSDOp);
    c.reset(con);
    const again = c.con(c.primary('foo'));
    c.reply(again, taken(again));
    expect(handler.errors).toEqual([]);
    expect(c.objecter.lingers.check(linger)).toBeGreaterThanOrEqual(5000);
  });

  it('fails with its pool', async () => {
    const c = new FakeCluster();
    const { handler } = registered(c);
    c.change(inc => {
      inc.oldPools = [1];
    });
    await settle();
    expect(handler.errors).toEqual([-ERRNO['ENOTCONN']]);
    expect(c.objecter.lingers.size).toBe(0);
  });
});

describe('notify', () => {
  function notify(c: FakeCluster) {
    const done: [number, string][] = [];
    const linger = c.objecter.lingers.notify('foo', makeLocator(1), 0, 10, Buffer.from('ping'), (r, data) =>
      done.push([r, data.toString()]),
    );
    return { linger, done };
  }
  const complete = (linger: LingerOp, id: bigint, code: number, data: string) => {
    const m = notification(linger, WATCH_EVENT_NOTIFY_COMPLETE, id);
    m.returnCode = code;
    m.data = [Buffer.from(data)];
    return m;
  };

  it('is done when the completion comes, before or after the answer to the op', () => {
    const c = new FakeCluster();
    for (const early of [false, true]) {
      const { linger, done } = notify(c);
      const con = c.con(c.primary('foo'));
      const m = taken(con);
      const reply = () =>
        c.reply(con, m, 0, r => {
          r.ops[0].outdata = encodeToBuffer(e => e.u64b(77n));
        });
      if (!early) {
        reply();
        expect(done).toEqual([]);
        c.objecter.fastDispatch(con, complete(linger, 76n, 0, 'of another notify'));
        expect(done).toEqual([]);
      }
      c.objecter.fastDispatch(con, complete(linger, 77n, 0, 'acks'));
      if (early) reply();
      expect(done).toEqual([[0, 'acks']]);
    }
    expect(c.objecter.lingers.size).toBe(0);
    expect(c.objecter.numActive).toBe(0);
  });

  it('fails with the op', () => {
    const c = new FakeCluster();
    const { done } = notify(c);
    const con = c.con(c.primary('foo'));
    c.reply(con, taken(con), -ERRNO['ENOENT']);
    expect(done).toEqual([[-ERRNO['ENOENT'], '']]);
  });

  it('is sent again as a whole over a new connection', () => {
    const c = new FakeCluster();
    const { linger, done } = notify(c);
    const con = c.con(c.primary('foo'));
    c.reply(con, taken(con), 0, r => {
      r.ops[0].outdata = encodeToBuffer(e => e.u64b(1n));
    });
    c.reset(con);
    const again = c.con(c.primary('foo'));
    const m = taken(again);
    c.reply(again, m, 0, r => {
      r.ops[0].outdata = encodeToBuffer(e => e.u64b(2n));
    });
    c.objecter.fastDispatch(again, complete(linger, 2n, 0, 'acks'));
    expect(done).toEqual([[0, 'acks']]);
  });
});

describe('notify response', () => {
  const sample = encodeToBuffer(e => {
    e.u32(1);
    e.u64b(4100n);
    e.u64b(94_000_000_000_000_001n);
    e.blob(Buffer.from('yes'));
    e.u32(1);
    e.u64b(4101n);
    e.u64b(3n);
  });

  it('has acknowledgements and those who stayed silent', () => {
    expect(decodeNotifyResponse(sample)).toEqual({
      acks: [{ gid: 4100n, cookie: 94_000_000_000_000_001n, payload: Buffer.from('yes') }],
      timeouts: [{ gid: 4101n, cookie: 3n }],
    });
    expect(decodeNotifyResponse(Buffer.alloc(0))).toEqual({ acks: [], timeouts: [] });
  });

  it('survives hostile bytes', () => {
    fuzzDecoder('notify response', d => decodeNotifyResponse(d.rest()), [sample]);
  });
});
