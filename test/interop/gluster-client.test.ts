import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Loc } from '../../src/gluster/graph/loc.ts';
import { type Callback, UP_MODE } from '../../src/gluster/rpc/callback.ts';
import { Dict } from '../../src/gluster/types/dict.ts';
import {
  ENTRYLK_LOCK_NB,
  ENTRYLK_UNLOCK,
  ENTRYLK_WRLCK,
  F_GETLK,
  F_RDLCK,
  F_SETLK,
  F_UNLCK,
  F_WRLCK,
  SEEK_TO_DATA,
  SEEK_TO_HOLE,
} from '../../src/gluster/types/fs.ts';
import {
  IA_IFDIR,
  IA_IFLNK,
  Iatt,
  SET_ATTR_GID,
  SET_ATTR_MODE,
  SET_ATTR_MTIME,
  SET_ATTR_UID,
} from '../../src/gluster/types/iatt.ts';
import { BrickGraph, errnoOfFop, frameOf, gfidRequest } from '../support/gluster-brick.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const O_RDWR = 2;
const O_CREAT = 0o100;

describe.skipIf(!haveRealGluster())('protocol/client on a real brick', () => {
  let gluster: RealGluster;

  beforeAll(async () => {
    gluster = await RealGluster.start();
    await gluster.createVolume('v1', { bricks: 1 });
  });
  afterAll(() => gluster?.[Symbol.asyncDispose]());

  describe.each(['4.x', '3.3'])('program %s', program => {
    let brick: BrickGraph;
    const path = (name: string) => join(gluster.brickPath('v1', 0), name);
    const prefix = program === '4.x' ? 'n' : 'o';

    beforeAll(async () => {
      brick = await BrickGraph.of(gluster, 'v1', 0, {
        'testing.old-protocol': program === '3.3' ? 'on' : 'off',
      });
      const { stat } = await brick.fops.lookup(frameOf('lookup'), brick.root);
      expect(stat.type).toBe(IA_IFDIR);
    });
    afterAll(() => brick?.[Symbol.asyncDispose]());

    async function made(name: string) {
      const { fops, graph } = brick;
      const loc = brick.at(prefix + name);
      const fd = graph.inodes.openFd(loc.inode, O_RDWR, process.pid, '');
      const answer = await fops.create(
        frameOf('create'),
        loc,
        O_RDWR | O_CREAT,
        0o644,
        0o22,
        fd,
        gfidRequest(),
      );
      const inode = graph.inodes.link(loc.inode, loc.parent, loc.name, answer.stat);
      return { fd: answer.fd, loc: new Loc(inode, loc.parent, loc.name, loc.path), stat: answer.stat };
    }

    it('creates, writes, reads, truncates', async () => {
      const { fops } = brick;
      const { fd, loc, stat } = await made('file');
      expect(stat.gfid).toBe(loc.gfid);
      const data = [Buffer.from('hello '), Buffer.alloc(100_000, 0x61)];
      const { written, post } = await fops.writev(frameOf('writev'), fd, data, 0, 0);
      expect(written).toBe(100_006);
      expect(post.size).toBe(100_006);
      expect(readFileSync(path(loc.name)).equals(Buffer.concat(data))).toBe(true);
      const read = await fops.readv(frameOf('readv'), fd, 200_000, 2, 0);
      expect(read.length).toBe(100_004);
      expect(read.eof).toBe(true);
      expect(Buffer.concat(read.data).subarray(0, 5).toString()).toBe('llo a');
      await fops.ftruncate(frameOf('ftruncate'), fd, 10);
      expect((await fops.truncate(frameOf('truncate'), loc, 5)).pre.size).toBe(10);
      expect((await fops.fstat(frameOf('fstat'), fd)).stat.size).toBe(5);
      expect((await fops.stat(frameOf('stat'), loc)).stat.size).toBe(5);
      expect((await fops.fsync(frameOf('fsync'), fd, true)).post.size).toBe(5);
      await fops.flush(frameOf('flush'), fd);
      fd.release();
      const again = brick.graph.inodes.openFd(loc.inode, 0, 1, '');
      await fops.open(frameOf('open'), loc, 0, again);
      const small = await fops.readv(frameOf('readv'), again, 5, 0, 0);
      expect(Buffer.concat(small.data).toString()).toBe('hello');
      const anonymous = await fops.readv(
        frameOf('readv'),
        brick.graph.inodes.anonymousFd(loc.inode, 0),
        3,
        1,
        0,
      );
      expect(Buffer.concat(anonymous.data).toString()).toBe('ell');
      again.release();
    });

    it('reads and writes more than fits into one record', async () => {
      const { fops } = brick;
      const { fd } = await made('large');
      const data = Buffer.alloc(9 << 20);
      for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(i, i);
      await fops.writev(frameOf('writev'), fd, [data], 0, 0);
      const read = await fops.readv(frameOf('readv'), fd, data.length + 10, 0, 0);
      expect(Buffer.concat(read.data).equals(data)).toBe(true);
      expect(read.eof).toBe(true);
      fd.release();
    });

    it('makes directories, links and nodes, lists, renames, removes', async () => {
      const { fops, graph } = brick;
      const dir = brick.at(`${prefix}dir`);
      const mk = await fops.mkdir(frameOf('mkdir'), dir, 0o755, 0, gfidRequest());
      const d = graph.inodes.link(dir.inode, dir.parent, dir.name, mk.stat);
      const dirLoc = new Loc(d, dir.parent, dir.name, dir.path);
      const { fd, loc } = await made('linked');
      fd.release();
      const { stat } = await fops.link(frameOf('link'), loc, brick.at('hard', d));
      expect(stat.nlink).toBe(2);
      const soft = brick.at('soft', d);
      const symlink = await fops.symlink(frameOf('symlink'), 'some/where', soft, 0, gfidRequest());
      expect(symlink.stat.type).toBe(IA_IFLNK);
      const softInode = graph.inodes.link(soft.inode, d, 'soft', symlink.stat);
      const target = await fops.readlink(frameOf('readlink'), new Loc(softInode, d, 'soft'), 4096);
      expect(target.path).toBe('some/where');
      await fops.mknod(frameOf('mknod'), brick.at('fifo', d), 0o010644, 0, 0, gfidRequest());
      const dirFd = graph.inodes.openFd(d, 0, 1, '');
      await fops.opendir(frameOf('opendir'), dirLoc, dirFd);
      const { entries } = await fops.readdirp(frameOf('readdirp'), dirFd, 4096, 0n);
      expect(entries.map(e => e.name).sort()).toEqual(['.', '..', 'fifo', 'hard', 'soft']);
      const hard = entries.find(e => e.name === 'hard')!;
      expect(hard.inode).toBe(loc.inode);
      expect(hard.stat?.gfid).toBe(loc.gfid);
      // One by one, going on from each offset.
      const names: string[] = [];
      for (let offset = 0n; ; ) {
        const some = await fops.readdir(frameOf('readdir'), dirFd, 256, offset);
        names.push(...some.entries.map(e => e.name));
        if (some.entries.length === 0) break;
        offset = some.entries.at(-1)!.dOff;
      }
      expect(names.sort()).toEqual(['.', '..', 'fifo', 'hard', 'soft']);
      await fops.fsyncdir(frameOf('fsyncdir'), dirFd, false);
      dirFd.release();
      const renamed = await fops.rename(
        frameOf('rename'),
        new Loc(loc.inode, d, 'hard'),
        brick.at('harder', d),
      );
      expect(renamed.stat.gfid).toBe(loc.gfid);
      expect(existsSync(path(`${dir.name}/harder`))).toBe(true);
      expect(await errnoOfFop(fops.rmdir(frameOf('rmdir'), dirLoc, 0))).toBe('ENOTEMPTY');
      for (const name of ['harder', 'soft', 'fifo'])
        await fops.unlink(frameOf('unlink'), new Loc(graph.inodes.create(), d, name), 0);
      const { postparent } = await fops.rmdir(frameOf('rmdir'), dirLoc, 0);
      expect(postparent?.type).toBe(IA_IFDIR);
      expect(await errnoOfFop(fops.lookup(frameOf('lookup'), brick.at('nothing')))).toBe('ENOENT');
    });

    it('sets and gets attributes', async () => {
      const { fops } = brick;
      const { fd, loc } = await made('attrs');
      const wanted = new Iatt();
      wanted.mode = 0o100600;
      wanted.mtime = 1_500_000_000;
      wanted.mtimeNsec = 123_456_789;
      const set = await fops.setattr(frameOf('setattr'), loc, wanted, SET_ATTR_MODE | SET_ATTR_MTIME);
      expect(set.post.mode & 0o7777).toBe(0o600);
      expect(statSync(path(loc.name)).mtimeMs).toBeCloseTo(1_500_000_000_123.45, 0);
      wanted.mode = 0o100640;
      await fops.fsetattr(frameOf('fsetattr'), fd, wanted, SET_ATTR_MODE);
      expect(statSync(path(loc.name)).mode & 0o7777).toBe(0o640);
      await fops.access(frameOf('access'), loc, 4);
      const dict = new Dict().setBytes('user.a', Buffer.from('one')).setBytes('user.b', Buffer.from('two'));
      await fops.setxattr(frameOf('setxattr'), loc, dict, 0);
      const all = await fops.getxattr(frameOf('getxattr'), loc, undefined);
      expect([...all.dict.entries.keys()].filter(k => k.startsWith('user.')).sort()).toEqual([
        'user.a',
        'user.b',
      ]);
      await fops.fsetxattr(
        frameOf('fsetxattr'),
        fd,
        new Dict().setBytes('user.c', Buffer.from([0, 1, 2])),
        0,
      );
      expect((await fops.fgetxattr(frameOf('fgetxattr'), fd, 'user.c')).dict.bytes('user.c')).toEqual(
        Buffer.from([0, 1, 2]),
      );
      await fops.removexattr(frameOf('removexattr'), loc, 'user.a');
      await fops.fremovexattr(frameOf('fremovexattr'), fd, 'user.c');
      expect(await errnoOfFop(fops.getxattr(frameOf('getxattr'), loc, 'user.a'))).toBe('ENODATA');
      const counters = new Dict().setBytes(
        'trusted.afr.test',
        Buffer.from('000000010000000200000003', 'hex'),
      );
      await fops.xattrop(frameOf('xattrop'), loc, 0, counters);
      const sum = await fops.fxattrop(frameOf('fxattrop'), fd, 0, counters);
      expect(sum.dict.bytes('trusted.afr.test')?.toString('hex')).toBe('000000020000000400000006');
      const { statfs } = await fops.statfs(frameOf('statfs'), brick.root);
      expect(statfs.blocks).toBeGreaterThan(0);
      expect(statfs.namemax).toBe(255);
      fd.release();
    });

    it('allocates, punches holes, seeks, checksums', async () => {
      const { fops } = brick;
      const { fd, loc } = await made('space');
      await fops.fallocate(frameOf('fallocate'), fd, false, 0, 1 << 20);
      expect(statSync(path(loc.name)).size).toBe(1 << 20);
      await fops.writev(frameOf('writev'), fd, [Buffer.alloc(65536, 1)], 262144, 0);
      await fops.discard(frameOf('discard'), fd, 0, 131072);
      await fops.zerofill(frameOf('zerofill'), fd, 524288, 4096);
      const { offset } = await fops.seek(frameOf('seek'), fd, 0, SEEK_TO_DATA);
      expect(offset).toBeGreaterThanOrEqual(131072);
      expect((await fops.seek(frameOf('seek'), fd, 0, SEEK_TO_HOLE)).offset).toBe(0);
      const sums = await fops.rchecksum(frameOf('rchecksum'), fd, 262144, 4096);
      expect(sums.strong.length).toBeGreaterThanOrEqual(16);
      fd.release();
    });

    it('locks', async () => {
      const { fops } = brick;
      const { fd, loc } = await made('locked');
      const mine = frameOf('lk', { lkOwner: 'ownerAAA' });
      const other = frameOf('lk', { lkOwner: 'ownerBBB' });
      const flock = (type: number, owner: string) => ({
        type,
        whence: 0,
        start: 0,
        len: 10,
        pid: 1,
        owner,
      });
      await fops.lk(mine, fd, F_SETLK, flock(F_WRLCK, 'ownerAAA'));
      expect(await errnoOfFop(fops.lk(other, fd, F_SETLK, flock(F_RDLCK, 'ownerBBB')))).toBe('EAGAIN');
      const got = await fops.lk(other, fd, F_GETLK, flock(F_RDLCK, 'ownerBBB'));
      expect(got.flock).toMatchObject({ type: F_WRLCK, start: 0, len: 10 });
      await fops.lk(mine, fd, F_SETLK, flock(F_UNLCK, 'ownerAAA'));
      await fops.lk(other, fd, F_SETLK, flock(F_RDLCK, 'ownerBBB'));
      await fops.inodelk(frameOf('inodelk', { lkOwner: 'x' }), 'dom', loc, F_SETLK, flock(F_WRLCK, ''));
      expect(
        await errnoOfFop(
          fops.finodelk(frameOf('finodelk', { lkOwner: 'y' }), 'dom', fd, F_SETLK, flock(F_WRLCK, '')),
        ),
      ).toBe('EAGAIN');
      await fops.inodelk(frameOf('inodelk', { lkOwner: 'x' }), 'dom', loc, F_SETLK, flock(F_UNLCK, ''));
      const entry = (owner: string, cmd: number) =>
        fops.entrylk(frameOf('entrylk', { lkOwner: owner }), 'dom', brick.root, 'name', cmd, ENTRYLK_WRLCK);
      await entry('x', ENTRYLK_LOCK_NB);
      expect(await errnoOfFop(entry('y', ENTRYLK_LOCK_NB))).toBe('EAGAIN');
      await entry('x', ENTRYLK_UNLOCK);
      fd.release();
    });

    it.runIf(program === '4.x')('copies ranges; bricks of 10.3 put nothing', async () => {
      const { fops } = brick;
      const source = await made('source');
      await fops.writev(frameOf('writev'), source.fd, [Buffer.from('at once')], 0, 0);
      const { fd, loc } = await made('copy');
      const { copied, post } = await fops.copyFileRange(frameOf('copyFileRange'), source.fd, 3, fd, 0, 4, 0);
      expect(copied).toBe(4);
      expect(post.size).toBe(4);
      expect(readFileSync(path(loc.name), 'utf8')).toBe('once');
      const put = fops.put(
        frameOf('put'),
        brick.at('put'),
        0o100644,
        0,
        O_RDWR | O_CREAT,
        [Buffer.from('at once')],
        0,
        undefined,
        gfidRequest(),
      );
      expect(await errnoOfFop(put)).toBe('EOPNOTSUPP');
      source.fd.release();
      fd.release();
    });
  });

  it('a change by another client comes up as an upcall', async () => {
    await gluster.cli('volume', 'set', 'v1', 'features.cache-invalidation', 'on');
    await using one = await BrickGraph.of(gluster, 'v1', 0);
    await using other = await BrickGraph.of(gluster, 'v1', 0);
    const made = one.at('watched');
    const fd = one.graph.inodes.openFd(made.inode, O_RDWR, 1, '');
    const flags = O_RDWR | O_CREAT;
    const { stat } = await one.fops.create(frameOf('create'), made, flags, 0o644, 0, fd, gfidRequest());
    const inode = one.graph.inodes.link(made.inode, made.parent, made.name, stat);
    await one.fops.stat(frameOf('stat'), new Loc(inode, made.parent, made.name));
    const upcall = new Promise<Callback>(resolve => {
      one.graph.onEvent((event, _from, data) => {
        if (event === 'UPCALL') resolve(data as Callback);
      });
    });
    const found = await other.fops.lookup(frameOf('lookup'), other.at('watched'));
    const theirs = other.graph.inodes.link(found.inode, other.root.inode, 'watched', found.stat);
    const wanted = new Iatt();
    wanted.mode = 0o100600;
    await other.fops.setattr(
      frameOf('setattr'),
      new Loc(theirs, other.root.inode, 'watched'),
      wanted,
      SET_ATTR_MODE,
    );
    const event = await upcall;
    expect(event.kind).toBe('cache-invalidation');
    if (event.kind !== 'cache-invalidation') return;
    expect(event.gfid).toBe(stat.gfid);
    expect(event.flags & UP_MODE).not.toBe(0);
    expect(event.stat.mode).toBe(0o100600);
    fd.release();
  });

  it('groups of who asks count at the brick, where they are sent', async () => {
    await using root = await BrickGraph.of(gluster, 'v1', 0);
    const made = root.at('of-a-group');
    const fd = root.graph.inodes.openFd(made.inode, O_RDWR, 1, '');
    const flags = O_RDWR | O_CREAT;
    const { stat } = await root.fops.create(frameOf('create'), made, flags, 0o640, 0, fd, gfidRequest());
    const inode = root.graph.inodes.link(made.inode, made.parent, made.name, stat);
    const wanted = new Iatt();
    wanted.uid = 4321;
    wanted.gid = 777;
    await root.fops.setattr(
      frameOf('setattr'),
      new Loc(inode, made.parent, made.name),
      wanted,
      SET_ATTR_UID | SET_ATTR_GID,
    );
    fd.release();
    const member = { uid: 1234, gid: 1234, groups: [1234, 777], lkOwner: 'member' };
    const opens = async (sendGids: string) => {
      await using brick = await BrickGraph.of(gluster, 'v1', 0, { 'send-gids': sendGids });
      const loc = brick.at('of-a-group');
      const found = await brick.fops.lookup(frameOf('lookup'), loc);
      const linked = brick.graph.inodes.link(loc.inode, loc.parent, loc.name, found.stat);
      const opened = brick.graph.inodes.openFd(linked, 0, 1, '');
      return await errnoOfFop(
        brick.fops.open(frameOf('open', member), new Loc(linked, loc.parent, loc.name), 0, opened),
      );
    };
    expect(await opens('on')).toBe('no error');
    expect(await opens('off')).toBe('EACCES');
  });

  it('locks can be taken along: what is held, and by whom', async () => {
    await using brick = await BrickGraph.of(gluster, 'v1', 0);
    const made = brick.at('active');
    const fd = brick.graph.inodes.openFd(made.inode, O_RDWR, 1, '');
    const flags = O_RDWR | O_CREAT;
    const { stat } = await brick.fops.create(frameOf('create'), made, flags, 0o644, 0, fd, gfidRequest());
    const inode = brick.graph.inodes.link(made.inode, made.parent, made.name, stat);
    const flock = { type: F_WRLCK, whence: 0, start: 3, len: 4, pid: 5, owner: 'ownerAAA' };
    await brick.fops.lk(frameOf('lk', { lkOwner: 'ownerAAA' }), fd, F_SETLK, flock);
    const loc = new Loc(inode, made.parent, made.name);
    const { locks } = await brick.fops.getactivelk(frameOf('getactivelk'), loc);
    expect(locks).toHaveLength(1);
    expect(locks[0].flock).toMatchObject({ start: 3, len: 4, owner: 'ownerAAA' });
    expect(locks[0].clientUid).toContain('brick');
    fd.release();
  });
});
