import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import {
  exportDiff,
  exportImageV2,
  exportRaw,
  importDiff,
  importImageV2,
  importRaw,
  mergeDiff,
  rawBytes,
} from '../../src/ceph/rbd/formats/index.ts';
import { Rbd } from '../../src/ceph/rbd/rbd.ts';
import { chunked, encodeDiff, random, randomDiff } from '../rbd/formats-model.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { pattern, rbdCommand, real, type Step, workload } from './rbd-peer.ts';

const POOL = 'rbd';
const SIZE = 3 << 20;

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

describe.skipIf(!haveRealCeph())("rbd's files, beside rbd", () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let rbd: Rbd;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'rbd-formats-'));
    ceph = await RealCeph.start({ osds: 1, conf: { paxos_propose_interval: 0.05 } });
    await ceph.createPool(POOL, 16);
    await rbdCommand(ceph, ['pool', 'init', POOL]);
    cluster = await Rados.connect({ conf: ceph.conf });
    rbd = await Rbd.open(cluster, POOL);
    const next = random(21);
    await rbdCommand(ceph, ['create', `${POOL}/source`, '--size', `${SIZE}B`, '--object-size', '64K']);
    await rbdCommand(ceph, ['image-meta', 'set', `${POOL}/source`, 'key', 'välue']);
    await rbdCommand(ceph, ['image-meta', 'set', `${POOL}/source`, 'a.b', 'x y']);
    const steps: Step[] = [];
    for (const snap of ['one', 'two', 'three']) steps.push(...workload(next, SIZE, 20), ['snap', snap]);
    steps.splice(50, 0, ['resize', SIZE - 500_000], ['resize', SIZE]);
    await real(ceph, POOL, 'source', [...steps, ['protect', 'two'], ...workload(next, SIZE, 10)]);
    await real(ceph, POOL, 'source', [['clone', 'two', 'clone', 61, 2]]);
    await real(ceph, POOL, 'clone', [
      ...workload(next, SIZE, 10),
      ['snap', 'one'],
      ...workload(next, SIZE, 5),
    ]);
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await ceph?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const file = (name: string): string => join(dir, name);

  async function theirs(args: readonly string[]): Promise<Buffer> {
    const path = file(`theirs-${Math.random().toString(36).slice(2)}`);
    await rbdCommand(ceph, [...args, path, '--no-progress']);
    return readFileSync(path);
  }

  async function sums(name: string): Promise<unknown> {
    return (await real(ceph, POOL, name, [['sums']]))[0];
  }

  const SPECS: [string, string | undefined][] = [
    ['source', undefined],
    ['source', 'one'],
    ['source', 'three'],
    ['clone', undefined],
    ['clone', 'one'],
  ];

  it.each(SPECS)('%s@%s is exported byte for byte', async (name, snapshot) => {
    const spec = snapshot === undefined ? `${POOL}/${name}` : `${POOL}/${name}@${snapshot}`;
    const { ctx, ...image } = await open(name, snapshot);
    try {
      expect((await bytesOf(rawBytes(exportRaw(ctx)))).equals(await theirs(['export', spec]))).toBe(true);
      expect(
        (await bytesOf(rawBytes(exportRaw(ctx, { reuse: true })))).equals(await theirs(['export', spec])),
      ).toBe(true);
      for (const whole of [false, true]) {
        const flag = whole ? ['--whole-object'] : [];
        const options = { wholeObject: whole };
        expect(
          (await bytesOf(exportDiff(ctx, options))).equals(await theirs(['export-diff', spec, ...flag])),
        ).toBe(true);
        if (snapshot === 'one') continue;
        const args = ['export-diff', spec, '--from-snap', 'one', ...flag];
        expect((await bytesOf(exportDiff(ctx, { from: 'one', ...options }))).equals(await theirs(args))).toBe(
          true,
        );
      }
    } finally {
      await image.close();
    }
  });

  async function open(name: string, snapshot?: string) {
    const image = await rbd.open(name, snapshot === undefined ? { readOnly: true } : { snapshot });
    return { ctx: image.ctx, close: () => image.close() };
  }

  it.each(['source', 'clone'])('%s with its snapshots is exported byte for byte', async name => {
    const { ctx, close } = await open(name);
    try {
      const ours = await bytesOf(exportImageV2(ctx));
      expect(ours.equals(await theirs(['export', '--export-format', '2', `${POOL}/${name}`]))).toBe(true);
    } finally {
      await close();
    }
  });

  it('imports what rbd exports', async () => {
    const next = random(3);
    const raw = await theirs(['export', `${POOL}/source`]);
    await importRaw(rbd, 'raw-known', chunked2(raw, next), {
      size: raw.length,
      create: { objectSize: 65536 },
    });
    await importRaw(rbd, 'raw-unknown', chunked2(raw, next), { create: { objectSize: 65536 } });
    const { '': head } = (await sums('source')) as Record<string, unknown>;
    expect(await sums('raw-known')).toEqual({ '': head });
    expect(await sums('raw-unknown')).toEqual({ '': head });
    const whole = await theirs(['export', '--export-format', '2', `${POOL}/source`]);
    await importImageV2(rbd, 'whole', chunked2(whole, next));
    expect(await sums('whole')).toEqual(await sums('source'));
    writeFileSync(file('source'), whole);
    const args = ['import', '--export-format', '2', file('source'), `${POOL}/whole-theirs`, '--no-progress'];
    await rbdCommand(ceph, args);
    const [ours, others] = await Promise.all(
      ['whole', 'whole-theirs'].map(name => theirs(['export', '--export-format', '2', `${POOL}/${name}`])),
    );
    expect(ours.equals(others)).toBe(true);
    const { ctx, close } = await open('whole');
    try {
      expect(ctx.snapNamed('two')!.protection).not.toBe(0);
    } finally {
      await close();
    }
  });

  it('zeros are left out of an import', async () => {
    const data = Buffer.alloc(1 << 20);
    pattern(5000, 9).copy(data, 300_000);
    await importRaw(rbd, 'zeros', [data], { size: data.length, create: { objectSize: 65536 } });
    writeFileSync(file('zeros'), data);
    await rbdCommand(ceph, [
      'import',
      file('zeros'),
      `${POOL}/zeros-theirs`,
      '--object-size',
      '64K',
      '--no-progress',
    ]);
    const diff = async (name: string) =>
      (await rbdCommand(ceph, ['diff', `${POOL}/${name}`, '--format', 'json'])).stdout.toString();
    expect(await diff('zeros')).toBe(await diff('zeros-theirs'));
  });

  it('applies diffs as rbd does, and refuses those that do not fit', async () => {
    const next = random(4);
    const diffs = [
      await theirs(['export-diff', `${POOL}/source@one`]),
      await theirs(['export-diff', '--from-snap', 'one', `${POOL}/source@two`]),
      await theirs(['export-diff', '--from-snap', 'two', `${POOL}/source`]),
    ];
    await rbd.create('applied', SIZE, { objectSize: 65536 });
    const image = await rbd.open('applied');
    try {
      for (const diff of diffs) await importDiff(image.ctx, chunked2(diff, next));
      await expect(importDiff(image.ctx, [diffs[0]])).rejects.toMatchObject({ code: 'EEXIST' });
      const three = await theirs(['export-diff', '--from-snap', 'three', `${POOL}/source`]);
      await expect(importDiff(image.ctx, [three])).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(importDiff(image.ctx, [diffs[2].subarray(0, 5000)])).rejects.toMatchObject({
        code: 'EBADMSG',
      });
      await importDiff(image.ctx, [diffs[2]]);
    } finally {
      await image.close();
    }
    const { three: _, ...expected } = (await sums('source')) as Record<string, unknown>;
    expect(await sums('applied')).toEqual(expected);
  });

  it('rbd imports what we export', async () => {
    const { ctx, close } = await open('clone');
    try {
      writeFileSync(file('whole'), await bytesOf(exportImageV2(ctx)));
    } finally {
      await close();
    }
    const args = ['import', '--export-format', '2', file('whole'), `${POOL}/taken`, '--no-progress'];
    await rbdCommand(ceph, args);
    expect(await sums('taken')).toEqual(await sums('clone'));
  });

  it('merges diffs byte for byte as rbd does', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const next = random(seed);
      const first = encodeDiff(1, randomDiff(next, 500 + next(4000), [seed % 2 ? 'x' : undefined, 'y']));
      const second = encodeDiff(1, randomDiff(next, 500 + next(4000), ['y', seed % 3 ? 'z' : undefined]));
      writeFileSync(file('first'), first);
      writeFileSync(file('second'), second);
      const expected = await theirs(['merge-diff', file('first'), file('second')]);
      expect((await bytesOf(mergeDiff(chunked(first, next), chunked(second, next)))).equals(expected)).toBe(
        true,
      );
    }
    const a = await theirs(['export-diff', `${POOL}/source@one`]);
    const b = await theirs(['export-diff', '--from-snap', 'one', `${POOL}/source`]);
    writeFileSync(file('first'), a);
    writeFileSync(file('second'), b);
    const expected = await theirs(['merge-diff', file('first'), file('second')]);
    expect((await bytesOf(mergeDiff([a], [b]))).equals(expected)).toBe(true);
  });
});

/** Chunks of up to 100 KB. */
function* chunked2(bytes: Buffer, next: (below: number) => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const n = 1 + next(100_000);
    yield bytes.subarray(at, at + n);
    at += n;
  }
}
