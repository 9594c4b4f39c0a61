import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type FuseOperations, mount, unmount } from '../../src/fuse/index.ts';
import { INIT } from '../../src/fuse/protocol.ts';
import { describeMounted, MemoryMount, mountsOn, temporaryDirectory } from './support/mounted.ts';

const run = promisify(execFile);
const SERVER = join(import.meta.dirname, 'support', 'memory-server.ts');

describeMounted('mounting and unmounting', () => {
  test('INIT: what was agreed', async () => {
    await using m = await MemoryMount.start({
      maxBackground: 32,
      writebackCache: true,
      timeGranularity: 1000,
    });
    const { connection } = m;
    expect(connection.kernelMajor).toBe(7);
    expect(connection.minor).toBe(Math.min(45, connection.kernelMinor));
    expect(connection.maxWrite).toBe(1024 * 1024);
    expect(connection.maxPages).toBe(256);
    expect(connection.maxBackground).toBe(32);
    expect(connection.congestionThreshold).toBe(24);
    expect(connection.timeGranularity).toBe(1000);
    for (const flag of ['WRITEBACK_CACHE', 'DO_READDIRPLUS', 'POSIX_LOCKS', 'PARALLEL_DIROPS'] as const)
      expect(connection.flags & INIT[flag], flag).not.toBe(0);
    expect(connection.flags & ~connection.kernelFlags).toBe(0);
  });

  test('options reach the kernel', async () => {
    await using m = await MemoryMount.start({
      readOnly: true,
      nosuid: true,
      nodev: true,
      noexec: true,
      noatime: true,
      fsname: 'a, name',
      subtype: 'kind',
      maxRead: 65536,
    });
    const [line] = await mountsOn(m.dir);
    const [name, , type, words] = line.split(' ');
    expect(name).toBe('a,\\040name');
    expect(type).toBe('fuse.kind');
    expect(words.split(',')).toEqual(
      expect.arrayContaining([
        'ro',
        'nosuid',
        'nodev',
        'noexec',
        'noatime',
        'default_permissions',
        'allow_other',
        'max_read=65536',
      ]),
    );
    await expect(m.sh('echo > f')).rejects.toThrow(/Read-only file system/);
  });

  test('readahead beyond what INIT allows', async () => {
    await using m = await MemoryMount.start({ readahead: 1024 * 1024, dump: true });
    await m.sh('head -c 8M /dev/zero > f; echo 3 > /proc/sys/vm/drop_caches; cat f > /dev/null');
    const sizes = m.lines
      .filter(line => /^> \d+ READ /.test(line))
      .map(line => Number(/size=(\d+)/.exec(line)?.[1]));
    expect(Math.max(...sizes)).toBe(1024 * 1024);
  });

  test('SIGTERM unmounts, and the server ends by itself', async () => {
    const m = await MemoryMount.start();
    await m.sh('echo x > f');
    for (const signal of ['SIGTERM'] as const) m.server.kill(signal);
    expect(await m.exited).toBe(0);
    expect(await mountsOn(m.dir)).toEqual([]);
    expect(m.errors).toBe('');
    await m[Symbol.asyncDispose]();
  });

  test('SIGINT with a file open: the name goes at once, the file stays usable until it is closed', async () => {
    const m = await MemoryMount.start();
    await m.sh('echo before > f');
    const user = spawn('bash', ['-c', 'exec 3<>f; echo open; read; echo after >&3; read; cat <&3; exit 7'], {
      cwd: m.dir,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise(resolve => user.stdout.once('data', resolve));
    m.server.kill('SIGINT');
    await expect.poll(() => mountsOn(m.dir), { timeout: 20_000 }).toEqual([]);
    expect(m.server.exitCode).toBe(null);
    user.stdin.write('go\n');
    user.stdin.write('go\n');
    expect(await new Promise(resolve => user.once('exit', resolve))).toBe(7);
    expect(await m.exited).toBe(0);
    await m[Symbol.asyncDispose]();
  });

  test('unmounted by someone else: the server notices and ends', async () => {
    const m = await MemoryMount.start();
    await run('umount', [m.dir]);
    expect(await m.exited).toBe(0);
    await m[Symbol.asyncDispose]();
  });

  test('aborted through /sys/fs/fuse: the server notices and ends', async () => {
    const m = await MemoryMount.start();
    const { stdout } = await run('stat', ['-c', '%d', m.dir]);
    const device = Number(stdout) & 0xff;
    const control = `/sys/fs/fuse/connections/${device}/abort`;
    if (!existsSync(control))
      await run('mount', ['-t', 'fusectl', 'none', '/sys/fs/fuse/connections']).catch(() => {});
    if (existsSync(control)) {
      await writeFile(control, '1');
      expect(await m.exited).toBe(0);
    }
    await m[Symbol.asyncDispose]();
  });

  test('kill -9 in the middle of writes: users get an error, and the next mount works at once', async () => {
    const dir = temporaryDirectory();
    for (let round = 0; round < 3; round++) {
      const m = await MemoryMount.start({}, dir);
      const script = `while dd if=/dev/zero of=${dir}/f bs=1M count=64 conv=notrunc status=none; do :; done`;
      const user = run('bash', ['-c', `${script}; exit 1`], { timeout: 30_000 });
      const failed = user.then(
        () => 'wrote on',
        (error: { stderr: string }) => error.stderr,
      );
      await expect
        .poll(async () => ((await m.call('counts')) as number[])[16], { timeout: 20_000 })
        .toBeGreaterThan(20);
      m.server.kill('SIGKILL');
      expect(await failed).toMatch(/not connected|Software caused connection abort|Input\/output error/);
      await m.exited;
      expect((await mountsOn(dir)).length).toBe(1);
      await expect(run('stat', [dir])).rejects.toThrow(/not connected/);
    }
    const m = await MemoryMount.start({}, dir);
    expect((await mountsOn(dir)).length).toBe(1);
    expect(await m.sh('echo again > f; cat f')).toBe('again\n');
    await m[Symbol.asyncDispose]();
  });

  test('a mount that is covered by another is not taken for it', async () => {
    const dir = temporaryDirectory();
    const lower = await MemoryMount.start({}, dir);
    const upper = await MemoryMount.start({}, dir);
    lower.server.kill('SIGTERM');
    await lower.exited;
    expect(await upper.sh('echo x > f; cat f')).toBe('x\n');
    upper.server.kill('SIGTERM');
    expect(await upper.exited).toBe(0);
    await run('umount', ['-l', dir]);
    await upper[Symbol.asyncDispose]();
  });

  test('a copy in another mount namespace does not keep the server alive', async () => {
    const m = await MemoryMount.start();
    const other = spawn('unshare', ['-m', '--propagation', 'private', 'bash', '-c', 'echo there; read'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise(resolve => other.stdout.once('data', resolve));
    m.server.kill('SIGTERM');
    expect(await m.exited).toBe(0);
    other.stdin.write('go\n');
    await m[Symbol.asyncDispose]();
  });

  test('a user mounts and unmounts by fusermount3', async context => {
    if (!existsSync('/usr/bin/fusermount3') && !existsSync('/bin/fusermount3'))
      context.skip('no fusermount3');
    const dir = temporaryDirectory();
    // In containers the device is often root's alone, so it gets a more generous name here, in a mount namespace of the test's own.
    const script = `
      mkdir ${dir}/mnt; chmod 755 ${dir}; chown nobody ${dir}/mnt
      mknod ${dir}/fuse c 10 229; chmod 666 ${dir}/fuse; mount --bind ${dir}/fuse /dev/fuse
      user="setpriv --reuid nobody --regid nogroup --clear-groups"
      TSX_DISABLE_CACHE=1 $user ${process.execPath} --import tsx ${SERVER} ${dir}/mnt \
        '{"nosuid":true,"fsname":"of a, user"}' > ${dir}/out 2> ${dir}/err &
      for i in $(seq 200); do grep -q ready ${dir}/out ${dir}/err && break; kill -0 $! || break; sleep 0.05; done
      $user bash -c 'cd ${dir}/mnt; echo mine > f; cat f; ls'
      grep ${dir}/mnt /proc/self/mounts
      ls ${dir}/mnt 2>&1 | sed 's/.*: //'
      kill -TERM $!; wait $!; echo ended $?
      grep -c ${dir}/mnt /proc/self/mounts
      cat ${dir}/err`;
    const args = ['-m', '--propagation', 'private', 'bash', '-c', script];
    const cwd = join(import.meta.dirname, '..', '..');
    const { stdout } = await run('unshare', args, { timeout: 30_000, cwd });
    const [mine, name, line, denied, ended, mounts, ...errors] = stdout.trim().split('\n');
    expect([mine, name]).toEqual(['mine', 'f']);
    expect(line).toMatch(/^of\\040a,\\040user \S+ fuse.nacre-memory .*nosuid.*user_id=[1-9]/);
    // Not even root may look into a user's mount.
    expect(denied).toBe('Permission denied');
    expect([ended, mounts]).toEqual(['ended 0', '0']);
    expect(errors).toEqual([]);
    await rm(dir, { recursive: true });
  });

  test('without native calls: mount(8) and umount(8), readSync', async () => {
    process.env['NACRE_FUSE_NO_NATIVE'] = '1';
    try {
      await using m = await MemoryMount.start({ subtype: 'plain', fsname: 'no-native' });
      const [line] = await mountsOn(m.dir);
      expect(line).toMatch(/^no-native \S+ fuse.plain /);
      await m.sh(
        'for i in $(seq 200); do echo $i > f$i; done; cat f* | sort -n | tail -1; head -c 20M /dev/zero > z',
      );
      await Promise.all([
        m.sh('cat z >/dev/null'),
        m.sh('ls -l >/dev/null'),
        m.sh('mkdir d; ln -s a d/b; rm d/b'),
      ]);
      m.server.kill('SIGTERM');
      expect(await m.exited).toBe(0);
      expect(await mountsOn(m.dir)).toEqual([]);
    } finally {
      delete process.env['NACRE_FUSE_NO_NATIVE'];
    }
  });

  test('mount point that is not there, not allowed, or a file', async () => {
    const ops: FuseOperations = {};
    await expect(mount('/nowhere/at/all', ops)).rejects.toMatchObject({ code: 'ENOENT', op: 'fuse.mount' });
    const dir = temporaryDirectory();
    await expect(mount(dir, ops, { context: 'nothing_u' })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(unmount(dir)).rejects.toMatchObject({ code: 'EINVAL', op: 'fuse.unmount' });
    expect(await mountsOn(dir)).toEqual([]);
    await rm(dir, { recursive: true });
  });

  test('one file as a mount point, served by this very process', async () => {
    const dir = temporaryDirectory();
    const file = join(dir, 'file');
    await writeFile(file, 'below');
    const attr = {
      inoHigh: 0xfedcba98,
      inoLow: 0x76543210,
      size: 5,
      blocks: 1,
      atime: 1,
      atimeNsec: 0,
      mtime: 2,
      mtimeNsec: 0,
      ctime: 3,
      ctimeNsec: 0,
      mode: 0o100644,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      blksize: 512,
    };
    const m = await mount(file, {
      async getattr(request) {
        await Promise.resolve();
        request.replyAttr(attr, 1);
      },
      read(request, _fh, offset, size) {
        request.replyData(Buffer.from('above').subarray(offset, offset + size));
      },
    });
    expect(await readFile(file, 'utf8')).toBe('above');
    expect((await run('stat', ['-c', '%i', file])).stdout.trim()).toBe(String(0xfedcba9876543210n));
    expect(m.session.unanswered).toBe(0);
    await m.unmount();
    expect(await readFile(file, 'utf8')).toBe('below');
    await rm(dir, { recursive: true });
  });

  test('a method that throws, rejects, or answers twice', async () => {
    const dir = temporaryDirectory();
    const errors: unknown[] = [];
    const root = { mode: 0o040755, nlink: 2, size: 0 };
    const zero = { inoHigh: 0, inoLow: 1, blocks: 0, uid: 0, gid: 0, rdev: 0, blksize: 4096 };
    const times = { atime: 0, atimeNsec: 0, mtime: 0, mtimeNsec: 0, ctime: 0, ctimeNsec: 0 };
    await using m = await mount(
      dir,
      {
        getattr: request => request.replyAttr({ ...zero, ...times, ...root }, 0),
        lookup(request, name) {
          if (name === 'throws') throw new TypeError('a bug');
          if (name === 'twice') {
            request.error(13);
            request.error(13);
          }
          request.error(-2);
        },
        async mkdir() {
          throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        },
        unlink: request => request.error(0),
      },
      { onError: error => errors.push(error) },
    );
    await expect(run('stat', [`${dir}/throws`])).rejects.toThrow(/Input\/output error/);
    await expect(run('stat', [`${dir}/twice`])).rejects.toThrow(/Permission denied/);
    await expect(run('mkdir', [`${dir}/new`])).rejects.toThrow(/No space left/);
    await expect(run('rmdir', [`${dir}/none`])).rejects.toThrow(/No such file/);
    await expect(run('statx', [dir]).catch(() => run('ls', [dir]))).rejects.toThrow(/not implemented/);
    expect(errors.map(String)).toEqual([
      expect.stringMatching(/TypeError: a bug/),
      expect.stringMatching(/EALREADY.*LOOKUP/),
      expect.stringMatching(/full/),
    ]);
    expect(m.session.unanswered).toBe(0);
    await m.unmount();
    await mkdir(join(dir, 'x'));
    await rm(dir, { recursive: true });
  });
});
