import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onTrace } from '../../src/base/trace.ts';
import { Rados } from '../../src/ceph/rados/index.ts';
import { findObject, type OurOsds, startOsds } from '../osd/real-mon.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

const program = readFileSync(new URL('../osd/every-op.py', import.meta.url), 'utf8');
const CONF = { osd_pool_default_size: '2', osd_pool_default_min_size: '1' };

/** What the program printed, with self-managed and with pool snapshots. */
async function everyOp(ceph: RealCeph): Promise<string[]> {
  await ceph.createPool('self', 8);
  await ceph.createPool('pool', 8);
  const self = await ceph.python(program, ['self']);
  const pool = await ceph.python(program, ['pool', 'poolsnaps']);
  expect(self.stderr + pool.stderr).toBe('');
  return `${self.stdout.toString()}${pool.stdout.toString()}`.split('\n');
}

describe.skipIf(!haveRealCeph())('our OSDs under a real monitor', () => {
  let ceph: RealCeph;
  let osds: OurOsds;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 0, conf: CONF });
    osds = await startOsds(ceph, 3);
  });
  afterAll(async () => {
    await osds?.[Symbol.asyncDispose]();
    await ceph?.[Symbol.asyncDispose]();
  });

  it('answers every operation as ceph-osd does', async () => {
    const ours = await everyOp(ceph);
    await using real = await RealCeph.start({ osds: 2, conf: CONF });
    expect(ours).toEqual(await everyOp(real));
  }, 240_000);

  it('copies objects between OSDs, and traces what it does', async () => {
    await ceph.createPool('source', 4);
    await ceph.createPool('target', 4);
    await using rados = await Rados.connect({ conf: ceph.conf });
    const source = await rados.openPool('source');
    const target = await rados.openPool('target');
    const content = Buffer.alloc(9_000_000, 'x').fill('y', 5_000_000);
    await source.writeFull('big', content);
    await source.setXattr('big', 'attr', Buffer.from('value'));
    await source.omapSet('big', new Map([['k', Buffer.from('v')]]));
    const layers = new Map<string, string>();
    using _ = onTrace({ wind: span => layers.set(span.layer, String(span.parent?.layer)) });
    await target.copyFrom('copy', { io: source, oid: 'big' });
    const copy = await target.read('copy');
    expect(Buffer.compare(Buffer.from(copy), content)).toBe(0);
    expect(Buffer.from(await target.getXattr('copy', 'attr')).toString()).toBe('value');
    expect([...layers].filter(([layer]) => /^(OSD|PrimaryLogPG|Replicated|ObjectStore)/.test(layer))).toEqual(
      expect.arrayContaining([
        ['OSD.ms_fast_dispatch', 'undefined'],
        ['OSD.enqueue_op', 'OSD.ms_fast_dispatch'],
        ['PrimaryLogPG.do_op', 'OSD.enqueue_op'],
        ['PrimaryLogPG.execute_ctx', 'PrimaryLogPG.do_op'],
        ['ReplicatedBackend.submit_transaction', 'PrimaryLogPG.execute_ctx'],
        ['ObjectStore.queue_transaction', 'ReplicatedBackend.submit_transaction'],
      ]),
    );
  });

  it('keeps the same bytes on every replica', async () => {
    await ceph.createPool('three', 8, ['replicated', '--size', '3']);
    const content = Buffer.from('all of it');
    const put = await ceph.rados(['-p', 'three', 'put', 'object', '-'], { input: content });
    expect(put.stderr).toBe('');
    const copies = osds.all.map(({ store }) => {
      const found = findObject(store, 'object');
      return found === undefined ? undefined : store.read(found.cid, found.oid, 0, 100);
    });
    for (const copy of copies) expect(copy).toEqual(content);
  });

  it('answers ceph tell, and says what it does not know', async () => {
    const version = await ceph.ceph(['tell', 'osd.1', 'version']);
    expect(JSON.parse(version.stdout.toString()).release).toBe('pacific');
    const unknown = await ceph.ceph(['tell', 'osd.1', 'dance']);
    expect(unknown.code).toBe(22);
  });

  it('refuses what the capabilities do not allow', async () => {
    await ceph.createPool('mine', 4);
    await ceph.createPool('other', 4);
    const { stdout } = await ceph.ceph([
      'auth',
      'get-or-create-key',
      'client.some',
      'mon',
      'allow r',
      'osd',
      'allow rw pool=mine',
    ]);
    await using rados = await Rados.connect({
      conf: ceph.conf,
      name: 'client.some',
      key: stdout.toString().trim(),
    });
    const mine = await rados.openPool('mine');
    await mine.writeFull('a', Buffer.from('x'));
    const other = await rados.openPool('other');
    await expect(other.writeFull('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'EPERM' });
    await expect(mine.exec('a', 'hello', 'say_hello', Buffer.alloc(0))).rejects.toMatchObject({
      code: 'EPERM',
    });
  });

  it('goes on with its store after a restart', async () => {
    await ceph.createPool('kept', 4);
    await ceph.rados(['-p', 'kept', 'put', 'o', '-'], { input: 'still here' });
    for (const osd of osds.all) await osd.stop();
    for (const osd of osds.all) await osd.start();
    const { stdout, stderr } = await ceph.rados(['-p', 'kept', 'get', 'o', '-']);
    expect([stdout.toString(), stderr]).toEqual(['still here', '']);
  });
});

describe.skipIf(!haveRealCeph()).each([
  { proto: 'v1', mode: 'default' },
  { proto: 'v2', mode: 'secure' },
] as const)('with %s', ({ proto, mode }) => {
  it('serves real clients', async () => {
    const conf = { osd_pool_default_size: '2', osd_pool_default_min_size: '1' };
    await using ceph = await RealCeph.start({ osds: 0, proto, mode, conf });
    await using osds = await startOsds(ceph, 2);
    expect(osds.all.every(({ osd }) => osd?.isActive)).toBe(true);
    await ceph.createPool('p', 4);
    await ceph.rados(['-p', 'p', 'put', 'o', '-'], { input: 'through it' });
    expect((await ceph.rados(['-p', 'p', 'get', 'o', '-'])).stdout.toString()).toBe('through it');
  });
});
