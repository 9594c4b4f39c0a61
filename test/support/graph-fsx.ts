import assert from 'node:assert/strict';
import { ERRNO } from '../../src/base/errno.ts';
import type { Fd } from '../../src/gluster/graph/fd.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import { frameOf, type GraphStack, O_RDWR } from './graph-stack.ts';
import type { BrickHook } from './mem-brick.ts';
import { FsxRandom } from './rbd-fsx.ts';

export interface GraphFsxOptions {
  readonly seed: number;
  readonly batches: number;
  readonly maxSize?: number;
  readonly maxLength?: number;
  /** How often, of 100, the brick lets a fop wait, and a write fail. */
  readonly late?: number;
  readonly failing?: number;
}

interface Op {
  readonly kind: 'write' | 'read' | 'stat' | 'truncate' | 'fsync' | 'flush' | 'lookup' | 'reopen' | 'fill';
  readonly offset: number;
  readonly length: number;
  readonly fd: number;
}

/** A write since the last time that everything was known to be on the brick. */
interface Change {
  readonly offset: number;
  readonly data: Buffer;
}

const KINDS: readonly Op['kind'][] = [
  ...(['write', 'write', 'write', 'write', 'read', 'read', 'read', 'stat', 'truncate'] as const),
  ...(['fsync', 'flush', 'lookup', 'reopen', 'fill'] as const),
];
const WHOLE: readonly Op['kind'][] = ['stat', 'truncate', 'fsync', 'flush', 'lookup', 'reopen'];

/**
 * Random work on one file through a stack of layers, over a brick that answers late and out of order, compared with a plain
 * array of bytes. Operations of a batch run at the same time when none depends on another.
 */
export class GraphFsx {
  private readonly stack: GraphStack;
  private readonly random: FsxRandom;
  private readonly maxSize: number;
  private readonly maxLength: number;
  private readonly options: GraphFsxOptions;
  private content: Buffer = Buffer.alloc(0);
  /** What the brick is known to hold, and what was written since: kept while writes may fail. */
  private certain: Buffer = Buffer.alloc(0);
  private changes: Change[] = [];
  private readonly fds: Fd[] = [];
  failures = 0;
  reported = 0;

  constructor(stack: GraphStack, options: GraphFsxOptions) {
    this.stack = stack;
    this.options = options;
    this.random = new FsxRandom(options.seed);
    this.maxSize = options.maxSize ?? 300_000;
    this.maxLength = options.maxLength ?? 20_000;
  }

  async run(): Promise<void> {
    const { stack, options } = this;
    this.fds.push(await stack.create('file'));
    this.fds.push(await stack.open(this.fds[0].inode));
    this.fds.push(await stack.open(this.fds[0].inode));
    stack.brick.before = this.hook(options.late ?? 50, options.failing ?? 0);
    for (let batch = 0; batch < options.batches; batch++) await this.batch();
    stack.brick.before = undefined;
    await this.settle();
    for (const fd of this.fds) await stack.close(fd).catch(() => undefined);
    assert.ok(this.content.equals(stack.held('file')), 'the brick holds what was written');
  }

  private hook(late: number, failing: number): BrickHook {
    const random = new FsxRandom(this.options.seed * 31 + 7);
    const { timers } = this.stack.env;
    return call => {
      const fails = call.fop === 'writev' && random.below(100) < failing;
      if (fails) this.failures++;
      const failure = fails ? new FopError(ERRNO['ENOSPC']) : undefined;
      if (random.below(100) >= late) return failure;
      let turns = 1 + random.below(4);
      return new Promise(resolve => {
        const turn = (): void => {
          if (turns-- === 0) resolve(failure);
          else timers.immediate(turn);
        };
        turn();
      });
    };
  }

  private async batch(): Promise<void> {
    const { random } = this;
    const ops: Op[] = [];
    for (let n = 1 + random.below(6); n > 0; n--) {
      const op = this.choose();
      if (!ops.every(other => independent(op, other, this.content.length))) break;
      ops.push(op);
    }
    const running = ops.map(op => this.start(op));
    const failed: unknown[] = [];
    for (const each of await Promise.allSettled(running))
      if (each.status === 'rejected') failed.push(each.reason);
    for (const thrown of failed) if (!(thrown instanceof FopError)) throw thrown;
    if (failed.length > 0) {
      assert.ok(
        this.failures > 0,
        `a fop failed (${String((failed[0] as FopError).code)}) and nothing was to blame`,
      );
      this.reported++;
      await this.settle();
    }
  }

  private choose(): Op {
    const { random } = this;
    const kind = KINDS[random.below(KINDS.length)];
    const size = this.content.length;
    // Most writes go on where the file ends, or where another write did.
    const offset =
      random.below(3) === 0 ? size : random.below(Math.max(1, Math.min(size + 5000, this.maxSize)));
    const small = random.below(2) === 0;
    const length = 1 + random.below(small ? 4096 : this.maxLength);
    return {
      kind,
      offset,
      length: Math.max(1, Math.min(length, this.maxSize - offset)),
      fd: random.below(3),
    };
  }

