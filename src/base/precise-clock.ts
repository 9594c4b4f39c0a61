import type { Clock } from '../env/env.ts';

/**
 * Wall time finer than a millisecond, for times of files: two changes within one are to be told apart. The wall clock gives the
 * milliseconds and the monotonic clock what is between them.
 */
export class PreciseClock {
  private readonly clock: Clock;
  /** What was answered last, and what the monotonic clock said then. */
  private last = 0;
  private lastMono = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Milliseconds since the Unix epoch, with a fraction of about a microsecond. Goes back only when the wall clock does. */
  now(): number {
    const wall = this.clock.now();
    const mono = this.clock.mono();
    const passed = this.last + (mono - this.lastMono);
    this.lastMono = mono;
    // The wall clock has cut its fraction off.
    this.last = Math.min(Math.max(passed, wall), wall + 0.9995);
    return this.last;
  }
}
