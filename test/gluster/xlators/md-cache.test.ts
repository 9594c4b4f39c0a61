import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../../src/base/errno.ts';
import { FopError } from '../../../src/gluster/graph/fop-error.ts';
import {
  UP_EXPLICIT_LOOKUP,
  UP_NLINK,
  UP_SIZE,
  UP_TIMES,
  UP_XATTR,
  UP_XATTR_RM,
} from '../../../src/gluster/rpc/callback.ts';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { SET_ATTR_MODE } from '../../../src/gluster/types/iatt.ts';
import { GraphFsx } from '../../support/graph-fsx.ts';
import { frameOf, GraphStack, type LayerSpec } from '../../support/graph-stack.ts';
import { GraphTreeModel } from '../../support/graph-tree-model.ts';

const MDC = 'performance/md-cache';

async function withFile(...layers: readonly LayerSpec[]): Promise<GraphStack> {
  const stack = await GraphStack.open(...layers);
  const fd = await stack.create('f');
  await stack.close(fd);
  stack.brick.calls = [];
  return stack;
}

const fops = (stack: GraphStack): string[] => (stack.brick.calls ?? []).map(({ fop }) => fop);

function changeBehind(stack: GraphStack, size: number): void {
  const file = stack.brick.store.at('f');
  file?.data?.truncate(size);
  if (file !== undefined) stack.brick.store.touch(file, false, true, true);
}

const getxattr = (stack: GraphStack, name: string) =>
  stack.fops.getxattr(frameOf('getxattr'), stack.locOf(stack.loc('f').inode), name);

const setxattr = (stack: GraphStack, name: string, value: string) => {
  const dict = new Dict().setBytes(name, Buffer.from(value));
  return stack.fops.setxattr(frameOf('setxattr'), stack.locOf(stack.loc('f').inode), dict, 0);
};

