import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeEnv } from '../../../src/env/node.ts';
import {
  type GraphInodeTable,
  GraphInodeTable as Table,
  type TableInode,
} from '../../../src/gluster/graph/inode-table.ts';
import { optionsOf } from '../../../src/gluster/graph/options.ts';
import { Xlator, type XlatorHost } from '../../../src/gluster/graph/xlator.ts';
import { GFID_ROOT, type Gfid, gfidFromBytes } from '../../../src/gluster/types/gfid.ts';
import { Iatt } from '../../../src/gluster/types/iatt.ts';

/** Keeps count of what it is told to forget and release. */
class Keeper extends Xlator {
  readonly forgotten: Gfid[] = [];
  releases = 0;
  override forget(inode: TableInode): void {
    this.forgotten.push(inode.gfid);
  }
  override release(): void {
    this.releases++;
  }
}

function gfid(n: number): Gfid {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(n + 1000, 12);
  return gfidFromBytes(bytes);
}

function stat(n: number, directory: boolean): Iatt {
  return Object.assign(new Iatt(), { gfid: gfid(n), mode: directory ? 0o040755 : 0o100644 });
}

function setUp(lruLimit = 0): { table: GraphInodeTable; keeper: Keeper } {
  const slots: Xlator[] = [];
  const host = {
    env: nodeEnv,
    takeSlot: (xlator: Xlator) => slots.push(xlator) - 1,
  } as unknown as XlatorHost;
  const keeper = new Keeper({
    name: 'keeper',
    type: 'test/keeper',
    host,
    options: optionsOf({}),
    children: [],
  });
  expect(keeper.slot).toBe(0);
  return { table: new Table(slots, lruLimit), keeper };
}

/** The names of a directory in their order, which is the same from both ends. */
function order(directory: TableInode): string[] {
  const backwards: TableInode[] = [];
  for (let at = directory.last; at !== undefined; at = at.before) backwards.unshift(at);
  const forwards: TableInode[] = [];
  for (let at = backwards.at(0); at !== undefined; at = at.after) forwards.push(at);
  expect(forwards).toEqual(backwards);
  return forwards.map(({ name }) => name);
}

