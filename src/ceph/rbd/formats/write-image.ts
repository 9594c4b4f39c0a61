import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { ImageRequest, IoCompletion } from '../io/types.ts';
import { runEnd } from './sparse.ts';

/** Bytes that may be on their way to the OSDs. */
const WRITE_BUDGET = 64 << 20;

/**
 * Writes into an image, some at a time and in no order. What goes wrong is thrown by the next call, or by `finish`.
 */
export class ImageWriter implements IoCompletion {
  private readonly ctx: ImageCtx;
  private readonly width: number;
  private inFlight = 0;
  private bytes = 0;
  private failure: Error | undefined;
  /** Callers that wait: there may be several. */
  private waiting: (() => void)[] = [];

  constructor(ctx: ImageCtx, width: number) {
    this.ctx = ctx;
    this.width = width;
  }

  ioFinished({ offset, length }: ImageRequest, result: number): void {
    this.inFlight--;
    this.bytes -= length;
    if (result < 0)
      this.failure ??= NacreError.fromErrno(result, 'rbd.write', `${offset}~${length} of the image`);
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  private somethingEnds(): Promise<void> {
    return new Promise(resolve => {
      this.waiting.push(resolve);
    });
  }

  private async until(ready: () => boolean): Promise<void> {
    while (this.failure === undefined && !ready()) await this.somethingEnds();
    if (this.failure === undefined) return;
    while (this.inFlight > 0) await this.somethingEnds();
    throw this.failure;
  }

  private async room(length: number): Promise<void> {
    await this.until(
      () => this.inFlight === 0 || (this.inFlight < this.width && this.bytes + length <= WRITE_BUDGET),
    );
    this.inFlight++;
    this.bytes += length;
  }

  /** The data must not change until `finish`. */
  async write(offset: number, data: Buffer): Promise<void> {
    if (data.length === 0) return;
    await this.room(data.length);
    this.ctx.io.write(offset, [data], this);
  }

  async zero(offset: number, length: number): Promise<void> {
    // Objects are changed in parallel within one, so that a long range is no matter.
    if (length === 0) return;
    await this.room(length);
    this.ctx.io.writeZeroes(offset, length, this);
  }

  /**
   * Writes what is no zeros of `data`, looked at in steps of `sparseSize`; zeros are left out, or written as such with
   * `zeroes`.
   */
  async writeSparse(offset: number, data: Buffer, sparseSize: number, zeroes: boolean): Promise<void> {
    for (let start = 0; start < data.length; ) {
      const { end, zero } = runEnd(data, start, sparseSize);
      if (!zero) await this.write(offset + start, data.subarray(start, end));
      else if (zeroes) await this.zero(offset + start, end - start);
      start = end;
    }
  }

  /** Waits for all of them. */
  async finish(): Promise<void> {
    await this.until(() => this.inFlight === 0);
  }

  /** Waits, and says nothing: something else went wrong. */
  async abandon(): Promise<void> {
    await this.finish().catch(() => {});
  }
}
