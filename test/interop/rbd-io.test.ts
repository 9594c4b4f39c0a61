import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onTrace } from '../../src/base/trace.ts';
import { Rados } from '../../src/ceph/rados/index.ts';
import type { ImageCtx } from '../../src/ceph/rbd/image-ctx.ts';
import * as api from '../../src/ceph/rbd/io/api.ts';
import { chunks, createReadStream, createWriteStream } from '../../src/ceph/rbd/io/streams.ts';
import { closeImage } from '../../src/ceph/rbd/open/close.ts';
import { openImage } from '../../src/ceph/rbd/open/open-image.ts';
import { fresh } from '../support/fresh.ts';
import { Fsx, FsxRandom, type FsxTarget } from '../support/rbd-fsx.ts';
import { imageTarget as ours, RealRbd } from '../support/rbd-targets.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { checkObjectMap } from './rbd-peer.ts';

const SIZE = 1 << 20;
const KINDS: [string, readonly string[]][] = [
  ['small objects', ['--image-feature', 'layering', '--object-size', '64K']],
  ['4 MiB objects', ['--image-feature', 'layering']],
  [
    'stripes',
    [
      '--image-feature',
      'layering,striping',
      '--object-size',
      '64K',
      '--stripe-unit',
      '8K',
      '--stripe-count',
      '3',
    ],
  ],
  ['a data pool', ['--image-feature', 'layering', '--object-size', '32K', '--data-pool', 'data']],
  [
    'an object map',
    ['--image-feature', 'layering,exclusive-lock,object-map,fast-diff', '--object-size', '64K'],
  ],
];

