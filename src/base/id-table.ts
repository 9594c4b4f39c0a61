const FIRST_SIZE = 32;

/**
 * What is under way, by ids that are given out in sequence (up to 2^53): the ops of a session, the calls of a connection. Not a Map: one
 * that gains and loses an entry with every op is copied again and again, and each copy, dead but already in the old generation, keeps
 * its successor and what is in it alive until the next full garbage collection (a third of the CPU of small operations). Here entries
 * stay in one array: open addressing, and with ids in sequence hardly a collision.
 */
export class IdTable<T> {
  /** The ids of what is in `slots`; where nothing is, whatever was there last. */
  private ids = new Float64Array(FIRST_SIZE);
  private slots: (T | undefined)[] = new Array(FIRST_SIZE).fill(undefined);
  private mask = FIRST_SIZE - 1;
  size = 0;

  get(id: number): T | undefined {
    return this.slots[this.find(id)];
  }

  set(id: number, value: T): void {
    if ((this.size + 1) * 2 > this.slots.length) this.grow();
    const i = this.find(id);
    if (this.slots[i] === undefined) this.size++;
    this.ids[i] = id;
    this.slots[i] = value;
  }

  delete(id: number): void {
    const { ids, slots, mask } = this;
    let i = this.find(id);
    if (slots[i] === undefined) return;
    slots[i] = undefined;
    this.size--;
    // What was pushed past this slot moves up, so that a search may end at the first empty one.
    for (let j = (i + 1) & mask; ; j = (j + 1) & mask) {
      const value = slots[j];
      if (value === undefined) return;
      if (((j - (ids[j] & mask)) & mask) < ((j - i) & mask)) continue;
      ids[i] = ids[j];
      slots[i] = value;
      slots[j] = undefined;
      i = j;
    }
  }

  /** All of them as of now, in the order of their ids. */
  values(): T[] {
    const { ids, slots } = this;
    const used: number[] = [];
    for (let i = 0; i < slots.length; i++) if (slots[i] !== undefined) used.push(i);
    return used.sort((a, b) => ids[a] - ids[b]).map(i => slots[i] as T);
  }

  clear(): void {
    this.ids = new Float64Array(FIRST_SIZE);
    this.slots = new Array(FIRST_SIZE).fill(undefined);
    this.mask = FIRST_SIZE - 1;
    this.size = 0;
  }

  /** Where it is, or would be. */
  private find(id: number): number {
    const { ids, slots, mask } = this;
    let i = id & mask;
    while (slots[i] !== undefined && ids[i] !== id) i = (i + 1) & mask;
    return i;
  }

  private grow(): void {
    const { ids, slots } = this;
    this.ids = new Float64Array(slots.length * 2);
    this.slots = new Array(slots.length * 2).fill(undefined);
    this.mask = this.slots.length - 1;
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] === undefined) continue;
      const place = this.find(ids[i]);
      this.ids[place] = ids[i];
      this.slots[place] = slots[i];
    }
  }
}
