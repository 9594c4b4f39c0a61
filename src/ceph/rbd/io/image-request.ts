import type { Span } from '../../../base/trace.ts';
import type { FlushEpoch } from './flush-epochs.ts';
import type { ImageIoQueue } from './image-io.ts';
import type { ImageRequest, IoCompletion } from './types.ts';

export const IO_READ = 0;
export const IO_WRITE = 1;
export const IO_DISCARD = 2;
export const IO_WRITE_SAME = 3;
export const IO_COMPARE = 4;
export const IO_FLUSH = 5;

/**
 * An I/O on the image, from the call to its completion. It is finished when all its parts are; never during the call that
 * began it, whatever the layers below do.
 */
export abstract class ImageIoRequest implements ImageRequest {
  readonly queue: ImageIoQueue;
  /** IO_*. */
  readonly type: number;
  readonly offset: number;
  /** What lies within the image, once it was issued. */
  length: number;
  readonly completion: IoCompletion;
  data: Buffer | undefined = undefined;
  extents: number[] | undefined = undefined;
  mismatch = -1;
  /** Parts that are not finished. */
  protected left = 0;
  result = 0;
  /** Monotonic milliseconds at the call. */
  begun = 0;
  span: Span | undefined = undefined;
  /** Of a write that is under way. */
  epoch: FlushEpoch | undefined = undefined;
  /** The caller leaves the memory of a write as it is for good. */
  constant = false;
  private issuing = false;

  constructor(queue: ImageIoQueue, type: number, offset: number, length: number, completion: IoCompletion) {
    this.queue = queue;
    this.type = type;
    this.offset = offset;
    this.length = length;
    this.completion = completion;
  }

  get isWrite(): boolean {
    return this.type !== IO_READ && this.type !== IO_FLUSH;
  }

  /** Sends the parts, whose number is in `left` before the first one. Returns a negative errno when it cannot be. */
  protected abstract sendParts(): number;

  issue(): void {
    this.issuing = true;
    const result = this.sendParts();
    this.issuing = false;
    if (result < 0) this.result = result;
    if (this.left === 0) this.queue.finishLater(this);
  }

  partFinished(result: number): void {
    if (result < 0 && this.result === 0) this.result = result;
    if (--this.left === 0 && !this.issuing) this.queue.finish(this);
  }

  /** Before the completion hears of it. */
  settle(): void {}
}
