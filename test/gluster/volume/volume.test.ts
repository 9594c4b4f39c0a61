import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Volume } from '../../../src/gluster/volume/volume.ts';
import { dropStore, MemoryBrick } from '../../support/mem-brick.ts';

const VOLFILE = `
volume brick
    type storage/memory
    option directory /volume-test
end-volume
`;

describe('nacre/gluster over a brick in memory', () => {
  let volume: Volume;

  beforeAll(async () => {
    volume = await Volume.open('vg0', {
      volfile: VOLFILE,
      xlators: { 'storage/memory': MemoryBrick },
      uid: 0,
      gid: 0,
    });
  });

  afterAll(async () => {
    await volume?.close();
    dropStore('/volume-test');
  });

  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => 'done',
      error => error.code,
    );

  it('writes and reads files', async () => {
    await volume.writeFile('/a', 'hello');
    expect(await volume.readFile('/a', 'utf8')).toBe('hello');
    await volume.appendFile('/a', ' world');
    expect(String(await volume.readFile('/a'))).toBe('hello world');
    const { size, mode } = await volume.stat('/a');
    expect([size, mode & 0o777]).toEqual([11, 0o644]);
    await volume.truncate('/a', 4);
    expect(await volume.readFile('a', 'latin1')).toBe('hell');
  });

  it('moves megabytes in one call', async () => {
    const data = Buffer.alloc(5 * 2 ** 20 + 17, 'abcdefg');
    await volume.writeFile('/big', data);
    expect((await volume.readFile('/big')).equals(data)).toBe(true);
    await using file = await volume.open('/big');
    const into = Buffer.alloc(3 * 2 ** 20);
    expect((await file.read(into, 0, into.length, 2 ** 21 + 5)).bytesRead).toBe(into.length);
    expect(into.equals(data.subarray(2 ** 21 + 5, 2 ** 21 + 5 + into.length))).toBe(true);
    expect((await file.read(into, 0, into.length, data.length - 3)).bytesRead).toBe(3);
  });

  it('keeps a position for each handle', async () => {
    await using file = await volume.open('/p', 'w+');
    await Promise.all([file.write('one'), file.write('two'), file.write('three')]);
    expect((await file.read({ position: 0, length: 20 })).buffer.toString().slice(0, 11)).toBe('onetwothree');
  });

  it('fails as node:fs does', async () => {
    expect(await code(volume.readFile('/none'))).toBe('ENOENT');
    expect(await code(volume.open('/a', 'wx'))).toBe('EEXIST');
    expect(await code(volume.readdir('/a'))).toBe('ENOTDIR');
    expect(await code(volume.readFile('/a/b'))).toBe('ENOTDIR');
    expect(await code(volume.mkdir('/x/y'))).toBe('ENOENT');
    expect(await code(volume.open('/', 'w'))).toBe('EISDIR');
    expect(await code(volume.stat(`/${'n'.repeat(256)}`))).toBe('ENAMETOOLONG');
    await expect(volume.unlink('/none')).rejects.toMatchObject({
      code: 'ENOENT',
      errno: -2,
      syscall: 'unlink',
      path: '/none',
    });
    expect(await code(volume.stat('/a', { signal: AbortSignal.abort() }))).toBe(20);
  });

  it('lists, walks and removes trees', async () => {
    expect(await volume.mkdir('/t/u/v', { recursive: true })).toBe('/t');
    expect(await volume.mkdir('/t/u/v', { recursive: true })).toBeUndefined();
    await volume.writeFile('/t/f', '1');
    await volume.writeFile('/t/u/ñandú', '2');
    expect((await volume.readdir('/t')).sort()).toEqual(['f', 'u']);
    expect((await volume.readdir('/t', { recursive: true })).sort()).toEqual(['f', 'u', 'u/v', 'u/ñandú']);
    const [u] = (await volume.readdir('/t', { withFileTypes: true })).filter(e => e.name === 'u');
    expect([u.isDirectory(), u.isFile(), u.parentPath]).toEqual([true, false, '/t']);
    await volume.cp('/t', '/t2', { recursive: true });
    expect(String(await volume.readFile('/t2/u/ñandú'))).toBe('2');
    expect(await code(volume.rmdir('/t'))).toBe('ENOTEMPTY');
    await volume.rm('/t', { recursive: true });
    expect(await volume.exists('/t')).toBe(false);
    await volume.rm('/t', { recursive: true, force: true });
  });

  it('follows links, and not for ever', async () => {
    await volume.mkdir('/l/m', { recursive: true });
    await volume.writeFile('/l/m/file', 'x');
    await volume.symlink('m', '/l/rel');
    await volume.symlink('/l/m/file', '/l/abs');
    await volume.symlink('loop', '/l/loop');
    expect(String(await volume.readFile('/l/rel/file'))).toBe('x');
    expect(String(await volume.readFile('/l/abs'))).toBe('x');
    expect(await volume.realpath('/l/rel/../rel/file')).toBe('/l/m/file');
    expect(await volume.readlink('/l/rel')).toBe('m');
    expect((await volume.lstat('/l/abs')).isSymbolicLink()).toBe(true);
    expect(await code(volume.readFile('/l/loop'))).toBe('ELOOP');
    await volume.writeFile('/l/dangling-target', 'y');
    await volume.link('/l/m/file', '/l/hard');
    expect((await volume.stat('/l/hard')).nlink).toBe(2);
    await volume.rename('/l/hard', '/l/m/file');
    expect(await volume.exists('/l/hard')).toBe(true);
    await volume.rename('/l/abs', '/l/moved');
    expect(await volume.readlink('/l/moved')).toBe('/l/m/file');
  });

  it('carries attributes', async () => {
    await volume.setxattr('/a', 'user.x', 'value');
    expect(String(await volume.getxattr('/a', 'user.x'))).toBe('value');
    expect(await volume.listxattr('/a')).toContain('user.x');
    await volume.removexattr('/a', 'user.x');
    expect(await code(volume.getxattr('/a', 'user.x'))).toBe('ENODATA');
    await volume.chmod('/a', 0o600);
    await volume.utimes('/a', 1, new Date(2_500));
    const { mode, atimeNs, mtimeNs } = await volume.stat('/a', { bigint: true });
    expect([mode & 0o777n, atimeNs, mtimeNs]).toEqual([0o600n, 1_000_000_000n, 2_500_000_000n]);
  });

  it('streams', async () => {
    const data = Buffer.alloc(1_000_003, 'stream');
    const { pipeline } = await import('node:stream/promises');
    const { Readable } = await import('node:stream');
    await pipeline(
      Readable.from([data.subarray(0, 500_000), data.subarray(500_000)]),
      volume.createWriteStream('/s'),
    );
    const pieces: Buffer[] = [];
    for await (const piece of volume.createReadStream('/s', { start: 10, end: 999_999 })) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(data.subarray(10, 1_000_000))).toBe(true);
    await using file = await volume.open('/lines', 'w+');
    await file.writeFile('a\nb\r\nc');
    const lines: string[] = [];
    await using again = await volume.open('/lines');
    for await (const line of again.readLines()) lines.push(line);
    expect(lines).toEqual(['a', 'b', 'c']);
  });

  it('locks against other handles', async () => {
    await using one = await volume.open('/a', 'r+');
    await using two = await volume.open('/a', 'r+');
    {
      await using _lock = await one.lock({ start: 0, length: 10 });
      expect(await code(two.lock({ wait: false }))).toBe('EAGAIN');
      expect(await two.getLock()).toMatchObject({ exclusive: true, start: 0, length: 10 });
    }
    await two.lock({ wait: false });
    let got = false;
    const waiting = one.lock().then(() => {
      got = true;
    });
    await two.stat();
    expect(got).toBe(false);
    await two.unlock();
    await waiting;
  });

  it('leaves nothing open', async () => {
    expect(volume.client.graph.find('brick')).toMatchObject({ openFds: 0 });
  });
});
