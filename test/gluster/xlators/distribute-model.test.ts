import { describe, expect, it } from 'vitest';
import { GFID_NULL } from '../../../src/gluster/types/gfid.ts';
import type { Volume } from '../../../src/gluster/volume/volume.ts';
import { decodeLayout } from '../../../src/gluster/xlators/cluster/distribute/index.ts';
import { bricksOf, DhtVolume, distributeOf, isLinkto } from '../../support/dht-volume.ts';
import type { MemFile } from '../../support/mem-store.ts';

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** What a file system is: files by number, names in directories. */
class Model {
  readonly dirs = new Map<string, Map<string, number | 'dir'>>([['', new Map()]]);
  readonly contents = new Map<number, string>();
  next = 1;

  split(path: string): [string, string] {
    const at = path.lastIndexOf('/');
    return [path.slice(0, at), path.slice(at + 1)];
  }
  at(path: string): number | 'dir' | undefined {
    if (path === '') return 'dir';
    const [dir, name] = this.split(path);
    return this.dirs.get(dir)?.get(name);
  }
  nlink(file: number): number {
    let count = 0;
    for (const names of this.dirs.values()) for (const entry of names.values()) if (entry === file) count++;
    return count;
  }
  write(path: string, text: string): string {
    const [dir, name] = this.split(path);
    const names = this.dirs.get(dir);
    if (names === undefined) return 'ENOENT';
    const there = names.get(name);
    if (there === 'dir') return 'EISDIR';
    const file = there ?? this.next++;
    names.set(name, file);
    this.contents.set(file, text);
    return 'done';
  }
  mkdir(path: string): string {
    const [dir, name] = this.split(path);
    const names = this.dirs.get(dir);
    if (names === undefined) return 'ENOENT';
    if (names.has(name)) return 'EEXIST';
    names.set(name, 'dir');
    this.dirs.set(path, new Map());
    return 'done';
  }
  rmdir(path: string): string {
    const there = this.at(path);
    if (there === undefined) return 'ENOENT';
    if (there !== 'dir') return 'ENOTDIR';
    if (this.dirs.get(path)!.size > 0) return 'ENOTEMPTY';
    const [dir, name] = this.split(path);
    this.dirs.get(dir)!.delete(name);
    this.dirs.delete(path);
    return 'done';
  }
  unlink(path: string): string {
    const there = this.at(path);
    if (there === undefined) return 'ENOENT';
    if (there === 'dir') return 'EISDIR';
    const [dir, name] = this.split(path);
    this.dirs.get(dir)!.delete(name);
    return 'done';
  }
  link(from: string, to: string): string {
    const file = this.at(from);
    const [dir, name] = this.split(to);
    if (file === undefined || !this.dirs.has(dir)) return 'ENOENT';
    if (this.at(to) !== undefined) return 'EEXIST';
    if (file === 'dir') return 'EPERM';
    this.dirs.get(dir)!.set(name, file);
    return 'done';
  }
  rename(from: string, to: string): string {
    const source = this.at(from);
    const [toDir, toName] = this.split(to);
    if (source === undefined || !this.dirs.has(toDir)) return 'ENOENT';
    const target = this.at(to);
    if (source === 'dir') {
      if (`${to}/`.startsWith(`${from}/`)) return from === to ? 'done' : 'EINVAL';
      if (target !== undefined && target !== 'dir') return 'ENOTDIR';
      if (target === 'dir' && this.dirs.get(to)!.size > 0) return 'ENOTEMPTY';
    } else {
      if (target === 'dir') return 'EISDIR';
      if (target === source) return 'done';
    }
    const [fromDir, fromName] = this.split(from);
    this.dirs.get(fromDir)!.delete(fromName);
    this.dirs.get(toDir)!.set(toName, source);
    if (source === 'dir')
      for (const [path, names] of [...this.dirs])
        if (path === from || path.startsWith(`${from}/`)) {
          this.dirs.delete(path);
          this.dirs.set(to + path.slice(from.length), names);
        }
    return 'done';
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Everything that a client sees is what the model has. */
async function compare(volume: Volume, model: Model): Promise<void> {
  for (const [dir, names] of model.dirs) {
    expect((await volume.readdir(dir === '' ? '/' : dir)).sort(), dir).toEqual([...names.keys()].sort());
    for (const [name, entry] of names) {
      const path = `${dir}/${name}`;
      const stat = await volume.stat(path);
      expect(stat.isDirectory(), path).toBe(entry === 'dir');
      if (entry === 'dir') continue;
      expect(await volume.readFile(path, 'utf8'), path).toBe(model.contents.get(entry));
      expect(stat.nlink, path).toBe(model.nlink(entry));
    }
  }
}

/** What must hold on the bricks, whatever happened. */
function inspect(volume: Volume): void {
  const bricks = bricksOf(volume);
  const dht = distributeOf(volume);
  const walk = (dirs: MemFile[], path: string): void => {
    const layout = dirs.map(dir => {
      const bytes = dir.xattrs.get('trusted.glusterfs.dht');
      return bytes === undefined ? undefined : decodeLayout(bytes);
    });
    const holders = new Map<string, number[]>();
    bricks.forEach((_, i) => {
      for (const name of dirs[i].entries!.keys()) holders.set(name, [...(holders.get(name) ?? []), i]);
    });
    for (const [name, where] of holders) {
      const files = where.map(i => dirs[i].entries!.get(name)!.file);
      expect(new Set(files.map(file => file.gfid)).size, `${path}/${name}`).toBe(1);
      expect(files[0].gfid).not.toBe(GFID_NULL);
      if (files[0].entries !== undefined) {
        expect(where.length, `${path}/${name}`).toBe(bricks.length);
        walk(files, `${path}/${name}`);
        continue;
      }
      const hash = dht.names.of(name);
      const hashed = layout.findIndex(l => l !== undefined && l.start <= hash && hash <= l.stop);
      const data = where.filter((_, n) => !isLinkto(files[n]));
      expect(data.length, `${path}/${name}`).toBe(1);
      // A linkto file is where the name hashes to, and says where the file is.
      for (const [n, i] of where.entries())
        if (isLinkto(files[n])) {
          const target = files[n].xattrs.get('trusted.glusterfs.dht.linkto')!.toString().replace('\0', '');
          expect([i, target], `${path}/${name}`).toEqual([hashed, `t-client-${data[0]}`]);
        }
      if (data[0] !== hashed) expect(where, `${path}/${name}`).toContain(hashed);
    }
  };
  walk(
    bricks.map(brick => brick.store.root),
    '',
  );
  for (const brick of bricks) {
    expect(brick.openFds).toBe(0);
    expect(brick.inFlight).toBe(0);
    for (const file of brick.store.files.values()) {
      for (const locks of file.inodeLocks.values()) expect(locks.held.length).toBe(0);
    }
  }
}

describe('Random work with names', () => {
  it.each([
    [1, 2, {}],
    [2, 3, {}],
    [3, 5, { 'lookup-optimize': 'off' }],
    [4, 3, { 'readdir-optimize': 'on' }],
    [5, 4, { 'use-readdirp': 'off', 'directory-layout-spread': '2' }],
    [6, 11, {}],
  ] as const)('of seed %i over %i bricks is what one file system would do', async (seed, bricks, options) => {
    await using volumes = new DhtVolume(bricks, options);
    const clients = [await volumes.client(), await volumes.client()];
    const model = new Model();
    const pick = random(seed);
    const dirs = () => [...model.dirs.keys()];
    const any = () => {
      const all = dirs().flatMap(dir => [...model.dirs.get(dir)!.keys()].map(name => `${dir}/${name}`));
      return all.length === 0 || pick(12) === 0 ? '/none' : all[pick(all.length)];
    };
    const fresh = () =>
      `${dirs()[pick(dirs().length)]}/${'abcdefghij'[pick(10)]}${pick(8)}${['', '.é', '.q.x'][pick(3)]}`;
    for (let i = 0; i < 250; i++) {
      const volume = clients[pick(clients.length)];
      const dice = pick(100);
      let what: string;
      let expected: string;
      let found: string;
      if (dice < 30) {
        const path = fresh();
        what = `write ${path}`;
        expected = model.write(path, `text ${i}`);
        found = await codeOf(volume.writeFile(path, `text ${i}`));
      } else if (dice < 42) {
        const path = fresh();
        what = `mkdir ${path}`;
        expected = model.mkdir(path);
        found = await codeOf(volume.mkdir(path));
      } else if (dice < 72) {
        const [from, to] = [any(), pick(3) === 0 ? any() : fresh()];
        // Of several reasons to refuse this, who names which is not ours.
        if (to.startsWith(`${from}/`)) continue;
        what = `rename ${from} ${to}`;
        expected = model.rename(from, to);
        found = await codeOf(volume.rename(from, to));
      } else if (dice < 82) {
        const [from, to] = [any(), pick(5) === 0 ? any() : fresh()];
        what = `link ${from} ${to}`;
        expected = model.link(from, to);
        found = await codeOf(volume.link(from, to));
      } else if (dice < 92) {
        const path = any();
        what = `unlink ${path}`;
        expected = model.unlink(path);
        found = await codeOf(volume.unlink(path));
      } else {
        const path = any();
        what = `rmdir ${path}`;
        expected = model.rmdir(path);
        found = await codeOf(volume.rmdir(path));
      }
      expect(found, `${i}: ${what}`).toBe(expected);
    }
    for (const client of clients) await compare(client, model);
    await compare(await volumes.client(), model);
    inspect(clients[0]);
  });

  it('of several clients at once leaves the bricks in order', async () => {
    await using volumes = new DhtVolume(3);
    const clients = [await volumes.client(), await volumes.client(), await volumes.client()];
    const names = Array.from({ length: 12 }, (_, i) => `/n${i}`);
    for (const name of names.slice(0, 6)) await clients[0].writeFile(name, name);
    await Promise.all(
      clients.map(async (client, c) => {
        const pick = random(100 + c);
        for (let i = 0; i < 150; i++) {
          const [a, b] = [names[pick(12)], names[pick(12)]];
          const dice = pick(10);
          const work = [
            () => client.rename(a, b),
            () => client.rename(a, b),
            () => client.rename(a, b),
            () => client.writeFile(a, a),
            () => client.unlink(a),
            () => client.mkdir(`/d${pick(4)}`),
            () => client.rmdir(`/d${pick(4)}`),
            () => client.readdir('/'),
            () => client.stat(b),
            () => client.writeFile(`/d${pick(4)}/x`, 'x'),
          ][dice];
          const code = await codeOf(work());
          expect(['done', 'ENOENT', 'EEXIST', 'ENOTEMPTY', 'ESTALE', 'EISDIR', 'ENOTDIR'], code).toContain(
            code,
          );
        }
      }),
    );
    const last = await volumes.client();
    for (const name of await last.readdir('/')) await last.stat(`/${name}`);
    // No file is on two bricks, and none is lost to a listing.
    const seen = new Map<string, number>();
    for (const brick of bricksOf(last))
      for (const [name, { file }] of brick.store.root.entries!)
        if (file.entries === undefined && !isLinkto(file)) seen.set(name, (seen.get(name) ?? 0) + 1);
    for (const [name, count] of seen) expect(count, name).toBe(1);
    const listed = (await last.readdir('/')).filter(name => name.startsWith('n'));
    expect(listed.sort()).toEqual([...seen.keys()].sort());
    for (const brick of bricksOf(last)) {
      expect(brick.inFlight).toBe(0);
      for (const file of brick.store.files.values())
        for (const locks of file.inodeLocks.values()) expect(locks.held.length).toBe(0);
    }
  });
});
