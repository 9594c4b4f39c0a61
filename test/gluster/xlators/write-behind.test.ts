import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../../src/base/errno.ts';
import { FopError } from '../../../src/gluster/graph/fop-error.ts';
import type { Fops } from '../../../src/gluster/graph/fops.ts';
import { GraphFsx } from '../../support/graph-fsx.ts';
import { frameOf, GraphStack, O_APPEND, O_RDWR, settled } from '../../support/graph-stack.ts';
import type { BrickCall } from '../../support/mem-brick.ts';

const WB = 'performance/write-behind';
const O_SYNC = 0o4010000;
const O_DIRECT = 0o40000;

/** Lets fops of the brick wait until `open` is called. */
function gate(stack: GraphStack, fop: keyof Fops): { open: () => void; readonly waiting: number } {
  const held: (() => void)[] = [];
  let closed = true;
  stack.brick.before = call => {
    if (!closed || call.fop !== fop) return undefined;
    return new Promise(resolve => held.push(() => resolve(undefined)));
  };
  return {
    open() {
      closed = false;
      for (const go of held) go();
    },
    get waiting() {
      return held.length;
    },
  };
}

function writes(calls: readonly BrickCall[] | undefined): [number, number][] {
  return (calls ?? []).filter(({ fop }) => fop === 'writev').map(({ offset, size }) => [offset, size]);
}

const block = (byte: number, size = 4096): Buffer => Buffer.alloc(size, byte);

