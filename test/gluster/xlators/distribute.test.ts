import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Inode } from '../../../src/gluster/graph/inode.ts';
import { Loc } from '../../../src/gluster/graph/loc.ts';
import { F_SETLK, F_UNLCK, F_WRLCK } from '../../../src/gluster/types/fs.ts';
import { gfidFromRandom } from '../../../src/gluster/types/gfid.ts';
import type { Volume } from '../../../src/gluster/volume/volume.ts';
import {
  bricksOf,
  type DhtBrick,
  DhtVolume,
  distributeOf,
  isLinkto,
  layoutOf,
  leaveLinkto,
  onBrick,
  vanish,
  whereIs,
} from '../../support/dht-volume.ts';
import { frameOf } from '../../support/graph-stack.ts';
import type { MemFile } from '../../support/mem-store.ts';

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    error => error.code,
  );

const ranges = (volume: Volume, path: string) =>
  layoutOf(volume, path).map(layout => (layout === undefined ? undefined : [layout.start, layout.stop]));

/** A name that hashes to that brick in a directory. */
function nameOn(volume: Volume, path: string, brick: number, tag = 'f'): string {
  const { names } = distributeOf(volume);
  for (let i = 0; ; i++) {
    const name = `${tag}${i}`;
    const hash = names.of(name);
    const layout = layoutOf(volume, path);
    if (layout[brick] !== undefined && layout[brick]!.start <= hash && hash <= layout[brick]!.stop)
      return name;
  }
}

/** Makes a file in the root whose data are on that brick, wherever its name hashes to. */
async function placed(volume: Volume, name: string, brick: number, text: string): Promise<void> {
  const first = nameOn(volume, '/', brick, `tmp-${name}-`);
  await volume.writeFile(`/${first}`, text);
  await volume.rename(`/${first}`, `/${name}`);
  expect(whereIs(volume, `/${name}`)).toContain(`b${brick}`);
}

describe('Layouts of directories', () => {
  it('halve the hashes between two bricks', async () => {
    await using bricks = new DhtVolume(2);
    const volume = await bricks.client();
    const all = [0, 1].map(i => ranges(volume, '/')[i]?.join());
    expect(all.sort()).toEqual(['0,2147483646', '2147483647,4294967295']);
    await volume.mkdir('/d');
    expect(
      ranges(volume, '/d')
        .map(r => r?.join())
        .sort(),
    ).toEqual(['0,2147483646', '2147483647,4294967295']);
    // The root was healed by a lookup, the directory is new.
    expect(layoutOf(volume, '/').map(l => l?.commitHash)).toEqual([1, 1]);
    expect(layoutOf(volume, '/d').map(l => l?.commitHash)).toEqual([0, 0]);
  });

  it('start at the brick that the path hashes to', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    for (let i = 0; i < 20; i++) {
      await volume.mkdir(`/dir${i}`);
      const first = distributeOf(volume).names.of(`/dir${i}`) % 3;
      expect(ranges(volume, `/dir${i}`)[first]).toEqual([0, 0x55555554]);
    }
  });

  it('are over fewer bricks when the volume says so', async () => {
    await using bricks = new DhtVolume(4, { 'directory-layout-spread': '2' });
    const volume = await bricks.client();
    await volume.mkdir('/d');
    const found = ranges(volume, '/d');
    expect(found.filter(r => r?.join() === '0,0').length).toBe(2);
    for (let i = 0; i < 30; i++) await volume.writeFile(`/d/${i}`, 'x');
    expect((await volume.readdir('/d')).length).toBe(30);
    const used = bricksOf(volume).filter(brick => (onBrick(brick, '/d')?.entries?.size ?? 0) > 0);
    expect(used.length).toBe(2);
  });

  it('leave decommissioned bricks out', async () => {
    await using bricks = new DhtVolume(3, { 'decommissioned-bricks': 't-client-1' });
    const volume = await bricks.client();
    await volume.mkdir('/d');
    for (let i = 0; i < 20; i++) await volume.writeFile(`/d/${i}`, 'x');
    expect(onBrick(bricksOf(volume)[1], '/d')?.entries?.size).toBe(0);
    expect((await volume.readdir('/d')).length).toBe(20);
  });
});