describe('performance/md-cache', () => {
  it('answers lookup and stat for a second from what came with other fops', async () => {
    await using stack = await withFile(MDC);
    const { inode } = await stack.lookup('f');
    await stack.fops.stat(frameOf('stat'), stack.locOf(inode));
    await stack.lookup('f');
    expect(fops(stack)).toEqual([]);
    changeBehind(stack, 100);
    expect((await stack.lookup('f')).stat.size).toBe(0);
    stack.advance(1001);
    expect((await stack.lookup('f')).stat.size).toBe(100);
    expect(fops(stack)).toEqual(['lookup']);
  });

  it('takes over what a change answers, and knows nothing after one that was not written yet', async () => {
    await using stack = await withFile(MDC, 'performance/write-behind');
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    await stack.write(fd, 0, Buffer.alloc(10));
    expect((await stack.lookup('f')).stat.size).toBe(10);
    stack.brick.calls = [];
    await stack.fops.ftruncate(frameOf('ftruncate'), fd, 5);
    expect((await stack.lookup('f')).stat.size).toBe(5);
    const { stat } = await stack.lookup('f');
    const changed = stat.clone();
    changed.mode = 0o100600;
    await stack.fops.setattr(frameOf('setattr'), stack.locOf(inode), changed, SET_ATTR_MODE);
    expect((await stack.lookup('f')).stat.mode).toBe(0o100600);
    expect(fops(stack)).toEqual(['ftruncate', 'setattr']);
    fd.release();
  });

  it('does not believe attributes that were on their way when the file changed', async () => {
    await using stack = await withFile(MDC, 'performance/write-behind');
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    stack.advance(2000);
    let go = (): void => {};
    stack.brick.after = ({ fop }) =>
      fop === 'fstat' ? new Promise(resolve => (go = () => resolve(undefined))) : undefined;
    const old = stack.fops.fstat(frameOf('fstat'), fd);
    await stack.write(fd, 0, Buffer.alloc(10));
    stack.brick.after = undefined;
    go();
    expect((await old).stat.size).toBe(0);
    expect((await stack.fops.fstat(frameOf('fstat'), fd)).stat.size).toBe(10);
    fd.release();
  });

  it('knows which of the kept xattrs a file has, and which it has not', async () => {
    await using stack = await withFile([MDC, { 'xattr-cache-list': 'user.kept.*' }]);
    stack.advance(5000);
    await stack.lookup('f');
    stack.brick.calls = [];
    for (let i = 0; i < 3; i++)
      await expect(getxattr(stack, 'security.capability')).rejects.toMatchObject({ errno: ERRNO['ENODATA'] });
    await expect(getxattr(stack, 'user.kept.one')).rejects.toMatchObject({ errno: ERRNO['ENODATA'] });
    expect(fops(stack)).toEqual([]);
    await setxattr(stack, 'user.kept.one', 'value');
    expect((await getxattr(stack, 'user.kept.one')).dict.string('user.kept.one')).toBe('value');
    const { inode } = stack.loc('f');
    await stack.fops.removexattr(frameOf('removexattr'), stack.locOf(inode), 'user.kept.one');
    await expect(getxattr(stack, 'user.kept.one')).rejects.toMatchObject({ errno: ERRNO['ENODATA'] });
    expect(fops(stack)).toEqual(['setxattr', 'removexattr']);
  });

  it('asks the brick for other xattrs each time', async () => {
    await using stack = await withFile(MDC);
    await stack.lookup('f');
    await setxattr(stack, 'user.free', '1');
    stack.brick.calls = [];
    for (let i = 0; i < 2; i++)
      expect((await getxattr(stack, 'user.free')).dict.string('user.free')).toBe('1');
    expect(fops(stack)).toEqual(['getxattr', 'getxattr']);
  });

  it('answers a lookup that asks for more than is kept from the brick', async () => {
    await using stack = await withFile(MDC);
    await stack.lookup('f', new Dict().setInt('user.unkept', 0));
    await stack.lookup('f', new Dict().setInt('security.capability', 0));
    expect(fops(stack)).toEqual(['lookup']);
  });

  it('lists with attributes, and knows them afterwards', async () => {
    await using stack = await withFile(MDC);
    stack.advance(5000);
    const { inodes } = stack.graph;
    const fd = inodes.openFd(inodes.root, 0, 1, '');
    await stack.fops.opendir(frameOf('opendir'), stack.locOf(inodes.root), fd);
    const { entries } = await stack.fops.readdir(frameOf('readdir'), fd, 4096, 0n);
    expect(entries.find(({ name }) => name === 'f')?.stat?.size).toBe(0);
    await stack.lookup('f');
    expect(fops(stack)).toEqual(['opendir', 'readdirp']);
    fd.release();
  });

  it('keeps the free space where it is told to', async () => {
    await using stack = await withFile([MDC, { 'md-cache-statfs': 'on' }]);
    const root = stack.locOf(stack.graph.inodes.root);
    for (let i = 0; i < 3; i++) await stack.fops.statfs(frameOf('statfs'), root);
    expect(fops(stack)).toEqual(['statfs']);
  });

  it('believes what bricks say that others have changed', async () => {
    await using stack = await withFile([
      MDC,
      { 'cache-invalidation': 'on', 'md-cache-timeout': '600', 'xattr-cache-list': 'user.x' },
    ]);
    const { inode } = await stack.lookup('f');
    stack.advance(100_000);
    await stack.lookup('f');
    expect(fops(stack)).toEqual([]);
    changeBehind(stack, 50);
    const upcall = (flags: number, more: object = {}) =>
      stack.brick.upcall({ kind: 'cache-invalidation', gfid: inode.gfid, flags, ...more });
    upcall(UP_SIZE | UP_TIMES, { stat: stack.brick.store.at('f')?.iatt() });
    expect((await stack.lookup('f')).stat.size).toBe(50);
    expect(fops(stack)).toEqual([]);
    changeBehind(stack, 60);
    upcall(UP_NLINK);
    expect((await stack.lookup('f')).stat.size).toBe(60);
    upcall(UP_EXPLICIT_LOOKUP);
    await stack.lookup('f');
    expect(fops(stack)).toEqual(['lookup', 'lookup']);
    stack.brick.store.at('f')?.xattrs.set('user.x', Buffer.from('1'));
    upcall(UP_XATTR, { dict: new Dict().setBytes('user.x', Buffer.from('1')) });
    expect((await getxattr(stack, 'user.x')).dict.string('user.x')).toBe('1');
    upcall(UP_XATTR_RM, { dict: new Dict().setBytes('user.x', Buffer.from('')) });
    await expect(getxattr(stack, 'user.x')).rejects.toMatchObject({ errno: ERRNO['ENODATA'] });
    expect(fops(stack)).toEqual(['lookup', 'lookup']);
  });

  it('keeps no xattrs when the bricks do not tell of their changes', async () => {
    await using stack = await withFile([MDC, { 'cache-invalidation': 'on' }]);
    stack.brick.before = ({ fop }) => (fop === 'ipc' ? new FopError(ERRNO['EOPNOTSUPP']) : undefined);
    stack.brick.setUp(false);
    stack.brick.setUp(true);
    await stack.lookup('f');
    stack.brick.calls = [];
    for (let i = 0; i < 2; i++) await getxattr(stack, 'security.capability').catch(() => undefined);
    expect(fops(stack)).toEqual(['getxattr', 'getxattr']);
  });

  it('has other layers and the top drop what they have of a file that others changed', async () => {
    await using stack = await withFile(MDC, ['performance/io-cache', { 'cache-timeout': '60' }]);
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    await stack.write(fd, 0, Buffer.from('old'));
    await stack.read(fd, 0, 3);
    const heard: unknown[] = [];
    using _ = stack.graph.onEvent((event, _from, data) => {
      if (event === 'UPCALL') heard.push((data as { gfid: string }).gfid);
    });
    const file = stack.brick.store.at('f');
    file?.data?.write(0, Buffer.from('new'));
    if (file !== undefined) stack.brick.store.touch(file, false, true, true);
    expect((await stack.read(fd, 0, 3)).toString()).toBe('old');
    stack.advance(1100);
    await stack.fops.fstat(frameOf('fstat'), fd);
    expect((await stack.read(fd, 0, 3)).toString()).toBe('new');
    expect(heard).toEqual([inode.gfid]);
    fd.release();
  });

  it('believes nothing from before a brick went down', async () => {
    await using stack = await withFile([MDC, { 'md-cache-timeout': '60' }]);
    await stack.lookup('f');
    changeBehind(stack, 70);
    stack.brick.setUp(false);
    stack.brick.setUp(true);
    expect((await stack.lookup('f')).stat.size).toBe(70);
  });

  it('does as a plain file system does', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      await using tree = await GraphStack.open([MDC, { 'xattr-cache-list': 'user.note' }]);
      await new GraphTreeModel(tree, seed).run(500);
      await using stack = await GraphStack.open(MDC, 'performance/write-behind');
      await new GraphFsx(stack, { seed, batches: 150 }).run();
    }
  });
});
