import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../../src/base/errno.ts';
import type { Fd } from '../../../src/gluster/graph/fd.ts';
import { FopError } from '../../../src/gluster/graph/fop-error.ts';
import { GraphFsx } from '../../support/graph-fsx.ts';
import { frameOf, GraphStack, O_RDONLY, settled } from '../../support/graph-stack.ts';
import { GraphTreeModel } from '../../support/graph-tree-model.ts';

const RA = 'performance/read-ahead';
const PAGE = 131072;

async function withFile(
  size: number,
  options: Record<string, string> = {},
): Promise<[GraphStack, Fd, Buffer]> {
  const stack = await GraphStack.open([RA, options]);
  const fd = await stack.create('f');
  const content = Buffer.alloc(size);
  for (let i = 0; i < size; i++) content[i] = (i * 7 + (i >> 12)) & 0xff;
  await stack.write(fd, 0, content);
  await stack.close(fd);
  stack.brick.calls = [];
  const reader = await stack.open(fd.inode, O_RDONLY);
  return [stack, reader, content];
}

const reads = (stack: GraphStack): number[] =>
  (stack.brick.calls ?? []).filter(({ fop }) => fop === 'readv').map(({ offset }) => offset);

describe('performance/read-ahead', () => {
  it('reads whole pages, and ahead of a reader that goes on', async () => {
    const [stack, fd, content] = await withFile(PAGE * 12);
    await using _ = stack;
    for (let at = 0; at < PAGE * 3; at += PAGE / 2)
      expect((await stack.read(fd, at, PAGE / 2)).equals(content.subarray(at, at + PAGE / 2))).toBe(true);
    await settled(stack);
    const asked = reads(stack);
    // Each page once, and more of them than were read.
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.every(offset => offset % PAGE === 0)).toBe(true);
    expect(Math.max(...asked)).toBeGreaterThan(PAGE * 3);
    fd.release();
  });

  it('reads no further ahead than page-count, and not past the end', async () => {
    const [stack, fd] = await withFile(PAGE * 2 + 100, { 'page-count': '16' });
    await using _ = stack;
    for (let at = 0; at < PAGE * 3; at += PAGE) await stack.read(fd, at, PAGE);
    await settled(stack);
    const past = reads(stack).filter(offset => offset > PAGE * 3);
    expect((await stack.read(fd, PAGE * 3, PAGE)).length).toBe(0);
    expect(past.length).toBeLessThanOrEqual(16);
    fd.release();
  });

  it('lets reads at other places by', async () => {
    const [stack, fd, content] = await withFile(PAGE * 4);
    await using _ = stack;
    for (const at of [5000, 300_000, 70, 123_456])
      expect((await stack.read(fd, at, 1000)).equals(content.subarray(at, at + 1000))).toBe(true);
    expect(reads(stack)).toEqual([5000, 300_000, 70, 123_456]);
    fd.release();
  });

  it('reads again what was written, cut or zeroed, also while it was being read', async () => {
    const [stack, fd] = await withFile(PAGE * 4);
    await using _ = stack;
    const writer = await stack.open(fd.inode);
    const late: (() => void)[] = [];
    await stack.read(fd, 0, PAGE);
    stack.brick.after = ({ fop, offset }) =>
      fop === 'readv' && offset === PAGE * 2
        ? new Promise(resolve => late.push(() => resolve(undefined)))
        : undefined;
    await stack.read(fd, PAGE, PAGE);
    await turns(stack);
    stack.brick.after = undefined;
    await stack.write(writer, PAGE * 2, Buffer.alloc(PAGE, 1));
    for (const go of late) go();
    expect((await stack.read(fd, PAGE * 2, PAGE)).equals(Buffer.alloc(PAGE, 1))).toBe(true);
    await stack.fops.zerofill(frameOf('zerofill'), writer, PAGE * 3, 10);
    expect((await stack.read(fd, PAGE * 3, 10)).equals(Buffer.alloc(10))).toBe(true);
    await stack.fops.ftruncate(frameOf('ftruncate'), writer, PAGE * 3 + 20);
    expect((await stack.read(fd, PAGE * 3 + 10, PAGE)).length).toBe(10);
    fd.release();
    writer.release();
  });

  it('tells a failed read to who waits for it, and not to others', async () => {
    const [stack, fd, content] = await withFile(PAGE * 8);
    await using _ = stack;
    let fail = true;
    stack.brick.before = ({ fop, offset }) =>
      fop === 'readv' && offset === PAGE && fail ? new FopError(ERRNO['EIO']) : undefined;
    expect((await stack.read(fd, 0, PAGE)).equals(content.subarray(0, PAGE))).toBe(true);
    await settled(stack);
    await expect(stack.read(fd, PAGE, PAGE)).rejects.toMatchObject({ errno: ERRNO['EIO'] });
    fail = false;
    expect((await stack.read(fd, PAGE, PAGE)).equals(content.subarray(PAGE, PAGE * 2))).toBe(true);
    fd.release();
  });

  it('does as a plain file does', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      await using stack = await GraphStack.open([RA, { 'page-size': '4096' }]);
      await new GraphFsx(stack, { seed, batches: 250, maxSize: 60_000 }).run();
      await using tree = await GraphStack.open([RA, { 'page-size': '4096', 'force-atime-update': 'on' }]);
      await new GraphTreeModel(tree, seed).run(400);
    }
  });
});

async function turns(stack: GraphStack): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise<void>(resolve => stack.env.timers.immediate(resolve));
}