  /** Changes the model at once; what comes back is compared with the model as it is now. */
  private start(op: Op): Promise<void> {
    const { stack, fds } = this;
    const fd = fds[op.fd];
    const { offset, length } = op;
    switch (op.kind) {
      case 'write':
        return this.write(fd, offset, length);
      case 'fill':
        return this.fill(fd, offset, length);
      case 'read': {
        const expected = Buffer.from(this.content.subarray(offset, offset + length));
        return stack.read(fd, offset, length).then(data => this.same(data, expected, offset));
      }
      case 'stat': {
        const size = this.content.length;
        return stack.fops
          .fstat(frameOf('fstat'), fd)
          .then(({ stat }) => assert.equal(stat.size, size, 'fstat'));
      }
      case 'lookup': {
        const size = this.content.length;
        return stack.lookup('file').then(({ stat }) => assert.equal(stat.size, size, 'lookup'));
      }
      case 'truncate': {
        const size = this.random.below(3) === 0 ? offset + length : Math.min(offset, this.content.length);
        this.resize(size);
        const cut = stack.fops.ftruncate(frameOf('ftruncate'), fd, size);
        return cut.then(({ post }) => assert.equal(post.size, size, 'ftruncate'));
      }
      case 'fsync':
        return stack.fsync(fd).then(() => this.synced());
      case 'flush':
        return stack.flush(fd);
      case 'reopen':
        return this.reopen(op.fd);
    }
  }

  private same(data: Buffer, expected: Buffer, offset: number): void {
    if (data.equals(expected)) return;
    assert.equal(data.length, expected.length, `read at ${offset}`);
    const at = data.findIndex((byte, i) => byte !== expected[i]);
    assert.fail(`seed ${this.options.seed}: byte ${offset + at} is ${data[at]}, expected ${expected[at]}`);
  }

  private async write(fd: Fd, offset: number, length: number): Promise<void> {
    const data = this.random.bytes(length);
    if (offset + length > this.content.length) this.resize(offset + length);
    data.copy(this.content, offset);
    this.changes.push({ offset, data });
    assert.equal(await this.stack.write(fd, offset, data), length);
  }

  private async fill(fd: Fd, offset: number, length: number): Promise<void> {
    if (offset + length > this.content.length) this.resize(offset + length);
    this.content.fill(0, offset, offset + length);
    this.changes.push({ offset, data: Buffer.alloc(length) });
    await this.stack.fops.zerofill(frameOf('zerofill'), fd, offset, length);
  }

  private resize(size: number): void {
    const resized = Buffer.alloc(size);
    this.content.copy(resized);
    const old = this.content.length;
    if (size > old) this.changes.push({ offset: old, data: Buffer.alloc(size - old) });
    this.content = resized;
  }

  private async reopen(index: number): Promise<void> {
    const { stack, fds } = this;
    const old = fds[index];
    fds[index] = await stack.open(old.inode, O_RDWR);
    await stack.close(old);
  }

  /** Everything that was answered is on the brick. */
  private synced(): void {
    const held = this.stack.held('file');
    assert.equal(held.length, this.content.length, 'size after fsync');
    this.same(held, this.content, 0);
    this.certain = Buffer.from(this.content);
    this.changes = [];
  }

  /** After failures: what is there may be old or new, but nothing else; from here on it is what is there. */
  private async settle(): Promise<void> {
    const { stack } = this;
    const { before } = stack.brick;
    stack.brick.before = undefined;
    for (const fd of this.fds) await stack.flush(fd).catch(() => undefined);
    await stack.fsync(this.fds[0]);
    const held = stack.held('file');
    if (this.failures === 0) this.same(held, this.content, 0);
    else for (let at = 0; at < held.length; at++) this.mayBe(held, at);
    this.content = held;
    this.certain = Buffer.from(held);
    this.changes = [];
    stack.brick.before = before;
  }

  private mayBe(held: Buffer, at: number): void {
    const value = held[at];
    if (value === (this.certain[at] ?? 0) || value === (this.content[at] ?? 0)) return;
    for (const { offset, data } of this.changes)
      if (at >= offset && at < offset + data.length && data[at - offset] === value) return;
    assert.fail(`seed ${this.options.seed}: byte ${at} is ${value}, which nobody wrote`);
  }
}

function independent(a: Op, b: Op, size: number): boolean {
  if (WHOLE.includes(a.kind) || WHOLE.includes(b.kind)) return false;
  if (a.kind === 'read' && b.kind === 'read') return true;
  // A write past the end changes what is read there, also before it.
  if ((a.kind === 'read' || b.kind === 'read') && a.offset + a.length > size && b.offset + b.length > size)
    return false;
  return a.offset + a.length <= b.offset || b.offset + b.length <= a.offset;
}
