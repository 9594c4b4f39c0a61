import { execFile } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '../../src/gluster/volume/volume.ts';
import type { Distribute } from '../../src/gluster/xlators/cluster/distribute/index.ts';
import { askGluster, brickTree, gfids, moveByHand, openReal } from '../support/dht-real.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const LIMIT = 120_000;

/** A generator of the same numbers each time (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Names as people, rsync and machines make them; one character a byte. */
function manyNames(count: number): string[] {
  const pick = random(7);
  const words = [
    'report',
    'ñandú',
    '写真',
    'Ünïcödé',
    'x',
    'a.b.c',
    'IMG_2034',
    'молоко',
    '🎉party',
    ' space ',
    'tab\tname',
    'new\nline',
  ];
  const names = new Set<string>();
  while (names.size < count) {
    const word = words[pick(words.length)] + pick(1_000_000).toString(36);
    const forms = [
      word,
      `.${word}.${pick(1 << 30).toString(36)}`,
      `.${word}`,
      `${word}.${['txt', 'tar.gz', 'part', '~'][pick(4)]}`,
      word.repeat(1 + pick(12)),
      String(pick(1e9)),
      `..${word}.q`,
    ];
    const name = Buffer.from(forms[pick(forms.length)]).toString('latin1');
    // An extended attribute's name has 255 bytes, of which the key's first part takes 23.
    if (name.length <= 230) names.add(name);
  }
  return [...names];
}

function distributeOf(volume: Volume): Distribute {
  return volume.client.graph.xlators.find(xlator => xlator.type === 'cluster/distribute') as Distribute;
}

/** The same operations through a real mount and through ours. */
interface Actor {
  readonly name: string;
  mkdir(path: string): Promise<unknown>;
  rmdir(path: string): Promise<unknown>;
  writeFile(path: string, text: string): Promise<unknown>;
  readFile(path: string): Promise<string>;
  rename(from: string, to: string): Promise<unknown>;
  link(from: string, to: string): Promise<unknown>;
  symlink(target: string, path: string): Promise<unknown>;
  unlink(path: string): Promise<unknown>;
  chmod(path: string, mode: number): Promise<unknown>;
  chown(path: string, uid: number, gid: number): Promise<unknown>;
  stat(path: string): Promise<{ mode: number; size: number; nlink: number; uid: number }>;
  readdir(path: string): Promise<string[]>;
  setxattr(path: string, name: string, value: string): Promise<unknown>;
  removexattr(path: string, name: string): Promise<unknown>;
}

function attr(...args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('setfattr', ['-h', ...args], (error, _out, err) => {
      if (error === null) resolve();
      else reject(Object.assign(error, { code: /No such attribute/.test(err) ? 'ENODATA' : err }));
    });
  });
}

function mounted(point: string): Actor {
  const at = (path: string) => join(point, path);
  return {
    name: 'glusterfs',
    mkdir: path => fs.mkdir(at(path)),
    rmdir: path => fs.rmdir(at(path)),
    writeFile: (path, text) => fs.writeFile(at(path), text),
    readFile: path => fs.readFile(at(path), 'utf8'),
    rename: (from, to) => fs.rename(at(from), at(to)),
    link: (from, to) => fs.link(at(from), at(to)),
    symlink: (target, path) => fs.symlink(target, at(path)),
    unlink: path => fs.unlink(at(path)),
    chmod: (path, mode) => fs.chmod(at(path), mode),
    chown: (path, uid, gid) => fs.chown(at(path), uid, gid),
    stat: path => fs.lstat(at(path)),
    readdir: path => fs.readdir(at(path)),
    setxattr: (path, name, value) => attr('-n', name, '-v', value, at(path)),
    removexattr: (path, name) => attr('-x', name, at(path)),
  };
}