describe('Files', () => {
  it('lie whole on the brick that their name hashes to', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d');
    for (const dir of ['', '/d'])
      for (let i = 0; i < 30; i++) {
        const path = `${dir}/ñ${i}.txt`;
        await volume.writeFile(path, `content ${i}`);
        const latin = Buffer.from(`ñ${i}.txt`).toString('latin1');
        const hash = distributeOf(volume).names.of(latin);
        const brick = layoutOf(volume, dir || '/').findIndex(l => l!.start <= hash && hash <= l!.stop);
        expect(whereIs(volume, path)).toEqual([`b${brick}`]);
      }
    expect((await volume.readdir('/d')).length).toBe(30);
    for (let i = 0; i < 30; i++) expect(await volume.readFile(`/d/ñ${i}.txt`, 'utf8')).toBe(`content ${i}`);
  });

  it('keep their brick when renamed, with a linkto file where the new name hashes to', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    const from = nameOn(volume, '/', 0);
    await volume.writeFile(`/${from}`, 'text');
    const away = nameOn(volume, '/', 1, 'away');
    await volume.rename(`/${from}`, `/${away}`);
    expect(whereIs(volume, `/${away}`)).toEqual(['b0', 'b1>t-client-0']);
    expect(whereIs(volume, `/${from}`)).toEqual([]);
    const linkto = onBrick(bricksOf(volume)[1], `/${away}`)!;
    expect(linkto.gfid).toBe(onBrick(bricksOf(volume)[0], `/${away}`)!.gfid);
    expect(linkto.xattrs.get('trusted.glusterfs.dht.linkto')?.toString()).toMatch(/^t-client-0\0?$/);
    // To a third brick: the old linkto file goes.
    const further = nameOn(volume, '/', 2, 'further');
    await volume.rename(`/${away}`, `/${further}`);
    expect(whereIs(volume, `/${further}`)).toEqual(['b0', 'b2>t-client-0']);
    expect(whereIs(volume, `/${away}`)).toEqual([]);
    // And home.
    const home = nameOn(volume, '/', 0, 'home');
    await volume.rename(`/${further}`, `/${home}`);
    expect(whereIs(volume, `/${home}`)).toEqual(['b0']);
    expect(whereIs(volume, `/${further}`)).toEqual([]);
    expect(await volume.readFile(`/${home}`, 'utf8')).toBe('text');
  });

  it('are overwritten by renames from and to every brick', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    const other = await bricks.client();
    // Where the source's name, its data, the target's name and its data are.
    for (let n = 0; n < 81; n++) {
      const [sh, sc, dh, dc] = [n % 3, Math.floor(n / 3) % 3, Math.floor(n / 9) % 3, Math.floor(n / 27)];
      const source = nameOn(volume, '/', sh, `s${n}_`);
      const target = nameOn(volume, '/', dh, `d${n}_`);
      await placed(volume, source, sc, 'new');
      await placed(volume, target, dc, 'old');
      await volume.rename(`/${source}`, `/${target}`);
      const what = `${sh}${sc}${dh}${dc}`;
      expect(whereIs(volume, `/${source}`), what).toEqual([]);
      const expected = sc === dh ? [`b${sc}`] : [`b${sc}`, `b${dh}>t-client-${sc}`];
      expect(whereIs(volume, `/${target}`), what).toEqual(expected.sort());
      expect(await volume.readFile(`/${target}`, 'utf8'), what).toBe('new');
      expect(await other.readFile(`/${target}`, 'utf8'), what).toBe('new');
      await other.unlink(`/${target}`);
      expect(whereIs(volume, `/${target}`), what).toEqual([]);
      expect(await code(volume.stat(`/${target}`))).toBe('ENOENT');
    }
    for (const brick of bricksOf(volume)) expect(brick.store.files.size).toBe(1);
  });

  it('are overwritten by renames of files whose linkto file went away', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    // Where the source's name and its data are, and the target's name and its data.
    for (let n = 0; n < 81; n++) {
      const [sh, sc, dh, dc] = [n % 3, Math.floor(n / 3) % 3, Math.floor(n / 9) % 3, Math.floor(n / 27)];
      if (sh === sc) continue;
      const what = `${sh}${sc}${dh}${dc}`;
      const source = nameOn(volume, '/', sh, `s${n}_`);
      const target = nameOn(volume, '/', dh, `d${n}_`);
      await placed(volume, source, sc, 'new');
      await placed(volume, target, dc, 'old');
      vanish(bricksOf(volume)[sh], `/${source}`);
      await volume.rename(`/${source}`, `/${target}`);
      expect(whereIs(volume, `/${source}`), what).toEqual([]);
      const expected = sc === dh ? [`b${sc}`] : [`b${sc}`, `b${dh}>t-client-${sc}`];
      expect(whereIs(volume, `/${target}`), what).toEqual(expected.sort());
      expect(await volume.readdir('/'), what).toEqual([target]);
      expect(await volume.readFile(`/${target}`, 'utf8'), what).toBe('new');
      await volume.unlink(`/${target}`);
    }
    for (const brick of bricksOf(volume)) expect(brick.store.files.size).toBe(1);
  });

  it('are renamed although bricks have stale linkto files of both names', async () => {
    await using bricks = new DhtVolume(4);
    const volume = await bricks.client();
    let gfids = 0;
    const numbered = (n: number) => {
      const bytes = Buffer.alloc(16);
      bytes.writeUInt32LE(n);
      return bytes;
    };
    for (let n = 0; n < 128; n++) {
      const [sh, sc, dh] = [n % 4, Math.floor(n / 4) % 4, Math.floor(n / 16) % 4];
      const what = `${sh}${sc}${dh}, ${n < 64 ? 'new' : 'overwritten'}`;
      const source = nameOn(volume, '/', sh, `s${n}_`);
      const target = nameOn(volume, '/', dh, `d${n}_`);
      await placed(volume, source, sc, 'new');
      if (n >= 64) await placed(volume, target, (dh + 1) % 4, 'old');
      for (const brick of bricksOf(volume))
        for (const name of [source, target])
          if (onBrick(brick, `/${name}`) === undefined)
            leaveLinkto(brick, `/${name}`, 't-client-3', gfidFromRandom(numbered(gfids++)));
      await volume.rename(`/${source}`, `/${target}`);
      const expected = sc === dh ? [`b${sc}`] : [`b${sc}`, `b${dh}>t-client-${sc}`];
      expect(whereIs(volume, `/${target}`), what).toEqual(expected.sort());
      expect(whereIs(volume, `/${source}`), what).toEqual([]);
      expect(await volume.readdir('/'), what).toEqual([target]);
      expect(await volume.readFile(`/${target}`, 'utf8'), what).toBe('new');
      await volume.unlink(`/${target}`);
    }
    for (const brick of bricksOf(volume)) expect(brick.store.files.size).toBe(1);
  });

  it('have hard links on their brick, and linkto files elsewhere', async () => {
    await using bricks = new DhtVolume(2);
    const volume = await bricks.client();
    const name = nameOn(volume, '/', 0);
    await volume.writeFile(`/${name}`, 'text');
    const away = nameOn(volume, '/', 1, 'l');
    await volume.link(`/${name}`, `/${away}`);
    expect(whereIs(volume, `/${away}`)).toEqual(['b0', 'b1>t-client-0']);
    expect((await volume.stat(`/${away}`)).nlink).toBe(2);
    expect((await volume.readdir('/')).sort()).toEqual([name, away].sort());
    const other = await bricks.client();
    expect(await other.readFile(`/${away}`, 'utf8')).toBe('text');
    await other.unlink(`/${name}`);
    expect(await volume.readFile(`/${away}`, 'utf8')).toBe('text');
    await volume.unlink(`/${away}`);
    expect(whereIs(volume, `/${away}`)).toEqual([]);
  });

  it('go elsewhere when their brick is filled', async () => {
    await using bricks = new DhtVolume(2, { 'min-free-disk': '10%' });
    const volume = await bricks.client();
    const name = nameOn(volume, '/', 0);
    bricksOf(volume)[0].fullness = 0.98;
    distributeOf(volume).usage.fetch(0);
    await new Promise(resolve => setImmediate(resolve));
    await volume.writeFile(`/${name}`, 'text');
    expect(whereIs(volume, `/${name}`)).toEqual(['b0>t-client-1', 'b1']);
    expect(await (await bricks.client()).readFile(`/${name}`, 'utf8')).toBe('text');
    expect(await volume.readdir('/')).toEqual([name]);
  });

  it('are found on bricks that they do not hash to, and get a linkto file', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    const name = nameOn(volume, '/', 0);
    const made = nameOn(volume, '/', 2, 'made');
    await volume.writeFile(`/${made}`, 'text');
    const { store } = bricksOf(volume)[2];
    // As a rebalance that was interrupted, or an administrator, would leave it.
    store.enter(store.root, name, onBrick(bricksOf(volume)[2], `/${made}`)!);
    vanish(bricksOf(volume)[2], `/${made}`);
    const other = await bricks.client();
    expect(await other.readFile(`/${name}`, 'utf8')).toBe('text');
    expect(whereIs(volume, `/${name}`)).toEqual(['b0>t-client-2', 'b2']);
  });

  it('are not looked for elsewhere in directories of the last rebalance', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d');
    const count = async (path: string) => {
      for (const brick of bricksOf(volume)) brick.calls = [];
      expect(await code(volume.stat(path))).toBe('ENOENT');
      return bricksOf(volume).flatMap(brick =>
        brick.calls!.filter(c => c.fop === 'lookup' && c.name === 'missing'),
      ).length;
    };
    // The root was healed: its commit hash is not the volume's. That of /d is.
    expect(await count('/missing')).toBe(4);
    const inD = await count('/d/missing');
    expect(inD).toBe(1);
  });

  it('lose linkto files that lead nowhere', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    const from = nameOn(volume, '/', 0);
    await volume.writeFile(`/${from}`, 'text');
    const away = nameOn(volume, '/', 1, 'away');
    await volume.rename(`/${from}`, `/${away}`);
    vanish(bricksOf(volume)[0], `/${away}`);
    expect(whereIs(volume, `/${away}`)).toEqual(['b1>t-client-0']);
    const other = await bricks.client();
    expect(await code(other.stat(`/${away}`))).toBe('ENOENT');
    expect(whereIs(volume, `/${away}`)).toEqual([]);
  });

  for (const moved of [false, true])
    it(`are found beside a stale linkto file that a rebalance opens meanwhile${moved ? ', to move the file there' : ''}`, async () => {
      await using bricks = new DhtVolume(3);
      const volume = await bricks.client();
      const name = nameOn(volume, '/', 0);
      await placed(volume, name, 1, 'text');
      const [hashed, holder] = bricksOf(volume);
      vanish(hashed, `/${name}`);
      leaveLinkto(hashed, `/${name}`, 't-client-2', gfidFromRandom(Buffer.alloc(16, 9)));
      const other = await bricks.client();
      const target = bricksOf(other)[0];
      let looks = 0;
      target.after = call => {
        // First the name is looked for where it hashes to, then everywhere.
        if (call.fop !== 'lookup' || call.name !== name || ++looks !== 2) return undefined;
        onBrick(hashed, `/${name}`)!.opens++;
        if (!moved) return undefined;
        const { gfid } = onBrick(holder, `/${name}`)!;
        for (const brick of [holder, hashed]) vanish(brick, `/${name}`);
        const file = hashed.store.make(hashed.store.root, name, gfid, 0o100644, 0, 0);
        file.data!.write(0, Buffer.from('text'));
        return undefined;
      };
      expect((await other.stat(`/${name}`)).size).toBe(4);
      expect(looks).toBeGreaterThan(2);
      expect(await other.readFile(`/${name}`, 'utf8')).toBe('text');
    });
});

