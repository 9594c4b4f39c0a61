import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { exportRaw, Rbd, rawBytes } from '../../src/ceph/rbd/index.ts';
import * as t from '../../src/ceph/rbd/types.ts';
import { type ImageLayout, OurRbd, type RbdHandle, sha256 } from '../support/rbd-clients.ts';
import { LibRbd } from '../support/rbd-librbd.ts';
import { Workload } from '../support/rbd-workload.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { checkObjectMap, rbdCommand } from './rbd-peer.ts';

// Every set of features that `rbd create` takes, worked on by librbd and by us in turn and at once. The seed deals out
// striping and data pools to them; with RBD_MATRIX_ALL=1 each comes with and without either. Another seed:
// RBD_MATRIX_SEED=123 npx vitest run --project interop test/interop/rbd-matrix.test.ts
const SEED = Number(process.env['RBD_MATRIX_SEED'] ?? 1);
const ALL = process.env['RBD_MATRIX_ALL'] === '1';

const FEATURES: readonly [string, bigint][] = [
  ['layering', t.RBD_FEATURE_LAYERING],
  ['exclusive-lock', t.RBD_FEATURE_EXCLUSIVE_LOCK],
  ['object-map', t.RBD_FEATURE_OBJECT_MAP],
  ['fast-diff', t.RBD_FEATURE_FAST_DIFF],
  ['deep-flatten', t.RBD_FEATURE_DEEP_FLATTEN],
];
const MIB = 2 ** 20;

interface Kind {
  readonly format: 1 | 2;
  readonly features: bigint;
  readonly striped: boolean;
  readonly dataPool: string | undefined;
}

interface RealInfo {
  readonly features: readonly string[];
  readonly flags: readonly string[];
}

