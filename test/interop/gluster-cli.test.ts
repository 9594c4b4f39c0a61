import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NACRE } from '../support/nacre.ts';
import { NacreMount } from '../support/nacre-mount.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const VOLUME = 'cli';
const root = join(import.meta.dirname, '..', '..');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe.skipIf(!haveRealGluster())('nacre gluster, mount and umount against real GlusterFS', () => {
  let gluster: RealGluster;
  let real: string;
  let work: string;
  let spec: string;

  beforeAll(async () => {
    work = mkdtempSync(join(tmpdir(), 'gluster-cli-'));
    gluster = await RealGluster.start();
    await gluster.createVolume(VOLUME, { type: 'distribute', bricks: 3 });
    real = await gluster.mount(VOLUME);
    spec = `${gluster.bind}:/${VOLUME}`;
    await fs.mkdir(join(real, 'dir/deep'), { recursive: true });
    await fs.writeFile(join(real, 'dir/a.txt'), 'content of a\n', { mode: 0o640 });
    await fs.writeFile(join(real, 'dir/.hidden'), 'h');
    await fs.writeFile(join(real, 'dir/deep/big'), Buffer.alloc(300_000, 'big'));
    await fs.symlink('a.txt', join(real, 'dir/link'));
    await fs.utimes(join(real, 'dir/a.txt'), 1_600_000_000, 1_600_000_000);
  }, 120_000);

  afterAll(async () => {
    await gluster?.[Symbol.asyncDispose]();
    if (work !== undefined) rmSync(work, { recursive: true, force: true });
  }, 60_000);

  function nacre(args: readonly string[], input?: Buffer | string, cwd = work): Ran {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...NACRE, ...args], {
      input,
      cwd,
      timeout: 60_000,
      maxBuffer: 64 << 20,
      encoding: 'latin1',
    });
    return { code: status ?? 128, out: stdout, err: stderr };
  }
  const good = (args: readonly string[], input?: Buffer | string): string => {
    const { code, out, err } = nacre(args, input);
    expect([code, err]).toEqual([0, '']);
    return out;
  };
  const lines = (text: string) => text.trim().split('\n');
  const json = (text: string) => lines(text).map(line => JSON.parse(line));

  it('ls', () => {
    expect(good(['gluster', 'ls', `${spec}/dir`])).toBe('a.txt\ndeep\nlink\n');
    expect(good(['gluster', 'ls', '-a', `gluster://${gluster.bind}/${VOLUME}/dir`])).toBe(
      '.hidden\na.txt\ndeep\nlink\n',
    );
    const long = good(['gluster', 'ls', '-l', `${spec}/dir`]);
    expect(long).toMatch(/^-rw-r----- +1 +0 +0 +13 2020-09-13 12:26 a\.txt$/m);
    expect(long).toMatch(/^drwxr-xr-x .* deep$/m);
    expect(long).toMatch(/^lrwxrwxrwx .* link -> a\.txt$/m);
    expect(good(['gluster', 'ls', '-l', '--human', `${spec}/dir/deep`])).toMatch(/ 293K .* big/);
    expect(good(['gluster', 'ls', '-R', `${spec}/dir`])).toBe(
      '/dir:\na.txt\ndeep\nlink\n\n/dir/deep:\nbig\n',
    );
    const rows = json(good(['gluster', 'ls', '--json', `${spec}/dir`]));
    const stats = statSync(join(real, 'dir/a.txt'));
    expect(rows.find(row => row.name === 'a.txt')).toMatchObject({
      mode: stats.mode,
      size: 13,
      uid: 0,
      nlink: 1,
      mtime: stats.mtime.toISOString(),
    });
    expect(rows.find(row => row.name === 'link').target).toBe('a.txt');
  });

  it('tree and du', () => {
    expect(good(['gluster', 'tree', `${spec}/dir`])).toBe(
      Buffer.from('/dir\n├── a.txt\n├── deep\n│   └── big\n└── link\n\n1 directory, 3 files\n').toString(
        'latin1',
      ),
    );
    expect(good(['gluster', 'tree', '-L', '1', '-a', `${spec}/dir`])).not.toContain('big');
    // What du tells of the mount, but for directories, whose room bricks have several times over.
    const du = (at: string, ...flags: string[]) =>
      Number(execFileSync('du', ['-s', ...flags, at], { encoding: 'utf8' }).split('\t')[0]);
    const ours = (...args: string[]) => Number(good(['gluster', 'du', '-s', ...args]).split('\t')[0]);
    expect(ours(`${spec}/dir`)).toBe(du(join(real, 'dir')));
    expect(ours('-b', `${spec}/dir`)).toBe(du(join(real, 'dir'), '-b'));
    expect(lines(good(['gluster', 'du', `${spec}/dir`])).map(line => line.split('\t')[1])).toEqual([
      '/dir/deep',
      '/dir',
    ]);
  });

  it('cat and cp, in all directions', async () => {
    expect(good(['gluster', 'cat', `${spec}/dir/a.txt`, `${spec}/dir/.hidden`])).toBe('content of a\nh');
    const data = Buffer.alloc(3_000_001, 'to and fro;');
    const local = join(work, 'local');
    writeFileSync(local, data, { mode: 0o751 });
    good(['gluster', 'cp', local, `${spec}/up`]);
    expect((await fs.readFile(join(real, 'up'))).equals(data)).toBe(true);
    expect((await fs.stat(join(real, 'up'))).mode & 0o777).toBe(0o751);
    good(['gluster', 'cp', `${spec}/up`, join(work, 'down')]);
    expect(readFileSync(join(work, 'down')).equals(data)).toBe(true);
    good(['gluster', 'cp', `${spec}/up`, `${spec}/dir`]);
    expect((await fs.readFile(join(real, 'dir/up'))).equals(data)).toBe(true);
    await fs.rm(join(real, 'dir/up'));
    good(['gluster', 'cp', '-', `${spec}/from-stdin`], data);
    expect((await fs.readFile(join(real, 'from-stdin'))).equals(data)).toBe(true);
    expect(Buffer.from(good(['gluster', 'cp', `${spec}/from-stdin`, '-']), 'latin1').equals(data)).toBe(true);

    good(['gluster', 'cp', '-r', '-p', `${spec}/dir`, join(work, 'copy')]);
    const same = (a: string, b: string) =>
      execFileSync('diff', ['-r', '--no-dereference', a, b], { encoding: 'utf8' });
    expect(same(join(real, 'dir'), join(work, 'copy'))).toBe('');
    expect(statSync(join(work, 'copy/a.txt')).mtimeMs).toBe(1_600_000_000_000);
    expect(statSync(join(work, 'copy/a.txt')).mode & 0o777).toBe(0o640);
    good(['gluster', 'cp', '-rp', '--parallel', '3', join(work, 'copy'), `${spec}/back`]);
    expect(same(join(real, 'back'), join(work, 'copy'))).toBe('');
    expect((await fs.stat(join(real, 'back/a.txt'))).mtimeMs).toBe(1_600_000_000_000);
    good(['gluster', 'cp', local, join(work, 'down'), `${spec}/back`]);
    expect((await fs.readdir(join(real, 'back'))).sort()).toContain('down');
  });

  it('shows progress on a terminal, and only there', () => {
    writeFileSync(join(work, 'large'), Buffer.alloc(20 << 20));
    const command = [process.execPath, ...NACRE, 'gluster', 'cp', join(work, 'large'), `${spec}/large`];
    const seen = execFileSync('script', ['-qec', command.join(' '), '/dev/null'], { encoding: 'latin1' });
    expect(seen).toMatch(/1 files, 20(\.0)? MiB/);
    expect(nacre(['gluster', 'cp', join(work, 'large'), `${spec}/large`]).err).toBe('');
  });

  it('getfattr and stat', async () => {
    const file = join(real, 'attr');
    await fs.writeFile(file, 'x');
    for (const [name, value] of [
      ['user.text', 'a "quoted" text'],
      ['user.bytes', '0x00ff0a'],
    ])
      execFileSync('setfattr', ['-n', name, '-v', value, file]);
    const theirs = (...args: string[]) =>
      execFileSync('getfattr', [...args, 'attr'], { cwd: real, encoding: 'latin1' });
    for (const args of [[], ['-d'], ['-d', '-e', 'hex'], ['-d', '-e', 'base64'], ['-n', 'user.text']])
      expect(good(['gluster', 'getfattr', ...args, `${spec}/attr`])).toBe(theirs(...args));
    expect(good(['gluster', 'getfattr', '-n', 'glusterfs.gfid.string', `${spec}/attr`])).toMatch(
      /glusterfs\.gfid\.string="[0-9a-f-]{36}"/,
    );
    const [stat] = json(good(['gluster', 'stat', '--json', `${spec}/attr`]));
    const inode = await fs.stat(file, { bigint: true });
    expect(stat).toMatchObject({ size: 1, ino: String(BigInt.asUintN(64, inode.ino)), nlink: 1 });
    expect(stat.pathinfo).toContain(gluster.dir);
    const gfid = gluster.xattrs(/:(\/[^:>]+)>/.exec(stat.pathinfo)![1]).get('trusted.gfid')!;
    expect(stat.gfid.replaceAll('-', '')).toBe(gfid.toString('hex'));
    expect(good(['gluster', 'stat', `${spec}/attr`])).toContain(`GFID: ${stat.gfid}`);
  });

  it('layout', async () => {
    const [layout] = json(good(['gluster', 'layout', '--json', `${spec}/dir/a.txt`]));
    expect(layout.ranges).toHaveLength(3);
    for (const { subvolume, start, stop } of layout.ranges) {
      const brick = Number(/(\d+)$/.exec(subvolume)![1]);
      const xattr = gluster
        .xattrs(join(gluster.brickPath(VOLUME, brick), 'dir'))
        .get('trusted.glusterfs.dht')!;
      expect([start, stop]).toEqual([xattr.readUInt32BE(8), xattr.readUInt32BE(12)]);
    }
    const at = Number(/(\d+)$/.exec(layout.file.cached)![1]);
    expect(statSync(join(gluster.brickPath(VOLUME, at), 'dir/a.txt')).size).toBe(13);
    expect(good(['gluster', 'layout', `${spec}/dir/a.txt`])).toContain(`lies on ${layout.file.cached}`);
  });

  it('volfile and statedump', () => {
    expect(good(['gluster', 'volfile', spec])).toBe(gluster.volfile(VOLUME));
    const dump = good(['gluster', 'statedump', spec]);
    expect(dump).toMatch(/^\[.*cli-dht/m);
    expect(dump).toContain('cli-client-2');
    // A volfile from a file, in place of a server's.
    const file = join(work, 'saved.vol');
    writeFileSync(file, gluster.volfile(VOLUME));
    expect(good(['gluster', 'cat', '--volfile', file, '/dir/a.txt'])).toBe('content of a\n');
  });

  it('says what is wrong, and with which', () => {
    const bad = (args: readonly string[], code: number, ...words: (string | RegExp)[]) => {
      const ran = nacre(args);
      expect([args.join(' '), ran.code, ran.err]).toEqual([args.join(' '), code, expect.anything()]);
      for (const word of words) expect(ran.err).toMatch(word);
      expect(lines(ran.err).length).toBeLessThan(3);
    };
    bad(['gluster', 'ls', `${gluster.bind}:/nothing`], 1, /ENOENT/, /nothing/);
    bad(['gluster', 'ls', `${spec}/dir/none`], 1, /ENOENT/, /dir\/none/);
    bad(['gluster', 'cat', `${spec}/dir`], 1, /dir/);
    bad(['gluster', 'ls', '127.0.0.1:/x', '--server-port', '1'], 1, /127\.0\.0\.1/, /ECONNREFUSED|ENOTCONN/);
    bad(['gluster', 'ls', '/just/a/path'], 2, /SERVER:\/VOLUME/);
    bad(['gluster', 'cp', `${spec}/dir`, join(work, 'nowhere')], 1, /-r not given/, /dir/);
    bad(['gluster', 'cp', `${spec}/none`, join(work, 'nowhere')], 1, /none/);
    bad(['gluster', 'cp', join(work, 'no-such-file'), `${spec}/x`], 1, /no-such-file/);
    bad(['gluster', 'cp', `${spec}/up`], 2, /destination/);
    bad(['gluster', 'ls', '--log-level', 'LOUD', spec], 2, /LOUD/);
    bad(['gluster', 'tree', '-L', '0', spec], 2, /'0'/);
    bad(['gluster', 'top', work], 1, /\.meta/);
    bad(['umount', work], 1, new RegExp(work));
    expect(nacre(['gluster', 'frobnicate']).code).not.toBe(0);
    expect(nacre(['gluster', 'ls', '--uid', '4001', '--gid', '4001', `${spec}/dir`]).code).toBe(0);
    bad(['gluster', 'cat', '--uid', '4001', '--gid', '4001', `${spec}/dir/a.txt`], 1, /EACCES/, /a\.txt/);
  });

  it('traces what it does down to the bricks', () => {
    const { code, out, err } = nacre(['trace', 'gluster', 'cat', `${spec}/dir/deep/big`]);
    expect([code, out.length]).toEqual([0, 300_000]);
    for (const layer of [/performance\/[a-z-]+\.\w+/, /cluster\/distribute\.\w+/, /protocol\/client\.\w+/])
      expect(err).toMatch(layer);
    expect(err).toMatch(/\d+(\.\d+)? ?(us|µs|ms)/);
    const spans = json(
      nacre(['trace', '--json', 'gluster', 'cp', join(work, 'local'), `${spec}/traced`]).out,
    );
    expect(JSON.stringify(spans)).toContain('performance/write-behind.writev');
  });

  it('mounts in the background, and unmounts', async () => {
    const point = join(work, 'mnt');
    mkdirSync(point, { recursive: true });
    good(['mount', spec, point]);
    try {
      expect(await fs.readFile(join(point, 'dir/a.txt'), 'utf8')).toBe('content of a\n');
      await fs.writeFile(join(point, 'by-mount'), 'x');
      expect(await fs.readFile(join(real, 'by-mount'), 'utf8')).toBe('x');
      const [line] = readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .filter(each => each.includes(` ${point} `));
      expect(line).toMatch(/ fuse\.nacre /);
      expect(nacre(['mount', `${gluster.bind}:/nothing`, point])).toMatchObject({
        code: 1,
        err: expect.stringMatching(/nothing/),
      });
    } finally {
      good(['umount', point]);
    }
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(` ${point} `);
  });

  it('is called by mount(8) as mount.nacre', async () => {
    const dir = mkdtempSync(join(root, 'node_modules', '.cache', 'mount-nacre-'));
    const point = join(work, 'mnt8');
    const link = '/sbin/mount.nacre';
    mkdirSync(point, { recursive: true });
    try {
      buildSync({
        entryPoints: [join(root, 'src/cli/mount-helper.ts')],
        outfile: join(dir, 'mount.nacre.mjs'),
        bundle: true,
        packages: 'external',
        platform: 'node',
        format: 'esm',
        target: 'node20',
        logLevel: 'error',
      });
      const program = join(dir, 'mount.nacre.mjs');
      await fs.chmod(program, 0o755);
      const help = spawnSync(program, [], { encoding: 'utf8' });
      expect([help.status, help.stderr]).toEqual([1, expect.stringContaining('usage')]);
      // As mount(8) does: with -f nothing happens.
      expect(spawnSync(program, [spec, point, '-fv', '-o', 'rw']).status).toBe(0);
      expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(` ${point} `);
      const direct = spawnSync(program, [spec, point, '-o', 'rw,acl,log-level=ERROR'], { encoding: 'utf8' });
      expect([direct.status, direct.stderr]).toEqual([0, '']);

      expect(await fs.readFile(join(point, 'dir/a.txt'), 'utf8')).toBe('content of a\n');
      good(['umount', point]);
      await fs.symlink(program, link).catch(() => {});
      const system = spawnSync('mount', ['-t', 'nacre', '-o', 'ro,_netdev', spec, point], {
        encoding: 'utf8',
      });
      expect([system.status, system.stderr]).toEqual([0, '']);
      expect((await fs.readdir(join(point, 'dir'))).sort()).toContain('deep');
      await expect(fs.writeFile(join(point, 'x'), 'x')).rejects.toMatchObject({ code: 'EROFS' });
      const failed = spawnSync('mount', ['-t', 'nacre', '-o', 'no-such-option', spec, point], {
        encoding: 'utf8',
      });
      expect(failed.status).not.toBe(0);
      expect(failed.stderr).toContain('no-such-option');
    } finally {
      spawnSync('umount', ['-l', point]);
      await fs.rm(link, { force: true });
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('top watches a mount', async () => {
    await using mount = await NacreMount.start(spec);
    const top = spawn(process.execPath, [...NACRE, 'gluster', 'top', mount.dir, '-i', '1', '-c', '2'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const text = collect(top);
    const end = new Promise(resolve => top.once('exit', resolve));
    while (top.exitCode === null) {
      await fs.writeFile(join(mount.dir, 'busy'), 'x');
      await sleep(20);
    }
    expect(await end).toBe(0);
    expect(text()).toMatch(/FOP +CALLS\/S +LATENCY US/);
    expect(text()).toMatch(/^(CREATE|OPEN|WRITE|FLUSH)\b.*\d/m);
  });

  it('trace mount shows each operation as it happens', async () => {
    await using mount = await NacreMount.start(spec, [], { before: ['trace'] });
    await fs.writeFile(join(mount.dir, 'watched'), Buffer.alloc(5000));
    await fs.readFile(join(mount.dir, 'dir/deep/big'));
    for (let i = 0; i < 100 && !mount.output.includes('protocol/client.readv'); i++) await sleep(100);
    for (const layer of [
      'performance/write-behind.writev',
      'cluster/distribute.create',
      'protocol/client.readv',
    ])
      expect(mount.output).toContain(layer);
    expect(await mount.umount()).toBe(0);
  });

  it('completes its words', () => {
    const words = (...typed: string[]) =>
      lines(good(['complete', '--', ...typed])).map(line => line.split('\t')[0]);
    expect(words('')).toEqual(expect.arrayContaining(['gluster', 'mount', 'umount']));
    expect(words('gluster', '')).toEqual(
      expect.arrayContaining([
        'ls',
        'cat',
        'cp',
        'tree',
        'du',
        'getfattr',
        'layout',
        'stat',
        'top',
        'statedump',
        'volfile',
      ]),
    );
    expect(words('gluster', 'cp', '--')).toEqual(expect.arrayContaining(['--recursive', '--preserve']));
    expect(words('trace', 'gluster', 'l')).toEqual(expect.arrayContaining(['ls', 'layout']));
    expect(words('mount', '--')).toContain('--foreground');
  });
});

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stdout!.on('data', piece => {
    text += piece;
  });
  return () => text;
}
