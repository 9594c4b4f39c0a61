interface Waiter {
  readonly count: number;
  readonly granted: () => void;
}

/**
 * A budget of bytes, operations or messages (common/Throttle.h). A limit of 0 means none. Grants are in the
 * order of asking; one request larger than the whole budget is let through alone.
 */
export class Throttle {
  readonly name: string;
  private max: number;
  private used = 0;
  private readonly queue: Waiter[] = [];

  constructor(name: string, max: number) {
    this.name = name;
    this.max = max;
  }

  get limit(): number {
    return this.max;
  }

  /** What is taken now. */
  get current(): number {
    return this.used;
  }

  /** How many requests wait. */
  get waiting(): number {
    return this.queue.length;
  }

  private fits(count: number): boolean {
    return this.max === 0 || this.used === 0 || this.used + count <= this.max;
  }

  /** Takes `count` if it is there and nobody waits before us. */
  tryTake(count: number): boolean {
    if (this.queue.length > 0 || !this.fits(count)) return false;
    this.used += count;
    return true;
  }

  /** Takes without asking, beyond the limit if need be. */
  take(count: number): void {
    this.used += count;
  }

  /** Calls back once `count` is taken: at once when it is there. True when it was. */
  get(count: number, granted: () => void): boolean {
    if (this.tryTake(count)) {
      granted();
      return true;
    }
    this.queue.push({ count, granted });
    return false;
  }

  /** Takes a waiter out of the queue (its caller was aborted). False when it was granted already. */
  cancel(granted: () => void): boolean {
    const at = this.queue.findIndex(waiter => waiter.granted === granted);
    if (at < 0) return false;
    this.queue.splice(at, 1);
    this.wake();
    return true;
  }

  put(count: number): void {
    this.used -= count;
    if (this.queue.length > 0) this.wake();
  }

  /** A new limit; wakes whoever fits now. */
  reset(max: number): void {
    this.max = max;
    this.wake();
  }

  private wake(): void {
    while (this.queue.length > 0 && this.fits(this.queue[0].count)) {
      const next = this.queue.shift()!;
      this.used += next.count;
      next.granted();
    }
  }
}