describe.skipIf(!haveRealCeph())('images of every kind, librbd and us', { retry: 0 }, () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let rbd: Rbd;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1, conf: { paxos_propose_interval: 0.02 } });
    await ceph.createPool('rbd', 8);
    await ceph.createPool('data', 8);
    await rbdCommand(ceph, ['pool', 'init', 'rbd']);
    cluster = await Rados.connect({ conf: ceph.conf });
    rbd = await Rbd.open(cluster, 'rbd');
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  const run = async (...args: string[]): Promise<string> => String((await rbdCommand(ceph, args)).stdout);

  async function realInfo(name: string): Promise<RealInfo> {
    return JSON.parse(await run('info', name, '--format', 'json')) as RealInfo;
  }

  function createArgs({ format, striped, dataPool }: Kind, names: readonly string[]): string[] {
    if (format === 1) return ['--image-format', '1'];
    const args = names.flatMap(name => ['--image-feature', name]);
    if (names.length === 0) args.push('--rbd-default-features', '0');
    if (striped) args.push('--stripe-unit', '16K', '--stripe-count', '3');
    if (dataPool !== undefined) args.push('--data-pool', dataPool);
    return args;
  }

  /** Asks `rbd create` which features go together: all that come out of some set of them. */
  async function validFeatures(): Promise<bigint[]> {
    const found = new Set<bigint>();
    const sets = Array.from({ length: 2 ** FEATURES.length }, (_, bits) =>
      FEATURES.filter((_f, i) => ((bits >> i) & 1) === 1).map(([name]) => name),
    );
    const plain: Kind = { format: 2, features: 0n, striped: false, dataPool: undefined };
    const worker = async (): Promise<void> => {
      for (let names = sets.pop(); names !== undefined; names = sets.pop()) {
        const name = `probe-${sets.length}`;
        const { code } = await ceph.exec('rbd', [
          'create',
          name,
          '--size',
          '1M',
          ...createArgs(plain, names),
        ]);
        if (code !== 0) continue;
        await using image = await rbd.open(name, { readOnly: true });
        found.add(image.ctx.state.features);
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    return [...found].sort((a, b) => Number(a - b));
  }

  async function exported(name: string): Promise<string> {
    await using image = await rbd.open(name, { readOnly: true });
    const hash = createHash('sha256');
    for await (const bytes of rawBytes(exportRaw(image.ctx))) hash.update(bytes);
    return hash.digest('hex');
  }

  /** Makes the image by the one or the other, and sees that both describe it alike. */
  async function make(
    name: string,
    kind: Kind,
    byUs: boolean,
    size: number,
    layout: ImageLayout,
  ): Promise<void> {
    const { format, features, dataPool } = kind;
    if (byUs) {
      const pool = dataPool === undefined ? {} : { dataPool };
      await rbd.create(name, size, { format, ...(format === 2 && { features }), ...layout, ...pool });
    } else {
      const names = FEATURES.filter(([, bit]) => (features & bit) !== 0n).map(([f]) => f);
      const order = ['--object-size', `${2 ** layout.order}B`];
      await run('create', name, '--size', `${size}B`, ...order, ...createArgs(kind, names));
    }
    await using image = await rbd.open(name, { readOnly: true });
    const ours = await image.info();
    expect(await realInfo(name)).toMatchObject({
      size,
      format,
      order: layout.order,
      objects: ours.objectCount,
      block_name_prefix: ours.objectPrefix,
      ...(format === 2 && { id: ours.id, op_features: [], flags: [] }),
      ...(layout.stripeCount > 0 && { stripe_unit: ours.stripeUnit, stripe_count: ours.stripeCount }),
      ...(dataPool !== undefined && { data_pool: dataPool }),
    });
    const bits = [
      ...FEATURES,
      ['striping', t.RBD_FEATURE_STRIPINGV2],
      ['data-pool', t.RBD_FEATURE_DATA_POOL],
    ] as const;
    if (format === 2)
      expect([...(await realInfo(name)).features].sort()).toEqual(
        bits
          .filter(([, bit]) => (ours.features & bit) !== 0n)
          .map(([f]) => f as string)
          .sort(),
      );
  }

  /** The life of one image. */
  async function live(kind: Kind, n: number, real: LibRbd): Promise<void> {
    const seed = SEED * 1000 + n;
    const ours = new OurRbd(rbd);
    const layout: ImageLayout = {
      order: 16 + ((seed >> 1) % 5),
      stripeUnit: kind.striped ? 16384 : 0,
      stripeCount: kind.striped ? 3 : 0,
    };
    const features = kind.features;
    const has = (bit: bigint): boolean => (features & bit) !== 0n;
    const locked = has(t.RBD_FEATURE_EXCLUSIVE_LOCK);
    const clones = has(t.RBD_FEATURE_LAYERING);
    const name = `image-${n}`;
    const size = 16 * MIB + 512 * (seed % 1000);
    const { dataPool } = kind;
    const work = new Workload({
      seed,
      name,
      size,
      clients: [ours, real],
      clones,
      features,
      layout,
      dataPool,
    });
    const clients = seed % 2 === 0 ? [ours, real] : [real, ours];
    const check = async (): Promise<void> => {
      for (const client of clients) await work.verify(client);
      if (has(t.RBD_FEATURE_OBJECT_MAP)) {
        expect((await realInfo(work.name)).flags).toEqual([]);
        await checkObjectMap(ceph, work.name);
        for (const snap of work.snaps.keys()) await checkObjectMap(ceph, `${work.name}@${snap}`);
      }
    };
    try {
      await make(name, kind, seed % 2 === 0, size, layout);
      for (const client of [...clients, ...clients]) await work.turn(client, 8);
      await check();
      if (clones) {
        await work.snapshot(clients[0]);
        await work.clone(clients[1], seed % 3 === 0 ? 1 : 2);
        for (const client of clients) await work.turn(client, 8);
      }
      const handles: RbdHandle[] = [];
      try {
        // Without the lock nobody tells the one's cache of what the other writes.
        for (const client of clients) handles.push(await client.open(work.name, work.config(locked)));
        await work.together(handles, 10);
        await work.atOnce(handles, 25);
        await work.together(handles, 4);
      } finally {
        for (const handle of handles) await handle.close();
      }
      await check();
      const { stdout } = await rbdCommand(ceph, ['export', work.name, '-']);
      expect([sha256(stdout), await exported(work.name)]).toEqual([sha256(work.head), sha256(work.head)]);
    } catch (error) {
      const where = await Promise.all(clients.map(c => work.difference(c).catch(e => `${c.name}: ${e}`)));
      throw work.failure(new Error(`${(error as Error).stack}\n${where.join('\n')}`));
    }
  }

  it('whatever rbd create offers', { timeout: ALL ? 1_800_000 : 900_000, retry: 0 }, async () => {
    const kinds: Kind[] = [{ format: 1, features: 0n, striped: false, dataPool: undefined }];
    const sets = await validFeatures();
    expect(sets.length).toBeGreaterThanOrEqual(12);
    const places = [false, true].flatMap(striped =>
      [undefined, 'data'].map(dataPool => ({ striped, dataPool })),
    );
    sets.forEach((features, i) => {
      const whole = ALL || i === sets.length - 1;
      for (const place of whole ? places : [places[(i + SEED) % places.length]])
        kinds.push({ format: 2, features, ...place });
    });
    // By now and then, some at a time: most of it is waiting for the cluster.
    const queue = kinds.map((kind, n) => [kind, n] as const).reverse();
    const failures: unknown[] = [];
    const worker = async (): Promise<void> => {
      await using real = new LibRbd(ceph.conf);
      for (let next = queue.pop(); next !== undefined; next = queue.pop())
        await live(next[0], next[1], real).catch(error => failures.push(error));
    };
    const one = process.env['RBD_MATRIX_KIND'];
    if (one !== undefined) queue.splice(0, queue.length, [kinds[Number(one)], Number(one)]);
    await Promise.all([worker(), worker(), worker()]);
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n\n'));
  });
});
