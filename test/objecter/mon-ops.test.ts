import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/base/errno.ts';
import { MCommand, MCommandReply } from '../../src/ceph/messages/mcommand.ts';
import { MPoolOpReply, POOL_OP_CREATE } from '../../src/ceph/messages/mpool-op.ts';
import { MStatfsReply } from '../../src/ceph/messages/mstatfs.ts';
import { FakeCluster, FakeConnection, settle } from './fake-cluster.ts';

describe('operations on the monitors', () => {
  it('are done when the change is in our map', async () => {
    const c = new FakeCluster();
    let done = false;
    const work = c.objecter.monOps.poolOp({ op: POOL_OP_CREATE, pool: 0, name: 'new' }).then(() => {
      done = true;
    });
    const [m] = c.monSent;
    const reply = new MPoolOpReply(c.map.fsid, 0, c.map.epoch + 1);
    reply.tid = m.tid;
    c.objecter.dispatch(c.monCon, reply);
    await settle();
    expect(done).toBe(false);
    c.change(() => {});
    await work;
  });

  it('fail with the errno of the monitor', async () => {
    const c = new FakeCluster();
    const work = c.objecter.monOps.poolOp({ op: POOL_OP_CREATE, pool: 0, name: 'new' });
    const reply = new MPoolOpReply(c.map.fsid, -ERRNO['EPERM'], c.map.epoch);
    reply.tid = c.monSent[0].tid;
    c.objecter.dispatch(c.monCon, reply);
    await expect(work).rejects.toMatchObject({ code: 'EPERM' });
  });

  it('are asked again once over each new session, and answered once', async () => {
    const c = new FakeCluster();
    const work = c.objecter.monOps.statfs();
    expect(c.monSent).toHaveLength(1);
    c.monCon.down = true;
    c.objecter.handleReset(c.monCon);
    await settle();
    c.time.advance(200);
    expect(c.monSent).toHaveLength(1);
    Object.assign(c, { monCon: new FakeConnection(1, 0, []) });
    c.time.advance(200);
    c.objecter.handleConnect(c.monCon);
    expect(c.monSent).toHaveLength(2);
    expect(c.monSent[1].tid).toBe(c.monSent[0].tid);
    const reply = new MStatfsReply(c.map.fsid);
    reply.tid = c.monSent[0].tid;
    reply.kb = 1024;
    c.objecter.dispatch(c.monCon, reply);
    await expect(work).resolves.toMatchObject({ kb: 1024 });
  });

  it('time out after rados_mon_op_timeout, end by signal and with the client', async () => {
    const c = new FakeCluster(3, { rados_mon_op_timeout: 3 });
    const late = c.objecter.monOps.statfs();
    const stop = new AbortController();
    const aborted = c.objecter.monOps.statfs(undefined, stop.signal);
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    c.time.advance(3001);
    await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const last = c.objecter.monOps.statfs();
    const ended = expect(last).rejects.toMatchObject({ code: 'ESHUTDOWN' });
    await c.objecter.close();
    await ended;
  });
});

describe('commands', () => {
  const run = (c: FakeCluster, target: { osd: number } | { pg: { pool: number; seed: number } }) =>
    c.objecter.commands.submit(target, ['{"prefix":"version"}'], Buffer.from('input'));

  it('go to an OSD and back', async () => {
    const c = new FakeCluster();
    const work = run(c, { osd: 1 });
    const [m] = c.con(1).take(MCommand);
    expect(m).toMatchObject({ cmd: ['{"prefix":"version"}'], data: [Buffer.from('input')] });
    const reply = new MCommandReply(-ERRNO['EINVAL'], 'no such thing');
    reply.tid = m.tid;
    reply.data = [Buffer.from('output')];
    c.objecter.dispatch(c.con(1), reply);
    await expect(work).resolves.toEqual({
      result: -ERRNO['EINVAL'],
      status: 'no such thing',
      output: Buffer.from('output'),
    });
  });

  it('follow a PG to its new primary', () => {
    const c = new FakeCluster();
    const pg = c.map.placement.rawPgToPg(c.map.placement.objectToPg(1, 'foo')!)!;
    run(c, { pg }).catch(() => {});
    const first = c.primary('foo');
    expect(c.con(first).take(MCommand)).toHaveLength(1);
    c.osdDown(first);
    expect(c.con(c.primary('foo')).take(MCommand)).toHaveLength(1);
  });

  it('are sent again over a new connection', () => {
    const c = new FakeCluster();
    run(c, { osd: 1 }).catch(() => {});
    c.reset(c.con(1));
    expect(c.con(1).take(MCommand)).toHaveLength(1);
  });

  it('fail when the newest map has no such OSD, or has it down', async () => {
    const c = new FakeCluster();
    const missing = run(c, { osd: 7 });
    const answered = expect(missing).rejects.toMatchObject({ code: 'ENOENT' });
    c.versions.shift()!(c.map.epoch);
    await answered;
    c.osdDown(1);
    const down = expect(run(c, { osd: 1 })).rejects.toMatchObject({ code: 'ENXIO' });
    c.versions.shift()!(c.map.epoch);
    await down;
  });
});