describe('Directories', () => {
  it('are on all bricks, with the same gfid, owner and permissions', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d', { mode: 0o750 });
    await volume.chown('/d', 5, 6);
    const found = bricksOf(volume).map(brick => onBrick(brick, '/d')!);
    expect(new Set(found.map(file => file.gfid)).size).toBe(1);
    for (const file of found)
      expect([file.stat.mode & 0o777, file.stat.uid, file.stat.gid]).toEqual([0o750, 5, 6]);
    const { size, blocks } = await volume.stat('/d');
    expect([size, blocks]).toEqual([4096, 8]);
    await volume.rename('/d', '/e');
    expect(whereIs(volume, '/e')).toEqual(['b0', 'b1', 'b2']);
    await volume.rmdir('/e');
    expect(whereIs(volume, '/e')).toEqual([]);
  });

  it('are healed where they are missing or differ', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d', { mode: 0o755 });
    await volume.setxattr('/d', 'user.k', 'v');
    const mds = bricksOf(volume).findIndex(b => onBrick(b, '/d')!.xattrs.has('trusted.glusterfs.dht.mds'));
    const victim = (mds + 1) % 3;
    const before = layoutOf(volume, '/d');
    vanish(bricksOf(volume)[victim], '/d');
    onBrick(bricksOf(volume)[(mds + 2) % 3], '/d')!.stat.mode = 0o040700;
    const other = await bricks.client();
    await other.stat('/d');
    expect(whereIs(volume, '/d')).toEqual(['b0', 'b1', 'b2']);
    for (const brick of bricksOf(volume)) {
      const dir = onBrick(brick, '/d')!;
      expect([dir.stat.mode & 0o777, dir.xattrs.get('user.k')?.toString()]).toEqual([0o755, 'v']);
      expect(dir.gfid).toBe(onBrick(bricksOf(volume)[mds], '/d')!.gfid);
    }
    const after = layoutOf(volume, '/d');
    // Without one brick's range the layout had a hole, and was made anew.
    expect(after.map(l => l?.commitHash)).toEqual([1, 1, 1]);
    expect(after.map(l => [l?.start, l?.stop])).toEqual(before.map(l => [l?.start, l?.stop]));
  });

  it('count changes of attributes that a brick missed, and bring them there', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d');
    const mds = bricksOf(volume).findIndex(b => onBrick(b, '/d')!.xattrs.has('trusted.glusterfs.dht.mds'));
    const victim = bricksOf(volume)[(mds + 1) % 3];
    const mdsCount = () =>
      onBrick(bricksOf(volume)[mds], '/d')!.xattrs.get('trusted.glusterfs.dht.mds')?.readInt32BE(0);
    victim.setUp(false);
    await volume.setxattr('/d', 'user.late', 'x');
    expect(mdsCount()).toBe(-1);
    victim.setUp(true);
    const other = await bricks.client();
    await other.stat('/d');
    for (let i = 0; i < 50 && mdsCount() !== 0; i++) await new Promise(resolve => setImmediate(resolve));
    expect(onBrick(victim, '/d')?.xattrs.get('user.late')?.toString()).toBe('x');
    expect(mdsCount()).toBe(0);
  });

  it('with stale linkto files can be removed, with files not', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d');
    const from = nameOn(volume, '/d', 0);
    await volume.writeFile(`/d/${from}`, 'text');
    const away = nameOn(volume, '/d', 1, 'away');
    await volume.rename(`/d/${from}`, `/d/${away}`);
    expect(await code(volume.rmdir('/d'))).toBe('ENOTEMPTY');
    expect(whereIs(volume, `/d/${away}`)).toEqual(['b0', 'b1>t-client-0']);
    vanish(bricksOf(volume)[0], `/d/${away}`);
    await volume.rmdir('/d');
    expect(whereIs(volume, '/d')).toEqual([]);
  });

  it('are put back when rmdir fails on one brick', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d');
    const mds = bricksOf(volume).findIndex(b => onBrick(b, '/d')!.xattrs.has('trusted.glusterfs.dht.mds'));
    // Made behind the client's back, after it looked.
    const victim = bricksOf(volume)[mds];
    victim.before = call => {
      if (call.fop !== 'rmdir') return undefined;
      victim.store.make(onBrick(victim, '/d')!, 'late', 'l'.repeat(16) as never, 0o100644, 0, 0);
      victim.before = undefined;
      return undefined;
    };
    expect(await code(volume.rmdir('/d'))).toBe('ENOTEMPTY');
    for (let i = 0; i < 50 && whereIs(volume, '/d').length < 3; i++)
      await new Promise(resolve => setImmediate(resolve));
    expect(whereIs(volume, '/d')).toEqual(['b0', 'b1', 'b2']);
  });

  it('list each name once, however the listing is cut', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d');
    const names = new Set<string>();
    for (let i = 0; i < 120; i++) {
      const name = `n${i}`;
      if (i % 10 === 0) await volume.mkdir(`/d/${name}`);
      else await volume.writeFile(`/d/${name}`, '');
      names.add(name);
    }
    for (let i = 1; i < 40; i += 2) {
      if (i % 10 === 0) continue;
      await volume.rename(`/d/n${i}`, `/d/renamed${i}`);
      names.delete(`n${i}`);
      names.add(`renamed${i}`);
    }
    const listed = await volume.readdir('/d');
    expect(listed.length).toBe(names.size);
    expect(new Set(listed)).toEqual(names);
  });
});

