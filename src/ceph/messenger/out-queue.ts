import type { Message } from '../messages/message.ts';
import { Fifo } from './fifo.ts';

/**
 * Messages that wait to be written: first those that must be sent again, in their old order, then by
 * priority, each priority in the order of sending.
 */
export class OutQueue {
  /** Written before on a connection that broke, not acknowledged: they keep their sequence numbers. */
  readonly again = new Fifo<Message>();
  /** By falling priority. A handful at most, kept when empty. */
  private readonly priorities: number[] = [];
  private readonly queues: Fifo<Message>[] = [];
  private waiting = 0;

  get length(): number {
    return this.waiting + this.again.length;
  }

  push(m: Message): void {
    const { priorities } = this;
    let i = 0;
    while (i < priorities.length && priorities[i] > m.priority) i++;
    if (i === priorities.length || priorities[i] !== m.priority) {
      priorities.splice(i, 0, m.priority);
      this.queues.splice(i, 0, new Fifo<Message>());
    }
    this.queues[i].push(m);
    this.waiting++;
  }

  shift(): Message | undefined {
    if (this.again.length > 0) return this.again.shift();
    if (this.waiting === 0) return undefined;
    const { queues } = this;
    for (let i = 0; i < queues.length; i++) {
      const m = queues[i].shift();
      if (m !== undefined) {
        this.waiting--;
        return m;
      }
    }
    return undefined;
  }

  clear(): void {
    this.again.clear();
    for (const queue of this.queues) queue.clear();
    this.waiting = 0;
  }
}