describe.skipIf(!haveRealCeph())('RBD I/O beside librbd', () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let real: RealRbd;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1, store: 'memstore' });
    await ceph.createPool('rbd', 8);
    await ceph.createPool('data', 8);
    await rbd('pool', 'init', 'rbd');
    cluster = await Rados.connect({ conf: ceph.conf });
    real = new RealRbd(ceph.conf, { rbd_cache: 'false' });
  });

  afterAll(async () => {
    await real?.[Symbol.asyncDispose]();
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  async function rbd(...args: string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await ceph.exec('rbd', args);
    if (code !== 0) throw new Error(`rbd ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async function open(
    name: string,
    config: Record<string, string> = {},
    snapshot?: string,
  ): Promise<ImageCtx> {
    const io = await cluster.openPool('rbd');
    return openImage(cluster, io, { name }, { config: { rbd_cache: 'false', ...config }, snapshot });
  }

  const sum = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

  it.each(KINDS)(
    'takes turns with librbd on an image of %s, through snapshots and clones',
    async (kind, args) => {
      const base = fresh(`fsx-${kind.replaceAll(' ', '-')}`);
      await rbd('create', base, '--size', `${SIZE}B`, ...args);
      let name = base;
      let depth = 0;
      const mapped = kind === 'an object map';
      let ctx = await open(name);
      await real.run('open', name);
      const shared: Partial<FsxTarget> = {
        resize: async size => void (await real.run('resize', size)),
        snapshot: async snap => void (await real.run('snap', snap)),
        rollback: async snap => void (await real.run('rollback', snap)),
        clone: async () => {
          if (depth === 3) return;
          await closeImage(ctx);
          await real.run('snap', 'parent');
          await real.run(
            'clone',
            name,
            'parent',
            `${base}-${++depth}`,
            kind === 'a data pool' ? 'data' : '',
            mapped ? 29 : 1,
          );
          name = `${base}-${depth}`;
          await real.run('open', name);
          ctx = await open(name, { rbd_clone_copy_on_read: String(depth === 2) });
        },
        flatten: async () => {
          if (depth > 1 && ctx.state.parent !== undefined && !ctx.refreshNeeded) await real.run('flatten');
        },
      };
      const mine = { ...ours(() => ctx), ...shared };
      const theirs = { ...real.target(0), ...shared };
      const fsx = new Fsx({
        seed: 7 + KINDS.findIndex(([known]) => known === kind),
        ops: 260,
        size: SIZE,
        maxLength: 100_000,
        target: n => (n % 16 < 8 ? mine : theirs),
      });
      await fsx.run();
      await fsx.check(mine, 300_000);
      await fsx.check(theirs);
      await closeImage(ctx);
      await real.run('open', '');
      expect(sum(await rbd('export', name, '-'))).toBe(sum(fsx.model));
      if (!mapped) return;
      await checkObjectMap(ceph, name);
    },
  );

  it('copies up into an image with snapshots as librbd does', async () => {
    const base = fresh('deep');
    for (const writer of ['ours', 'real'])
      for (const step of ['snap0', 'snap1']) {
        const parent = `${base}-${writer}-${step}`;
        await rbd('create', parent, '--size', '512K', '--image-feature', 'layering', '--object-size', '64K');
        await real.run('open', parent);
        await real.run('write', 0, Buffer.alloc(200_000, 7).toString('base64'));
        await real.run('snap', 'p');
        await real.run('clone', parent, 'p', `${parent}-c`, '', 1);
        await real.run('open', `${parent}-c`);
        if (step === 'snap1') await real.run('snap', 's');
        const ctx = await open(`${parent}-c`);
        const target = writer === 'ours' ? ours(() => ctx) : real.target(0);
        await target.write(70_000, Buffer.alloc(100, 1));
        await target.discard!(131_072, 65_536);
        await target.write(196_608, Buffer.alloc(65_536, 3));
        await closeImage(ctx);
        await real.run('open', '');
      }
    const io = await cluster.openPool('rbd');
    for (const step of ['snap0', 'snap1']) {
      const found: unknown[] = [];
      for (const writer of ['ours', 'real']) {
        const ctx = await open(`${base}-${writer}-${step}-c`);
        const objects: unknown[] = [];
        for (let no = 0; no < 8; no++) {
          const oid = ctx.objectName(no);
          const stat = await io.stat(oid).catch(() => undefined);
          const sizes = await io.listSnaps(oid).then(
            snaps => snaps.clones.map(({ size, overlap }) => ({ size, overlap })),
            () => undefined,
          );
          objects.push([no, stat?.size, sizes]);
        }
        const sums = [await real.run('sum', ctx.identity.name, null)];
        if (step === 'snap1') sums.push(await real.run('sum', ctx.identity.name, 's'));
        found.push({ objects, sums });
        await closeImage(ctx);
      }
      expect(found[0]).toEqual(found[1]);
    }
  });

  it('streams and iterates, with holes', async () => {
    const name = fresh('stream');
    await rbd('create', name, '--size', '1M', '--image-feature', 'layering', '--object-size', '64K');
    const ctx = await open(name);
    const data = new FsxRandom(3).bytes(200_001);
    await pipeline([data.subarray(0, 70_000), data.subarray(70_000)], createWriteStream(ctx, { start: 100 }));
    const parts: Buffer[] = [];
    for await (const part of createReadStream(ctx, { start: 100, end: 200_101 })) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(data)).toBe(true);
    const holes: boolean[] = [];
    for await (const { data: there } of chunks(ctx)) holes.push(there === undefined);
    expect(holes).toEqual(Array.from({ length: 16 }, (_, i) => i > 3));
    const want = Buffer.alloc(1 << 20);
    data.copy(want, 100);
    expect(sum(await rbd('export', name, '-'))).toBe(sum(want));
    await closeImage(ctx);
  });

  it('refuses and clips as librbd does', async () => {
    const name = fresh('edges');
    await rbd('create', name, '--size', '100000B', '--image-feature', 'layering', '--object-size', '64K');
    const ctx = await open(name);
    await expect(api.read(ctx, 100_000, 1)).rejects.toMatchObject({ code: 'EINVAL' });
    expect((await api.read(ctx, 99_000, 5000)).length).toBe(1000);
    expect((await api.read(ctx, 200_000, 0)).length).toBe(0);
    await expect(api.write(ctx, 99_999, Buffer.alloc(2, 5))).rejects.toMatchObject({ code: 'EINVAL' });
    expect((await api.read(ctx, 99_999, 1))[0]).toBe(5);
    await expect(api.writeSame(ctx, 0, 100, Buffer.alloc(64, 1))).rejects.toMatchObject({ code: 'EINVAL' });
    const sector = Buffer.alloc(512);
    await expect(api.compareAndWrite(ctx, 256, sector, sector)).rejects.toMatchObject({ code: 'EINVAL' });
    await real.run('open', name);
    await real.run('snap', 's');
    await real.run('open', '');
    const snap = await open(name, {}, 's');
    await expect(api.write(snap, 0, sector)).rejects.toMatchObject({ code: 'EROFS' });
    await closeImage(snap);
    await closeImage(ctx);
  });

  it('winds through the layers of the seeds', async () => {
    await rbd('create', 'traced', '--size', '8M', '--image-feature', 'layering');
    const ctx = await open('traced');
    const paths: string[] = [];
    const listener = onTrace({
      wind(span) {
        const path: string[] = [];
        for (let at: typeof span | undefined = span; at !== undefined; at = at.parent) path.unshift(at.layer);
        paths.push(path.join(' > '));
      },
    });
    await api.write(ctx, 0, Buffer.alloc(4096, 1));
    await api.read(ctx, 0, 4096);
    listener[Symbol.dispose]();
    expect(paths).toContain('librbd.aio_write > Striper.file_to_extents');
    expect(paths).toContain(
      'librbd.aio_write > librbd.AioWrite.send > librbd.AbstractWrite.send_write > librados.IoCtx.aio_operate > Objecter.op_submit',
    );
    expect(paths).toContain(
      'librbd.aio_read > librbd.AioRead.send > librados.IoCtx.aio_operate > Objecter.op_submit',
    );
    await closeImage(ctx);
  });
});
