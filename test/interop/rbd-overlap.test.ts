import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { Rbd } from '../../src/ceph/rbd/index.ts';
import { RBD_FEATURE_FAST_DIFF, RBD_FEATURE_OBJECT_MAP } from '../../src/ceph/rbd/types.ts';
import { fresh } from '../support/fresh.ts';
import { OurRbd, type RbdClient, type RbdHandle } from '../support/rbd-clients.ts';
import { FsxRandom } from '../support/rbd-fsx.ts';
import { LibRbd } from '../support/rbd-librbd.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { checkObjectMap, rbdCommand } from './rbd-peer.ts';

// Another seed: RBD_OVERLAP_SEED=123 npx vitest run --project interop test/interop/rbd-overlap.test.ts
const SEED = Number(process.env['RBD_OVERLAP_SEED'] ?? 1);
const SIZE = 2 ** 20;
const MAPS = RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_FAST_DIFF;

describe.skipIf(!haveRealCeph())('one client works on an image that another one closes', { retry: 0 }, () => {
  let ceph: RealCeph;
  const clusters: Rados[] = [];
  const clients: Record<string, RbdClient> = {};
  const peers: LibRbd[] = [];

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1, conf: { paxos_propose_interval: 0.02 } });
    await ceph.createPool('rbd', 8);
    await rbdCommand(ceph, ['pool', 'init', 'rbd']);
    for (const name of ['ours', 'ours too']) {
      const cluster = await Rados.connect({ conf: ceph.conf });
      clusters.push(cluster);
      clients[name] = new OurRbd(await Rbd.open(cluster, 'rbd'));
    }
    const real = new LibRbd(ceph.conf);
    peers.push(real);
    clients['librbd'] = real;
  });

  afterAll(async () => {
    for (const peer of peers) await peer[Symbol.asyncDispose]();
    for (const cluster of clusters) await cluster.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  it.each([
    ['ours', 'ours too'],
    ['ours', 'librbd'],
    ['librbd', 'ours'],
  ])('%s enables the maps and closes, %s rebuilds and closes, and they go again', async (first, second) => {
    const random = new FsxRandom(SEED * 10 + first.length + second.length);
    const name = fresh(`${first}-${second}`.replaceAll(' ', '-'));
    await rbdCommand(ceph, [
      ...['create', name, '--size', '1M', '--object-size', '64K'],
      ...['--image-feature', 'layering,exclusive-lock'],
    ]);
    const model = Buffer.alloc(SIZE);
    const open = (who: string): Promise<RbdHandle> => clients[who].open(name, {});
    const write = async (handle: RbdHandle): Promise<void> => {
      for (let i = 0; i < 4; i++) {
        const data = random.bytes(1 + random.below(50_000));
        const offset = random.below(SIZE - data.length);
        await handle.write(offset, data);
        data.copy(model, offset);
      }
    };
    for (let round = 0; round < 4; round++) {
      const a = await open(first);
      await write(a);
      await a.updateFeatures(MAPS, true);
      // The first one is the owner, or not any more when the second one asks.
      const b = await open(second);
      if (random.below(2) === 0) await write(b);
      await Promise.all([b.rebuildObjectMap(), a.close()]);
      await checkObjectMap(ceph, name);
      await write(b);
      const c = await open(first);
      await Promise.all([c.updateFeatures(MAPS, false), b.close()]);
      await write(c);
      await c.close();
      const { stdout } = await rbdCommand(ceph, ['export', name, '-']);
      expect(stdout.equals(model)).toBe(true);
      const info = await rbdCommand(ceph, ['info', name, '--format', 'json']);
      expect(JSON.parse(String(info.stdout))).toMatchObject({
        features: ['layering', 'exclusive-lock'],
        flags: [],
      });
    }
  });
});
