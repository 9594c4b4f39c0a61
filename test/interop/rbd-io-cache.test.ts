import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { type Image, Rbd } from '../../src/ceph/rbd/index.ts';
import { fresh } from '../support/fresh.ts';
import { Fsx, type FsxTarget } from '../support/rbd-fsx.ts';
import { imageTarget, RealRbd } from '../support/rbd-targets.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { checkObjectMap } from './rbd-peer.ts';

const WRITER = join(import.meta.dirname, '../support/rbd-crash-writer.ts');
const SIZE = 1 << 20;
const POLICIES = ['none', 'writearound', 'writeback', 'writethrough'];
const COORDINATED = 'layering,exclusive-lock,object-map,fast-diff,deep-flatten';

/** A small cache, so that it is full now and then. */
function config(policy: string): Record<string, string> {
  return {
    rbd_cache: String(policy !== 'none'),
    ...(policy === 'none' ? {} : { rbd_cache_policy: policy }),
    rbd_cache_size: '300000',
    rbd_cache_max_dirty: '200000',
    rbd_cache_target_dirty: '100000',
    rbd_cache_max_dirty_age: '0.2',
  };
}

describe.skipIf(!haveRealCeph())('RBD I/O through caches', () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let rbd: Rbd;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1, store: 'memstore', conf: { osd_client_watch_timeout: 6 } });
    await ceph.createPool('rbd', 8);
    await tool('pool', 'init', 'rbd');
    cluster = await Rados.connect({ conf: ceph.conf });
    rbd = await Rbd.open(cluster, 'rbd');
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  async function tool(...args: string[]): Promise<Buffer> {
    const { code, stdout, stderr } = await ceph.exec('rbd', args);
    if (code !== 0) throw new Error(`rbd ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  const create = (name: string, features: string, size = SIZE) =>
    tool('create', name, '--size', `${size}B`, '--object-size', '64K', '--image-feature', features);
  const sum = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

  it('is on by default, with the policy that librbd has', async () => {
    await create('default', 'layering');
    const listed = JSON.parse(
      (await tool('config', 'image', 'list', 'default', '--format', 'json')).toString(),
    ) as { name: string; value: string }[];
    await using image = await rbd.open('default');
    const plain = (value: unknown) => (Number.isNaN(Number(String(value))) ? String(value) : Number(value));
    // The tool does without this one, as it ends with a flush.
    const known = (name: string) =>
      name.startsWith('rbd_cache') && name !== 'rbd_cache_writethrough_until_flush';
    for (const { name, value } of listed.filter(({ name }) => known(name)))
      expect([name, plain(image.ctx.config.get(name as 'rbd_cache'))]).toEqual([name, plain(value)]);
    expect(image.ctx.config.get('rbd_cache_policy')).toBe('writearound');
  });

  it.each(POLICIES)('%s: random operations alone on an image', async policy => {
    const base = fresh(`alone-${policy}`);
    await create(base, COORDINATED);
    let image = await rbd.open(base, { config: config(policy) });
    let depth = 0;
    const target: FsxTarget = {
      ...imageTarget(() => image.ctx),
      resize: size => image.resize(size),
      snapshot: name => image.snapshots.create(name),
      rollback: name => image.snapshots.rollback(name),
      clone: async () => {
        if (depth === 2) return;
        await image.snapshots.create('parent');
        // What was not flushed is in the snapshot all the same.
        await rbd.clone({ image: image.name, snapshot: 'parent' }, `${base}-${++depth}`, { cloneFormat: 2 });
        await image.close();
        image = await rbd.open(`${base}-${depth}`, { config: config(policy) });
      },
      flatten: async () => {
        if (image.ctx.state.parent !== undefined) await image.flatten();
      },
    };
    const seed = 40 + POLICIES.indexOf(policy);
    const fsx = new Fsx({ seed, ops: 260, size: SIZE, maxLength: 100_000, target: () => target });
    await fsx.run();
    await fsx.check(target, 300_000);
    const { name } = image;
    await image.close();
    expect(sum(await tool('export', name, '-'))).toBe(sum(fsx.model));
    await checkObjectMap(ceph, name);
  });

  it.each(POLICIES)('%s: in turns with librbd, the lock going back and forth', async policy => {
    const name = fresh(`turns-${policy}`);
    await create(name, COORDINATED);
    await using real = new RealRbd(ceph.conf, config(policy === 'none' ? 'writeback' : policy));
    await real.run('open', name);
    await using image = await rbd.open(name, { config: config(policy) });
    const mine: FsxTarget = {
      ...imageTarget(() => image.ctx),
      resize: size => image.resize(size),
      snapshot: snap => image.snapshots.create(snap),
      rollback: snap => image.snapshots.rollback(snap),
    };
    const theirs: FsxTarget = {
      ...real.target(0),
      resize: async size => void (await real.run('resize', size)),
      snapshot: async snap => void (await real.run('snap', snap)),
      rollback: async snap => void (await real.run('rollback', snap)),
    };
    let turns = 0;
    let owned = 0;
    const fsx: Fsx = new Fsx({
      seed: 60 + POLICIES.indexOf(policy),
      ops: 192,
      size: SIZE,
      maxLength: 60_000,
      target: async n => {
        const ours = n % 32 < 16;
        if (n % 16 === 0) {
          turns++;
          if (ours && image.ctx.exclusiveLock!.isOwner) owned++;
          // Who comes takes the lock, by which the other one writes back what he has. What is written is not to matter.
          const byte = fsx.model.subarray(0, 1);
          await (ours ? mine : theirs).write(0, Buffer.from(byte));
          if (ours) expect(image.ctx.exclusiveLock!.isOwner).toBe(true);
          else expect(image.ctx.exclusiveLock!.isOwner).toBe(false);
        }
        return ours ? mine : theirs;
      },
    });
    await fsx.run();
    expect([turns, owned]).toEqual([12, 0]);
    await mine.write(0, Buffer.from(fsx.model.subarray(0, 1)));
    await fsx.check(mine);
    await image.flush();
    await real.run('open', '');
    await image.close();
    expect(sum(await tool('export', name, '-'))).toBe(sum(fsx.model));
    await checkObjectMap(ceph, name);
  });

  it('keeps nothing of what it reads while another client may write', async () => {
    const name = fresh('shared');
    await create(name, COORDINATED);
    await using real = new RealRbd(ceph.conf, config('none'));
    await real.run('open', name);
    await using image = await rbd.open(name, { config: config('writeback') });
    const write = (byte: number) => real.run('write', 4096, Buffer.alloc(4096, byte).toString('base64'));
    for (const byte of [1, 2]) {
      await write(byte);
      expect((await image.read(4096, 4096)).equals(Buffer.alloc(4096, byte))).toBe(true);
    }
    await image.write(0, Buffer.from('mine'));
    expect((await image.read(4096, 4096)).equals(Buffer.alloc(4096, 2))).toBe(true);
    await write(3);
    expect((await image.read(4096, 4096)).equals(Buffer.alloc(4096, 3))).toBe(true);
    expect((await image.read(0, 4)).toString()).toBe('mine');
  });

  it.each(['writearound', 'writeback'])('%s: what was flushed survives SIGKILL', async policy => {
    const name = fresh(`killed-${policy}`);
    await create(name, COORDINATED);
    const child = spawn(process.execPath, ['--import', 'tsx', WRITER, ceph.conf, name, policy], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise(resolve => child.once('exit', resolve));
    const writes: [n: number, offset: number, length: number][] = [];
    let flushed = 0;
    let flushes = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, n, offset, length] = line.split(' ');
      if (word === 'write') writes.push([Number(n), Number(offset), Number(length)]);
      else {
        flushed = Number(n);
        // In the midst of what comes after.
        if (++flushes === 12) setTimeout(() => child.kill('SIGKILL'), 15);
      }
    }
    await exited;
    const possible: Set<number>[] = Array.from({ length: SIZE / 512 }, () => new Set([0]));
    for (const [n, offset, length] of writes)
      for (let unit = offset / 512; unit < (offset + length) / 512; unit++) {
        if (n <= flushed) possible[unit].clear();
        possible[unit].add(n);
      }
    const check = (data: Buffer) => {
      for (let at = 0; at < SIZE; at += 512) {
        const n = data.readUInt32LE(at);
        if (!possible[at / 512].has(n))
          throw new Error(
            `at ${at}: write ${n}, not one of ${[...possible[at / 512]]} (flushed: ${flushed})`,
          );
      }
    };
    check(await tool('export', name, '-'));
    // The lock of the dead is broken by who writes next.
    await using image: Image = await rbd.open(name, { config: config(policy) });
    await image.write(SIZE - 512, Buffer.alloc(512));
    possible[SIZE / 512 - 1] = new Set([0]);
    check(await image.read(0, SIZE));
  });
});
