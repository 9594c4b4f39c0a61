import type { Clock } from '../env/env.ts';

/**
 * Wall time finer than a millisecond, for times of files: two changes within one are to be told apart. The wall clock gives the
 * milliseconds and the monotonic clock what is between them.
 */
export class PreciseClock {
  private readonly clock: Clock;
  /** Wall time less monotonic time. */
  private offset = Number.NEGATIVE_INFINITY;
  private last = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Milliseconds since the Unix epoch, with a fraction of about a microsecond. Goes back only when the wall clock does. */
  now(): number {
    const wall = this.clock.now();
    const mono = this.clock.mono();
    // The wall clock has cut its fraction off.
    let now = Math.min(Math.max(mono + this.offset, wall), wall + 0.9995);
    this.offset = now - mono;
    if (now < this.last && this.last < wall + 1) now = this.last;
    this.last = now;
    return now;
  }
}