/** Locks a file as a rebalance does that moves it; returns what lets it go. */
async function migrateLock(brick: DhtBrick, inode: Inode): Promise<() => Promise<unknown>> {
  const lock = (type: number) => {
    const range = { type, whence: 0, start: 0, len: 0, pid: 0, owner: '' };
    return brick.inodelk(frameOf('inodelk', 'rebalance'), 'dht.file.migrate', new Loc(inode), F_SETLK, range);
  };
  await lock(F_WRLCK);
  return () => lock(F_UNLCK);
}

/** Phase 1, as the rebalance daemon leaves it: the source is marked, and names where it goes. */
function markMoving(from: MemFile, target: DhtBrick): void {
  from.stat.mode |= 0o3000;
  from.xattrs.set('trusted.glusterfs.dht.linkto', Buffer.from(`${target.name}\0`));
}

/** A file of the root in phase 1, of which so much was copied. */
function beginMove(source: DhtBrick, target: DhtBrick, name: string, copied: string, mode = 0o101000) {
  const from = onBrick(source, `/${name}`)!;
  const copy = target.store.make(target.store.root, name, from.gfid, mode, 0, 0);
  copy.data!.write(0, Buffer.from(copied));
  markMoving(from, target);
  return { from, copy };
}

describe('A rebalance', () => {
  it('takes files along that are open: changed on both bricks while it copies, on the new one after', async () => {
    await using bricks = new DhtVolume(2);
    const volume = await bricks.client();
    const name = nameOn(volume, '/', 0);
    await volume.writeFile(`/${name}`, 'old text');
    const [source, target] = bricksOf(volume);
    await using handle = await volume.open(`/${name}`, 'r+');
    const { from, copy } = beginMove(source, target, name, 'old text', 0o100644);
    await handle.write('NEW', 0);
    expect(String(from.data!.read(0, 100))).toBe('NEW text');
    expect(String(copy.data!.read(0, 100))).toBe('NEW text');
    await handle.truncate(6);
    expect([from.data!.size, copy.data!.size]).toEqual([6, 6]);
    // What the rebalance read before, it must not write now.
    expect(copy.xattrs.has('trusted.glusterfs.protect.writes')).toBe(true);
    expect(from.xattrs.has('trusted.glusterfs.protect.writes')).toBe(false);
    await (await volume.open(`/${name}`, 'w')).close();
    expect([from.data!.size, copy.data!.size]).toEqual([0, 0]);
    await handle.write('NEW te', 0);
    // Users do not see the marks.
    expect((await volume.stat(`/${name}`)).mode & 0o7777).toBe(0o644);
    expect((await handle.stat()).mode & 0o7777).toBe(0o644);
    // Phase 2: the source is a linkto file.
    from.stat.mode = 0o101000;
    await handle.write('BOTH', 0);
    expect(String(copy.data!.read(0, 100))).toBe('BOTHte');
    expect(await volume.readFile(`/${name}`, 'utf8')).toBe('BOTHte');
    expect(
      distributeOf(volume).cachedOf(volume.client.graph.inodes.grep(volume.client.graph.inodes.root, name)),
    ).toBe(1);
    // And then it goes.
    vanish(source, `/${name}`);
    expect((await handle.read({ position: 0, length: 4 })).buffer.toString().slice(0, 4)).toBe('BOTH');
    await handle.sync();
    expect(await volume.readdir('/')).toEqual([name]);
  });

  it('has copied what is appended, or not: either way it is there once', async () => {
    for (const copied of [false, true]) {
      await using bricks = new DhtVolume(2);
      const volume = await bricks.client();
      const name = nameOn(volume, '/', 0);
      await volume.writeFile(`/${name}`, 'text');
      const [source, target] = bricksOf(volume);
      await using handle = await volume.open(`/${name}`, 'a');
      const { from, copy } = beginMove(source, target, name, copied ? 'text and more' : 'text');
      await handle.write(' and more');
      expect(String(from.data!.read(0, 100))).toBe('text and more');
      expect(String(copy.data!.read(0, 100))).toBe('text and more');
    }
  });

  for (const phase of [1, 2])
    it(`does not bring back what is removed while it moves, in phase ${phase}`, async () => {
      await using bricks = new DhtVolume(3, { 'decommissioned-bricks': 't-client-1' });
      const volume = await bricks.client();
      const name = nameOn(volume, '/', 0);
      await volume.writeFile(`/${name}`, 'text');
      const [source, , target] = bricksOf(volume);
      const from = onBrick(source, `/${name}`)!;
      target.store.make(target.store.root, name, from.gfid, 0o100644, 0, 0);
      from.stat.mode = phase === 1 ? from.stat.mode | 0o3000 : 0o101000;
      from.xattrs.set('trusted.glusterfs.dht.linkto', Buffer.from('t-client-2\0'));
      await volume.unlink(`/${name}`);
      expect(whereIs(volume, `/${name}`)).toEqual([]);
    });

  for (const named of [true, false])
    it(`is waited for by a new name, which the file gets where it is then; ${named ? 'by name' : 'by gfid'}`, async () => {
      await using bricks = new DhtVolume(3, { 'decommissioned-bricks': 't-client-1' });
      const volume = await bricks.client();
      const [name, other] = [nameOn(volume, '/', 0), nameOn(volume, '/', 0, 'other')];
      await volume.writeFile(`/${name}`, 'text');
      const [source, , target] = bricksOf(volume);
      const { inodes } = volume.client.graph;
      const inode = inodes.grep(inodes.root, name)!;
      const unlock = await migrateLock(source, inode);
      const from = named ? new Loc(inode, inodes.root, name) : new Loc(inode);
      const to = new Loc(inode, inodes.root, other);
      const linked = distributeOf(volume).link(frameOf('link'), from, to);
      const file = onBrick(source, `/${name}`)!;
      const copy = target.store.make(target.store.root, name, file.gfid, 0o100644, 0, 0);
      vanish(source, `/${name}`);
      source.store.files.set(file.gfid, file);
      await unlock();
      source.store.files.delete(file.gfid);
      await linked;
      expect(onBrick(target, `/${other}`)).toBe(copy);
    });

  it('that is over before a change was made on the new brick, too, does not undo it', async () => {
    await using bricks = new DhtVolume(2);
    const volume = await bricks.client();
    const name = nameOn(volume, '/', 0);
    await volume.writeFile(`/${name}`, 'long text');
    await volume.stat(`/${name}`);
    const [source, target] = bricksOf(volume);
    const { copy } = beginMove(source, target, name, 'long text');
    source.after = call => {
      if (call.fop !== 'truncate') return undefined;
      source.after = undefined;
      copy.stat.mode = 0o100644;
      vanish(source, `/${name}`);
      return undefined;
    };
    await volume.truncate(`/${name}`, 4);
    expect(copy.data!.size).toBe(4);
    expect(copy.xattrs.has('trusted.glusterfs.protect.writes')).toBe(false);
    expect(await volume.readFile(`/${name}`, 'utf8')).toBe('long');
  });

  it('that is over before a new name was made on the new brick, too, does not lose the name', async () => {
    await using bricks = new DhtVolume(2);
    const volume = await bricks.client();
    const [name, other] = [nameOn(volume, '/', 0), nameOn(volume, '/', 0, 'other')];
    await volume.writeFile(`/${name}`, 'text');
    const [source, target] = bricksOf(volume);
    const { copy } = beginMove(source, target, name, 'text');
    source.after = call => {
      if (call.fop !== 'link') return undefined;
      source.after = undefined;
      copy.stat.mode = 0o100644;
      for (const path of [name, other]) vanish(source, `/${path}`);
      return undefined;
    };
    await volume.link(`/${name}`, `/${other}`);
    expect(whereIs(volume, `/${other}`)).toEqual(['b1']);
    expect(onBrick(target, `/${other}`)).toBe(copy);
  });

  it('is not given stale linkto files of what was removed, whose other names they are as well', async () => {
    await using bricks = new DhtVolume(3, { 'decommissioned-bricks': 't-client-1' });
    const volume = await bricks.client();
    const [kept, gone] = [nameOn(volume, '/', 0), nameOn(volume, '/', 0, 'gone')];
    await volume.writeFile(`/${kept}`, 'text');
    await volume.link(`/${kept}`, `/${gone}`);
    const { gfid } = onBrick(bricksOf(volume)[0], `/${kept}`)!;
    leaveLinkto(bricksOf(volume)[2], `/${kept}`, 't-client-0', gfid);
    bricksOf(volume)[2].store.enter(
      bricksOf(volume)[2].store.root,
      gone,
      onBrick(bricksOf(volume)[2], `/${kept}`)!,
    );
    await volume.unlink(`/${gone}`);
    expect(whereIs(volume, `/${gone}`)).toEqual([]);
    expect(whereIs(volume, `/${kept}`)).toEqual(['b0', 'b2>t-client-0']);
  });

  it('that has a file locked is waited for by new names, and by what makes it shorter until the move shows', async () => {
    await using bricks = new DhtVolume(3, { 'decommissioned-bricks': 't-client-1' });
    const volume = await bricks.client();
    const [name, other] = [nameOn(volume, '/', 0), nameOn(volume, '/', 0, 'other')];
    await volume.writeFile(`/${name}`, 'long text');
    const [source, , target] = bricksOf(volume);
    const from = onBrick(source, `/${name}`)!;
    const { inodes } = volume.client.graph;
    const inode = inodes.grep(inodes.root, name)!;
    const unlock = await migrateLock(source, inode);
    const copy = target.store.make(target.store.root, name, from.gfid, 0o101000, 0, 0);
    copy.data!.write(0, Buffer.alloc(9));
    let done = '';
    const linked = volume.link(`/${name}`, `/${other}`).then(() => (done += 'link '));
    const shortened = volume.truncate(`/${name}`, 4).then(() => (done += 'truncate '));
    await sleep(30);
    expect(done).toBe('');
    expect([from.data!.size, copy.data!.size]).toEqual([9, 9]);
    markMoving(from, target);
    await shortened;
    expect(done).toBe('truncate ');
    expect([from.data!.size, copy.data!.size]).toEqual([4, 4]);
    // The move is given up.
    from.stat.mode = 0o100644;
    from.xattrs.delete('trusted.glusterfs.dht.linkto');
    await unlock();
    await linked;
    expect(onBrick(source, `/${other}`)).toBe(from);
  });

  for (const how of ['taken out', 'added'])
    it(`is not trusted to have left linkto files where names hash to, while a brick is being ${how}`, async () => {
      await using before = new DhtVolume(2);
      const volume = await before.client();
      await volume.mkdir('/d');
      const name = nameOn(volume, '/d', 0);
      await volume.writeFile(`/d/${name}`, 'old');
      await using bricks = new DhtVolume(3, how === 'added' ? {} : { 'decommissioned-bricks': 't-client-2' });
      bricks.directories.splice(0, 2, ...before.directories);
      // The new brick gets the directory, without a part in its layout.
      const first = await bricks.client();
      await first.readdir('/d');
      const [hashed, now] = bricksOf(first);
      const file = onBrick(hashed, `/d/${name}`)!;
      vanish(hashed, `/d/${name}`);
      now.store.files.set(file.gfid, file);
      now.store.enter(onBrick(now, '/d')!, name, file);
      const other = await bricks.client();
      expect(await other.readFile(`/d/${name}`, 'utf8')).toBe('old');
      await other.writeFile('/d/new', 'new');
      await other.rename('/d/new', `/d/${name}`);
      expect(await other.readdir('/d')).toEqual([name]);
    });
});

