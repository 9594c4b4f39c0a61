import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { IoCtx } from '../../src/ceph/rados/index.ts';

/** Appends numbered records to some objects, a few in flight on each, until told to stop. */
export class Appenders {
  private stopping = false;
  private readonly io: IoCtx;
  private readonly names: string[];
  /** Acknowledged records by object: how many, all of them in order. */
  readonly acked = new Map<string, number>();
  private readonly running: Promise<void>[];

  constructor(io: IoCtx, prefix: string, objects: number, depth: number) {
    this.io = io;
    this.names = Array.from({ length: objects }, (_, i) => `${prefix}-${i}`);
    this.running = this.names.map(name => this.run(name, depth));
  }

  get total(): number {
    let n = 0;
    for (const count of this.acked.values()) n += count;
    return n;
  }

  private async run(name: string, depth: number): Promise<void> {
    const inFlight: Promise<number>[] = [];
    let next = 0;
    let acked = 0;
    this.acked.set(name, 0);
    while (!this.stopping || inFlight.length > 0) {
      while (!this.stopping && inFlight.length < depth) inFlight.push(this.io.append(name, `${next++},`));
      await inFlight.shift();
      this.acked.set(name, ++acked);
    }
  }

  /** Waits until `more` records were acknowledged after now. */
  async progress(more: number): Promise<void> {
    const goal = this.total + more;
    while (this.total < goal) await sleep(20);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.running);
  }

  /** Every acknowledged record is there, once, in order, and nothing else. */
  async verify(read: (name: string) => Promise<Buffer>): Promise<void> {
    for (const name of this.names) {
      const count = this.acked.get(name)!;
      const expected = Array.from({ length: count }, (_, i) => `${i},`).join('');
      expect((await read(name)).toString()).toBe(expected);
    }
  }
}