describe('performance/write-behind', () => {
  it('answers a write before the brick does, with attributes that say nothing', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    const door = gate(stack, 'writev');
    const answer = await stack.fops.writev(frameOf('writev'), fd, [block(1)], 0, 0);
    expect(answer.written).toBe(4096);
    expect(answer.post.mode).toBe(0);
    expect(stack.held('f').length).toBe(0);
    door.open();
    await stack.fsync(fd);
    expect(stack.held('f').equals(block(1))).toBe(true);
    await stack.close(fd);
  });

  it('joins small writes that follow each other while one is under way', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    const door = gate(stack, 'writev');
    stack.brick.calls = [];
    await stack.write(fd, 0, block(1));
    await turns(stack);
    for (let i = 1; i < 11; i++) await stack.write(fd, i * 4096, block(1 + i));
    await turns(stack);
    expect(writes(stack.brick.calls)).toEqual([[0, 4096]]);
    door.open();
    await stack.fsync(fd);
    expect(writes(stack.brick.calls)).toEqual([
      [0, 4096],
      [4096, 40960],
    ]);
    for (let i = 0; i < 11; i++)
      expect(
        stack
          .held('f')
          .subarray(i * 4096, i * 4096 + 4096)
          .equals(block(1 + i)),
      ).toBe(true);
  });

  it('keeps small writes until there are 128 KiB of them without trickling writes', async () => {
    await using stack = await GraphStack.open([WB, { 'trickling-writes': 'off' }]);
    const fd = await stack.create('f');
    stack.brick.calls = [];
    for (let i = 0; i < 33; i++) await stack.write(fd, i * 4096, block(i));
    await settled(stack);
    expect(writes(stack.brick.calls)).toEqual([[0, 131072]]);
    await stack.fops.fstat(frameOf('fstat'), fd).then(({ stat }) => expect(stat.size).toBe(33 * 4096));
    expect(writes(stack.brick.calls)).toEqual([
      [0, 131072],
      [131072, 4096],
    ]);
  });

  it('makes writers wait when the window is full', async () => {
    await using stack = await GraphStack.open([WB, { 'window-size': '512KB' }]);
    const fd = await stack.create('f');
    const door = gate(stack, 'writev');
    let answered = 0;
    const all: Promise<number>[] = [];
    for (let i = 0; i < 10; i++) {
      const one = stack.write(fd, i * 131072, block(i, 131072));
      all.push(one);
      void one.then(() => answered++);
    }
    await turns(stack);
    // One more than fits: the window is looked at before a write, not with it.
    expect(answered).toBe(5);
    door.open();
    await Promise.all(all);
    await stack.fsync(fd);
    for (let i = 0; i < 10; i++) expect(stack.held('f')[i * 131072]).toBe(i);
  });

  it('keeps overlapping writes and reads in order', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    const door = gate(stack, 'writev');
    await stack.write(fd, 0, block(1));
    await stack.write(fd, 2048, block(2));
    const read = stack.read(fd, 0, 8192);
    const elsewhere = stack.read(fd, 100_000, 10);
    expect((await elsewhere).length).toBe(0);
    expect(door.waiting).toBe(1);
    door.open();
    expect((await read).equals(Buffer.concat([block(1, 2048), block(2)]))).toBe(true);
  });

  it('has truncate, stat, rename and link wait for what was written', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    const door = gate(stack, 'writev');
    await stack.write(fd, 0, block(7, 10_000));
    const cut = stack.fops.ftruncate(frameOf('ftruncate'), fd, 5000);
    await turns(stack);
    door.open();
    expect((await cut).post.size).toBe(5000);
    await stack.write(fd, 5000, block(8, 100));
    await stack.rename('f', 'g');
    expect(stack.held('g').length).toBe(5100);
  });

  it('writes O_SYNC, and O_DIRECT where it is strict, before it answers', async () => {
    await using stack = await GraphStack.open([WB, { 'strict-O_DIRECT': 'on' }]);
    const { inode } = await stack.create('f');
    for (const flag of [O_SYNC, O_DIRECT]) {
      const fd = await stack.open(inode, O_RDWR | flag);
      await stack.write(fd, 0, block(flag & 0xff));
      expect(stack.held('f').equals(block(flag & 0xff))).toBe(true);
    }
  });

  it('appends one after the other', async () => {
    await using stack = await GraphStack.open(WB);
    const { inode } = await stack.create('f');
    const fd = await stack.open(inode, O_RDWR | O_APPEND);
    stack.brick.before = ({ fop }) =>
      fop === 'writev' ? new Promise(resolve => setImmediate(() => resolve(undefined))) : undefined;
    for (let i = 0; i < 20; i++) await stack.write(fd, i * 500, block(i, 500));
    await stack.fsync(fd);
    expect(stack.held('f').length).toBe(10_000);
    for (let i = 0; i < 20; i++) expect(stack.held('f')[i * 500 + 499]).toBe(i);
  });

  it.each(['flush', 'fsync'] as const)('tells a failure to the next %s, once', async op => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    stack.brick.before = ({ fop }) => (fop === 'writev' ? new FopError(ERRNO['ENOSPC']) : undefined);
    expect(await stack.write(fd, 0, block(1))).toBe(4096);
    await settled(stack);
    const wait = op === 'flush' ? stack.flush(fd) : stack.fsync(fd);
    await expect(wait).rejects.toMatchObject({ errno: ERRNO['ENOSPC'] });
    stack.brick.before = undefined;
    await stack.flush(fd);
    await stack.fsync(fd);
    expect(stack.held('f').length).toBe(0);
  });

  it('tells a failure to what depends on it, and writes again until then', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    let failing = true;
    stack.brick.before = ({ fop }) =>
      fop === 'writev' && failing ? new FopError(ERRNO['EDQUOT']) : undefined;
    await stack.write(fd, 0, block(1));
    await settled(stack);
    await expect(stack.fops.fstat(frameOf('fstat'), fd)).rejects.toMatchObject({ errno: ERRNO['EDQUOT'] });
    failing = false;
    expect((await stack.fops.fstat(frameOf('fstat'), fd)).stat.size).toBe(4096);
    await stack.flush(fd);
    expect(stack.held('f').equals(block(1))).toBe(true);
  });

  it('goes on trying after an fsync where it is told to', async () => {
    await using stack = await GraphStack.open([WB, { 'resync-failed-syncs-after-fsync': 'on' }]);
    const fd = await stack.create('f');
    let failing = true;
    stack.brick.before = ({ fop }) =>
      fop === 'writev' && failing ? new FopError(ERRNO['ENOSPC']) : undefined;
    await stack.write(fd, 0, block(3));
    await expect(stack.fsync(fd)).rejects.toMatchObject({ errno: ERRNO['ENOSPC'] });
    failing = false;
    await stack.fsync(fd);
    expect(stack.held('f').equals(block(3))).toBe(true);
  });

  it('writes the rest of a short write', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    const { next } = stack.graph.find('write-behind')!;
    const whole = next.writev;
    next.writev = (frame, to, data, offset, flags, xdata) => {
      const all = Buffer.concat(data as Buffer[]);
      return whole(frame, to, [all.subarray(0, Math.min(1000, all.length))], offset, flags, xdata);
    };
    await stack.write(fd, 0, block(1));
    await stack.write(fd, 4096, block(2));
    await stack.fsync(fd);
    expect(stack.held('f').equals(Buffer.concat([block(1), block(2)]))).toBe(true);
    await stack.close(fd);
  });

  it('flushes in the background, and in front where it is told to', async () => {
    for (const behind of ['on', 'off']) {
      await using stack = await GraphStack.open([WB, { 'flush-behind': behind }]);
      const fd = await stack.create('f');
      await stack.write(fd, 0, block(1));
      const door = gate(stack, 'flush');
      let flushed = false;
      const flush = stack.flush(fd).then(() => {
        flushed = true;
      });
      await turns(stack);
      expect(flushed).toBe(behind === 'on');
      door.open();
      await flush;
    }
  });

  it('takes attributes of files with unwritten data out of listings', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    const door = gate(stack, 'writev');
    await stack.write(fd, 0, block(1));
    const { inodes } = stack.graph;
    const dir = inodes.openFd(inodes.root, 0, 1, '');
    await stack.fops.opendir(frameOf('opendir'), stack.locOf(inodes.root), dir);
    const list = () => stack.fops.readdirp(frameOf('readdirp'), dir, 4096, 0n);
    const find = async () => (await list()).entries.find(({ name }) => name === 'f');
    expect((await find())?.stat).toBeUndefined();
    door.open();
    await stack.fsync(fd);
    expect((await find())?.stat?.size).toBe(4096);
    dir.release();
  });

  it('writes what is left when the graph is closed', async () => {
    const stack = await GraphStack.open([WB, { 'trickling-writes': 'off' }]);
    const fd = await stack.create('f');
    await stack.write(fd, 0, block(5));
    await settled(stack);
    expect(stack.held('f').length).toBe(0);
    await stack.graph.close();
    expect(stack.held('f').equals(block(5))).toBe(true);
    await stack[Symbol.asyncDispose]();
  });

  it('does as a plain file does, whatever the order of answers', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await using stack = await GraphStack.open([
        WB,
        { 'trickling-writes': seed % 2 ? 'on' : 'off', 'strict-write-ordering': seed % 5 ? 'off' : 'on' },
      ]);
      await new GraphFsx(stack, { seed, batches: 250 }).run();
    }
  });

  it('holds what an fsync confirmed when writes fail now and then', async () => {
    let reported = 0;
    for (let seed = 1; seed <= 12; seed++) {
      await using stack = await GraphStack.open([
        WB,
        { 'resync-failed-syncs-after-fsync': seed % 2 ? 'on' : 'off' },
      ]);
      const fsx = new GraphFsx(stack, { seed, batches: 250, failing: 5, maxSize: 40_000 });
      await fsx.run();
      reported += fsx.reported;
    }
    expect(reported).toBeGreaterThan(0);
  });

  it('fails what waits for a write that is itself behind one that failed', async () => {
    await using stack = await GraphStack.open(WB);
    const fd = await stack.create('f');
    stack.brick.before = ({ fop }) => (fop === 'writev' ? new FopError(ERRNO['ENOSPC']) : undefined);
    await stack.write(fd, 0, block(1));
    await settled(stack);
    // Overlaps the first, and is read where the first is not.
    await stack.write(fd, 2048, block(2));
    await expect(stack.read(fd, 5000, 100)).rejects.toMatchObject({ errno: ERRNO['ENOSPC'] });
    // Random work that came to a halt here once.
    await using other = await GraphStack.open(WB);
    await new GraphFsx(other, { seed: 565, batches: 300, failing: 8, maxSize: 60_000 }).run();
  });

  it('answers a write that finds no room although what fills it cannot be written', async () => {
    await using stack = await GraphStack.open([WB, { 'window-size': '512KB', 'trickling-writes': 'off' }]);
    const fd = await stack.create('f');
    stack.brick.before = ({ fop, offset }) =>
      fop === 'writev' && offset < 600_000 ? new FopError(ERRNO['ENOSPC']) : undefined;
    for (let i = 0; i < 5; i++) await stack.write(fd, i * 131072, block(i, 131072));
    await settled(stack);
    expect(await stack.write(fd, 1_000_000, block(9))).toBe(4096);
    await expect(stack.flush(fd)).rejects.toMatchObject({ errno: ERRNO['ENOSPC'] });
    expect(stack.held('f').subarray(1_000_000).equals(block(9))).toBe(true);
  });
});

/** Gives everything that needs no answer of the brick its turn. */
async function turns(stack: GraphStack): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise<void>(resolve => stack.env.timers.immediate(resolve));
}
