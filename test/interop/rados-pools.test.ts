import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type IoCtx,
  OPERATION_IGNORE_OVERLAY,
  Rados,
  ReadOperation,
  WriteOperation,
} from '../../src/ceph/rados/index.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

describe.skipIf(!haveRealCeph())('other kinds of pools on real Ceph', () => {
  let ceph: RealCeph;
  let cluster: Rados;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 4, store: 'bluestore' });
    cluster = await Rados.connect({ conf: ceph.conf });
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  async function run(...args: string[]): Promise<void> {
    const { code, stderr } = await ceph.ceph(args);
    if (code !== 0) throw new Error(`ceph ${args.join(' ')}: ${stderr}`);
  }

  describe('erasure-coded', () => {
    let io: IoCtx;

    beforeAll(async () => {
      await run('osd', 'erasure-code-profile', 'set', 'ec21', 'k=2', 'm=1', 'crush-failure-domain=osd');
      await run('osd', 'pool', 'create', 'ec', '16', '16', 'erasure', 'ec21');
      io = await cluster.openPool('ec');
    });

    it('holds objects that both clients read', async () => {
      const data = randomBytes(300_000);
      await io.writeFull('a', data);
      const { stdout } = await ceph.rados(['-p', 'ec', 'get', 'a', '-']);
      expect(stdout.equals(data)).toBe(true);
      await ceph.rados(['-p', 'ec', 'put', 'b', '-'], { input: data });
      expect((await io.read('b')).equals(data)).toBe(true);
      expect(io.poolInfo.requiresAlignedAppend).toBe(true);
      const stripe = io.poolInfo.requiredAlignment;
      await io.append('c', Buffer.alloc(stripe, 1));
      await io.append('c', Buffer.alloc(stripe, 2));
      expect((await io.stat('c')).size).toBe(2 * stripe);
      await expect(io.write('a', 'x', { offset: 10 })).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
      await expect(io.omapSet('a', { k: 'v' })).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
      await io.setXattr('a', 'k', 'v');
      expect((await io.getXattr('a', 'k')).toString()).toBe('v');
      expect((await io.with({ readFrom: 'any' }).read('a')).equals(data)).toBe(true);
    });

    it('lists, and serves with an OSD missing', async () => {
      const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
      await Promise.all(names.map(name => io.writeFull(name, name)));
      const listed: string[] = [];
      for await (const { oid } of io.list()) if (oid.startsWith('n')) listed.push(oid);
      expect(listed.sort()).toEqual([...names].sort());
      await run('osd', 'down', '1');
      await ceph.stopOne('osd.1', { kill: true });
      const all = await Promise.all(names.map(name => io.read(name)));
      expect(all.map(String)).toEqual(names);
      await ceph.startOne('osd.1');
      await ceph.waitForOsds(4);
    });
  });

  describe('under a cache tier', () => {
    let base: IoCtx;
    let cache: IoCtx;

    beforeAll(async () => {
      await ceph.createPool('base', 8);
      await ceph.createPool('cache', 8);
      base = await cluster.openPool('base');
      await base.writeFull('cold', 'from before');
      await run('osd', 'tier', 'add', 'base', 'cache');
      await run('osd', 'tier', 'cache-mode', 'cache', 'writeback');
      await run('osd', 'tier', 'set-overlay', 'base', 'cache');
      await run('osd', 'pool', 'set', 'cache', 'hit_set_type', 'bloom');
      await cluster.waitForLatestOsdMap();
      cache = await cluster.openPool('cache');
    });

    it('goes through the tier, or past it when told to', async () => {
      await base.writeFull('hot', 'in the cache');
      expect((await base.read('hot')).toString()).toBe('in the cache');
      await expect(base.read('hot', { flags: OPERATION_IGNORE_OVERLAY })).rejects.toMatchObject({
        code: 'ENOENT',
      });
      expect((await base.read('cold')).toString()).toBe('from before');
      const { stdout } = await ceph.rados(['-p', 'base', 'get', 'hot', '-']);
      expect(stdout.toString()).toBe('in the cache');
    });

    it('flushes, evicts, pins', async () => {
      const dirty = new ReadOperation();
      const isDirty = dirty.isDirty();
      await cache.operate('hot', dirty);
      expect(isDirty.value).toBe(true);
      await cache.cachePin('hot');
      await cache.cacheUnpin('hot');
      await cache.cacheFlush('hot');
      await cache.operate('hot', dirty);
      expect(isDirty.value).toBe(false);
      expect((await base.read('hot', { flags: OPERATION_IGNORE_OVERLAY })).toString()).toBe('in the cache');
      await cache.cacheEvict('hot');
      const names: string[] = [];
      for await (const { oid } of cache.list()) names.push(oid);
      expect(names).not.toContain('hot');
      expect((await base.read('hot')).toString()).toBe('in the cache');
      await base.operate('hot', new WriteOperation().writeFull('again').undirty());
      await cache.cacheTryFlush('hot');
    });

    it('lets go of the tier', async () => {
      await run('osd', 'tier', 'cache-mode', 'cache', 'proxy');
      await ceph.rados(['-p', 'cache', 'cache-flush-evict-all']);
      await run('osd', 'tier', 'remove-overlay', 'base');
      await cluster.waitForLatestOsdMap();
      expect((await base.read('cold')).toString()).toBe('from before');
    });
  });
});
