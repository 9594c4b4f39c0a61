import { byTid, type Op } from './op.ts';

const FIRST_SIZE = 32;

/**
 * The ops of a session by their tids. Not a Map: one that gains and loses an entry with every op is copied again and again,
 * and each copy, dead but already in the old generation, keeps its successor and the ops in it alive until the next full
 * garbage collection (a third of the CPU of small operations). Here entries stay in one array: open addressing, and
 * as tids are given out in sequence, hardly a collision.
 */
export class OpTable {
  private slots: (Op | undefined)[] = new Array(FIRST_SIZE).fill(undefined);
  private mask = FIRST_SIZE - 1;
  size = 0;

  get(tid: number): Op | undefined {
    const { slots, mask } = this;
    for (let i = tid & mask; ; i = (i + 1) & mask) {
      const op = slots[i];
      if (op === undefined || op.tid === tid) return op;
    }
  }

  add(op: Op): void {
    if ((this.size + 1) * 2 > this.slots.length) this.grow();
    if (this.place(op)) this.size++;
  }

  /** False when it is there already. */
  private place(op: Op): boolean {
    const { slots, mask } = this;
    let i = op.tid & mask;
    for (; slots[i] !== undefined; i = (i + 1) & mask) if (slots[i] === op) return false;
    slots[i] = op;
    return true;
  }

  private grow(): void {
    const { slots } = this;
    this.slots = new Array(slots.length * 2).fill(undefined);
    this.mask = this.slots.length - 1;
    for (const op of slots) if (op !== undefined) this.place(op);
  }

  delete(tid: number): void {
    const { slots, mask } = this;
    let i = tid & mask;
    while (slots[i]?.tid !== tid) {
      if (slots[i] === undefined) return;
      i = (i + 1) & mask;
    }
    slots[i] = undefined;
    this.size--;
    // What was pushed past this slot moves up, so that a search may end at the first empty one.
    for (let j = (i + 1) & mask; ; j = (j + 1) & mask) {
      const op = slots[j];
      if (op === undefined) return;
      if (((j - (op.tid & mask)) & mask) < ((j - i) & mask)) continue;
      slots[i] = op;
      slots[j] = undefined;
      i = j;
    }
  }

  /** All of them as of now, in the order of submission. */
  values(): Op[] {
    const all: Op[] = [];
    for (const op of this.slots) if (op !== undefined) all.push(op);
    return all.sort(byTid);
  }

  clear(): void {
    this.slots = new Array(FIRST_SIZE).fill(undefined);
    this.mask = FIRST_SIZE - 1;
    this.size = 0;
  }
}
