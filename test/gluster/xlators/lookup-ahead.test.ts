import { describe, expect, it } from 'vitest';
import type { LookupAhead } from '../../../src/gluster/xlators/mount/fuse/lookup-ahead.ts';
import { GraphStack, settled } from '../../support/graph-stack.ts';
import { KernelSide } from '../../support/kernel-side.ts';

const CACHES = ['performance/md-cache', 'performance/quick-read', 'performance/open-behind'] as const;
const NAMES = Array.from({ length: 40 }, (_, i) => `f${i}`);

interface Side {
  readonly stack: GraphStack;
  readonly kernel: KernelSide;
  readonly ahead: LookupAhead;
  /** What came to the brick since it was asked for last: 'lookup f3'. */
  calls(): string[];
}

/** Files that the mount has known and the kernel has forgotten, all caches old. */
async function forgotten(names: readonly string[] = NAMES, most = 16): Promise<Side> {
  const stack = await GraphStack.open(...CACHES);
  const kernel = new KernelSide(stack);
  const { ahead } = kernel.bridge;
  for (const name of names) {
    const fd = await stack.create(name);
    await stack.write(fd, 0, Buffer.from(`this is ${name}`));
    await stack.close(fd);
    stack.graph.inodes.forget(fd.inode, 1);
  }
  stack.advance(60_000);
  ahead.most = most;
  ahead.contents = true;
  stack.brick.calls = [];
  const calls = () =>
    stack.brick.calls!.splice(0).map(({ fop, name }) => (name === '' ? fop : `${fop} ${name}`));
  return { stack, kernel, ahead, calls };
}

const lookups = (...names: readonly string[]) => names.map(name => `lookup ${name}`);

