/**
 * A queue with both ends cheap enough for every message: an array in which head and tail move, and start anew
 * when they meet. The array's length is left alone, as setting it is a slow call.
 */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;
  private tail = 0;

  get length(): number {
    return this.tail - this.head;
  }

  push(item: T): void {
    this.items[this.tail++] = item;
  }

  peek(): T | undefined {
    return this.items[this.head];
  }

  shift(): T | undefined {
    const { items, head } = this;
    if (head === this.tail) return undefined;
    const item = items[head];
    items[head] = undefined;
    this.head = head + 1;
    if (this.head === this.tail) {
      // After a long queue its memory is given back.
      if (this.tail > 1024) this.items = [];
      this.head = 0;
      this.tail = 0;
    } else if (head >= 1024 && head * 2 > this.tail) this.reset(this.rest());
    return item;
  }

  clear(): void {
    this.reset([]);
  }

  private reset(items: (T | undefined)[]): void {
    this.items = items;
    this.head = 0;
    this.tail = items.length;
  }

  private rest(): T[] {
    return this.items.slice(this.head, this.tail) as T[];
  }

  /** Everything, oldest first; the queue is empty afterwards. */
  take(): T[] {
    const all = this.rest();
    this.clear();
    return all;
  }

  /** Puts `front` before what is queued. */
  prepend(front: readonly T[]): void {
    if (front.length === 0) return;
    this.reset([...front, ...this.rest()]);
  }
}
