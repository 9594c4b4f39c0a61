import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { objectMapLoad } from '../../src/ceph/rbd/cls/index.ts';
import type { Image } from '../../src/ceph/rbd/image.ts';
import { objectMapName } from '../../src/ceph/rbd/operations/object-map-name.ts';
import { Rbd } from '../../src/ceph/rbd/rbd.ts';
import { random } from '../rbd/formats-model.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { checkObjectMap, pattern, rbdCommand, real, type Step, workload } from './rbd-peer.ts';

const POOL = 'rbd';
const SIZE = 3 << 20;
/** Creates images of small objects with other features each. */
const KINDS: [string, string[]][] = [
  ['plain', ['--image-feature', 'layering', '--object-size', '64K']],
  ['mapped', ['--object-size', '64K']],
  [
    'striped',
    ['--image-feature', 'layering,exclusive-lock,object-map,fast-diff'].concat([
      '--object-size',
      '64K',
      '--stripe-unit',
      '16K',
      '--stripe-count',
      '3',
    ]),
  ],
  ['old', ['--image-format', '1', '--object-size', '64K']],
];

type Extent = [number, number, boolean];

describe.skipIf(!haveRealCeph())('snapshots, sizes and diffs beside librbd', () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let rbd: Rbd;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1, conf: { paxos_propose_interval: 0.05 } });
    await ceph.createPool(POOL, 16);
    await rbdCommand(ceph, ['pool', 'init', POOL]);
    cluster = await Rados.connect({ conf: ceph.conf });
    rbd = await Rbd.open(cluster, POOL);
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await ceph?.[Symbol.asyncDispose]();
  });

  async function create(name: string, args: readonly string[], size = SIZE): Promise<void> {
    await rbdCommand(ceph, ['create', `${POOL}/${name}`, '--size', `${size}B`, ...args]);
  }

  async function diffOf(
    name: string,
    to: string,
    options: { from?: string; wholeObject: boolean; includeParent: boolean },
  ): Promise<Extent[]> {
    const image = await rbd.open(name, to === '' ? { readOnly: true } : { snapshot: to });
    try {
      const found: Extent[] = [];
      for await (const { offset, length, exists } of image.diff(options))
        found.push([offset, length, exists]);
      return found;
    } finally {
      await image.close();
    }
  }

  async function sameDiffs(name: string): Promise<void> {
    const [diffs] = (await real(ceph, POOL, name, [['diffs']])) as [Record<string, Extent[]>];
    expect(Object.keys(diffs).length).toBeGreaterThan(3);
    for (const [key, theirs] of Object.entries(diffs)) {
      const [range, whole, parent] = key.split(' ');
      const [from, to] = range.split('>');
      const options = { wholeObject: whole === 'True', includeParent: parent === 'True' };
      const ours = await diffOf(name, to, from === '' ? options : { from, ...options });
      expect([key, ours]).toEqual([key, theirs]);
    }
  }

  /** What librbd sees of an image: every snapshot's content, and the state of its header. */
  async function seen(name: string): Promise<unknown[]> {
    return real(ceph, POOL, name, [['sums'], ['state']]);
  }

  async function mapIsRight(name: string): Promise<void> {
    await checkObjectMap(ceph, `${POOL}/${name}`);
  }

  /**
   * The map knows every object that there is, and none else. It may say of more of them than the OSDs do that they changed
   * since the last snapshot: zeros that are written behind an object's end change nothing there (librbd's own
   * maps are flagged for it now and then).
   */
  async function mapKnowsAll(name: string): Promise<void> {
    const { ctx, ...image } = await rbd.open(name, { readOnly: true }).then(opened => ({
      ctx: opened.ctx,
      close: () => opened.close(),
    }));
    try {
      const map = await objectMapLoad(ctx.header, objectMapName(ctx.identity.id));
      for (let i = 0; i < map.size; i++) {
        const exists = await ctx.data.stat(ctx.objectName(i)).then(
          () => true,
          () => false,
        );
        expect([i, map.get(i) !== 0]).toEqual([i, exists]);
      }
    } finally {
      await image.close();
    }
  }

  /** Does the same as the script of the peer. */
  async function ours(image: Image, steps: readonly Step[]): Promise<void> {
    for (const [op, ...a] of steps) {
      const [x, y, z] = a as [never, never, never];
      if (op === 'write') await image.write(x, pattern(y, z));
      else if (op === 'discard') await image.discard(x, y);
      else if (op === 'zeroes') await image.writeZeroes(x, y);
      else if (op === 'resize') await image.resize(x);
      else if (op === 'snap') await image.snapshots.create(x);
      else if (op === 'snap-remove') await image.snapshots.remove(x);
      else if (op === 'snap-rename') await image.snapshots.rename(x, y);
      else if (op === 'protect') await image.snapshots.protect(x);
      else if (op === 'unprotect') await image.snapshots.unprotect(x);
      else if (op === 'rollback') await image.snapshots.rollback(x);
      else if (op === 'flatten') await image.flatten();
      else if (op === 'sparsify') await image.sparsify(x);
      else throw new Error(op);
    }
  }

  it.each(KINDS)('diffs of %s images are those of librbd, extent by extent', async (kind, args) => {
    const name = `diff-${kind}`;
    const next = random(kind.length);
    await create(name, args);
    const steps: Step[] = [];
    for (const snap of ['one', 'two', 'three']) steps.push(...workload(next, SIZE, 25), ['snap', snap]);
    steps.splice(60, 0, ['resize', SIZE - 700_000], ['resize', SIZE + 100_000]);
    steps.push(...workload(next, SIZE, 10));
    await real(ceph, POOL, name, steps);
    await sameDiffs(name);
  });

  it('diffs of clones are those of librbd, with the parent and without', async () => {
    const next = random(77);
    await create('parent', ['--object-size', '64K']);
    await real(ceph, POOL, 'parent', [
      ...workload(next, SIZE, 25),
      ['snap', 's'],
      ['protect', 's'],
      ['clone', 's', 'child', 61, 2],
    ]);
    const steps: Step[] = [];
    for (const snap of ['one', 'two']) steps.push(...workload(next, SIZE, 12), ['snap', snap]);
    await real(ceph, POOL, 'child', [...steps, ...workload(next, SIZE, 8)]);
    await sameDiffs('child');
  });

  it.each(KINDS)('a life of a %s image is the same with us as with librbd', async (kind, args) => {
    const next = random(100 + kind.length);
    const steps: Step[] = [
      ...workload(next, SIZE, 15),
      ['snap', 'a'],
      ...workload(next, SIZE, 15),
      ['snap', 'b'],
      ['resize', 1_234_567],
      ...workload(next, 1_234_567, 5),
      ['snap', 'c'],
      ['resize', SIZE + 999],
      ...workload(next, SIZE, 10),
      ['snap-rename', 'c', 'see'],
      ['rollback', 'b'],
      ...workload(next, SIZE, 5),
      ['snap', 'd'],
      ['snap-remove', 'b'],
      ...workload(next, SIZE, 5),
      ...(kind === 'old'
        ? []
        : ([
            ['protect', 'a'],
            ['protect', 'd'],
            ['unprotect', 'd'],
          ] as Step[])),
    ];
    await create(`${kind}-theirs`, args);
    await real(ceph, POOL, `${kind}-theirs`, steps);
    await create(`${kind}-ours`, args);
    const image = await rbd.open(`${kind}-ours`);
    try {
      await ours(image, steps);
    } finally {
      await image.close();
    }
    expect(await seen(`${kind}-ours`)).toEqual(await seen(`${kind}-theirs`));
    if (kind === 'mapped' || kind === 'striped') await mapIsRight(`${kind}-ours`);
    await sameDiffs(`${kind}-ours`);
  });

  it.each([1, 2])('clones of version %i are flattened as librbd does it', async version => {
    const next = random(version);
    const parent = `flat-parent-${version}`;
    await create(parent, ['--object-size', '64K']);
    await real(ceph, POOL, parent, [...workload(next, SIZE, 25), ['snap', 's'], ['protect', 's']]);
    const steps: Step[] = [
      ...workload(next, SIZE, 5),
      ['snap', 'x'],
      ['resize', 2_000_000],
      ...workload(next, 2_000_000, 5),
      ['snap', 'y'],
      ['flatten'],
      ...workload(next, 2_000_000, 5),
    ];
    for (const who of ['theirs', 'ours'])
      await real(ceph, POOL, parent, [['clone', 's', `flat-${version}-${who}`, 61, version]]);
    await real(ceph, POOL, `flat-${version}-theirs`, steps);
    const image = await rbd.open(`flat-${version}-ours`);
    try {
      await ours(image, steps);
    } finally {
      await image.close();
    }
    expect(await seen(`flat-${version}-ours`)).toEqual(await seen(`flat-${version}-theirs`));
    await mapKnowsAll(`flat-${version}-ours`);
    // Nothing hangs on the parent any more.
    const children = await rbdCommand(ceph, ['children', `${POOL}/${parent}@s`]);
    expect(children.stdout.toString()).toBe('');
    await real(ceph, POOL, parent, [
      ['unprotect', 's'],
      ['snap-remove', 's'],
    ]);
  });

  it('a snapshot with clones goes to the trash, and goes with the last of them', async () => {
    await create('trashed', ['--object-size', '64K']);
    await real(ceph, POOL, 'trashed', [
      ['write', 0, 200_000, 1],
      ['snap', 's'],
      ['clone', 's', 'trashed-child', 61, 2],
    ]);
    const image = await rbd.open('trashed');
    try {
      await image.snapshots.remove('s');
      expect(await image.snapshots.list()).toEqual([]);
      expect((await image.snapshots.list({ all: true })).map(({ namespace }) => namespace.type)).toEqual([
        'trash',
      ]);
      const child = await rbd.open('trashed-child');
      try {
        await child.flatten();
      } finally {
        await child.close();
      }
      await image.refresh();
      expect(await image.snapshots.list({ all: true })).toEqual([]);
    } finally {
      await image.close();
    }
  });

  it('refuses what librbd refuses', async () => {
    await create('refusing', ['--object-size', '64K']);
    const image = await rbd.open('refusing');
    const fails = async (attempt: Promise<unknown>, code: string) =>
      expect((await attempt.catch((error: unknown) => error)) as object).toMatchObject({ code });
    try {
      const { snapshots } = image;
      await snapshots.create('s');
      await fails(snapshots.create('s'), 'EEXIST');
      await fails(snapshots.remove('t'), 'ENOENT');
      await fails(snapshots.unprotect('s'), 'EINVAL');
      await snapshots.protect('s');
      await fails(snapshots.protect('s'), 'EBUSY');
      await fails(snapshots.remove('s'), 'EBUSY');
      await real(ceph, POOL, 'refusing', [['clone', 's', 'refusing-child', 61, 1]]);
      await fails(snapshots.unprotect('s'), 'EBUSY');
      expect(await snapshots.isProtected('s')).toBe(true);
      await fails(image.flatten(), 'EINVAL');
      await fails(image.resize(1000, { allowShrink: false }), 'EINVAL');
      expect(await snapshots.getLimit()).toBe(Number.POSITIVE_INFINITY);
      await snapshots.setLimit(1);
      expect(await snapshots.getLimit()).toBe(1);
      await fails(snapshots.create('more'), 'EDQUOT');
      await snapshots.clearLimit();
      await snapshots.create('more');
      expect(await snapshots.purge()).toEqual(['s']);
    } finally {
      await image.close();
    }
    const readOnly = await rbd.open('refusing', { snapshot: 's' });
    try {
      await fails(readOnly.resize(1), 'EROFS');
    } finally {
      await readOnly.close();
    }
  });

  it('asks the owner of the lock, and does what peers ask for', async () => {
    await create('shared', ['--object-size', '64K']);
    const image = await rbd.open('shared');
    try {
      await image.write(0, pattern(100_000, 1));
      await image.flush();
      expect(image.exclusiveLock.isOwner).toBe(true);
      // Peers come to us, the owner.
      await rbdCommand(ceph, ['snap', 'create', `${POOL}/shared@asked`, '--no-progress']);
      await rbdCommand(ceph, ['resize', `${POOL}/shared`, '--size', '4M', '--no-progress']);
      await rbdCommand(ceph, ['snap', 'rm', `${POOL}/shared@asked`, '--no-progress']);
      expect(image.exclusiveLock.isOwner).toBe(true);
      await image.refresh();
      expect(image.size).toBe(4 << 20);
      expect(await image.snapshots.list()).toEqual([]);
    } finally {
      await image.close();
    }
    await mapIsRight('shared');
  });

  it('asks librbd, where that owns the lock', async () => {
    await create('theirs', ['--object-size', '64K']);
    const image = await rbd.open('theirs');
    try {
      const holding = real(ceph, POOL, 'theirs', [['write', 0, 100_000, 1], ['flush'], ['hold', 4]]);
      while ((await image.exclusiveLock.owners()).length === 0) await sleep(50);
      await sleep(500);
      await image.snapshots.create('asked');
      await image.resize(4 << 20);
      await image.snapshots.remove('asked');
      await image.snapshots.create('kept');
      expect(image.exclusiveLock.isOwner).toBe(false);
      await holding;
      expect(image.size).toBe(4 << 20);
      expect((await image.snapshots.list()).map(({ name }) => name)).toEqual(['kept']);
    } finally {
      await image.close();
    }
    await mapIsRight('theirs');
  });

  it('rebuilds an object map, and finds one that lies', async () => {
    await create('lying', ['--object-size', '64K']);
    const next = random(5);
    await real(ceph, POOL, 'lying', [...workload(next, SIZE, 20), ['snap', 's'], ...workload(next, SIZE, 5)]);
    const image = await rbd.open('lying');
    try {
      expect(await image.objectMap.check()).toBe(0);
      // An object that the map knows nothing of.
      const { ctx } = image;
      let missing = 0;
      await image.exclusiveLock.acquire();
      while (ctx.objectMap!.objectMayExist(missing)) missing++;
      await ctx.data.writeFull(ctx.objectName(missing), 'x');
      expect(await image.objectMap.check()).toBe(1);
      expect(ctx.state.flags).not.toBe(0n);
      await image.objectMap.rebuild();
      expect(await image.objectMap.check()).toBe(0);
      expect(ctx.state.flags).toBe(0n);
    } finally {
      await image.close();
    }
    await mapIsRight('lying');
    await sameDiffs('lying');
  });

  it('sparsifies', async () => {
    await create('sparse', ['--object-size', '64K']);
    const image = await rbd.open('sparse');
    try {
      await image.write(0, Buffer.alloc(1 << 20));
      await image.write(300_000, pattern(5000, 3));
      await image.flush();
      await image.sparsify(4096);
    } finally {
      await image.close();
    }
    await mapIsRight('sparse');
    await create('sparse-theirs', ['--object-size', '64K']);
    const other = await rbd.open('sparse-theirs');
    try {
      await other.write(0, Buffer.alloc(1 << 20));
      await other.write(300_000, pattern(5000, 3));
    } finally {
      await other.close();
    }
    await real(ceph, POOL, 'sparse-theirs', [['sparsify', 4096]]);
    expect(await seen('sparse')).toEqual(await seen('sparse-theirs'));
    expect(await real(ceph, POOL, 'sparse', [['diffs']])).toEqual(
      await real(ceph, POOL, 'sparse-theirs', [['diffs']]),
    );
  });

  it.each(['copy', 'deepCopy', 'flattened'] as const)('%s makes what rbd makes', async how => {
    const next = random(how.length);
    await create(`${how}-base`, ['--object-size', '64K']);
    await real(ceph, POOL, `${how}-base`, [
      ...workload(next, SIZE, 20),
      ['snap', 's'],
      ['protect', 's'],
      ['clone', 's', `${how}-from`, 61, 2],
    ]);
    await real(ceph, POOL, `${how}-from`, [
      ...workload(next, SIZE, 8),
      ['snap', 'one'],
      ...workload(next, SIZE, 8),
      ['snap', 'two'],
      ['protect', 'two'],
      ['resize', 2_500_000],
      ...workload(next, 2_500_000, 8),
    ]);
    const args = { copy: ['cp'], deepCopy: ['deep', 'cp'], flattened: ['deep', 'cp', '--flatten'] }[how];
    await rbdCommand(ceph, [...args, `${POOL}/${how}-from`, `${POOL}/${how}-theirs`]);
    const image = await rbd.open(`${how}-from`, { readOnly: true });
    try {
      if (how === 'copy') await image.copy(rbd, `${how}-ours`);
      else await image.deepCopy(rbd, `${how}-ours`, { flatten: how === 'flattened' });
    } finally {
      await image.close();
    }
    expect(await seen(`${how}-ours`)).toEqual(await seen(`${how}-theirs`));
    await mapKnowsAll(`${how}-ours`);
  });
});
