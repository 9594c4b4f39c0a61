import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../../src/base/errno.ts';
import type { Fd } from '../../../src/gluster/graph/fd.ts';
import { FopError } from '../../../src/gluster/graph/fop-error.ts';
import type { GraphEntry } from '../../../src/gluster/graph/fops.ts';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { frameOf, GraphStack, type LayerSpec, settled } from '../../support/graph-stack.ts';
import { GraphTreeModel } from '../../support/graph-tree-model.ts';

const RDA = 'performance/readdir-ahead';

async function withFiles(count: number, ...layers: readonly LayerSpec[]): Promise<GraphStack> {
  const stack = await GraphStack.open(...layers);
  for (let i = 0; i < count; i++) await stack.close(await stack.create(`file-${i}`));
  return stack;
}

async function openRoot(stack: GraphStack, xdata?: Dict): Promise<Fd> {
  const { root } = stack.graph.inodes;
  const fd = stack.graph.inodes.openFd(root, 0, 1, '');
  await stack.fops.opendir(frameOf('opendir'), stack.locOf(root), fd, xdata);
  return fd;
}

async function listAll(stack: GraphStack, fd: Fd, size: number): Promise<GraphEntry[]> {
  const all: GraphEntry[] = [];
  for (let offset = 0n; ; ) {
    const { entries, eof } = await stack.fops.readdirp(frameOf('readdirp'), fd, size, offset);
    all.push(...entries);
    if (eof || entries.length === 0) return all;
    offset = entries[entries.length - 1].dOff;
  }
}

const listings = (stack: GraphStack): number =>
  (stack.brick.calls ?? []).filter(({ fop }) => fop === 'readdirp').length;

describe('performance/readdir-ahead', () => {
  it('lists in large pieces what is read in small ones', async () => {
    await using stack = await withFiles(500, RDA);
    stack.brick.calls = [];
    const fd = await openRoot(stack);
    const names = (await listAll(stack, fd, 1500)).map(({ name }) => name);
    expect(new Set(names).size).toBe(502);
    expect(names.length).toBe(502);
    expect(listings(stack)).toBeLessThan(5);
    fd.release();
  });

  it('begins anew when it is read from the beginning again', async () => {
    await using stack = await withFiles(50, RDA);
    const fd = await openRoot(stack);
    expect((await listAll(stack, fd, 4096)).length).toBe(52);
    await stack.close(await stack.create('more'));
    expect((await listAll(stack, fd, 4096)).length).toBe(53);
    fd.release();
  });

  it('lets by who reads at other places', async () => {
    await using stack = await withFiles(100, [RDA, { 'rda-request-size': '4096', 'rda-high-wmark': '4096' }]);
    const fd = await openRoot(stack);
    const all = await listAll(stack, await openRoot(stack), 1 << 20);
    const from = async (at: number) =>
      (await stack.fops.readdirp(frameOf('readdirp'), fd, 1000, all[at].dOff)).entries.map(
        ({ name }) => name,
      );
    for (const at of [40, 10, 70]) expect((await from(at))[0]).toBe(all[at + 1].name);
    fd.release();
  });

  it('gives no attributes of before a write for entries that it listed ahead', async () => {
    await using stack = await withFiles(20, RDA);
    const file = await stack.open((await stack.lookup('file-7')).inode);
    const other = await stack.open((await stack.lookup('file-8')).inode);
    const fd = await openRoot(stack);
    await settled(stack);
    await stack.write(file, 0, Buffer.alloc(777));
    await stack.fops.fsetxattr(frameOf('fsetxattr'), other, new Dict().setString('user.a', 'b'), 0);
    const entries = await listAll(stack, fd, 1000);
    const stat = (name: string) => entries.find(each => each.name === name)?.stat;
    expect(stat('file-7')?.size).toBe(777);
    expect(stat('file-8')).toBeUndefined();
    expect(stat('file-9')?.size).toBe(0);
    for (const each of [file, other, fd]) each.release();
  });

  it('gives none that were listed before a write and came after it, nor those of what write-behind holds', async () => {
    await using stack = await withFiles(20, RDA, 'performance/write-behind');
    const file = await stack.open((await stack.lookup('file-7')).inode);
    let go = (): void => {};
    stack.brick.after = ({ fop }) =>
      fop === 'readdirp' ? new Promise(resolve => (go = () => resolve(undefined))) : undefined;
    const fd = await openRoot(stack);
    await new Promise<void>(resolve => setImmediate(resolve));
    await stack.write(file, 0, Buffer.alloc(99));
    await stack.fsync(file);
    stack.brick.after = undefined;
    go();
    const entries = await listAll(stack, fd, 1000);
    const size = entries.find(({ name }) => name === 'file-7')?.stat?.size;
    expect(size === undefined || size === 99).toBe(true);
    file.release();
    fd.release();
  });

  it('tells an error once what came before it was given out, and lets by what comes after', async () => {
    await using stack = await withFiles(100, [RDA, { 'rda-request-size': '4096' }]);
    let count = 0;
    stack.brick.before = ({ fop }) =>
      fop === 'readdirp' && ++count === 3 ? new FopError(ERRNO['EIO']) : undefined;
    const fd = await openRoot(stack);
    await settled(stack);
    await expect(listAll(stack, fd, 2000)).rejects.toMatchObject({ errno: ERRNO['EIO'] });
    fd.release();
    stack.brick.before = undefined;
    const again = await openRoot(stack);
    expect((await listAll(stack, again, 2000)).length).toBe(102);
    again.release();
  });

  it('asks for what opendir asked for, and keeps to its limit', async () => {
    await using stack = await withFiles(300, [RDA, { 'rda-request-size': '4096', 'rda-cache-limit': '8KB' }]);
    const { inode } = await stack.lookup('file-3');
    const value = new Dict().setBytes('user.k', Buffer.from('v'));
    await stack.fops.setxattr(frameOf('setxattr'), stack.locOf(inode), value, 0);
    stack.brick.calls = [];
    const fd = await openRoot(stack, new Dict().setInt('user.k', 0));
    await settled(stack);
    expect(listings(stack)).toBeLessThan(5);
    const entries = await listAll(stack, fd, 4096);
    expect(entries.length).toBe(302);
    expect(entries.find(({ name }) => name === 'file-3')?.dict?.string('user.k')).toBe('v');
    fd.release();
  });

  it('does as a plain file system does', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      await using stack = await GraphStack.open([RDA, { 'rda-request-size': '4096' }]);
      await new GraphTreeModel(stack, seed).run(500);
    }
  });
});
