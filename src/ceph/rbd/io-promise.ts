import { errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { ImageRequest, IoCompletion } from './io/types.ts';

/** A comparison that failed. */
export class MismatchError extends NacreError {
  /** Where in the image the first difference is, bytes. */
  readonly mismatch: number;

  constructor(mismatch: number) {
    super('EILSEQ', 'rbd.compareAndWrite', `the image differs at ${mismatch}`);
    this.mismatch = mismatch;
  }
}

/** An I/O as a promise: of what `value` makes of its end. */
export class PromisedIo<T> implements IoCompletion {
  readonly promise: Promise<T>;
  private readonly op: string;
  private readonly value: (request: ImageRequest, result: number) => T;
  private resolve!: (value: T) => void;
  private reject!: (reason: unknown) => void;

  constructor(op: string, value: (request: ImageRequest, result: number) => T) {
    this.op = op;
    this.value = value;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  ioFinished(request: ImageRequest, result: number): void {
    if (result >= 0) this.resolve(this.value(request, result));
    else if (request.mismatch >= 0) this.reject(new MismatchError(request.mismatch));
    else {
      const { offset, length } = request;
      this.reject(
        NacreError.fromErrno(result, `rbd.${this.op}`, `${errnoText(result)}: ${length} bytes at ${offset}`),
      );
    }
  }
}

export const nothingOf = (): void => {};
export const lengthOf = (_request: ImageRequest, result: number): number => result;
