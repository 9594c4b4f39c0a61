import { Fifo } from './fifo.ts';

/** What waits: an item, whose it is, and what it costs in the weighted part. */
interface Entry<T> {
  readonly item: T;
  readonly cost: number;
}

/** Items of one priority: the owners take turns, each owner's items stay in order. */
class SubQueue<T> {
  readonly priority: number;
  tokens = 0;
  length = 0;
  private readonly owners = new Map<unknown, Fifo<Entry<T>>>();
  private readonly turns: Fifo<Entry<T>>[] = [];
  private turn = 0;
  /** Emptied queues are used again: the common case is one owner that fills and empties. */
  private spare: Fifo<Entry<T>> | undefined;

  constructor(priority: number) {
    this.priority = priority;
  }

  push(owner: unknown, item: T, cost: number): void {
    let queue = this.owners.get(owner);
    if (queue === undefined) {
      queue = this.spare ?? new Fifo<Entry<T>>();
      this.spare = undefined;
      this.owners.set(owner, queue);
      this.turns.push(queue);
    }
    queue.push({ item, cost });
    this.length++;
  }

  get frontCost(): number {
    return this.turns[this.turn].peek()!.cost;
  }

  shift(): T {
    const queue = this.turns[this.turn];
    const { item } = queue.shift()!;
    this.length--;
    if (queue.length === 0) {
      this.turns.splice(this.turn, 1);
      for (const [owner, other] of this.owners)
        if (other === queue) {
          this.owners.delete(owner);
          break;
        }
      this.spare = queue;
    } else this.turn++;
    if (this.turn >= this.turns.length) this.turn = 0;
    return item;
  }

  /** Takes out all of one owner. */
  remove(owner: unknown, gone: (item: T) => void): void {
    const queue = this.owners.get(owner);
    if (queue === undefined) return;
    this.owners.delete(owner);
    const at = this.turns.indexOf(queue);
    this.turns.splice(at, 1);
    if (at < this.turn) this.turn--;
    if (this.turn >= this.turns.length) this.turn = 0;
    this.length -= queue.length;
    for (const { item } of queue.take()) gone(item);
  }
}

/**
 * Ceph's PrioritizedQueue (common/PrioritizedQueue.h): a strict part, from which the highest priority always
 * goes first, and below it a weighted part. There each priority earns tokens from what others spend, in
 * proportion to its priority, and goes when it can pay for its first item; if none can, the highest goes.
 */
export class PrioritizedQueue<T> {
  private readonly strict: SubQueue<T>[] = [];
  private readonly weighted: SubQueue<T>[] = [];
  private totalPriority = 0;
  private readonly maxTokens: number;
  private readonly minCost: number;
  length = 0;

  constructor(maxTokens: number, minCost: number) {
    this.maxTokens = maxTokens;
    this.minCost = minCost;
  }

  /** Sorted by falling priority. */
  private at(list: SubQueue<T>[], priority: number): SubQueue<T> {
    let i = 0;
    for (; i < list.length && list[i].priority >= priority; i++)
      if (list[i].priority === priority) return list[i];
    const queue = new SubQueue<T>(priority);
    list.splice(i, 0, queue);
    return queue;
  }

  pushStrict(owner: unknown, priority: number, item: T): void {
    this.at(this.strict, priority).push(owner, item, 0);
    this.length++;
  }

  push(owner: unknown, priority: number, cost: number, item: T): void {
    const queue = this.at(this.weighted, priority);
    if (queue.length === 0) this.totalPriority += priority;
    queue.push(owner, item, Math.min(Math.max(cost, this.minCost), this.maxTokens));
    this.length++;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    this.length--;
    const { strict } = this;
    for (let i = 0; i < strict.length; i++) if (strict[i].length > 0) return strict[i].shift();
    return this.shiftWeighted();
  }

  private shiftWeighted(): T | undefined {
    const { weighted } = this;
    let chosen: SubQueue<T> | undefined;
    for (let i = weighted.length - 1; i >= 0 && chosen === undefined; i--) {
      const queue = weighted[i];
      if (queue.length > 0 && queue.frontCost < queue.tokens) {
        queue.tokens -= queue.frontCost;
        chosen = queue;
      }
    }
    for (let i = 0; i < weighted.length && chosen === undefined; i++)
      if (weighted[i].length > 0) chosen = weighted[i];
    if (chosen === undefined) return undefined;
    const cost = chosen.frontCost;
    const item = chosen.shift();
    if (chosen.length === 0) {
      this.totalPriority -= chosen.priority;
      chosen.tokens = 0;
    }
    if (this.totalPriority > 0)
      for (const queue of weighted)
        if (queue.length > 0)
          queue.tokens = Math.min(
            this.maxTokens,
            queue.tokens + Math.floor((queue.priority * cost) / this.totalPriority) + 1,
          );
    return item;
  }

  /** Takes out all of one owner. */
  remove(owner: unknown, gone: (item: T) => void): void {
    const counted = (item: T) => {
      this.length--;
      gone(item);
    };
    for (const queue of this.strict) queue.remove(owner, counted);
    for (const queue of this.weighted) {
      const before = queue.length;
      queue.remove(owner, counted);
      if (before > 0 && queue.length === 0) {
        this.totalPriority -= queue.priority;
        queue.tokens = 0;
      }
    }
  }
}
