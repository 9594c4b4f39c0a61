import { describe, expect, it } from 'vitest';
import type { FopError } from '../../../src/gluster/graph/fop-error.ts';
import type { FopName } from '../../../src/gluster/graph/fops.ts';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { F_SETLKW, F_UNLCK, F_WRLCK } from '../../../src/gluster/types/fs.ts';
import { frameOf, GraphStack, settled } from '../../support/graph-stack.ts';

/** Holds fops at the brick until they are let go. */
function gate(stack: GraphStack): { arrived: FopName[]; let(n?: number): Promise<void> } {
  const arrived: FopName[] = [];
  const held: (() => void)[] = [];
  stack.brick.before = ({ fop }) => {
    arrived.push(fop);
    return new Promise<FopError | undefined>(resolve => held.push(() => resolve(undefined)));
  };
  return {
    arrived,
    async let(n = held.length) {
      for (const go of held.splice(0, n)) go();
      for (let i = 0; i < 8; i++) await new Promise<void>(resolve => stack.env.timers.immediate(resolve));
    },
  };
}

describe('performance/io-threads', () => {
  it('works on so many at a time, and takes what waits by priority', async () => {
    const options = { 'thread-count': '2', 'low-prio-threads': '1' };
    await using stack = await GraphStack.open(['performance/io-threads', options]);
    const fd = await stack.create('f');
    const { arrived, let: go } = gate(stack);
    const root = stack.locOf(stack.graph.inodes.root);
    const work: Promise<unknown>[] = [
      stack.fops.writev(frameOf('writev'), fd, [Buffer.from('a')], 0, 0),
      // Of the same class, of which only one is worked on.
      stack.fops.writev(frameOf('writev'), fd, [Buffer.from('b')], 1, 0),
      stack.fops.setxattr(frameOf('setxattr'), root, new Dict(), 0),
      stack.fops.stat(frameOf('stat'), root),
      stack.fops.statfs(frameOf('statfs'), root),
    ];
    expect(arrived).toEqual(['writev', 'setxattr']);
    const { dict } = await stack.fops.getxattr(frameOf('getxattr'), root, 'io-thread-queue-size');
    expect(['HIGH', 'NORMAL', 'LOW', 'LEAST'].map(name => dict.int(name))).toEqual([2, 0, 1, 0]);
    expect(stack.graph.statedump()).toMatch(
      /current_low_priority_threads=1\n[^[]*fast_priority_queue_length=2/,
    );
    await go(1);
    expect(arrived).toEqual(['writev', 'setxattr', 'stat']);
    await go(1);
    expect(arrived.at(-1)).toBe('statfs');
    await go();
    expect(arrived.at(-1)).toBe('writev');
    await go();
    await Promise.allSettled(work);
    stack.brick.before = undefined;
    await stack.close(fd);
  });

  it('gives the work of the cluster itself least priority', async () => {
    await using stack = await GraphStack.open(['performance/io-threads', { 'thread-count': '1' }]);
    const root = stack.locOf(stack.graph.inodes.root);
    const { arrived, let: go } = gate(stack);
    const internal = () => {
      const frame = frameOf('statfs');
      frame.root.pid = -6;
      return frame;
    };
    const first = stack.fops.stat(frameOf('stat'), root);
    const least = stack.fops.statfs(internal(), root);
    const urgent = stack.fops.stat(frameOf('stat'), root);
    await go();
    await go();
    expect(arrived).toEqual(['stat', 'stat', 'statfs']);
    await go();
    await Promise.all([first, least, urgent]);
  });

  it('does not let what waits for a lock keep others from working', async () => {
    await using stack = await GraphStack.open(['performance/io-threads', { 'thread-count': '1' }]);
    const fd = await stack.create('f');
    const lock = (type: number, owner: string) =>
      stack.fops.lk(frameOf('lk', owner), fd, F_SETLKW, { type, whence: 0, start: 0, len: 0, pid: 1, owner });
    await lock(F_WRLCK, 'a');
    const waiting = lock(F_WRLCK, 'b');
    await stack.fops.stat(frameOf('stat'), stack.locOf(stack.graph.inodes.root));
    await lock(F_UNLCK, 'a');
    await waiting;
    await settled(stack);
    await stack.close(fd);
  });

  it('fails what waits when the graph ends', async () => {
    const stack = await GraphStack.open(['performance/io-threads', { 'thread-count': '1' }]);
    const root = stack.locOf(stack.graph.inodes.root);
    const { let: go } = gate(stack);
    const first = stack.fops.stat(frameOf('stat'), root);
    const second = expect(stack.fops.stat(frameOf('stat'), root)).rejects.toMatchObject({ code: 'ENOTCONN' });
    await stack[Symbol.asyncDispose]();
    await second;
    await go();
    await first;
  });
});
