import type { Timers } from '../../../env/env.ts';

/** Completions that may follow each other before events of the outside get their turn. */
const BURST = 64;

interface Finishable {
  finished(result: number): void;
}

/**
 * Finishes what is done at once, but never inside the call that asked for it. Mostly in a microtask, which is cheap; as a
 * loop of writes that the cache takes would then keep every other event waiting, after some of them by way of the event loop.
 */
export class Finisher {
  private queue: Finishable[] = [];
  private results: number[] = [];
  private scheduled = false;
  private burst = 0;
  private recovering = false;
  private readonly timers: Timers;
  private readonly run = () => this.drain();
  private readonly rest = () => {
    this.recovering = false;
    this.burst = 0;
    if (this.queue.length > 0) this.drain();
  };

  constructor(timers: Timers) {
    this.timers = timers;
  }

  finish(what: Finishable, result: number): void {
    this.queue.push(what);
    this.results.push(result);
    if (this.scheduled) return;
    this.scheduled = true;
    if (this.burst < BURST) queueMicrotask(this.run);
    else this.recover();
  }

  private recover(): void {
    if (this.recovering) return;
    this.recovering = true;
    this.timers.immediate(this.rest);
  }

  private drain(): void {
    const { queue, results } = this;
    this.queue = [];
    this.results = [];
    this.scheduled = false;
    this.burst += queue.length;
    // The count starts afresh once the loop has come round.
    this.recover();
    for (let i = 0; i < queue.length; i++) queue[i].finished(results[i]);
  }
}
