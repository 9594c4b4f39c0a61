import { SNAP_HEAD } from '../../types/snap.ts';
import { BlockPool } from './block-pool.ts';
import { CachedObject, CleanList, type HeadStore } from './cached-object.ts';

/** The objects of one cache and their memory. */
export class CacheStore implements HeadStore {
  readonly pool = new BlockPool();
  readonly clean = new CleanList();
  dirty = 0;
  /** Of the image's head: the only ones that can be dirty. */
  readonly heads = new Map<number, CachedObject>();
  private readonly snaps = new Map<bigint, Map<number, CachedObject>>();
  /** Bytes that all of it may take. */
  private readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  object(objectNo: number, snapId: bigint): CachedObject {
    let map = this.heads;
    if (snapId !== SNAP_HEAD) {
      const known = this.snaps.get(snapId);
      map = known ?? new Map();
      if (known === undefined) this.snaps.set(snapId, map);
    }
    let object = map.get(objectNo);
    if (object === undefined) {
      object = new CachedObject(this, objectNo, snapId);
      map.set(objectNo, object);
    }
    return object;
  }

  all(): CachedObject[] {
    const all = [...this.heads.values()];
    for (const map of this.snaps.values()) all.push(...map.values());
    return all;
  }

  dropIfIdle(object: CachedObject): void {
    if (!object.idle) return;
    const { snapId, objectNo } = object;
    const map = snapId === SNAP_HEAD ? this.heads : this.snaps.get(snapId);
    if (map?.get(objectNo) !== object) return;
    map.delete(objectNo);
    if (snapId !== SNAP_HEAD && map.size === 0) this.snaps.delete(snapId);
  }

  get full(): boolean {
    return this.pool.live > this.size;
  }

  /** Drops what was of no use for longest until `room` more bytes fit. False when they do not. */
  trim(room = 0): boolean {
    const limit = this.size - room;
    while (this.pool.live > limit) {
      const head = this.clean.oldest;
      if (head === undefined) return false;
      const { object } = head;
      object.remove(head);
      this.dropIfIdle(object);
    }
    return true;
  }
}
