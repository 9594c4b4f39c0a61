import { describe, expect, it } from 'vitest';
import { UP_SIZE } from '../../../src/gluster/rpc/callback.ts';
import { SET_ATTR_MODE } from '../../../src/gluster/types/iatt.ts';
import { frameOf, GraphStack, O_RDONLY, O_RDWR } from '../../support/graph-stack.ts';
import { GraphTreeModel } from '../../support/graph-tree-model.ts';

const QR = 'performance/quick-read';

async function withFile(size = 100, options: Record<string, string> = {}): Promise<GraphStack> {
  const stack = await GraphStack.open([QR, options]);
  const fd = await stack.create('f');
  await stack.write(fd, 0, Buffer.alloc(size, 'a'));
  await stack.close(fd);
  stack.brick.calls = [];
  return stack;
}

const readvs = (stack: GraphStack): number =>
  (stack.brick.calls ?? []).filter(({ fop }) => fop === 'readv').length;

function changeBehind(stack: GraphStack, data: string): void {
  const file = stack.brick.store.at('f');
  file?.data?.write(0, Buffer.from(data));
  if (file !== undefined) stack.brick.store.touch(file, false, true, true);
}

describe('performance/quick-read', () => {
  it('answers reads of a small file from what its lookup brought', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode, O_RDONLY);
    const answer = await stack.fops.readv(frameOf('readv'), fd, 4096, 0, 0);
    expect([answer.length, answer.eof]).toEqual([100, true]);
    expect((await stack.read(fd, 90, 100)).toString()).toBe('a'.repeat(10));
    expect(readvs(stack)).toBe(0);
    // Past the end the brick is asked.
    expect((await stack.read(fd, 100, 10)).length).toBe(0);
    expect(readvs(stack)).toBe(1);
    fd.release();
  });

  it('lets larger files by', async () => {
    await using stack = await withFile(70_000);
    const { inode, xdata } = await stack.lookup('f');
    expect(xdata?.has('glusterfs.content') ?? false).toBe(false);
    const fd = await stack.open(inode, O_RDONLY);
    expect((await stack.read(fd, 0, 70_000)).length).toBe(70_000);
    expect(readvs(stack)).toBe(1);
    fd.release();
  });

  it('believes the content for a second, and longer when a lookup shows that it is the same', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode, O_RDONLY);
    stack.advance(1100);
    await stack.read(fd, 0, 10);
    expect(readvs(stack)).toBe(1);
    stack.brick.calls = [];
    await stack.lookup('f');
    await stack.read(fd, 0, 10);
    expect(readvs(stack)).toBe(0);
    changeBehind(stack, 'bbb');
    expect((await stack.read(fd, 0, 3)).toString()).toBe('aaa');
    await stack.lookup('f');
    expect((await stack.read(fd, 0, 3)).toString()).toBe('bbb');
    fd.release();
  });

  it('does not have a content brought again that nobody read', async () => {
    await using stack = await GraphStack.open([QR, { 'cache-size': '1KB' }]);
    for (const name of ['f', 'other']) {
      const fd = await stack.create(name);
      await stack.write(fd, 0, Buffer.alloc(800, name));
      await stack.close(fd);
    }
    const brings = async (name: string): Promise<boolean> =>
      (await stack.lookup(name)).xdata?.has('glusterfs.content') ?? false;
    expect([await brings('f'), await brings('other')]).toEqual([true, true]);
    // The other one has taken its place.
    expect(await brings('f')).toBe(false);
    const fd = await stack.open(stack.loc('f').inode, O_RDONLY);
    expect((await stack.read(fd, 0, 1)).toString()).toBe('f');
    fd.release();
    expect(await brings('f')).toBe(true);
  });

  it('knows a change by its ctime where it is told to', async () => {
    for (const [by, kept] of [
      ['off', true],
      ['on', false],
    ] as const) {
      await using stack = await withFile(100, { 'ctime-invalidation': by });
      const { inode, stat } = await stack.lookup('f');
      stat.mode = 0o100600;
      await stack.fops.setattr(frameOf('setattr'), stack.locOf(inode), stat, SET_ATTR_MODE);
      await stack.lookup('f');
      const fd = await stack.open(inode, O_RDONLY);
      await stack.read(fd, 0, 10);
      expect(readvs(stack)).toBe(kept ? 0 : 1);
      fd.release();
    }
  });

  it('drops the content when it is written, cut or emptied', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode, O_RDWR);
    expect((await stack.read(fd, 0, 3)).toString()).toBe('aaa');
    await stack.write(fd, 0, Buffer.from('new'));
    expect((await stack.read(fd, 0, 4)).toString()).toBe('newa');
    await stack.close(fd);
    await stack.lookup('f');
    await stack.fops.truncate(frameOf('truncate'), stack.locOf(inode), 2);
    const reader = await stack.open(inode, O_RDONLY);
    expect((await stack.read(reader, 0, 10)).toString()).toBe('ne');
    reader.release();
  });

  it('believes no content that a lookup brings after a write that it overtook', async () => {
    await using stack = await withFile();
    const { inode } = await stack.lookup('f');
    stack.advance(5000);
    await stack.fops.truncate(frameOf('truncate'), stack.locOf(inode), 100);
    let go = (): void => {};
    stack.brick.after = ({ fop }) =>
      fop === 'lookup' ? new Promise(resolve => (go = () => resolve(undefined))) : undefined;
    const looking = stack.lookup('f');
    const fd = await stack.open(inode, O_RDWR);
    await stack.write(fd, 0, Buffer.from('new'));
    go();
    await looking;
    expect((await stack.read(fd, 0, 3)).toString()).toBe('new');
    fd.release();
  });

  it('drops what bricks say that others have changed, and all when a brick went down', async () => {
    await using stack = await withFile(100, {
      'quick-read-cache-invalidation': 'on',
      'cache-timeout': '600',
    });
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode, O_RDONLY);
    changeBehind(stack, 'bbb');
    expect((await stack.read(fd, 0, 3)).toString()).toBe('aaa');
    stack.brick.upcall({ kind: 'cache-invalidation', gfid: inode.gfid, flags: UP_SIZE });
    expect((await stack.read(fd, 0, 3)).toString()).toBe('bbb');
    await stack.lookup('f');
    changeBehind(stack, 'ccc');
    expect((await stack.read(fd, 0, 3)).toString()).toBe('bbb');
    stack.brick.setUp(false);
    stack.brick.setUp(true);
    expect((await stack.read(fd, 0, 3)).toString()).toBe('ccc');
    fd.release();
  });

  it('keeps to its size, least recently used of low priority first', async () => {
    await using stack = await GraphStack.open([QR, { 'cache-size': '25KB', priority: '*keep:3' }]);
    for (const name of ['a', 'b', 'c', 'd-keep']) {
      const fd = await stack.create(name);
      await stack.write(fd, 0, Buffer.alloc(10_000, name));
      await stack.close(fd);
    }
    stack.brick.calls = [];
    const look = async (name: string): Promise<number> => {
      const before = readvs(stack);
      const { inode } = await stack.lookup(name);
      const fd = await stack.open(inode, O_RDONLY);
      await stack.read(fd, 0, 10);
      fd.release();
      return readvs(stack) - before;
    };
    const known = async (name: string): Promise<boolean> => {
      const fd = await stack.open(stack.loc(name).inode, O_RDONLY);
      const before = readvs(stack);
      await stack.read(fd, 0, 10);
      fd.release();
      return readvs(stack) === before;
    };
    for (const name of ['d-keep', 'a', 'b', 'c']) expect(await look(name)).toBe(0);
    expect([await known('d-keep'), await known('a'), await known('b'), await known('c')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('does as a plain file system does', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await using tree = await GraphStack.open(QR);
      await new GraphTreeModel(tree, seed).run(500);
    }
  });
});
