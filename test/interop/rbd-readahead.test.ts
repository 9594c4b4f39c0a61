import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { Rbd } from '../../src/ceph/rbd/index.ts';
import { RBD_FEATURE_LAYERING } from '../../src/ceph/rbd/types.ts';
import { fresh } from '../support/fresh.ts';
import { FsxRandom } from '../support/rbd-fsx.ts';
import { RealRbd } from '../support/rbd-targets.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { rbdCommand } from './rbd-peer.ts';

describe.skipIf(!haveRealCeph())('reading ahead', () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let rbd: Rbd;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1 });
    await ceph.createPool('rbd', 8);
    await rbdCommand(ceph, ['pool', 'init', 'rbd']);
    cluster = await Rados.connect({ conf: ceph.conf });
    rbd = await Rbd.open(cluster, 'rbd');
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  it.each([
    ['as it is by default', {}],
    ['soon, and little', { rbd_readahead_trigger_requests: '3', rbd_readahead_max_bytes: '131072' }],
    ['in the beginning only', { rbd_readahead_disable_after_bytes: '1000000' }],
    ['for ever, and much', { rbd_readahead_disable_after_bytes: '0', rbd_readahead_max_bytes: '4194304' }],
  ])('reads ahead as librbd does: %s', async (how, options) => {
    const name = fresh(`ahead-${how.replaceAll(/\W+/g, '-')}`);
    const size = 8 << 20;
    await rbd.create(name, size, { order: 16, features: RBD_FEATURE_LAYERING });
    const socket = join(ceph.dir, `${name}.asok`);
    const cached = { rbd_cache: 'true', rbd_cache_policy: 'writeback', ...options };
    await using real = new RealRbd(ceph.conf, { ...cached, admin_socket: socket });
    await real.run('open', name);
    await using image = await rbd.open(name, { config: cached });
    const theirs = real.target(0);
    /** Counters of the image: requests and bytes that were read ahead. */
    const pick = (dump: object) => {
      const found = Object.entries(dump).find(
        ([key]) => key.startsWith('librbd-') && key.endsWith(`-${name}`),
      );
      const { readahead, readahead_bytes } = found![1] as { readahead: number; readahead_bytes: number };
      return [readahead, readahead_bytes];
    };
    const random = new FsxRandom(how.length);
    for (let turn = 0; turn < 5; turn++) {
      let at = random.below(size / 2);
      const length = [4096, 16384, 5000, 100_000][random.below(4)];
      if (length % 4096 === 0) at -= at % 4096;
      for (let i = random.below(60); i > 0 && at < size; i--) {
        const part = Math.min(length, size - at);
        await image.read(at, part);
        await theirs.read(at, part);
        at += part;
      }
      const { stdout } = await ceph.exec('ceph', ['--admin-daemon', socket, 'perf', 'dump']);
      expect(pick(image.ctx.context.perf.dump())).toEqual(pick(JSON.parse(String(stdout)) as object));
    }
    const [requests] = pick(image.ctx.context.perf.dump());
    expect(requests).toBeGreaterThan(0);
  });
});
