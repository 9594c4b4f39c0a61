/** A flush that waits for what was dirty when it was asked for. */
export class Flush {
  /** Objects that are not yet through, and one for the caller who is still adding. */
  pending = 1;
  result = 0;
  private readonly done: (result: number) => void;

  constructor(done: (result: number) => void) {
    this.done = done;
  }

  objectDone(result: number): void {
    if (result < 0 && this.result === 0) this.result = result;
    if (--this.pending === 0) this.done(this.result);
  }
}

/** A flush's stay at one object: until nothing written up to `seq` is dirty or under way there. */
export interface FlushWait {
  readonly flush: Flush;
  readonly seq: number;
}
