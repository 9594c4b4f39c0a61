import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NACRE } from '../support/nacre.ts';
import { NacreMount } from '../support/nacre-mount.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const run = promisify(execFile);
const SUPPORT = join(import.meta.dirname, '..', 'support');
const VOLUME = 'mf3';

/** Seconds of load around each change. */
const LOAD_S = Number(process.env['NACRE_FAULT_SECONDS'] ?? 3);

describe.skipIf(!haveRealGluster())('a mounted volume when things go wrong', { timeout: 120_000 }, () => {
  let gluster: RealGluster;
  let local: string;
  let spec: string;
  let n = 0;

  beforeAll(async () => {
    local = mkdtempSync(join(tmpdir(), 'gluster-mount-faults-'));
    chmodSync(local, 0o755);
    gluster = await RealGluster.start();
    await gluster.createVolume(VOLUME, { type: 'distribute', bricks: 3 });
    spec = `${gluster.bind}:/${VOLUME}`;
  }, 120_000);

  afterAll(async () => {
    await gluster?.[Symbol.asyncDispose]();
    if (local !== undefined) rmSync(local, { recursive: true, force: true });
  }, 60_000);

  const python = async (script: string, ...args: string[]) =>
    (await run('/usr/bin/python3', [join(SUPPORT, script), ...args], { timeout: 100_000 })).stdout.trim();

  /** Starts load on a mount; `stop` has it check everything, and resolves to the number of operations. */
  async function load(dir: string, ...options: string[]): Promise<{ stop(): Promise<number> }> {
    const base = join(dir, `load-${n++}`);
    const flag = join(local, `stop-${n}`);
    await fs.mkdir(base);
    const done = python('mount-load.py', base, '--stop', flag, ...options);
    done.catch(() => {});
    return {
      async stop() {
        writeFileSync(flag, '');
        try {
          return Number(await done);
        } catch (error) {
          throw new Error((error as { stdout?: string }).stdout || (error as Error).message);
        }
      },
    };
  }

  /** What bricks have of a file, but for linkto files. */
  const onBricks = (path: string) =>
    [0, 1, 2, 3]
      .map(i => join(gluster.brickPath(VOLUME, i), path))
      .filter(file => existsSync(file) && (statSync(file).mode & 0o1000) === 0)
      .map(file => readFileSync(file, 'utf8'));

  async function until(
    what: string,
    check: () => Promise<boolean> | boolean,
    timeoutMs = 40_000,
  ): Promise<void> {
    for (const end = Date.now() + timeoutMs; !(await check()); await sleep(100))
      if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
  }

  /** `nacre ...`: its exit code and what it said. */
  async function nacre(...args: string[]): Promise<{ code: number; said: string }> {
    const { code, stdout, stderr } = await gluster.exec(process.execPath, [...NACRE, ...args]);
    return { code, said: stdout.toString() + stderr };
  }

  it('killed while it writes: what was synced is there, and the mount point can be mounted on at once', async () => {
    const log = join(local, 'durable');
    await using first = await NacreMount.start(spec);
    const written = python('durable-writer.py', 'write', join(first.dir, 'durable'), log);
    await until('records', () => existsSync(log));
    await sleep(1000);
    first.kill('SIGKILL');
    expect(await written).toMatch(/not connected|connection abort|Input\/output error/i);
    await first.exit();
    await expect(fs.stat(first.dir)).rejects.toMatchObject({ code: 'ENOTCONN' });
    await using second = await NacreMount.start(spec, [], { dir: first.dir });
    expect(
      Number(await python('durable-writer.py', 'check', join(second.dir, 'durable'), log)),
    ).toBeGreaterThan(5);
    expect(await second.umount()).toBe(0);
  });

  it('a brick that is killed and comes back: the same errors as the real mount, and the same recovery', async () => {
    // Nothing out of a cache, which would make it depend on the time.
    await gluster.cli('volume', 'set', VOLUME, 'performance.stat-prefetch', 'off');
    const real = await gluster.mount(VOLUME, undefined, ['--attribute-timeout=0', '--entry-timeout=0']);
    await using ours = await NacreMount.start(spec, ['attribute-timeout=0', 'entry-timeout=0']);
    const dir = 'brick-down';
    mkdirSync(join(real, dir), { recursive: true });
    for (let i = 0; i < 12; i++) writeFileSync(join(real, dir, `f${i}`), `content of f${i}`);
    const both = async () =>
      [
        await python('what-fails.py', join(real, dir), 'r'),
        await python('what-fails.py', join(ours.dir, dir), 'r'),
      ].map(text => JSON.parse(text) as Record<string, unknown>);
    const well = await both();
    expect(well[1]).toEqual(well[0]);
    const held = await Promise.all(
      Array.from({ length: 12 }, (_, i) => fs.open(join(ours.dir, dir, `f${i}`), 'r+')),
    );
    await gluster.killBrick(VOLUME, 1);
    await until('news of the brick', async () =>
      Object.values((await both())[1]).some(codes => Array.isArray(codes) && codes.includes('ENOTCONN')),
    );
    const down = await both();
    expect(down[1]).toEqual(down[0]);
    await gluster.startBricks(VOLUME);
    await until('the brick on both mounts', async () => {
      const [a, b] = (await both()).map(said => JSON.stringify(said));
      return a === JSON.stringify(well[0]) && b === JSON.stringify(well[0]);
    });
    // Files that were open all the time.
    await until('open files', async () => {
      const results = await Promise.allSettled(held.map((file, i) => file.write(`after ${i}`, 0)));
      return results.every(({ status }) => status === 'fulfilled');
    });
    for (const file of held) await file.close();
    // Not read from the real mount, whose caches have been seen to keep the old contents.
    for (let i = 0; i < 12; i++)
      expect(onBricks(join(dir, `f${i}`))).toEqual([expect.stringMatching(`^after ${i}`)]);
    await gluster.umount(real);
    await gluster.cli('volume', 'reset', VOLUME);
    expect(await ours.umount()).toBe(0);
  });

  it('a brick that is killed and comes back under load: nobody hangs, and then it works again', async () => {
    await using ours = await NacreMount.start(spec);
    const work = await load(ours.dir);
    await sleep(1000);
    await gluster.killBrick(VOLUME, 0);
    await sleep(1500);
    await gluster.startBricks(VOLUME);
    await expect(work.stop()).rejects.toThrow(/\[Errno (107|5|77|103)\]|OSError\((107|5|77|103)/);
    // To remove a directory takes all bricks, to make one (without those that are down in its layout) does not.
    await until('the brick', async () => {
      try {
        await fs.mkdir(join(ours.dir, 'probe'), { recursive: true });
        await fs.rmdir(join(ours.dir, 'probe'));
        return true;
      } catch {
        return false;
      }
    });
    const again = await load(ours.dir);
    await sleep(1000);
    expect(await again.stop()).toBeGreaterThan(0);
    expect(await ours.umount()).toBe(0);
  });

  it('glusterd killed: the mount goes on, and follows the volume again when it is back', async () => {
    await using ours = await NacreMount.start(spec);
    const work = await load(ours.dir);
    await gluster.stopGlusterd({ kill: true });
    await sleep(LOAD_S * 500);
    await gluster.startGlusterd();
    await gluster.cli('volume', 'set', VOLUME, 'performance.md-cache-timeout', '7');
    const option = join(ours.dir, '.meta/graphs/active', `${VOLUME}-md-cache`, 'options/md-cache-timeout');
    await until(
      'the new option',
      async () => (await fs.readFile(option, 'utf8').catch(() => '')).trim() === '7',
    );
    expect(await work.stop()).toBeGreaterThan(0);
    await gluster.cli('volume', 'reset', VOLUME, 'performance.md-cache-timeout');
    expect(await ours.umount()).toBe(0);
  });

  it('options that are set while it works: no program notices', async () => {
    await using ours = await NacreMount.start(spec);
    const work = await load(ours.dir);
    const changes = [
      ['performance.write-behind', 'off'],
      ['performance.md-cache-timeout', '3'],
      ['performance.io-cache', 'on'],
      ['performance.client-io-threads', 'off'],
      ['diagnostics.latency-measurement', 'on'],
      ['features.cache-invalidation', 'on'],
      ['performance.cache-invalidation', 'on'],
      ['performance.write-behind', 'on'],
      ['performance.open-behind', 'off'],
      ['performance.readdir-ahead', 'on'],
    ];
    for (const [key, value] of changes) {
      await gluster.cli('volume', 'set', VOLUME, key, value);
      await sleep(LOAD_S * 100);
    }
    const graph = () => fs.readFile(join(ours.dir, '.meta/graphs/active/volfile'), 'utf8').catch(() => '');
    await until('the last graph', async () => {
      const text = await graph();
      return (
        text.includes('performance/readdir-ahead') &&
        text.includes('performance/io-cache') &&
        !text.includes('performance/open-behind')
      );
    });
    await sleep(LOAD_S * 300);
    expect(await work.stop()).toBeGreaterThan(100);
    await gluster.cli('volume', 'reset', VOLUME);
    expect(await ours.umount()).toBe(0);
  });

  it('with cache invalidation, what another client changes is seen long before a cache would give it up', async () => {
    const options = [
      ['features.cache-invalidation', 'on'],
      ['features.cache-invalidation-timeout', '600'],
      ['performance.cache-invalidation', 'on'],
      ['performance.md-cache-timeout', '600'],
    ];
    for (const [key, value] of options) await gluster.cli('volume', 'set', VOLUME, key, value);
    const real = await gluster.mount(VOLUME);
    await using ours = await NacreMount.start(spec, ['attribute-timeout=600', 'entry-timeout=600']);
    const file = join(ours.dir, 'upcall');
    await fs.writeFile(file, 'old');
    expect((await fs.stat(file)).size).toBe(3);
    expect(await fs.readFile(file, 'utf8')).toBe('old');
    await fs.appendFile(join(real, 'upcall'), ' and new');
    await until('the size', async () => (await fs.stat(file)).size === 11);
    await until('the content', async () => (await fs.readFile(file, 'utf8')) === 'old and new');
    await fs.chmod(join(real, 'upcall'), 0o600);
    await until('the mode', async () => ((await fs.stat(file)).mode & 0o777) === 0o600);
    await gluster.umount(real);
    await gluster.cli('volume', 'reset', VOLUME);
    expect(await ours.umount()).toBe(0);
  });

  it('a brick is added, layouts are fixed and files move, under load: each is found and keeps its contents', async () => {
    const volume = 'moving';
    await gluster.createVolume(volume, { type: 'distribute', bricks: 3 });
    await using ours = await NacreMount.start(`${gluster.bind}:/${volume}`);
    await fs.mkdir(join(ours.dir, 'moving'));
    for (let i = 0; i < 60; i++) await fs.writeFile(join(ours.dir, 'moving', `f${i}`), `content of ${i}`);
    const held = await Promise.all(
      Array.from({ length: 60 }, (_, i) => fs.open(join(ours.dir, 'moving', `f${i}`), 'r+')),
    );
    const work = await load(ours.dir, '--patience', '10');
    await sleep(LOAD_S * 300);
    await gluster.addBricks(volume);
    const rebalance = async (...how: string[]) => {
      await gluster.cli('volume', 'rebalance', volume, ...how);
      await until(
        'the rebalance',
        // It fails while the process that moves the files ends.
        async () =>
          /completed/.test((await gluster.tryCli('volume', 'rebalance', volume, 'status')).stdout.toString()),
        60_000,
      );
    };
    await rebalance('fix-layout', 'start');
    await Promise.all(held.map((file, i) => file.write(`CONTENT of ${i}`, 0)));
    await rebalance('start', 'force');
    expect((await gluster.cli('volume', 'rebalance', volume, 'status')).includes('failed')).toBe(false);
    await Promise.all(
      held.map((file, i) =>
        file.write(`AFTER`, 0).then(
          () => file.sync(),
          cause => Promise.reject(new Error(`f${i}`, { cause })),
        ),
      ),
    );
    for (const file of held) await file.close();
    expect(await work.stop()).toBeGreaterThan(100);
    for (let i = 0; i < 60; i++)
      expect(await fs.readFile(join(ours.dir, 'moving', `f${i}`), 'utf8')).toBe(`AFTERNT of ${i}`);
    expect((await fs.readdir(gluster.brickPath(volume, 3))).includes('moving')).toBe(true);
    expect((await fs.readdir(join(gluster.brickPath(volume, 3), 'moving'))).length).toBeGreaterThan(0);
    expect(await ours.umount()).toBe(0);
  });

  it('a brick is emptied and taken out, under load: each file is found and keeps its contents', async () => {
    const volume = 'leaving';
    await gluster.createVolume(volume, { type: 'distribute', bricks: 4 });
    await using ours = await NacreMount.start(`${gluster.bind}:/${volume}`);
    const emptied = async () => {
      await gluster.removeBrick(volume, 1, 'start');
      await until(
        'the move',
        // It fails while the process that moves the files ends.
        async () => /completed/.test(await gluster.removeBrick(volume, 1, 'status').catch(String)),
        60_000,
      );
    };
    const work = await load(ours.dir, '--patience', '10');
    await sleep(LOAD_S * 300);
    await emptied();
    expect(await work.stop()).toBeGreaterThan(100);
    // What was locked stayed.
    await gluster.removeBrick(volume, 1, 'stop');
    await emptied();
    const contents = async () => {
      const found = await fs.readdir(ours.dir, { recursive: true, withFileTypes: true });
      const files = found.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
      return Promise.all(
        files.sort().map(async file => [
          file,
          createHash('md5')
            .update(await fs.readFile(file))
            .digest('hex'),
        ]),
      );
    };
    const before = await contents();
    await gluster.removeBrick(volume, 1, 'commit');
    await until('the graph without it', async () => {
      const layers = await fs.readdir(join(ours.dir, '.meta', 'graphs', 'active'));
      return layers.filter(name => /-client-\d+$/.test(name)).length === 3;
    });
    expect(await contents()).toEqual(before);
    expect(await ours.umount()).toBe(0);
  });

  it('an open file that others close is asked about: the brick never hears of a number that it got back', async () => {
    // Nothing out of a cache: each look at a file goes to its brick.
    await gluster.cli('volume', 'set', VOLUME, 'performance.stat-prefetch', 'off');
    await using ours = await NacreMount.start(spec, ['attribute-timeout=0', 'entry-timeout=0']);
    const dir = join(ours.dir, 'open-close');
    await fs.mkdir(dir);
    const refused = async () =>
      (
        await run('bash', [
          '-c',
          `cat '${gluster.path('log', 'bricks')}'/*.log | grep -c 'Bad file descriptor' || true`,
        ])
      ).stdout;
    const before = await refused();
    expect(Number(await python('open-close.py', dir, '5'))).toBeGreaterThan(100);
    expect(await refused()).toBe(before);
    expect(await ours.umount()).toBe(0);
    await gluster.cli('volume', 'reset', VOLUME);
  });

  it('the first volfile server is down: the next one is asked', async () => {
    for (const [volume, options] of [
      [`127.0.0.77,${gluster.bind}:/${VOLUME}`, []],
      [`127.0.0.77:/${VOLUME}`, [`backup-volfile-servers=127.0.0.78:${gluster.bind}`]],
    ] as const) {
      await using ours = await NacreMount.start(volume, options);
      await fs.writeFile(join(ours.dir, 'second'), 'x');
      expect(await ours.umount()).toBe(0);
    }
    const { code, said } = await nacre('mount', `127.0.0.77:/${VOLUME}`, local);
    expect(code).toBe(1);
    expect(said).toMatch(/127\.0\.0\.77/);
  });

  it('signals unmount it, also while files are open', async () => {
    for (const [signal, busy] of [
      ['SIGTERM', false],
      ['SIGINT', false],
      ['SIGHUP', true],
      ['SIGTERM', true],
    ] as const) {
      await using ours = await NacreMount.start(spec);
      const file = join(ours.dir, `by-${signal}-${busy}`);
      let open: ChildProcess | undefined;
      if (busy) {
        open = spawn('bash', ['-c', `exec 3>'${file}'; echo open >&3; echo ready; exec sleep 60`], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        await new Promise(resolve => open!.stdout!.once('data', resolve));
      } else await fs.writeFile(file, 'open\n');
      ours.kill(signal);
      expect([signal, busy, await ours.exit()]).toEqual([signal, busy, 0]);
      expect(ours.mounted).toBe(false);
      open?.kill('SIGKILL');
      await using again = await NacreMount.start(spec);
      expect(await fs.readFile(join(again.dir, `by-${signal}-${busy}`), 'utf8')).toBe('open\n');
      expect(await again.umount()).toBe(0);
    }
  });

  it('a volfile that is none, or that names what is not there, is refused: nothing is mounted', async () => {
    const point = join(local, 'refused');
    mkdirSync(point, { recursive: true });
    const files: [string, RegExp][] = [
      ['this is no volfile\n\0\xff', /line 1|volfile/i],
      ['volume a\n  type protocol/client\n', /end-volume|volfile/i],
      ['', /volfile/i],
      [
        gluster.volfile(VOLUME).replace('cluster/distribute', 'cluster/replicate'),
        /ENOTSUP.*cluster\/replicate/,
      ],
      [
        gluster.volfile(VOLUME).replace('performance/md-cache', 'performance/none-such'),
        /ENOTSUP.*performance\/none-such/,
      ],
    ];
    for (const [text, wanted] of files) {
      const file = join(local, 'volfile');
      writeFileSync(file, text, 'latin1');
      for (const foreground of [[], ['-f']]) {
        const { code, said } = await nacre('mount', ...foreground, 'any', point, '-o', `volfile=${file}`);
        expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(wanted) });
        expect(said).not.toMatch(/\n\s+at /);
      }
    }
    expect(spawnSync('mountpoint', ['-q', point]).status).not.toBe(0);
  });

  it('a replicated volume is refused by the name of its translator; an unknown one, one that is stopped and a missing point too', async () => {
    const point = join(local, 'refused-volume');
    mkdirSync(point, { recursive: true });
    await gluster.createVolume('rep', { type: 'replicate', bricks: 2 });
    await gluster.createVolume('stopped', { bricks: 1, start: false });
    for (const [volume, where, wanted] of [
      ['rep', point, /ENOTSUP.*cluster\/replicate/],
      ['none', point, /none/],
      [VOLUME, join(local, 'no such directory'), /ENOENT/],
    ] as const) {
      const { code, said } = await nacre('mount', `${gluster.bind}:/${volume}`, where);
      expect({ code, said }).toEqual({ code: 1, said: expect.stringMatching(wanted) });
    }
    expect(spawnSync('mountpoint', ['-q', point]).status).not.toBe(0);
  });

  it('a normal user mounts with fusermount3, works and unmounts', async () => {
    const uid = 65534;
    const point = join(local, 'by-user');
    mkdirSync(point, { recursive: true });
    await fs.chown(point, uid, uid);
    {
      await using ours = await NacreMount.start(spec);
      await fs.mkdir(join(ours.dir, 'of-user'));
      await fs.chown(join(ours.dir, 'of-user'), uid, uid);
    }
    // In a mount namespace of its own, where the device is for everybody, as it is on an ordinary machine.
    const script = `
      mknod -m 666 "$L/fuse" c 10 229; mount --bind "$L/fuse" /dev/fuse
      as() { setpriv --reuid=${uid} --regid=${uid} --clear-groups -- "$@"; }
      as $NACRE mount ${spec} "$P"
      as bash -ec 'cd "$P/of-user"; echo mine > f; mkdir d; mv f d/g; cat d/g; stat -c %u d/g; ! echo x 2>&- > "$P/not-mine"'
      as $NACRE umount "$P"
      ! mountpoint -q "$P"; umount /dev/fuse`;
    const env = { ...process.env, L: local, P: point, NACRE: [process.execPath, ...NACRE].join(' ') };
    const args = ['-m', '--propagation', 'private', 'bash', '--norc', '-euc', script];
    const { stdout, stderr } = await run('unshare', args, { env, timeout: 60_000 });
    expect({ stdout, stderr }).toEqual({ stdout: `mine\n${uid}\n`, stderr: '' });
  });
});