describe('Looking names up ahead', () => {
  it('asks bricks for what comes next once three names came in order, and for each name once', async () => {
    const { stack, kernel, calls } = await forgotten();
    await using _ = stack;
    for (const name of NAMES.slice(0, 2)) await kernel.lookup(name);
    expect(calls()).toEqual(lookups('f0', 'f1'));
    await kernel.lookup('f2');
    await settled(stack);
    expect(calls()).toEqual(lookups('f2', 'f3', 'f4'));
    for (const name of NAMES.slice(3))
      expect(await kernel.lookup(name)).toMatchObject({ size: 8 + name.length });
    await settled(stack);
    expect(calls().sort()).toEqual(lookups(...NAMES.slice(5)).sort());
  });

  it('is never further ahead than the limit', async () => {
    const { stack, kernel, calls } = await forgotten(NAMES, 4);
    await using _ = stack;
    let asked = 0;
    for (const [i, name] of NAMES.entries()) {
      await kernel.lookup(name);
      await settled(stack);
      asked += calls().length;
      expect(asked - (i + 1)).toBeLessThanOrEqual(4);
    }
    expect(asked).toBe(NAMES.length);
  });

  it('brings the content to who reads: no read comes to a brick', async () => {
    const { stack, kernel, calls } = await forgotten();
    await using _ = stack;
    for (const name of NAMES) expect(await kernel.read(await kernel.lookup(name))).toBe(`this is ${name}`);
    expect(calls().filter(call => !call.startsWith('lookup'))).toEqual([]);
    // The same where the kernel still knows the names, and only opens; that somebody came for the attributes only does not matter.
    stack.advance(60_000);
    const known = await Promise.all(NAMES.map(name => kernel.lookup(name)));
    stack.advance(60_000);
    calls();
    for (const [i, found] of known.entries()) expect(await kernel.read(found)).toBe(`this is f${i}`);
    expect(calls().filter(call => !call.startsWith('lookup')).length).toBeLessThanOrEqual(6);
  });

  it('learns an order that is gone through, and sorts where the names come sorted', async () => {
    const { stack, kernel, calls } = await forgotten();
    await using _ = stack;
    const odd = NAMES.map((_, i) => NAMES[(i * 17) % 40]);
    for (const round of [0, 1]) {
      stack.advance(60_000);
      calls();
      let asked = 0;
      let farthest = 0;
      for (const [i, name] of odd.entries()) {
        await kernel.lookup(name);
        await settled(stack);
        asked += calls().length;
        farthest = Math.max(farthest, asked - (i + 1));
      }
      expect(asked).toBe(NAMES.length);
      if (round === 0) expect(farthest).toBe(0);
      else expect(farthest).toBeGreaterThan(8);
    }
    // By their bytes: f0, f1, f10, f11 ...
    stack.advance(60_000);
    const sorted = [...NAMES].sort();
    for (const name of sorted.slice(0, 4)) await kernel.lookup(name);
    calls();
    await kernel.lookup(sorted[4]);
    await settled(stack);
    expect(calls()).toEqual(lookups(...sorted.slice(6, 9)));
  });

  it('leaves alone who comes in no order', async () => {
    const { stack, kernel, calls } = await forgotten();
    await using _ = stack;
    const apart = NAMES.map((_, i) => NAMES[(i * 17) % 40]);
    for (const name of apart) await kernel.lookup(name);
    await settled(stack);
    expect(calls()).toEqual(lookups(...apart));
  });

  it('follows several threads, each in a place of its own', async () => {
    const { stack, kernel, calls } = await forgotten();
    await using _ = stack;
    for (let i = 0; i < 20; i++)
      for (const [pid, first] of [
        [1, 0],
        [2, 20],
      ]) {
        kernel.pid = pid;
        await kernel.lookup(NAMES[first + i]);
      }
    await settled(stack);
    // The first comes to where the second was, which is old by no clock of this test.
    expect(calls().sort()).toEqual(lookups(...NAMES).sort());
  });

  it('does not bring back what was changed or removed while a name was being looked up', async () => {
    const { stack, kernel, calls } = await forgotten();
    await using _ = stack;
    kernel.pid = 2;
    const third = await kernel.lookup('f3');
    kernel.pid = 1;
    stack.advance(60_000);
    for (const name of ['f0', 'f1']) await kernel.lookup(name);
    // What the brick answers ahead is what was before.
    let answer = () => {};
    const held = new Promise<undefined>(resolve => {
      answer = () => resolve(undefined);
    });
    stack.brick.after = call =>
      call.fop === 'lookup' && ['f3', 'f4'].includes(call.name) ? held : undefined;
    await kernel.lookup('f2');
    expect(calls()).toContain('lookup f4');
    stack.brick.after = undefined;
    kernel.pid = 2;
    await kernel.truncate(third, 2);
    await kernel.unlink('f4');
    const [changed, removed] = [kernel.lookup('f3'), kernel.lookup('f4')];
    answer();
    expect(await changed).toMatchObject({ size: 2 });
    await expect(removed).rejects.toThrow('ENOENT');
    expect(await kernel.read(third)).toBe('th');
  });

  it('tells of a name that has gone or is another file when it is asked for, not before', async () => {
    const { stack, kernel } = await forgotten();
    await using _ = stack;
    for (const name of ['f0', 'f1']) await kernel.lookup(name);
    const { store } = stack.brick;
    store.leave(store.root, 'f3');
    const other = store.at('f20')!;
    store.leave(store.root, 'f4');
    store.enter(store.root, 'f4', other);
    await kernel.lookup('f2');
    await settled(stack);
    await expect(kernel.lookup('f3')).rejects.toThrow('ENOENT');
    expect(await kernel.read(await kernel.lookup('f4'))).toBe('this is f20');
  });

  it('asks for nothing where it is switched off', async () => {
    const { stack, kernel, calls } = await forgotten(NAMES, 0);
    await using _ = stack;
    for (const name of NAMES.slice(0, 20)) await kernel.lookup(name);
    await settled(stack);
    expect(calls()).toEqual(lookups(...NAMES.slice(0, 20)));
  });
});
