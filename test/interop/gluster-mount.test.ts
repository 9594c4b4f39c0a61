import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenPath } from '../support/golden.ts';
import { NacreMount } from '../support/nacre-mount.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const run = promisify(execFile);
const VOLUME = 'm3';

describe.skipIf(!haveRealGluster())('a mount beside the real one', () => {
  let gluster: RealGluster;
  let real: string;
  let ours: NacreMount;
  let work: string;

  beforeAll(async () => {
    work = mkdtempSync(join(tmpdir(), 'gluster-mount-'));
    gluster = await RealGluster.start();
    await gluster.createVolume(VOLUME, { type: 'distribute', bricks: 3 });
    real = await gluster.mount(VOLUME);
    ours = await NacreMount.start(`${gluster.bind}:/${VOLUME}`, [`dump-fuse=${join(work, 'dump')}`]);
  }, 120_000);

  afterAll(async () => {
    await ours?.[Symbol.asyncDispose]();
    await gluster?.[Symbol.asyncDispose]();
    if (work !== undefined) rmSync(work, { recursive: true, force: true });
  }, 60_000);

  const sum = async (path: string) =>
    createHash('sha256')
      .update(await fs.readFile(path))
      .digest('hex');
  const bricksOf = (name: string) =>
    [0, 1, 2].filter(i => existsSync(join(gluster.brickPath(VOLUME, i), name)));
  const shell = async (command: string, cwd: string) =>
    (await run('bash', ['-c', command], { cwd, timeout: 60_000 })).stdout;

  it('each sees what the other wrote, byte for byte', async () => {
    for (const [from, to, name] of [
      [real, ours.dir, 'by-real'],
      [ours.dir, real, 'by-us'],
    ]) {
      await fs.mkdir(join(from, name));
      for (let i = 0; i < 20; i++) {
        const data = Buffer.alloc(i * 20_011, `${name} ${i} `);
        await fs.writeFile(join(from, name, `f${i}`), data);
      }
      await fs.symlink('f1', join(from, name, 'link'));
      await fs.link(join(from, name, 'f2'), join(from, name, 'hard'));
      expect((await fs.readdir(join(to, name))).sort()).toEqual((await fs.readdir(join(from, name))).sort());
      for (let i = 0; i < 20; i++)
        expect(await sum(join(to, name, `f${i}`))).toBe(await sum(join(from, name, `f${i}`)));
      expect(await fs.readlink(join(to, name, 'link'))).toBe('f1');
      expect((await fs.stat(join(to, name, 'f2'))).nlink).toBe(2);
    }
  });

  it('bricks hold the same attributes and link files after the same work', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `name-${i}`);
    for (const [dir, at] of [
      ['x-real', real],
      ['x-ours', ours.dir],
    ]) {
      await fs.mkdir(join(at, dir));
      for (const name of names) await fs.writeFile(join(at, dir, name), name);
      for (const name of names) await fs.rename(join(at, dir, name), join(at, dir, `${name}-moved`));
      await fs.chmod(join(at, dir, 'name-3-moved'), 0o600);
      await fs.link(join(at, dir, 'name-4-moved'), join(at, dir, 'second'));
    }
    const layoutOf = (dir: string, brick: number) =>
      gluster
        .xattrs(join(gluster.brickPath(VOLUME, brick), dir))
        .get('trusted.glusterfs.dht')!
        .toString('hex');
    // The two directories may begin their ranges at different bricks: those with the same range are compared.
    const order = (dir: string) =>
      [0, 1, 2].sort((a, b) => (layoutOf(dir, a).slice(16) < layoutOf(dir, b).slice(16) ? -1 : 1));
    const seen = (dir: string) =>
      order(dir).map(brick => {
        const path = join(gluster.brickPath(VOLUME, brick), dir);
        const list = execFileSync('find', ['.', '-type', 'f', '-printf', '%f %m %s %n\n'], {
          cwd: path,
          encoding: 'latin1',
        });
        return list
          .trim()
          .split('\n')
          .sort()
          .map(line => {
            const xattrs = gluster.xattrs(join(path, line.split(' ')[0]));
            // Names of attributes that say which directory a name is in have its hash in them.
            const keys = [...xattrs.keys()].map(key => key.replace(/(gfid2path)\..*/, '$1')).sort();
            const linkto = xattrs.get('trusted.glusterfs.dht.linkto')?.toString('latin1').replace(/\0$/, '');
            const place = linkto === undefined ? '' : order(dir).indexOf(Number(linkto.slice(-1)));
            return `${line} ${keys.join(',')} ${place}`;
          });
      });
    expect(seen('x-ours')).toEqual(seen('x-real'));
  });

  it('who goes through a directory has names looked up ahead, and nobody finds his own changes undone by it', async () => {
    // The kernel believes nothing, so that each look comes to us.
    const options = ['entry-timeout=0', 'attribute-timeout=0'];
    await using mount = await NacreMount.start(`${gluster.bind}:/${VOLUME}`, options);
    const script = join(import.meta.dirname, '../support/walk-and-change.py');
    for (const seed of [1, 2]) {
      const dir = join(mount.dir, `walked-${seed}-${Date.now()}`);
      await fs.mkdir(dir);
      const { stdout } = await run('/usr/bin/python3', [script, dir, '6', String(seed)], { timeout: 60_000 });
      for (const count of stdout.trim().split('\n')) expect(Number(count), stdout).toBeGreaterThan(3);
    }
    const cache = join(mount.dir, `.meta/graphs/active/${VOLUME}-quick-read/private`);
    expect(Number(/cache-hit = (\d+)/.exec(await fs.readFile(cache, 'utf8'))?.[1])).toBeGreaterThan(100);
  });

  it('a name that one takes away or replaces is so for the other', async () => {
    await fs.writeFile(join(real, 'gone'), '1');
    expect(await fs.readFile(join(ours.dir, 'gone'), 'utf8')).toBe('1');
    await fs.rm(join(real, 'gone'));
    await new Promise(resolve => setTimeout(resolve, 1100)); // the kernel may believe a name for a second
    await expect(fs.stat(join(ours.dir, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' });
    await fs.writeFile(join(real, 'replaced'), 'old');
    expect(await fs.readFile(join(ours.dir, 'replaced'), 'utf8')).toBe('old');
    await fs.writeFile(join(real, 'new'), 'something new');
    await fs.rename(join(real, 'new'), join(real, 'replaced'));
    await new Promise(resolve => setTimeout(resolve, 1100));
    expect(await fs.readFile(join(ours.dir, 'replaced'), 'utf8')).toBe('something new');
    expect(bricksOf('replaced').length).toBeGreaterThanOrEqual(1);
  });

  it('locks of one mount hold against the other', async () => {
    await fs.writeFile(join(real, 'locked'), '');
    const take = (at: string, how: string) =>
      shell(`flock -n ${how} locked -c 'echo got' || echo refused`, at).then(text => text.trim());
    const holder = shell('flock locked -c "sleep 2"', real);
    await new Promise(resolve => setTimeout(resolve, 500));
    expect(await take(ours.dir, '-x')).toBe('refused');
    await holder;
    expect(await take(ours.dir, '-x')).toBe('got');
    const waiting = shell('flock locked -c "sleep 1"', ours.dir);
    await new Promise(resolve => setTimeout(resolve, 300));
    expect(await take(real, '-x')).toBe('refused');
    expect(await shell('flock -x locked -c "echo waited"', real)).toBe('waited\n');
    await waiting;
  });

  /** What the kernel asked of us while a command ran. */
  async function requests(command: string): Promise<string[]> {
    const file = join(work, 'dump');
    // Names that the kernel believes are not looked up.
    writeFileSync('/proc/sys/vm/drop_caches', '2');
    await new Promise(resolve => setTimeout(resolve, 50));
    const from = statSync(file).size;
    await shell(command, ours.dir);
    await new Promise(resolve => setTimeout(resolve, 200));
    const text = readFileSync(file, 'latin1').slice(from);
    return [...text.matchAll(/^> \d+ (\w+)/gm)].map(([, name]) => name);
  }

  /** Without what comes and goes with the kernel's caches, and runs of the same pieces as one. */
  const essence = (names: readonly string[]) => {
    const kept = names.filter(
      name =>
        !/^(GETATTR|STATX|FORGET|BATCH_FORGET|ACCESS|STATFS|INTERRUPT|OPENDIR|READDIR|READDIRPLUS|RELEASEDIR)$/.test(
          name,
        ),
    );
    const out: string[] = [];
    for (const name of kept) {
      // Before each write the kernel may ask for security.capability.
      if (name === 'GETXATTR') continue;
      if (out.at(-1) !== name || (name !== 'WRITE' && name !== 'READ')) out.push(name);
    }
    return out;
  };

  it.each([
    ['touch of a new file', 'touch seed-new', ['LOOKUP', 'CREATE', 'FLUSH', 'SETATTR', 'FLUSH', 'RELEASE']],
    [
      'touch of one that is there',
      'touch seed-new',
      ['LOOKUP', 'OPEN', 'FLUSH', 'SETATTR', 'FLUSH', 'RELEASE'],
    ],
    ['rm', 'rm seed-new', ['LOOKUP', 'UNLINK']],
    ['mkdir', 'mkdir seed-dir', ['LOOKUP', 'MKDIR']],
    [
      'dd',
      'dd if=/dev/zero of=seed-dd bs=1M count=3 2>/dev/null',
      ['LOOKUP', 'CREATE', 'FLUSH', 'WRITE', 'FLUSH', 'RELEASE'],
    ],
  ])('requests come in the order of the walks through the source: %s', async (_name, command, expected) => {
    expect(essence(await requests(command))).toEqual(expected);
  });

  const golden = goldenPath('peers/golden/gluster/fuse/ops.txt');
  it.skipIf(golden === undefined)(
    'requests come in the order that GlusterFS got them in',
    async () => {
      await fs.mkdir(join(ours.dir, 'golden'));
      for (const [name, size] of [
        ['in1m', 1],
        ['in3m', 3],
      ] as const)
        writeFileSync(join(work, name), Buffer.alloc(size << 20, name));
      const different: string[] = [];
      for (const block of readFileSync(golden!, 'latin1')
        .split(/^### \$ /m)
        .slice(1)) {
        const [command, ...lines] = block.split('\n');
        const theirs = lines.map(line => /> \d+ (\w+)/.exec(line)?.[1]).filter(name => name !== undefined);
        const line = `cd golden && { ${command.replaceAll('/srv/gluster-x', work)}; } >/dev/null 2>&1; true`;
        const got = essence(await requests(line));
        // cd itself, and names on the way to the directory.
        const expected = essence(theirs);
        // Names on the way are looked up as the kernel's caches want it; a mount that knew no RENAME2 was asked again.
        const plain = (names: readonly string[]) =>
          names
            .filter(name => name !== 'LOOKUP' && name !== 'RENAME2')
            .map(name => name)
            .join(' ');
        if (command.startsWith('rm -rf ./*') || command.startsWith('mv ')) continue;
        if (plain(got) !== plain(expected))
          different.push(`${command}: ${got.join(' ')} | ${expected.join(' ')}`);
      }
      expect(different).toEqual([]);
    },
    200_000,
  );
});