describe('With a brick down', () => {
  it('what is on the others works, and the rest fails as in GlusterFS', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.mkdir('/d');
    const names = [0, 1, 2].map(brick => nameOn(volume, '/d', brick));
    for (const name of names) await volume.writeFile(`/d/${name}`, name);
    const fresh = nameOn(volume, '/d', 1, 'fresh');
    bricksOf(volume)[1].setUp(false);
    expect(await volume.readFile(`/d/${names[0]}`, 'utf8')).toBe(names[0]);
    // The other bricks do not have it, and the one that might does not answer.
    expect(await code(volume.readFile(`/d/${names[1]}`))).toBe('ENOENT');
    expect((await volume.readdir('/d')).sort()).toEqual([names[0], names[2]].sort());
    expect(await code(volume.writeFile(`/d/${fresh}`, 'x'))).toBe('ENOTCONN');
    expect(await code(volume.rename('/d', '/e'))).toBe('ENOTCONN');
    await volume.writeFile(`/d/${nameOn(volume, '/d', 2, 'other')}`, 'x');
    bricksOf(volume)[1].setUp(true);
    expect(await volume.readFile(`/d/${names[1]}`, 'utf8')).toBe(names[1]);
    await volume.writeFile(`/d/${fresh}`, 'x');
  });

  it('directories made meanwhile are healed later', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    const name = nameOn(volume, '/', 0, 'dir');
    bricksOf(volume)[1].setUp(false);
    await volume.mkdir(`/${name}`);
    expect(whereIs(volume, `/${name}`)).toEqual(['b0', 'b2']);
    bricksOf(volume)[1].setUp(true);
    const other = await bricks.client();
    await other.stat(`/${name}`);
    expect(whereIs(volume, `/${name}`)).toEqual(['b0', 'b1', 'b2']);
    const found = ranges(volume, `/${name}`);
    expect(found.every(range => range !== undefined)).toBe(true);
    for (let i = 0; i < 20; i++) await other.writeFile(`/${name}/${i}`, 'x');
    expect((await volume.readdir(`/${name}`)).length).toBe(20);
  });
});

