import type { Recyclable } from '../types/recyclable.ts';

/**
 * Memory of large records, used again and again: fresh memory for each would cost more than all else that is done for a large read (page
 * faults, and garbage collections that memory outside of V8's heap brings about).
 */
const PAGE = 4096;
const MOST = 8 << 20;
const spare = new Map<number, Buffer[]>();
let held = 0;

/** Memory for at least `size` bytes. */
export function takeRecord(size: number): Buffer {
  const capacity = Math.max(PAGE, Math.ceil(size / PAGE) * PAGE);
  const list = spare.get(capacity);
  if (list === undefined || list.length === 0) return Buffer.allocUnsafeSlow(capacity);
  held -= capacity;
  return list.pop()!;
}

/** Memory of `takeRecord` that nobody looks at any more. */
export function giveRecord(record: Buffer): void {
  const capacity = record.length;
  if (held + capacity > MOST) return;
  held += capacity;
  const list = spare.get(capacity);
  if (list === undefined) spare.set(capacity, [record]);
  else list.push(record);
}

/** A record's memory in the hands of whoever asked for what is in it. */
export class RecordMemory implements Recyclable {
  private record: Buffer | undefined;

  constructor(record: Buffer) {
    this.record = record;
  }

  recycle(): void {
    const { record } = this;
    if (record === undefined) return;
    this.record = undefined;
    giveRecord(record);
  }
}
