import { constants, createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import git from 'isomorphic-git';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeFs as asNodeFs, Volume, XATTR_CREATE, XATTR_REPLACE } from '../../src/gluster/volume/index.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';
import { makeCertificates } from '../support/tls-certificates.ts';

const VOLUME = 'api';

/** What both sides have, and what is compared: node:fs on the real mount, and a volume. */
type Side = typeof nodeFs & Volume;
interface Place {
  readonly fs: Side;
  readonly dir: string;
}

describe.skipIf(!haveRealGluster())('nacre/gluster beside node:fs on the real mount', () => {
  let gluster: RealGluster;
  let real: string;
  let volume: Volume;
  let spec: string;

  beforeAll(async () => {
    gluster = await RealGluster.start();
    await gluster.createVolume(VOLUME, { type: 'distribute', bricks: 3 });
    real = await gluster.mount(VOLUME, undefined, ['--acl']);
    spec = `${gluster.bind}:/${VOLUME}`;
    volume = await Volume.open(spec);
  }, 120_000);

  afterAll(async () => {
    await volume?.close();
    await gluster?.[Symbol.asyncDispose]();
  }, 60_000);

  let count = 0;
  /** A directory for each side of its own in the same volume. */
  async function places(): Promise<[ours: Place, theirs: Place]> {
    const name = `p${++count}`;
    await volume.mkdir(`/${name}-ours`);
    await volume.mkdir(`/${name}-real`);
    return [
      { fs: volume as unknown as Side, dir: `/${name}-ours` },
      { fs: nodeFs as unknown as Side, dir: join(real, `${name}-real`) },
    ];
  }
  /** The same directory as the other side sees it. */
  const other = ({ fs, dir }: Place): Place =>
    (fs as unknown) === volume
      ? { fs: nodeFs as unknown as Side, dir: join(real, dir) }
      : { fs: volume as unknown as Side, dir: dir.slice(real.length) };

  /** The same work on both; what it gives, or the code of its error, is the same. */
  async function same<T>(work: (fs: Side, dir: string) => Promise<T>): Promise<T | string> {
    const [ours, theirs] = await places();
    const [a, b] = [await outcome(work(ours.fs, ours.dir)), await outcome(work(theirs.fs, theirs.dir))];
    expect(a).toEqual(b);
    // And each side sees what the other left.
    expect(await picture(ours)).toEqual(await picture(other(ours)));
    expect(await picture(theirs)).toEqual(await picture(other(theirs)));
    expect(await picture(ours)).toEqual(await picture(theirs));
    return a;
  }
  const outcome = async <T>(work: Promise<T>): Promise<T | string> => {
    try {
      return await work;
    } catch (error) {
      // Node's codes of what it does itself (ERR_FS_EISDIR, ERR_FS_CP_EEXIST ...) have an errno inside.
      const { code, info } = error as { code?: string; info?: { code: string } };
      if (code === undefined) throw error;
      return `failed: ${info?.code ?? code}`;
    }
  };
  const code = async (work: Promise<unknown>) => {
    const result = await outcome(work);
    return typeof result === 'string' && result.startsWith('failed: ') ? result.slice(8) : 'done';
  };

  /** Everything below a directory, with all that a user can see of it. */
  async function picture({ fs, dir }: Place): Promise<unknown[]> {
    const seen: unknown[] = [];
    // Node's own recursive listing does not know names that are no UTF-8.
    const visit = async (at: Buffer) => {
      const names = (await fs.readdir(at, 'buffer' as never)) as unknown as Buffer[];
      for (const name of names.sort(Buffer.compare)) {
        const path = Buffer.concat([at, Buffer.from('/'), name]);
        const stats = await fs.lstat(path);
        seen.push({
          name: path.subarray(dir.length).toString('latin1'),
          mode: stats.mode,
          nlink: stats.isDirectory() ? 0 : stats.nlink,
          owner: [stats.uid, stats.gid],
          size: stats.isDirectory() ? 0 : stats.size,
          content: stats.isFile()
            ? ((await fs.readFile(path)) as Buffer).toString('latin1')
            : stats.isSymbolicLink()
              ? await fs.readlink(path, 'latin1')
              : '',
        });
        if (stats.isDirectory()) await visit(path);
      }
    };
    await visit(Buffer.from(dir));
    return seen;
  }

  describe('does the same', () => {
    it('files', async () => {
      await same(async (fs, dir) => {
        await fs.writeFile(`${dir}/text`, 'héllo');
        await fs.writeFile(`${dir}/latin`, 'héllo', 'latin1');
        await fs.writeFile(`${dir}/mode`, Buffer.from([0, 1, 255]), { mode: 0o751, flag: 'wx' });
        await fs.writeFile(`${dir}/pieces`, ['a', 'b', Buffer.from('c')] as never);
        await fs.writeFile(
          `${dir}/generated`,
          (async function* () {
            yield 'x';
            yield Buffer.from('y');
          })(),
        );
        await fs.appendFile(`${dir}/text`, ' world');
        await fs.appendFile(`${dir}/new`, 'appended');
        await fs.writeFile(`${dir}/big`, Buffer.alloc(2_500_003, 'abc'));
        await fs.truncate(`${dir}/pieces`, 2);
        await fs.truncate(`${dir}/latin`);
        await fs.truncate(`${dir}/new`, 5000);
        await fs.copyFile(`${dir}/mode`, `${dir}/copy`);
        return [
          await fs.readFile(`${dir}/text`, 'utf8'),
          await fs.readFile(`${dir}/text`, { encoding: 'hex' }),
          (await fs.readFile(`${dir}/big`)).length,
          await code(fs.copyFile(`${dir}/mode`, `${dir}/copy`, constants.COPYFILE_EXCL)),
          await code(fs.access(`${dir}/copy`, constants.R_OK | constants.X_OK)),
        ];
      });
    });

    it('errors', async () => {
      const codes = await same(async (fs, dir) => {
        await fs.writeFile(`${dir}/file`, 'x');
        await fs.mkdir(`${dir}/full/sub`, { recursive: true });
        await fs.symlink('loop', `${dir}/loop`);
        await fs.symlink('nowhere', `${dir}/dangling`);
        const found: string[] = [];
        const attempts: (() => Promise<unknown>)[] = [
          () => fs.readFile(`${dir}/none`),
          () => fs.readFile(`${dir}/full`),
          () => fs.readFile(`${dir}/file/x`),
          () => fs.readFile(`${dir}/file/`),
          () => fs.readFile(`${dir}/loop`),
          () => fs.readFile(`${dir}/dangling`),
          () => fs.readFile(''),
          () => fs.stat(`${dir}/${'n'.repeat(256)}`),
          () => fs.stat(`${dir}/file/..`),
          () => fs.stat(`${dir}/none/..`),
          () => fs.open(`${dir}/file`, 'wx'),
          () => fs.open(`${dir}/dangling`, 'wx'),
          () => fs.open(`${dir}/full`, 'w'),
          () => fs.open(`${dir}/new/`, 'w'),
          () => fs.open(`${dir}/loop`, constants.O_RDONLY | constants.O_NOFOLLOW),
          () => fs.open(`${dir}/file`, constants.O_RDONLY | constants.O_DIRECTORY),
          () => fs.mkdir(`${dir}/file`),
          () => fs.mkdir(`${dir}/file`, { recursive: true }),
          () => fs.mkdir(`${dir}/file/sub`, { recursive: true }),
          () => fs.mkdir(`${dir}/none/sub`),
          () => fs.mkdir(`${dir}/dangling`),
          () => fs.rmdir(`${dir}/full`),
          () => fs.rmdir(`${dir}/file`),
          () => fs.rmdir(`${dir}/none`),
          () => fs.unlink(`${dir}/full`),
          () => fs.unlink(`${dir}/none`),
          () => fs.rm(`${dir}/none`),
          () => fs.rm(`${dir}/full`),
          () => fs.readdir(`${dir}/file`),
          () => fs.readdir(`${dir}/none`),
          () => fs.readlink(`${dir}/file`),
          () => fs.readlink(`${dir}/none`),
          () => fs.rename(`${dir}/none`, `${dir}/x`),
          () => fs.rename(`${dir}/file`, `${dir}/full`),
          () => fs.rename(`${dir}/full`, `${dir}/file`),
          () => fs.rename(`${dir}/full`, `${dir}/full/sub/inside`),
          () => fs.rename(`${dir}/file`, `${dir}/none/x`),
          () => fs.rename(`${dir}/file`, `${dir}/x/`),
          () => fs.link(`${dir}/none`, `${dir}/x`),
          () => fs.link(`${dir}/full`, `${dir}/x`),
          () => fs.link(`${dir}/file`, `${dir}/full`),
          () => fs.symlink('x', `${dir}/file`),
          () => fs.symlink('', `${dir}/empty`),
          () => fs.truncate(`${dir}/full`, 1),
          () => fs.truncate(`${dir}/none`, 1),
          () => fs.chmod(`${dir}/none`, 0o600),
          () => fs.utimes(`${dir}/none`, 1, 1),
          () => fs.cp(`${dir}/full`, `${dir}/x`),
          () => fs.cp(`${dir}/none`, `${dir}/x`),
          () => fs.cp(`${dir}/full`, `${dir}/full/sub/deep`, { recursive: true }),
          () => fs.cp(`${dir}/file`, `${dir}/full`),
          () => fs.cp(`${dir}/full`, `${dir}/file`, { recursive: true }),
          () => fs.copyFile(`${dir}/full`, `${dir}/x`),
          () => fs.copyFile(`${dir}/none`, `${dir}/x`),
          () => fs.realpath(`${dir}/none`),
          () => fs.realpath(`${dir}/loop`),
          () => fs.statfs(`${dir}/none`),
          () => fs.mkdtemp(`${dir}/none/x`),
        ];
        for (const attempt of attempts) {
          const result = await outcome(attempt());
          if (result !== null && typeof result === 'object' && 'close' in result)
            await (result as { close(): Promise<void> }).close();
          found.push(typeof result === 'string' && result.startsWith('failed') ? result : 'done');
        }
        return found;
      });
      expect(new Set(codes).size).toBeGreaterThan(8);
    });

    it('names: 255 bytes, any bytes but NUL and slash, deep', async () => {
      await same(async (fs, dir) => {
        await fs.writeFile(`${dir}/${'n'.repeat(255)}`, 'long');
        await fs.writeFile(`${dir}/${'ä'.repeat(127)}x`, 'long in UTF-8');
        await fs.writeFile(`${dir}/日本 語.txt`, 'unicode');
        await fs.writeFile(`${dir}/ line\nbreak\t`, 'odd');
        const odd = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0xfe, 0x80, 0x41])]);
        await fs.writeFile(odd, 'no UTF-8');
        await fs.rename(odd, Buffer.concat([odd, Buffer.from([0xc3])]));
        const deep = `${dir}/${Array.from({ length: 40 }, (_, i) => `level-${i}`).join('/')}`;
        await fs.mkdir(deep, { recursive: true });
        await fs.writeFile(`${deep}/file`, 'deep');
        return [
          await fs.readFile(`${deep}/../../level-38/level-39/./file`, 'utf8'),
          ((await fs.readdir(dir, 'buffer' as never)) as unknown as Buffer[])
            .map(name => name.toString('hex'))
            .sort(),
          (await fs.readdir(dir)).map(name => Buffer.from(name).toString()).sort(),
        ];
      });
    });

    it('names that are no UTF-8 are listed as text and found by it', async () => {
      const dir = join(real, 'odd-names');
      await nodeFs.mkdir(dir);
      const name = Buffer.from([0x61, 0xff, 0xc3, 0x28, 0xe4]);
      await nodeFs.writeFile(Buffer.concat([Buffer.from(`${dir}/`), name]), 'odd');
      const [text, ...more] = await volume.readdir('/odd-names');
      expect(more).toEqual([]);
      expect(await volume.readFile(`/odd-names/${text}`, 'utf8')).toBe('odd');
      for await (const entry of volume.opendir('/odd-names')) expect(entry.name).toBe(text);
      await volume.rename(`/odd-names/${text}`, `/odd-names/${text}${text}`);
      const left = await nodeFs.readdir(dir, 'buffer' as never);
      expect(left).toEqual([Buffer.concat([name, name])]);
    });

    it('directories and their listing', async () => {
      await same(async (fs, dir) => {
        const made = await fs.mkdir(`${dir}/a/b/c`, { recursive: true, mode: 0o700 });
        const again = await fs.mkdir(`${dir}/a/b/c`, { recursive: true });
        await fs.writeFile(`${dir}/a/file`, '1');
        await fs.writeFile(`${dir}/a/b/file`, '2');
        await fs.symlink('b', `${dir}/a/link`);
        const temporary = await fs.mkdtemp(`${dir}/tmp-`);
        const mode = (await fs.stat(temporary)).mode;
        await fs.rmdir(temporary);
        const entries = await fs.readdir(`${dir}/a`, { withFileTypes: true });
        const shown = (paths: string[]) => paths.map(path => path.replace(dir, '')).sort();
        const opened = [];
        for await (const entry of await fs.opendir(`${dir}/a`)) opened.push(entry.name);
        return [
          made?.slice(dir.length),
          again,
          temporary.length - dir.length,
          mode,
          shown(await fs.readdir(`${dir}/a`)),
          // Through links only node goes.
          shown(await fs.readdir(`${dir}/a`, { recursive: true })).filter(path => !path.startsWith('link/')),
          entries
            .map(e => [
              e.name,
              e.parentPath.slice(dir.length),
              e.isFile(),
              e.isDirectory(),
              e.isSymbolicLink(),
              e.isFIFO(),
            ])
            .sort(),
          (await fs.readdir(`${dir}/a`, { withFileTypes: true, recursive: true }))
            .map(e => `${e.parentPath.slice(dir.length)}/${e.name}`)
            .sort(),
          opened.sort(),
        ];
      });
    });

    it('links, renames, removal', async () => {
      await same(async (fs, dir) => {
        await fs.writeFile(`${dir}/f`, 'content');
        await fs.link(`${dir}/f`, `${dir}/hard`);
        await fs.symlink('f', `${dir}/soft`);
        await fs.symlink('../nothing/here', `${dir}/dangling`);
        await fs.chmod(`${dir}/soft`, 0o640);
        await fs.rename(`${dir}/hard`, `${dir}/f`); // the same file: nothing happens
        await fs.writeFile(`${dir}/g`, 'other');
        await fs.rename(`${dir}/g`, `${dir}/soft`); // replaces the link
        await fs.mkdir(`${dir}/d1/deep`, { recursive: true });
        await fs.mkdir(`${dir}/d2`);
        await fs.rename(`${dir}/d1`, `${dir}/d2`); // replaces the empty directory
        for (let i = 0; i < 30; i++) await fs.writeFile(`${dir}/n${i}`, `${i}`);
        for (let i = 0; i < 30; i++) await fs.rename(`${dir}/n${i}`, `${dir}/d2/moved-${i * 7}`);
        await fs.cp(`${dir}/d2`, `${dir}/d3`, { recursive: true });
        await fs.rm(`${dir}/d2`, { recursive: true });
        await fs.rm(`${dir}/none`, { force: true });
        await fs.rm(`${dir}/none`, { force: true, recursive: true });
        return [
          await fs.readlink(`${dir}/dangling`),
          (await fs.realpath(`${dir}/d3/../soft`)).slice(dir.length),
          (await fs.stat(`${dir}/f`)).nlink,
          (await fs.lstat(`${dir}/dangling`)).isSymbolicLink(),
        ];
      });
    });

    it('attributes', async () => {
      await same(async (fs, dir) => {
        await fs.writeFile(`${dir}/f`, 'x'.repeat(10_000));
        await fs.symlink('f', `${dir}/l`);
        await fs.chmod(`${dir}/f`, 0o4711);
        await fs.chmod(`${dir}/f`, '2750');
        await fs.chown(`${dir}/f`, 1234, 5678);
        await fs.lchown(`${dir}/l`, 11, 12);
        await fs.utimes(`${dir}/f`, 1.5, new Date(1_700_000_000_125));
        await fs.lutimes(`${dir}/l`, 2, 3.25);
        const f = await fs.stat(`${dir}/f`, { bigint: true });
        const l = await fs.lstat(`${dir}/l`);
        return [
          f.mode,
          f.size,
          f.uid,
          f.gid,
          f.atimeNs,
          f.mtimeNs,
          f.blocks,
          f.nlink,
          f.rdev,
          l.atimeMs,
          l.mtimeMs,
        ];
      });
    });

    it('handles', async () => {
      await same(async (fs, dir) => {
        const seen: unknown[] = [];
        await using file = await fs.open(`${dir}/f`, 'w+', 0o640);
        seen.push(await file.write('héllo'), await file.write(Buffer.from('-bytes-'), 1, 5));
        seen.push(
          (await file.write('at', 100)).bytesWritten,
          (await file.write('XY', 1, 'latin1')).bytesWritten,
        );
        seen.push((await file.writev([Buffer.from('v1'), Buffer.from('v2')], 50)).bytesWritten);
        seen.push((await file.writev([Buffer.from('tail')])).bytesWritten);
        const into = Buffer.alloc(10);
        seen.push((await file.read(into, 2, 5, 0)).bytesRead, into.toString('latin1'));
        seen.push((await file.read({ buffer: into, position: 98 })).bytesRead);
        seen.push((await file.read(into, 0, 10, 1000)).bytesRead);
        const two = [Buffer.alloc(3), Buffer.alloc(200)];
        seen.push((await file.readv(two, 0)).bytesRead, two.map(String));
        await file.truncate(60);
        await file.chmod(0o600);
        await file.chown(7, 8);
        await file.utimes(10, 20.5);
        await file.sync();
        await file.datasync();
        const { size, mode, uid, gid, mtimeNs } = await file.stat({ bigint: true });
        seen.push(size, mode, uid, gid, mtimeNs);
        await file.appendFile('more');
        seen.push(String(await (await openAgain(fs, `${dir}/f`)).readFile()));
        const lines: string[] = [];
        await fs.writeFile(`${dir}/lines`, 'one\ntwo\r\nthree');
        await using text = await fs.open(`${dir}/lines`);
        for await (const line of text.readLines()) lines.push(line);
        seen.push(lines);
        await using appending = await fs.open(`${dir}/lines`, 'a+');
        await appending.write('!', 0);
        seen.push(await code(file.read(into, 0, 5, 0)));
        await using readOnly = await fs.open(`${dir}/f`, 'r');
        await using writeOnly = await fs.open(`${dir}/f`, 'r+');
        seen.push(await code(readOnly.write('x')), await code(readOnly.truncate(1)));
        await fs.unlink(`${dir}/f`);
        seen.push((await writeOnly.write('after')).bytesWritten, (await writeOnly.stat()).nlink);
        await file.close();
        seen.push(await code(file.stat()));
        return seen;
      });
    });
    const openAgain = async (fs: Side, path: string) => fs.open(path);

    it('streams', async () => {
      const data = Buffer.alloc(1_300_007, 'a stream of bytes;');
      await same(async (fs, dir) => {
        const ours = (fs as unknown) === volume;
        const write = (path: string, options?: object) =>
          ours ? volume.createWriteStream(path, options) : createWriteStream(path, options);
        const read = (path: string, options?: object) =>
          ours ? volume.createReadStream(path, options) : createReadStream(path, options);
        await pipeline([data.subarray(0, 700_000), data.subarray(700_000)], write(`${dir}/s`));
        await pipeline(['in', 'side'], write(`${dir}/s`, { flags: 'r+', start: 10 }));
        await pipeline(read(`${dir}/s`), write(`${dir}/copy`, { mode: 0o600 }));
        await using file = await fs.open(`${dir}/s`);
        const gather = async (stream: AsyncIterable<Buffer | string>) => {
          let text = '';
          for await (const piece of stream) text += piece;
          return text;
        };
        return [
          await gather(read(`${dir}/s`, { start: 5, end: 20, encoding: 'utf8' })),
          await gather(file.createReadStream({ start: 1_300_000, autoClose: false })),
          (await gather(file.createReadStream({ start: 0 }))).length,
          await code(gather(read(`${dir}/none`))),
          await code(pipeline(['x'], write(`${dir}/none/x`))),
        ];
      });
    });
  });

  it('stat has the same inode number, and both see the same room', async () => {
    await nodeFs.writeFile(join(real, 'ino'), 'x');
    const [ours, theirs] = [
      await volume.stat('/ino', { bigint: true }),
      await nodeFs.stat(join(real, 'ino'), { bigint: true }),
    ];
    expect(ours.ino).toBe(BigInt.asUintN(64, theirs.ino));
    for (const field of ['ctimeNs', 'mtimeNs', 'atimeNs', 'size', 'blocks', 'mode', 'nlink'] as const)
      expect([field, ours[field]]).toEqual([field, theirs[field]]);
    const [a, b] = [await volume.statfs('/'), await nodeFs.statfs(real)];
    expect([a.type, a.bsize, a.blocks, a.files]).toEqual([b.type, b.bsize, b.blocks, b.files]);
  });

  it('extended attributes go both ways', async () => {
    await volume.writeFile('/x', '');
    await volume.setxattr('/x', 'user.text', 'from us');
    await volume.setxattr('/x', 'user.binary', Buffer.from([0, 255, 10]));
    const seen = gluster.xattrs(join(real, 'x'));
    expect([String(seen.get('user.text')), seen.get('user.binary')]).toEqual([
      'from us',
      Buffer.from([0, 255, 10]),
    ]);
    expect((await gluster.exec('setfattr', ['-n', 'user.theirs', '-v', 'v', join(real, 'x')])).code).toBe(0);
    expect(String(await volume.getxattr('/x', 'user.theirs'))).toBe('v');
    const user = (names: string[]) => names.filter(name => name.startsWith('user.')).sort();
    expect(user(await volume.listxattr('/x'))).toEqual(['user.binary', 'user.text', 'user.theirs']);
    expect(await code(volume.setxattr('/x', 'user.text', 'y', XATTR_CREATE))).toBe('EEXIST');
    expect(await code(volume.setxattr('/x', 'user.new', 'y', XATTR_REPLACE))).toBe('ENODATA');
    await volume.removexattr('/x', 'user.text');
    expect(await code(volume.getxattr('/x', 'user.text'))).toBe('ENODATA');
    expect(await code(volume.removexattr('/x', 'user.text'))).toBe('ENODATA');
    await using file = await volume.open('/x', 'r+');
    await file.setxattr('user.by-handle', 'h');
    expect(String(await file.getxattr('user.by-handle'))).toBe('h');
    expect(user(await file.listxattr())).toEqual(['user.binary', 'user.by-handle', 'user.theirs']);
    await file.removexattr('user.by-handle');
    expect(gluster.xattrs(join(real, 'x')).has('user.by-handle')).toBe(false);
    expect((await volume.getxattr('/x', 'glusterfs.gfid')).toString('hex')).toBe(
      gluster
        .xattrs(join(gluster.brickPath(VOLUME, await brickOf('x')), 'x'))
        .get('trusted.gfid')!
        .toString('hex'),
    );
  });
  async function brickOf(name: string): Promise<number> {
    const { file } = await volume.layout(`/${name}`);
    return Number(/(\d+)$/.exec(file!.cached!)![1]);
  }

  it('somebody else is let in where their rights allow it, as on the mount', async () => {
    await volume.mkdir('/private', { recursive: true });
    await volume.chmod('/private', 0o700);
    await volume.writeFile('/private/secret', 's');
    await volume.writeFile('/readable', 'r');
    await volume.writeFile('/of-group', 'g', { mode: 0o640 });
    await volume.chown('/of-group', 0, 4242);
    await volume.mkdir('/open', { recursive: true });
    await volume.chmod('/open', 0o1777);
    const them = volume.as({ uid: 4001, gid: 4001, groups: [] });
    const grouped = volume.as({ uid: 4001, gid: 4001, groups: [4242], umask: 0o077 });
    expect(await code(them.readFile('/private/secret'))).toBe('EACCES');
    expect(await code(them.readdir('/private'))).toBe('EACCES');
    expect(await them.readFile('/readable', 'utf8')).toBe('r');
    expect(await code(them.writeFile('/readable', 'x'))).toBe('EACCES');
    expect(await code(them.chmod('/readable', 0o777))).toBe('EPERM');
    expect(await code(them.writeFile('/new', 'x'))).toBe('EACCES');
    expect(await code(them.readFile('/of-group'))).toBe('EACCES');
    expect(await grouped.readFile('/of-group', 'utf8')).toBe('g');
    await grouped.writeFile('/open/theirs', 'x');
    const { uid, gid, mode } = await nodeFs.stat(join(real, 'open', 'theirs'));
    expect([uid, gid, mode & 0o777]).toEqual([4001, 4001, 0o600]);
    expect(await code(volume.as({ uid: 4002, gid: 4002, groups: [] }).unlink('/open/theirs'))).toMatch(
      /EACCES|EPERM/,
    );
    await them.chmod('/open/theirs', 0o644);
    expect(await code(them.chown('/open/theirs', 0, 0))).toBe('EPERM');
    expect(await code(them.access('/private', constants.R_OK))).toBe('EACCES');
  });

  it('locks hold against the mount, and the mount’s against us', async () => {
    const path = join(real, 'locked');
    await nodeFs.writeFile(path, 'x'.repeat(100));
    const script =
      'import fcntl, sys\n' +
      "f = open(sys.argv[1], 'r+')\n" +
      'try:\n  fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)\n  print("got", flush=True)\n' +
      'except OSError as e: print(e.errno, flush=True)\n' +
      'if len(sys.argv) > 2: sys.stdin.readline()\n';
    const attempt = async () =>
      (await gluster.exec('python3', ['-c', script, path])).stdout.toString().trim();
    await using file = await volume.open('/locked', 'r+');
    await using readOnly = await volume.open('/locked', 'r');
    await using writeOnly = await volume.open('/locked', 'a');
    expect(await code(readOnly.lock({ wait: false }))).toBe('EBADF');
    expect(await code(writeOnly.lock({ exclusive: false, wait: false }))).toBe('EBADF');
    {
      await using _lock = await readOnly.lock({ exclusive: false, wait: false });
      expect(await attempt()).toBe('11');
    }
    {
      await using _lock = await file.lock({ start: 0, length: 20 });
      expect(await attempt()).toBe('11');
    }
    expect(await attempt()).toBe('got');
    const { spawn } = await import('node:child_process');
    const holder = spawn('python3', ['-c', script, path, 'hold'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise<void>(resolve => holder.stdout.once('data', () => resolve()));
    expect(await code(file.lock({ wait: false }))).toBe('EAGAIN');
    expect(await file.getLock()).toMatchObject({ exclusive: true, start: 0, length: 10 });
    await using _free = await file.lock({ start: 10, wait: false });
    const signal = AbortSignal.timeout(300);
    await expect(file.lock({ start: 0, length: 5, signal })).rejects.toThrow(/timeout/);
    const waiting = file.lock({ start: 0, length: 5 });
    holder.stdin.end('\n');
    await using _granted = await waiting;
    expect(await attempt()).toBe('11');
  });

  it('what only a handle here has: room, holes, zeros', async () => {
    await using file = await volume.open('/holes', 'w+');
    await file.allocate(0, 1 << 20);
    expect((await nodeFs.stat(join(real, 'holes'))).size).toBe(1 << 20);
    await file.allocate(1 << 20, 1 << 20, { keepSize: true });
    expect((await file.stat()).size).toBe(1 << 20);
    await file.write(Buffer.alloc(1 << 20, 1), 0, 1 << 20, 0);
    await file.sync();
    await file.punchHole(4096, 8192);
    await file.zero(65536, 4096);
    const bytes = await nodeFs.readFile(join(real, 'holes'));
    expect([bytes[4095], bytes[4096], bytes[12287], bytes[12288], bytes[65536], bytes[69632]]).toEqual([
      1, 0, 0, 1, 0, 1,
    ]);
    expect(await file.seek(0, 'hole')).toBe(4096);
    expect(await file.seek(5000, 'data')).toBe(12288);
    expect(await code(file.seek(1 << 21, 'data'))).toBe('ENXIO');
  });

  it('ends what is not wanted any more', async () => {
    await volume.writeFile('/long', Buffer.alloc(3 << 20));
    const aborted = AbortSignal.abort();
    for (const work of [
      volume.readFile('/long', { signal: aborted }),
      volume.writeFile('/never', 'x', { signal: aborted }),
      volume.stat('/long', { signal: aborted }),
      volume.readdir('/', { signal: aborted }),
      volume.rm('/long', { signal: aborted }),
    ])
      await expect(work).rejects.toMatchObject({ name: 'AbortError' });
    expect(await volume.exists('/never')).toBe(false);
    const during = new AbortController();
    const stream = volume.createReadStream('/long', { signal: during.signal, highWaterMark: 65536 });
    await expect(
      (async () => {
        for await (const _ of stream) during.abort();
      })(),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await expect(Volume.open(spec, { signal: aborted })).rejects.toMatchObject({ name: 'AbortError' });
    expect(await volume.readFile('/long')).toHaveLength(3 << 20);
  });

  it('two volumes at once, each its own, closed with what is open', async () => {
    const one = await Volume.open(spec);
    await using two = await Volume.open(spec, { subdirectory: '/sub' }).catch(async error => {
      // Only a directory that is there can be the root.
      expect(error.message).toMatch(/sub/);
      await one.mkdir('/sub');
      return Volume.open(spec, { subdirectory: '/sub' });
    });
    await two.writeFile('/inside', 'seen from both');
    expect(await one.readFile('/sub/inside', 'utf8')).toBe('seen from both');
    const left = await one.open('/left-open', 'w');
    await left.write('is written all the same');
    await one.close();
    await one.close();
    expect(await nodeFs.readFile(join(real, 'left-open'), 'utf8')).toBe('is written all the same');
    expect(await code(left.write('x'))).toBe('EBADF');
    expect(await code(one.stat('/'))).toBe('EBADF');
    expect(await two.readFile('/inside', 'utf8')).toBe('seen from both');
  });

  it('isomorphic-git keeps a repository on it, which git on the mount reads', async () => {
    const author = { name: 'A', email: 'a@example.org' };
    for (const [name, fs] of [
      ['promises', { promises: volume }],
      ['callbacks', { ...asNodeFs(volume), promises: undefined }],
    ] as const) {
      const dir = `/git-${name}`;
      // biome-ignore lint/suspicious/noExplicitAny: the library's own type wants all of node:fs.
      const args = { fs: fs as any, dir };
      if (name === 'callbacks') delete args.fs.promises;
      await volume.mkdir(`${dir}/src/ä`, { recursive: true });
      await git.init({ ...args, defaultBranch: 'main' });
      for (let i = 0; i < 20; i++) await volume.writeFile(`${dir}/src/ä/f${i}`, `content ${i}\n`);
      await git.add({ ...args, filepath: '.' });
      const oid = await git.commit({ ...args, message: 'from the API', author });
      const run = async (...words: string[]) => {
        const result = await gluster.exec('git', [
          ...['-c', 'safe.directory=*', '-c', 'core.quotePath=off', '-C', join(real, dir)],
          ...words,
        ]);
        expect(result.stderr).toBe('');
        return result.stdout.toString().trim();
      };
      expect(await run('rev-parse', 'HEAD')).toBe(oid);
      await run('fsck', '--strict');
      expect(await run('status', '--porcelain')).toBe('');
      await nodeFs.writeFile(join(real, dir, 'src/ä/f3'), 'changed on the mount\n');
      await run('-c', 'user.name=B', '-c', 'user.email=b@example.org', 'commit', '-qam', 'from the mount');
      const log = await git.log(args);
      expect(log.map(({ commit }) => commit.message.trim())).toEqual(['from the mount', 'from the API']);
      expect(await git.status({ ...args, filepath: 'src/ä/f3' })).toBe('unmodified');
    }
  });

  it('watches what others change, told by bricks where the volume has them tell', async () => {
    await volume.mkdir('/watched', { recursive: true });
    await volume.writeFile('/watched/a', '1');
    await expect(volume.watch('/watched', { recursive: true }).next()).rejects.toMatchObject({
      code: 'ENOTSUP',
    });
    await expect(volume.watch('/not-there').next()).rejects.toMatchObject({ code: 'ENOENT' });
    await gluster.cli('volume', 'set', VOLUME, 'features.cache-invalidation', 'on');
    // Only upcalls can be what wakes one of the two; the other looks by itself.
    for (const interval of [3_600_000, 200]) {
      const dir = `/watched/${interval}`;
      await volume.mkdir(dir);
      await volume.writeFile(`${dir}/a`, '1');
      const ended = new AbortController();
      const watching = volume.watch(dir, { interval, signal: ended.signal });
      const next = async () => (await watching.next()).value;
      let first = watching.next();
      // The watch has looked once a fop of its own is answered behind it.
      await volume.readdir(dir);
      await new Promise(resolve => setTimeout(resolve, 500));
      await nodeFs.writeFile(join(real, dir, 'new'), 'x');
      expect((await first).value).toEqual({ eventType: 'rename', filename: 'new' });
      first = watching.next();
      await nodeFs.appendFile(join(real, dir, 'a'), '22');
      let event = (await first).value;
      // What was written to the new file may be told beside its name.
      while (event.filename === 'new') event = await next();
      expect(event).toEqual({ eventType: 'change', filename: 'a' });
      first = watching.next();
      await nodeFs.unlink(join(real, dir, 'a'));
      event = (await first).value;
      while (event.eventType === 'change') event = await next();
      expect(event).toEqual({ eventType: 'rename', filename: 'a' });
      first = watching.next();
      ended.abort();
      await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    }
    await gluster.cli('volume', 'reset', VOLUME, 'features.cache-invalidation');
  });

  it('keeps handles and locks through changes of the volume', { timeout: 120_000 }, async () => {
    await using file = await volume.open('/through', 'w+');
    await using _lock = await file.lock({ start: 0, length: 10 });
    await using reading = await volume.open('/readable', 'r');
    const before = volume.client.graph;
    await volume.mkdir('/listed', { recursive: true });
    for (let i = 0; i < 1500; i++) await volume.writeFile(`/listed/${i}-${'n'.repeat(200)}`, '');
    const listing = volume.opendir('/listed');
    const listed = [(await listing.next()).value!.name];
    let written = 0;
    let stop = false;
    const writing = (async () => {
      while (!stop) {
        await file.write(Buffer.alloc(1000, written % 251), 0, 1000, written * 1000);
        written++;
      }
    })();
    await gluster.cli('volume', 'set', VOLUME, 'performance.quick-read', 'off');
    const deadline = Date.now() + 30_000;
    while (volume.client.graph === before && Date.now() < deadline)
      await new Promise(r => setTimeout(r, 100));
    expect(volume.client.graph).not.toBe(before);
    await gluster.addBricks(VOLUME);
    while (!volume.client.graph.volfile.includes(`${VOLUME}-client-3`) && Date.now() < deadline)
      await new Promise(r => setTimeout(r, 100));
    await volume.client.settled();
    stop = true;
    await writing;
    expect(written).toBeGreaterThan(10);
    await file.sync();
    const data = await nodeFs.readFile(join(real, 'through'));
    expect(data.length).toBe(written * 1000);
    for (let i = 0; i < written; i++)
      expect(data.subarray(i * 1000, i * 1000 + 1000).every(byte => byte === i % 251)).toBe(true);
    expect(String(await reading.readFile())).toBe('r');
    for await (const { name } of listing) listed.push(name);
    expect(listed.length).toBe(1500);
    expect(new Set(listed).size).toBe(1500);
    await using other = await Volume.open(spec);
    await using theirs = await other.open('/through', 'r+');
    expect(await code(theirs.lock({ start: 0, length: 10, wait: false }))).toBe('EAGAIN');
    await volume.writeFile('/after', 'the change');
    expect(await nodeFs.readFile(join(real, 'after'), 'utf8')).toBe('the change');
  });
});

describe.skipIf(!haveRealGluster())('a volume that speaks TLS', () => {
  it('is opened with the certificates that it names, and with no others', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nacre-tls-'));
    try {
      const { peer } = makeCertificates(join(dir, 'ours'), ['peer']);
      const { stranger } = makeCertificates(join(dir, 'others'), ['stranger']);
      await using gluster = await RealGluster.start();
      await gluster.createVolume('safe', {
        bricks: 2,
        options: {
          'server.ssl': 'on',
          'client.ssl': 'on',
          'ssl.own-cert': peer.cert,
          'ssl.private-key': peer.key,
          'ssl.ca-list': peer.ca,
          'auth.ssl-allow': 'peer',
        },
      });
      const real = await gluster.mount('safe');
      const spec = `${gluster.bind}:/safe`;
      {
        await using volume = await Volume.open(spec);
        const data = Buffer.alloc(2_000_000, 'not in the clear');
        await volume.writeFile('/secret', data);
        expect((await nodeFs.readFile(join(real, 'secret'))).equals(data)).toBe(true);
        await nodeFs.writeFile(join(real, 'theirs'), data);
        expect((await volume.readFile('/theirs')).equals(data)).toBe(true);
      }
      const opened = Volume.open(spec, {
        timeout: 10_000,
        xlatorOptions: {
          '*-client-*.transport.socket.ssl-own-cert': stranger.cert,
          '*-client-*.transport.socket.ssl-private-key': stranger.key,
          '*-client-*.transport.socket.ssl-ca-list': stranger.ca,
        },
      });
      await expect(opened).rejects.toMatchObject({ code: expect.stringMatching(/ENOTCONN|EACCES|EPROTO/) });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