describe('GraphInodeTable', () => {
  it('knows the root', () => {
    const { table } = setUp();
    expect(table.find(GFID_ROOT)).toBe(table.root);
    expect(table.path(table.root)).toBe('/');
    expect(table.path(table.root, 'a')).toBe('/a');
  });

  it('gives back the inode that a gfid has already', () => {
    const { table } = setUp();
    const a = table.link(table.create(), table.root, 'a', stat(1, false));
    const b = table.link(table.create(), table.root, 'b', stat(1, false));
    expect(b).toBe(a);
    expect(table.path(a)).toBe('/a');
    table.unlink(a, table.root, 'a');
    expect(table.path(a)).toBe('/b');
    expect(table.grep(table.root, 'a')).toBeUndefined();
    expect(table.grep(table.root, 'b')).toBe(a);
  });

  it('keeps apart files of one name with different gfids', () => {
    const { table } = setUp();
    const old = table.link(table.create(), table.root, 'a', stat(1, false));
    const young = table.link(old, table.root, 'a', stat(2, false));
    expect(young).not.toBe(old);
    expect(table.grep(table.root, 'a')).toBe(young);
    expect(old.gfid).toBe(gfid(1));
  });

  it('does not link a directory below itself', () => {
    const { table } = setUp();
    const a = table.link(table.create(), table.root, 'a', stat(1, true));
    const b = table.link(table.create(), a, 'b', stat(2, true));
    table.link(a, b, 'c', stat(1, true));
    expect(table.path(b)).toBe('/a/b');
    expect(table.grep(b, 'c')).toBeUndefined();
  });

  it('moves a directory with all below it', () => {
    const { table } = setUp();
    const a = table.link(table.create(), table.root, 'a', stat(1, true));
    const b = table.link(table.create(), a, 'b', stat(2, true));
    const c = table.link(table.create(), b, 'c', stat(3, false));
    table.rename(b, a, 'b', table.root, 'x');
    expect(table.path(c)).toBe('/x/c');
    expect(table.path(table.link(table.create(), undefined, undefined, stat(9, false)))).toMatch(
      /^<gfid:0+-/,
    );
  });

  it('forgets what was looked up when its user does, and the xlators that know of it', () => {
    const { table, keeper } = setUp();
    const a = table.link(table.create(), table.root, 'a', stat(1, false));
    a.ctx[keeper.slot] = {};
    table.lookup(a, 2);
    table.forget(a, 1);
    expect(table.find(gfid(1))).toBe(a);
    table.forget(a, 1);
    expect(table.find(gfid(1))).toBeUndefined();
    expect(keeper.forgotten).toEqual([gfid(1)]);
  });

  it('keeps an open file until it is released, although it has lost its name', () => {
    const { table, keeper } = setUp();
    const a = table.link(table.create(), table.root, 'a', stat(1, false));
    const fd = table.openFd(a, 0, 1, '');
    fd.ctx[keeper.slot] = {};
    fd.ref();
    table.unlink(a, table.root, 'a');
    expect(table.find(gfid(1))).toBe(a);
    fd.release();
    fd.release();
    expect([...a.fds]).toEqual([fd]);
    expect(keeper.releases).toBe(0);
    fd.unref();
    expect(keeper.releases).toBe(1);
    expect(a.fds.size).toBe(0);
    expect(table.find(gfid(1))).toBeUndefined();
  });

  it('has one anonymous fd for each way of opening', () => {
    const { table, keeper } = setUp();
    const a = table.link(table.create(), table.root, 'a', stat(1, false));
    const fd = table.anonymousFd(a, 0);
    expect(table.anonymousFd(a, 0)).toBe(fd);
    expect(table.anonymousFd(a, 2)).not.toBe(fd);
    fd.ctx[keeper.slot] = {};
    fd.release();
    expect(keeper.releases).toBe(0);
    table.lookup(a);
    table.forget(a, 1);
    expect(keeper.releases).toBe(1);
  });

  it('keeps to its limit, the least recently used going first', () => {
    const { table } = setUp(3);
    const files = [0, 1, 2].map(n => table.link(table.create(), table.root, `f${n}`, stat(n, false)));
    expect(table.lruSize).toBe(3);
    table.grep(table.root, 'f0');
    table.link(table.create(), table.root, 'f3', stat(3, false));
    expect(files.map(({ linked }) => linked)).toEqual([true, false, true]);
  });

  it('asks the user to forget when too many are looked up', () => {
    const { table } = setUp(2);
    const asked: Gfid[] = [];
    table.invalidator = inode => void asked.push(inode.gfid);
    for (let n = 0; n < 4; n++) {
      const inode = table.link(table.create(), table.root, `f${n}`, stat(n, false));
      table.lookup(inode);
    }
    expect(asked).toEqual([gfid(0), gfid(1)]);
    table.forget(table.find(gfid(0))!, 1);
    expect(table.lruSize).toBe(3);
  });

  it('keeps what is forgotten within its limit, as it may be looked up again', () => {
    const { table, keeper } = setUp(2);
    for (let n = 0; n < 3; n++) {
      const inode = table.link(table.create(), table.root, `f${n}`, stat(n, false));
      inode.ctx[keeper.slot] = n;
      table.lookup(inode);
      table.forget(inode, 1);
    }
    expect(keeper.forgotten).toEqual([gfid(0)]);
    expect(table.grep(table.root, 'f1')?.gfid).toBe(gfid(1));
    const removed = table.find(gfid(2))!;
    table.lookup(removed);
    table.unlink(removed, table.root, 'f2');
    table.forget(removed, 1);
    expect(keeper.forgotten).toEqual([gfid(0), gfid(2)]);
  });

  it('has an order of names: as linked, then as put, or sorted', () => {
    const { table } = setUp();
    const [a, c, b] = ['a', 'c', 'b'].map((name, n) =>
      table.link(table.create(), table.root, name, stat(n, false)),
    );
    expect(order(table.root)).toEqual(['a', 'c', 'b']);
    expect(table.after(c)).toBe(b);
    expect(table.after(b)).toBe(undefined);
    table.follow(a, b);
    expect(order(table.root)).toEqual(['c', 'b', 'a']);
    table.rename(c, table.root, 'c', table.root, 'z');
    expect(order(table.root)).toEqual(['b', 'a', 'z']);
    table.sortNames(table.root);
    expect(order(table.root)).toEqual(['a', 'b', 'z']);
    expect(table.namesIn(table.root)).toBe(3);
    expect(table.nameOf(c)).toBe('z');
  });

  it('does what a plain model does, whatever happens', () => {
    const file = fc.nat(7);
    const directory = fc.nat(3);
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('link' as const), file, directory, name }),
      fc.record({ kind: fc.constant('unlink' as const), directory, name }),
      fc.record({ kind: fc.constant('rename' as const), directory, name, to: directory, toName: name }),
      fc.record({ kind: fc.constant('lookup' as const), file }),
      fc.record({ kind: fc.constant('forget' as const), file }),
      fc.record({ kind: fc.constant('open' as const), file }),
      fc.record({ kind: fc.constant('close' as const), file }),
      fc.record({ kind: fc.constant('follow' as const), file, other: file }),
      fc.record({ kind: fc.constant('sort' as const), directory }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), steps => {
        const { table, keeper } = setUp();
        // Files 0 to 3 are directories in the root that are never removed; names are kept in a map.
        const directories = [0, 1, 2, 3].map(n => {
          const made = table.link(table.create(), table.root, `d${n}`, stat(100 + n, true));
          table.lookup(made);
          return made;
        });
        const names = new Map<string, number>();
        const lookups = new Map<number, number>();
        const opens = new Map<number, ReturnType<typeof table.openFd>[]>();
        const named = (n: number) => [...names.values()].includes(n);
        for (const one of steps) {
          const inode = 'file' in one ? table.find(gfid(one.file)) : undefined;
          switch (one.kind) {
            case 'link': {
              const linked = table.link(
                table.create(),
                directories[one.directory],
                one.name,
                stat(one.file, false),
              );
              expect(linked.gfid).toBe(gfid(one.file));
              linked.ctx[keeper.slot] = one.file;
              names.set(`${one.directory}/${one.name}`, one.file);
              break;
            }
            case 'unlink': {
              const found = table.grep(directories[one.directory], one.name);
              if (found !== undefined) table.unlink(found, directories[one.directory], one.name);
              names.delete(`${one.directory}/${one.name}`);
              break;
            }
            case 'rename': {
              const found = table.grep(directories[one.directory], one.name);
              if (found === undefined) break;
              table.rename(found, directories[one.directory], one.name, directories[one.to], one.toName);
              const from = `${one.directory}/${one.name}`;
              const moved = names.get(from)!;
              names.delete(from);
              names.set(`${one.to}/${one.toName}`, moved);
              break;
            }
            case 'lookup':
              if (inode === undefined) break;
              table.lookup(inode);
              lookups.set(one.file, (lookups.get(one.file) ?? 0) + 1);
              break;
            case 'forget':
              if (inode === undefined || !lookups.has(one.file)) break;
              table.forget(inode, 1);
              if (lookups.get(one.file) === 1) {
                lookups.delete(one.file);
                // The last lookup is forgotten: unless it is open, all that is known of it goes.
                if (!opens.has(one.file)) for (const [key, n] of names) if (n === one.file) names.delete(key);
              } else lookups.set(one.file, lookups.get(one.file)! - 1);
              break;
            case 'follow': {
              const other = table.find(gfid(one.other));
              if (inode !== undefined && other !== undefined) table.follow(inode, other);
              if (inode === undefined || other === undefined || inode === other) break;
              if (table.parentOf(inode) === table.parentOf(other) && table.parentOf(inode) !== undefined)
                expect(table.after(other)).toBe(inode);
              break;
            }
            case 'sort':
              table.sortNames(directories[one.directory]);
              expect(order(directories[one.directory])).toEqual(order(directories[one.directory]).sort());
              break;
            case 'open':
              if (inode === undefined) break;
              opens.set(one.file, [...(opens.get(one.file) ?? []), table.openFd(inode, 0, 0, '')]);
              break;
            case 'close': {
              const fds = opens.get(one.file);
              if (fds === undefined) break;
              fds.pop()!.release();
              if (fds.length === 0) opens.delete(one.file);
              break;
            }
          }
          directories.forEach((at, i) => {
            const firstNames = [0, 1, 2, 3, 4, 5, 6, 7]
              .map(n => table.find(gfid(n)))
              .filter(found => found !== undefined && table.parentOf(found) === at)
              .map(found => table.nameOf(found!));
            expect(order(at).sort(), `order of ${i}`).toEqual(firstNames.sort());
          });
          for (const [key, n] of names) {
            const [at, what] = key.split('/');
            expect(table.grep(directories[Number(at)], what)?.gfid, key).toBe(gfid(n));
          }
          const children = directories.reduce((sum, { children }) => sum + (children?.size ?? 0), 0);
          expect(children).toBe(names.size);
          for (let n = 0; n < 8; n++) {
            const there = table.find(gfid(n)) !== undefined;
            if (named(n) || lookups.has(n) || opens.has(n)) expect(there, `file ${n}`).toBe(true);
            if (there) {
              expect(table.find(gfid(n))!.nlookup).toBe(lookups.get(n) ?? 0);
              expect(table.find(gfid(n))!.fds.size).toBe(opens.get(n)?.length ?? 0);
            }
          }
          // Directories hold a reference for each child, and nothing else does here.
          directories.forEach((directory, i) => {
            const held = [...names.keys()].filter(key => key.startsWith(`${i}/`)).length;
            expect(directory.refs).toBe(held);
          });
          expect([...table.active()].length + table.lruSize).toBe(table.size);
        }
      }),
      { numRuns: 300 },
    );
  });
});