function ours(volume: Volume): Actor {
  return {
    name: 'nacre',
    mkdir: path => volume.mkdir(path),
    rmdir: path => volume.rmdir(path),
    writeFile: (path, text) => volume.writeFile(path, text),
    readFile: path => volume.readFile(path, 'utf8'),
    rename: (from, to) => volume.rename(from, to),
    link: (from, to) => volume.link(from, to),
    symlink: (target, path) => volume.symlink(target, path),
    unlink: path => volume.unlink(path),
    chmod: (path, mode) => volume.chmod(path, mode),
    chown: (path, uid, gid) => volume.chown(path, uid, gid),
    stat: path => volume.lstat(path),
    readdir: path => volume.readdir(path),
    setxattr: (path, name, value) => volume.setxattr(path, name, value),
    removexattr: (path, name) => volume.removexattr(path, name),
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Random work with names, the same for every actor with the same seed. */
async function exercise(actor: Actor, seed: number, steps: number): Promise<string[]> {
  const pick = random(seed);
  const log: string[] = [];
  const dirs = ['/'];
  const files: string[] = [];
  const fresh = (kind: string) =>
    join(dirs[pick(dirs.length)], `${kind}${pick(1000)}${['', '.é', '.x'][pick(3)]}`);
  const note = async (what: string, work: Promise<unknown>): Promise<boolean> => {
    const code = await codeOf(work);
    log.push(`${what}: ${code}`);
    return code === 'done';
  };
  for (let i = 0; i < steps; i++) {
    const dice = pick(100);
    const file = files.length > 0 ? files[pick(files.length)] : undefined;
    if (dice < 12) {
      const path = fresh('d');
      if (await note(`mkdir ${path}`, actor.mkdir(path))) dirs.push(path);
    } else if (dice < 45 || file === undefined) {
      const path = fresh('f');
      if ((await note(`write ${path}`, actor.writeFile(path, `text ${i}`))) && !files.includes(path))
        files.push(path);
    } else if (dice < 70) {
      const path = pick(4) === 0 && files.length > 1 ? files[pick(files.length)] : fresh('f');
      if (await note(`rename ${file} ${path}`, actor.rename(file, path))) {
        files.splice(files.indexOf(file), 1);
        if (!files.includes(path)) files.push(path);
      }
    } else if (dice < 78) {
      const path = fresh('l');
      if (await note(`link ${file} ${path}`, actor.link(file, path))) files.push(path);
    } else if (dice < 82) {
      const path = fresh('s');
      await note(`symlink ${path}`, actor.symlink('somewhere', path));
    } else if (dice < 88) {
      if (await note(`unlink ${file}`, actor.unlink(file))) files.splice(files.indexOf(file), 1);
    } else if (dice < 91) await note(`chmod ${file}`, actor.chmod(file, 0o600 + pick(64)));
    else if (dice < 93) await note(`chown ${file}`, actor.chown(file, 1 + pick(3), 7));
    else if (dice < 95) {
      const dir = dirs[pick(dirs.length)];
      if (dir !== '/') await note(`chmod ${dir}`, actor.chmod(dir, 0o700 + pick(64)));
      await note(`setxattr ${dir}`, actor.setxattr(dir, `user.k${pick(3)}`, `v${i}`));
      await note(`setxattr ${file}`, actor.setxattr(file, `user.k${pick(3)}`, `v${i}`));
      if (pick(3) === 0) await note(`removexattr ${dir}`, actor.removexattr(dir, `user.k${pick(3)}`));
    } else if (dice < 97) {
      const dir = dirs[pick(dirs.length)];
      if (dir !== '/' && (await note(`rmdir ${dir}`, actor.rmdir(dir)))) dirs.splice(dirs.indexOf(dir), 1);
    } else if (dirs.length > 1) {
      const dir = dirs[1 + pick(dirs.length - 1)];
      const nested = dirs.some(d => d.startsWith(`${dir}/`)) || files.some(f => f.startsWith(`${dir}/`));
      const path = `/moved${i}`;
      if (!nested && (await note(`rename ${dir} ${path}`, actor.rename(dir, path))))
        dirs[dirs.indexOf(dir)] = path;
    }
  }
  return log;
}

describe.skipIf(!haveRealGluster())('cluster/distribute on real volumes', () => {
  let gluster: RealGluster;

  beforeAll(async () => {
    gluster = await RealGluster.start();
  }, LIMIT);
  afterAll(() => gluster?.[Symbol.asyncDispose]());

  it('puts 100,000 names where GlusterFS puts them', { timeout: LIMIT * 2 }, async () => {
    await gluster.createVolume('names', { bricks: 8 });
    const point = await gluster.mount('names');
    mkdirSync(join(point, 'dir'));
    const volume = await openReal(gluster, 'names');
    try {
      await volume.stat('/dir');
      const dht = distributeOf(volume);
      const { inode } = { inode: volume.client.graph.inodes.grep(volume.client.graph.inodes.root, 'dir')! };
      const layout = dht.layoutOf(inode)!;
      // Bytes that are no characters, too.
      const bytes = Array.from({ length: 300 }, (_, i) => [
        `.b\xff${i}.xyz`,
        `.\xc3.${i}`,
        `\x80${i}`,
      ]).flat();
      const names = [...manyNames(100_000), ...bytes];
      const theirs = askGluster(join(point, 'dir'), names);
      let different = 0;
      names.forEach((name, i) => {
        const own = dht.childNames[layout.search(dht.names.of(name))];
        if (own !== theirs[i]) {
          different++;
          if (different < 10) expect.soft(own, JSON.stringify(name)).toBe(theirs[i]);
        }
      });
      expect(different).toBe(0);
      expect(new Set(theirs).size).toBe(8);
      await volume.close();
      // With expressions of an administrator.
      await gluster.cli('volume', 'set', 'names', 'cluster.extra-hash-regex', '^(.+)[.](part|tmp)$');
      await gluster.cli('volume', 'set', 'names', 'cluster.rsync-hash-regex', '^[.]([[:alnum:]_]+)[.][^.]*$');
      await sleep(3000);
      const again = await openReal(gluster, 'names');
      try {
        const names = distributeOf(again).names;
        const invalid = Array.from({ length: 200 }, (_, i) => [
          `.a\xff${i}.xyz`,
          `\xc3${i}.part`,
          `.${i}\xe9.q`,
        ]).flat();
        const few = manyNames(3000)
          .flatMap(name => [name, `${name}.part`, `.${name.slice(0, 200)}.tmp`])
          .concat(invalid)
          .filter(name => name.length <= 230);
        const asked = askGluster(join(point, 'dir'), few);
        const wrong = few.filter((name, i) => dht.childNames[layout.search(names.of(name))] !== asked[i]);
        expect(wrong).toEqual([]);
        expect(names.munge('a.part')).toBe('a');
      } finally {
        await again.close();
      }
    } finally {
      await volume.close();
      await gluster.umount(point);
      await gluster.cli('volume', 'stop', 'names', 'force');
    }
  });

  describe.each([1, 2, 3, 8])('of %i bricks', count => {
    const theirs = `t${count}`;
    const own = `o${count}`;
    let point: string;
    let volume: Volume;
    let other: Volume;
    let otherPoint: string;

    beforeAll(async () => {
      await gluster.createVolume(theirs, { bricks: count });
      await gluster.createVolume(own, { bricks: count });
      point = await gluster.mount(theirs);
      volume = await openReal(gluster, own);
      other = await openReal(gluster, theirs);
      otherPoint = await gluster.mount(own);
    }, LIMIT);
    afterAll(async () => {
      await volume?.close();
      await other?.close();
      for (const mount of [point, otherPoint]) if (mount !== undefined) await gluster.umount(mount);
      for (const name of [theirs, own]) await gluster.tryCli('volume', 'stop', name, 'force');
    }, LIMIT);

    it('leaves the bricks as the real mount does: places, layouts, linkto files, attributes', {
      timeout: LIMIT,
    }, async () => {
      const expected = await exercise(mounted(point), count, 300);
      const found = await exercise(ours(volume), count, 300);
      expect(found).toEqual(expected);
      expect(found.filter(line => line.endsWith(': done')).length).toBeGreaterThan(200);
      let linktos = 0;
      for (let i = 0; i < count; i++) {
        const tree = brickTree(gluster, own, i);
        expect(tree, `brick ${i}`).toEqual(brickTree(gluster, theirs, i));
        for (const { xattrs } of Object.values(tree)) if ('trusted.glusterfs.dht.linkto' in xattrs) linktos++;
      }
      expect(linktos).toBeGreaterThan(count === 1 ? -1 : 10);
    });

    it('sees what the real mount made, and the other way round', { timeout: LIMIT }, async () => {
      const walk = async (actor: Actor, dir: string, into: Record<string, string>): Promise<void> => {
        for (const name of (await actor.readdir(dir)).sort()) {
          const path = join(dir, name);
          const stat = await actor.stat(path);
          into[path] = [stat.mode.toString(8), stat.uid, stat.nlink].join(' ');
          if ((stat.mode & 0o170000) === 0o040000) await walk(actor, path, into);
          else if ((stat.mode & 0o170000) === 0o100000) into[path] += ` ${await actor.readFile(path)}`;
        }
      };
      for (const [real, our] of [
        [mounted(point), ours(other)],
        [mounted(otherPoint), ours(volume)],
      ]) {
        const a: Record<string, string> = {};
        const b: Record<string, string> = {};
        await walk(real, '/', a);
        await walk(our, '/', b);
        expect(b).toEqual(a);
        expect(Object.keys(a).length).toBeGreaterThan(30);
      }
    });

    it('tells where files are as the real mount does', { timeout: LIMIT }, async () => {
      let told = 0;
      for (const path of ['/', ...readdirSync(point).map(name => `/${name}`)]) {
        if (lstatSync(join(point, path)).isSymbolicLink()) continue;
        const where = await gluster.exec('getfattr', [
          ...[
            '-h',
            '--only-values',
            '--absolute-names',
            '-n',
            'trusted.glusterfs.pathinfo',
            join(point, path),
          ],
        ]);
        if (where.code !== 0) continue;
        const value = await other.getxattr(path, 'trusted.glusterfs.pathinfo');
        told++;
        // Bricks are in the order in which they answered.
        const parts = (text: string) =>
          text
            .replaceAll('\0', '')
            .split(/[ ()]+/)
            .sort();
        expect(parts(String(value)), path).toEqual(parts(where.stdout.toString()));
      }
      expect(told).toBeGreaterThan(5);
      const df = await gluster.exec('stat', ['-f', '-c', '%S %b %f %a %c', point]);
      const own = await other.statfs('/');
      const figures = df.stdout.toString().trim().split(' ').map(Number);
      expect([own.bsize, own.blocks]).toEqual([figures[0], figures[1]]);
    });

    it('works at the same time as the real mount in the same directory', { timeout: LIMIT }, async () => {
      // Another name for each attempt.
      const shared = await volume.mkdtemp('/shared-');
      await volume.chmod(shared, 0o755);
      const real = mounted(otherPoint);
      const our = ours(volume);
      await Promise.all([
        ...Array.from({ length: 40 }, (_, i) => real.writeFile(`${shared}/r${i}`, `${i}`)),
        ...Array.from({ length: 40 }, (_, i) => our.writeFile(`${shared}/o${i}`, `${i}`)),
      ]);
      await Promise.all([
        ...Array.from({ length: 40 }, (_, i) => real.rename(`${shared}/o${i}`, `${shared}/ro${i}`)),
        ...Array.from({ length: 40 }, (_, i) => our.rename(`${shared}/r${i}`, `${shared}/or${i}`)),
      ]);
      const listed = (await our.readdir(shared)).sort();
      expect(listed).toEqual((await real.readdir(shared)).sort());
      expect(listed.length).toBe(80);
      for (let i = 0; i < 40; i++) {
        expect(await our.readFile(`${shared}/ro${i}`)).toBe(`${i}`);
        expect(await real.readFile(`${shared}/or${i}`)).toBe(`${i}`);
      }
      // The same file renamed by both, to the same name and to different ones.
      for (let i = 0; i < 10; i++) {
        await our.writeFile(`${shared}/once${i}`, `once ${i}`);
        const to =
          i % 2 === 0
            ? [`${shared}/won${i}`, `${shared}/won${i}`]
            : [`${shared}/won${i}`, `${shared}/lost${i}`];
        const codes = await Promise.all([
          codeOf(real.rename(`${shared}/once${i}`, to[0])),
          codeOf(our.rename(`${shared}/once${i}`, to[1])),
        ]);
        expect(codes.filter(code => code === 'done').length, codes.join()).toBeGreaterThan(0);
        const names = (await our.readdir(shared)).filter(
          name => /^(once|won|lost)/.test(name) && name.endsWith(String(i)),
        );
        expect(names.length, names.join()).toBe(1);
        for (const actor of [real, our])
          expect(await actor.readFile(`${shared}/${names[0]}`)).toBe(`once ${i}`);
        await our.unlink(`${shared}/${names[0]}`);
      }
      // The same directory made by both, many times at once.
      for (let i = 0; i < 10; i++) {
        const path = `${shared}/race${i}`;
        const [theirs, mine] = await Promise.all([codeOf(real.mkdir(path)), codeOf(our.mkdir(path))]);
        // Over one brick distribute does not take the gfid out of lookups that a directory without one is to get. A brick gives it
        // to a directory that the other is just making, who then fails and takes it away again; GlusterFS's own mounts do that to
        // each other. The real mount also fails with ESTALE when it sees a directory that is half made.
        if (count > 1) {
          expect([theirs, mine].filter(code => code === 'done').length, `${theirs} ${mine}`).toBe(1);
          expect(['EEXIST', 'done']).toContain(mine);
        }
        if (theirs !== 'done' && mine !== 'done') await codeOf(our.mkdir(path));
        expect(new Set(gfids(gluster, own, count, path.slice(1))).size).toBe(1);
        expect(gfids(gluster, own, count, path.slice(1)).length).toBe(count);
      }
    });
  });

  it('fails and works as the real mount does while a brick is down', { timeout: LIMIT * 2 }, async () => {
    for (const name of ['deadt', 'deado']) await gluster.createVolume(name, { bricks: 3 });
    const point = await gluster.mount('deadt');
    const volume = await openReal(gluster, 'deado');
    const actors = [mounted(point), ours(volume)];
    try {
      for (const actor of actors) {
        await actor.mkdir('/d');
        for (let i = 0; i < 12; i++) {
          await actor.writeFile(`/d/f${i}`, `${i}`);
          await actor.mkdir(`/d/s${i}`);
        }
        for (let i = 0; i < 6; i++) await actor.rename(`/d/f${i}`, `/d/m${i}`);
      }
      for (const name of ['deadt', 'deado']) await gluster.killBrick(name, 1);
      await sleep(1500);
      const work = async (actor: Actor): Promise<string[]> => {
        const log: string[] = [];
        const note = async (what: string, done: Promise<unknown>) =>
          log.push(`${what}: ${await codeOf(done)}`);
        for (let i = 0; i < 12; i++) {
          await note(`stat f${i}`, actor.stat(`/d/f${i}`));
          await note(`stat m${i}`, actor.stat(`/d/m${i}`));
          await note(`stat s${i}`, actor.stat(`/d/s${i}`));
          await note(`read f${i}`, actor.readFile(`/d/f${i}`));
          await note(`write n${i}`, actor.writeFile(`/d/n${i}`, 'x'));
          await note(`mkdir q${i}`, actor.mkdir(`/d/q${i}`));
          await note(`chmod s${i}`, actor.chmod(`/d/s${i}`, 0o711));
        }
        for (let i = 6; i < 12; i++) {
          await note(`rename f${i}`, actor.rename(`/d/f${i}`, `/d/w${i}`));
          await note(`unlink n${i}`, actor.unlink(`/d/n${i}`));
          await note(`rmdir s${i}`, actor.rmdir(`/d/s${i}`));
          await note(`rename s${i - 6}`, actor.rename(`/d/s${i - 6}`, `/d/t${i}`));
        }
        const listed = await actor.readdir('/d').catch(error => [String(error.code)]);
        log.push(`list ${listed.sort().join()}`);
        return log;
      };
      const expected = await work(actors[0]);
      const found = await work(actors[1]);
      expect(found).toEqual(expected);
      for (const name of ['deadt', 'deado']) await gluster.startBricks(name);
      await sleep(4000);
      const after = async (actor: Actor) => {
        const log: string[] = [];
        for (const name of (await actor.readdir('/d')).sort()) {
          const stat = await actor.stat(`/d/${name}`);
          log.push(`${name} ${stat.mode.toString(8)} ${stat.nlink > 1}`);
        }
        return log;
      };
      expect(await after(actors[1])).toEqual(await after(actors[0]));
    } finally {
      await volume.close();
      await gluster.umount(point);
      for (const name of ['deadt', 'deado']) await gluster.tryCli('volume', 'stop', name, 'force');
    }
  });

  it('looks for files on other bricks when the real mount does', { timeout: LIMIT * 2 }, async () => {
    await gluster.createVolume('find', { bricks: 3 });
    const point = await gluster.mount('find');
    try {
      mkdirSync(join(point, 'd'));
      for (const dir of ['', 'd'])
        for (let i = 0; i < 30; i++) await fs.writeFile(join(point, dir, `f${i}`), `${i}`);
      await gluster.umount(point);
      // Of the root a lookup goes on elsewhere whatever the options say, as it has no commit hash; of /d not.
      const lost: Record<string, string[]> = { '': [], d: [] };
      for (const dir of ['', 'd'])
        for (const name of readdirSync(join(gluster.brickPath('find', 0), dir))
          .filter(n => /^f/.test(n))
          .slice(0, 6)) {
          moveByHand(gluster, 'find', join(dir, name), 0, 1);
          lost[dir].push(name);
        }
      expect(lost[''].length + lost['d'].length).toBeGreaterThan(4);
      for (const [n, options] of [
        { 'lookup-optimize': 'on' },
        { 'lookup-optimize': 'off', 'lookup-unhashed': 'off' },
        { 'lookup-optimize': 'off', 'lookup-unhashed': 'auto' },
        { 'lookup-optimize': 'off', 'lookup-unhashed': 'on' },
      ].entries()) {
        for (const [key, value] of Object.entries(options))
          await gluster.cli('volume', 'set', 'find', `cluster.${key}`, value);
        const log: string[][] = [];
        for (const real of [true, false]) {
          const mount = real ? await gluster.mount('find') : '';
          const volume = real ? undefined : await openReal(gluster, 'find');
          const actor = volume === undefined ? mounted(mount) : ours(volume);
          const codes: string[] = [];
          for (const dir of ['/', '/d']) {
            const names = lost[dir.slice(1)];
            const name = names[n % names.length];
            codes.push(`${dir}: ${await codeOf(actor.readFile(join(dir, name)))}`);
            codes.push(`${(await actor.readdir(dir)).length}`);
            codes.push(`after: ${await codeOf(actor.readFile(join(dir, name)))}`);
          }
          log.push(codes);
          await volume?.close();
          if (real) await gluster.umount(mount);
          // The next client is to find what this one found.
          for (const dir of ['', 'd'])
            for (const name of lost[dir])
              await fs.rm(join(gluster.brickPath('find', 0), dir, name), { force: true });
        }
        expect(log[1], JSON.stringify(options)).toEqual(log[0]);
      }
    } finally {
      await gluster.tryCli('volume', 'stop', 'find', 'force');
    }
  });

  it('finds files that wait to be moved in directories that a rebalance calls done', {
    timeout: LIMIT * 2,
  }, async () => {
    await gluster.createVolume('queued', { bricks: 2 });
    const point = await gluster.mount('queued');
    mkdirSync(join(point, 'd'));
    for (let i = 0; i < 30; i++) await fs.writeFile(join(point, 'd', `f${i}`), `${i}`);
    await gluster.umount(point);
    await gluster.addBricks('queued', 1);
    await gluster.cli('volume', 'rebalance', 'queued', 'start', 'force');
    await rebalanced(gluster, 'queued');
    // Done it is: the directory has the volume's commit hash, which is kept as text.
    const xattr = (path: string, key: string) =>
      gluster.xattrs(join(gluster.brickPath('queued', 2), path)).get(key)!;
    expect(xattr('d', 'trusted.glusterfs.dht').readUInt32BE(0)).toBe(
      Number.parseInt(xattr('', 'trusted.glusterfs.dht.commithash').toString('latin1'), 10),
    );
    const there = readdirSync(join(gluster.brickPath('queued', 2), 'd')).filter(name => /^f/.test(name));
    expect(there.length).toBeGreaterThan(2);
    for (const name of there) moveByHand(gluster, 'queued', join('d', name), 2, 0);
    const volume = await openReal(gluster, 'queued');
    try {
      for (const name of there) expect(await volume.readFile(`/d/${name}`, 'utf8')).toBe(name.slice(1));
    } finally {
      await volume.close();
      await gluster.tryCli('volume', 'stop', 'queued', 'force');
    }
  });

  it('opens with a brick down as the real mount does', { timeout: LIMIT * 2 }, async () => {
    for (const name of ['halft', 'halfo']) {
      await gluster.createVolume(name, { bricks: 3 });
      const point = await gluster.mount(name);
      mkdirSync(join(point, 'd'));
      for (let i = 0; i < 12; i++) {
        await fs.writeFile(join(point, 'd', `f${i}`), 'x');
        mkdirSync(join(point, 'd', `s${i}`));
      }
      for (let i = 0; i < 6; i++) await fs.rename(join(point, 'd', `f${i}`), join(point, 'd', `m${i}`));
      await gluster.umount(point);
      await gluster.killBrick(name, 1);
    }
    const point = await gluster.mount('halft');
    const volume = await openReal(gluster, 'halfo');
    try {
      const work = async (actor: Actor): Promise<string[]> => {
        const log: string[] = [];
        const note = async (what: string, done: Promise<unknown>) =>
          log.push(`${what}: ${await codeOf(done)}`);
        for (let i = 0; i < 12; i++) {
          await note(`stat f${i}`, actor.stat(`/d/f${i}`));
          await note(`stat m${i}`, actor.stat(`/d/m${i}`));
          await note(`stat s${i}`, actor.stat(`/d/s${i}`));
          await note(`write n${i}`, actor.writeFile(`/d/n${i}`, 'x'));
          await note(`mkdir q${i}`, actor.mkdir(`/d/q${i}`));
          await note(`mkdir /q${i}`, actor.mkdir(`/q${i}`));
          await note(`write /n${i}`, actor.writeFile(`/n${i}`, 'x'));
          await note(`chmod s${i}`, actor.chmod(`/d/s${i}`, 0o711));
          await note(`rmdir s${i}`, actor.rmdir(`/d/s${i}`));
          await note(`unlink f${i}`, actor.unlink(`/d/f${i}`));
          await note(`rename m${i}`, actor.rename(`/d/m${i}`, `/d/w${i}`));
        }
        log.push((await actor.readdir('/d')).sort().join());
        return log;
      };
      const expected = await work(mounted(point));
      expect(await work(ours(volume))).toEqual(expected);
      expect(expected.filter(line => line.endsWith(': done')).length).toBeGreaterThan(40);
    } finally {
      await volume.close();
      await gluster.umount(point);
      for (const name of ['halft', 'halfo']) await gluster.tryCli('volume', 'stop', name, 'force');
    }
  });

  it('follows new bricks, fix-layout and a rebalance while files are written', {
    timeout: LIMIT * 2,
  }, async () => {
    await gluster.createVolume('grow', { bricks: 2 });
    let volume = await openReal(gluster, 'grow');
    await volume.mkdir('/old');
    for (let i = 0; i < 40; i++) await volume.writeFile(`/old/f${i}`, `content ${i}`);
    await volume.close();
    await gluster.addBricks('grow', 1);
    volume = await openReal(gluster, 'grow');
    const point = await gluster.mount('grow');
    try {
      // The old directory has its old layout, and is healed onto the new brick with none of the hashes.
      expect((await volume.readdir('/old')).length).toBe(40);
      await volume.stat('/old');
      const range = (path: string) =>
        gluster
          .xattrs(join(gluster.brickPath('grow', 2), path))
          .get('trusted.glusterfs.dht')
          ?.toString('hex')
          .slice(16);
      expect(range('old')).toBe('0000000000000000');
      await volume.mkdir('/new');
      expect(range('new')).not.toBe('0000000000000000');
      await gluster.cli('volume', 'rebalance', 'grow', 'fix-layout', 'start');
      await rebalanced(gluster, 'grow');
      expect(range('old')).not.toBe('0000000000000000');
      for (let i = 0; i < 40; i++) expect(await volume.readFile(`/old/f${i}`, 'utf8')).toBe(`content ${i}`);
      for (let i = 40; i < 80; i++) await volume.writeFile(`/old/f${i}`, `content ${i}`);
      expect(readdirSync(join(point, 'old')).length).toBe(80);
      // Files move while they are open and written.
      const handles = await Promise.all(
        Array.from({ length: 40 }, (_, i) => volume.open(`/old/f${i}`, 'r+')),
      );
      const chunk = (i: number, n: number) => Buffer.alloc(64 * 1024, 97 + ((i + n) % 26));
      let writing = true;
      let writes = 0;
      const writers = handles.map(async (handle, i) => {
        for (let n = 0; writing || n < 8; n = (n + 1) % 1000) {
          await handle.write(chunk(i, n % 8), 0, 64 * 1024, (n % 8) * 64 * 1024);
          writes++;
          if (!writing && n >= 8) break;
        }
      });
      await gluster.cli('volume', 'rebalance', 'grow', 'start', 'force');
      await rebalanced(gluster, 'grow');
      writing = false;
      await Promise.all(writers);
      await Promise.all(handles.map(handle => handle.close()));
      expect(writes).toBeGreaterThan(40);
      for (let i = 0; i < 40; i++) {
        const expected = Buffer.concat(Array.from({ length: 8 }, (_, n) => chunk(i, n)));
        expect(Buffer.compare(await volume.readFile(`/old/f${i}`), expected), `f${i}`).toBe(0);
        expect(
          Buffer.compare(readFileSync(join(point, 'old', `f${i}`)), expected),
          `f${i} of the real mount`,
        ).toBe(0);
      }
      expect(statSync(join(gluster.brickPath('grow', 2), 'old')).isDirectory()).toBe(true);
      expect(readdirSync(join(gluster.brickPath('grow', 2), 'old')).length).toBeGreaterThan(5);
    } finally {
      await volume.close();
      await gluster.umount(point);
      await gluster.tryCli('volume', 'stop', 'grow', 'force');
    }
  });
});

async function rebalanced(gluster: RealGluster, name: string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const { stdout } = await gluster.tryCli('volume', 'rebalance', name, 'status');
    const text = stdout.toString();
    if (/completed/.test(text) && !/in progress/.test(text)) return;
    if (/failed/.test(text.replace(/failures?/g, ''))) throw new Error(text);
    await sleep(300);
  }
  throw new Error(`rebalance of ${name} did not end`);
}