describe('Two clients', () => {
  it('make, heal and rename at once without harm', async () => {
    await using bricks = new DhtVolume(3);
    const clients = [await bricks.client(), await bricks.client(), await bricks.client()];
    const outcomes = await Promise.all(clients.map(client => code(client.mkdir('/same'))));
    expect(outcomes.sort()).toEqual(['EEXIST', 'EEXIST', 'done']);
    const [volume] = clients;
    expect(new Set(bricksOf(volume).map(brick => onBrick(brick, '/same')!.gfid)).size).toBe(1);
    await volume.writeFile('/f', 'text');
    const renames = await Promise.all(clients.map((client, i) => code(client.rename('/f', `/g${i}`))));
    expect(renames.filter(r => r === 'done').length).toBe(1);
    const left = await volume.readdir('/');
    expect(left.filter(name => name.startsWith('g')).length).toBe(1);
    const winner = left.find(name => name.startsWith('g'))!;
    for (const client of clients) expect(await client.readFile(`/${winner}`, 'utf8')).toBe('text');
    const files = bricksOf(volume).flatMap(brick =>
      [...(brick.store.root.entries?.values() ?? [])].filter(
        ({ file }) => file.data !== undefined && !isLinkto(file),
      ),
    );
    expect(files.length).toBe(1);
    for (const brick of bricksOf(volume)) expect(brick.inFlight).toBe(0);
  });
});
