import { describe, expect, it } from 'vitest';
import type { Fd } from '../../../src/gluster/graph/fd.ts';
import { F_SETLK, F_WRLCK } from '../../../src/gluster/types/fs.ts';
import { GraphFsx } from '../../support/graph-fsx.ts';
import { frameOf, GraphStack, O_RDONLY } from '../../support/graph-stack.ts';
import { GraphTreeModel } from '../../support/graph-tree-model.ts';

const IOC = 'performance/io-cache';
const PAGE = 131072;

async function withFile(
  size: number,
  options: Record<string, string> = {},
  name = 'f',
): Promise<[GraphStack, Fd]> {
  const stack = await GraphStack.open([IOC, options]);
  const fd = await stack.create(name);
  await stack.write(fd, 0, Buffer.alloc(size, 9));
  await stack.close(fd);
  stack.brick.calls = [];
  return [stack, await stack.open(fd.inode, O_RDONLY)];
}

const seen = (stack: GraphStack): string[] =>
  (stack.brick.calls ?? []).map(({ fop }) => fop).filter(fop => fop === 'readv' || fop === 'fstat');

/** As another client would: the brick's file changes behind the stack's back. */
function changeBehind(stack: GraphStack, name: string, at: number, data: Buffer): void {
  const file = stack.brick.store.at(name);
  file?.data?.write(at, data);
  if (file !== undefined) stack.brick.store.touch(file, false, true, true);
}

describe('performance/io-cache', () => {
  it('reads a page once', async () => {
    const [stack, fd] = await withFile(PAGE * 2);
    await using _ = stack;
    for (let i = 0; i < 4; i++)
      expect((await stack.read(fd, PAGE - 50, 100)).equals(Buffer.alloc(100, 9))).toBe(true);
    expect(seen(stack)).toEqual(['readv', 'readv']);
    fd.release();
  });

  it('asks after a while whether the file has changed, and believes its pages when not', async () => {
    const [stack, fd] = await withFile(PAGE);
    await using _ = stack;
    await stack.read(fd, 0, 100);
    stack.advance(1100);
    await stack.read(fd, 0, 100);
    expect(seen(stack)).toEqual(['readv', 'fstat']);
    changeBehind(stack, 'f', 10, Buffer.from('changed'));
    expect((await stack.read(fd, 10, 7)).toString()).not.toBe('changed');
    stack.advance(1100);
    expect((await stack.read(fd, 10, 7)).toString()).toBe('changed');
    fd.release();
  });

  it('drops pages when a lookup shows a change, and when a lock is taken', async () => {
    const [stack, fd] = await withFile(PAGE);
    await using _ = stack;
    await stack.read(fd, 0, 100);
    changeBehind(stack, 'f', 0, Buffer.from('one'));
    await stack.lookup('f');
    expect((await stack.read(fd, 0, 3)).toString()).toBe('one');
    changeBehind(stack, 'f', 0, Buffer.from('two'));
    const flock = { type: F_WRLCK, whence: 0, start: 0, len: 0, pid: 1, owner: 'me' };
    await stack.fops.lk(frameOf('lk', 'me'), fd, F_SETLK, flock);
    expect((await stack.read(fd, 0, 3)).toString()).toBe('two');
    fd.release();
  });

  it('keeps to its size, and lets files of low priority go first', async () => {
    const [stack, low] = await withFile(2 * 1024 * 1024, {
      'cache-size': '4MB',
      priority: '*.high:5,*.not:0',
    });
    await using _ = stack;
    const fds: Fd[] = [];
    for (const name of ['a.high', 'b.high', 'c.not']) {
      const fd = await stack.create(name);
      await stack.write(fd, 0, Buffer.alloc(1024 * 1024, 3));
      await stack.close(fd);
      fds.push(await stack.open((await stack.lookup(name)).inode, O_RDONLY));
    }
    const readAll = async (fd: Fd, size: number): Promise<number> => {
      stack.brick.calls = [];
      for (let at = 0; at < size; at += PAGE) await stack.read(fd, at, PAGE);
      return seen(stack).length;
    };
    for (const fd of [low, fds[0], fds[1]]) await readAll(fd, 1024 * 1024);
    expect(await readAll(fds[2], 1024 * 1024)).toBe(8);
    expect(await readAll(fds[2], 1024 * 1024)).toBe(8);
    expect(await readAll(fds[0], 1024 * 1024)).toBe(0);
    // 2 MiB of a file of low priority, where 2 MiB of the others are there: it has to make room for itself.
    await readAll(low, 2 * 1024 * 1024);
    const another = await stack.create('d.high');
    await stack.write(another, 0, Buffer.alloc(1024 * 1024, 3));
    await readAll(another, 1024 * 1024);
    expect(await readAll(fds[0], 1024 * 1024)).toBe(0);
    expect(await readAll(low, 1024 * 1024)).toBe(8);
    for (const fd of [low, another, ...fds]) fd.release();
  });

  it('does not cache files that are too small or too large', async () => {
    for (const size of [100, 500_000]) {
      const [stack, fd] = await withFile(size, { 'min-file-size': '1KB', 'max-file-size': '100KB' });
      await using _ = stack;
      for (let i = 0; i < 3; i++) await stack.read(fd, 0, 50);
      expect(seen(stack)).toEqual(['readv', 'readv', 'readv']);
      fd.release();
    }
  });

  it('does as a plain file does', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      await using stack = await GraphStack.open(IOC);
      await new GraphFsx(stack, { seed, batches: 200, maxSize: 600_000, maxLength: 150_000 }).run();
      await using tree = await GraphStack.open(IOC);
      await new GraphTreeModel(tree, seed).run(400);
    }
  });
});
