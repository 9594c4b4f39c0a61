import { compareGHObject, type GHObject, NO_GEN } from '../types/hobject.ts';
import { NO_SHARD } from '../types/pg.ts';
import { SNAP_NOSNAP } from '../types/snap.ts';
import { MemObject } from './mem-object.ts';

/**
 * A map key for an object. An ordinary head object is keyed by its bare name, which costs nothing; everything else by
 * all its parts behind a NUL, which such bare names may not begin with.
 */
export function objectKey(oid: GHObject): string {
  const { hobj } = oid;
  if (
    hobj.snap === SNAP_NOSNAP &&
    hobj.nspace === '' &&
    hobj.key === '' &&
    oid.generation === NO_GEN &&
    oid.shard === NO_SHARD &&
    hobj.oid.charCodeAt(0) > 0
  )
    return hobj.oid;
  return `\0${hobj.nspace}\0${hobj.key}\0${hobj.oid}\0${hobj.snap}\0${oid.generation}\0${oid.shard}\0${hobj.pool}\0${hobj.hash}`;
}

interface Entry {
  readonly oid: GHObject;
  readonly object: MemObject;
}

/** A collection's objects: found by name, listed in ghobject order. */
export class MemCollection {
  /** Bits of the hash that select this PG. */
  bits: number;
  private readonly entries = new Map<string, Entry>();
  /** In ghobject order; undefined after a change, made again by the next listing. */
  private order: GHObject[] | undefined = [];

  constructor(bits: number) {
    this.bits = bits;
  }

  get size(): number {
    return this.entries.size;
  }

  get(oid: GHObject): MemObject | undefined {
    return this.entries.get(objectKey(oid))?.object;
  }

  /** The object, made if it is not there. */
  make(oid: GHObject): MemObject {
    const key = objectKey(oid);
    const found = this.entries.get(key);
    if (found !== undefined) return found.object;
    const object = new MemObject();
    this.entries.set(key, { oid, object });
    this.order = undefined;
    return object;
  }

  put(oid: GHObject, object: MemObject): void {
    const key = objectKey(oid);
    if (!this.entries.has(key)) this.order = undefined;
    this.entries.set(key, { oid, object });
  }

  delete(oid: GHObject): MemObject | undefined {
    const key = objectKey(oid);
    const found = this.entries.get(key);
    if (found === undefined) return undefined;
    this.entries.delete(key);
    this.order = undefined;
    return found.object;
  }

  *objects(): IterableIterator<MemObject> {
    for (const entry of this.entries.values()) yield entry.object;
  }

  /** At most `max` objects in [start, end), and whether there are more. */
  list(start: GHObject, end: GHObject, max: number): { objects: GHObject[]; next: GHObject } {
    this.order ??= Array.from(this.entries.values(), entry => entry.oid).sort(compareGHObject);
    const { order } = this;
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareGHObject(order[middle], start) < 0) low = middle + 1;
      else high = middle;
    }
    const objects: GHObject[] = [];
    let at = low;
    for (; at < order.length && objects.length < max; at++) {
      if (compareGHObject(order[at], end) >= 0) return { objects, next: end };
      objects.push(order[at]);
    }
    return { objects, next: at < order.length && compareGHObject(order[at], end) < 0 ? order[at] : end };
  }
}
