import { Decoder } from '../../base/decoder.ts';
import type { ObjectStore } from '../object-store/types.ts';
import { type GHObject, type HObject, makeGHObject } from '../types/hobject.ts';
import {
  decodeObjectInfo,
  makeObjectInfo,
  OBJECT_FLAG_WHITEOUT,
  type ObjectInfo,
} from '../types/object-info.ts';
import { decodeSnapSet, emptySnapSet, SNAP_NOSNAP, type SnapSet } from '../types/snap.ts';
import type { OpRequest } from './op-request.ts';
import type { Watch } from './watch.ts';

/** Names of the attributes that hold what Ceph itself knows of an object. User attributes are '_' + name. */
export const OI_ATTR = '_';
export const SS_ATTR = 'snapset';

/**
 * An object as its primary knows it (osd/object_state.h): whether it is there, its info, the snapshots it has,
 * who watches it, and which requests are at work on it.
 */
export class ObjectContext {
  readonly oid: GHObject;
  readonly hobj: HObject;
  exists = false;
  oi: ObjectInfo;
  /** Of the head; a clone's context has its head's. */
  snapset: SnapSet;
  /** By watchKey. */
  watchers: Map<string, Watch> | undefined = undefined;
  /** Writes that are not committed everywhere. */
  writes = 0;
  /** A request waits for data; nobody else may run. */
  blocked = false;
  /** Requests that wait for the ones above, in order. */
  waiting: OpRequest[] | undefined = undefined;

  constructor(hobj: HObject, snapset: SnapSet) {
    this.hobj = hobj;
    this.oid = makeGHObject(hobj);
    this.oi = makeObjectInfo(hobj);
    this.snapset = snapset;
  }

  get isWhiteout(): boolean {
    return (this.oi.flags & OBJECT_FLAG_WHITEOUT) !== 0;
  }

  get isIdle(): boolean {
    return (
      this.writes === 0 &&
      !this.blocked &&
      (this.waiting === undefined || this.waiting.length === 0) &&
      (this.watchers === undefined || this.watchers.size === 0)
    );
  }
}

/** Reads an object's attributes. A clone takes the snap set of its head. */
export function loadObjectContext(
  store: ObjectStore,
  cid: string,
  hobj: HObject,
  headSnapset?: SnapSet,
): ObjectContext {
  const obc = new ObjectContext(hobj, headSnapset ?? emptySnapSet());
  const info = store.getAttr(cid, obc.oid, OI_ATTR);
  if (info === undefined) return obc;
  obc.exists = true;
  obc.oi = decodeObjectInfo(new Decoder(info, 'object_info_t'));
  if (hobj.snap === SNAP_NOSNAP) {
    const snaps = store.getAttr(cid, obc.oid, SS_ATTR);
    if (snaps !== undefined) obc.snapset = decodeSnapSet(new Decoder(snaps, 'SnapSet'));
  }
  return obc;
}

/** A map key for the head of an object: its bare name in the usual case, which costs nothing. */
export function headKey(oid: string, nspace: string, key: string): string {
  if (nspace === '' && key === '' && oid.charCodeAt(0) > 0) return oid;
  return `\0${nspace.length}.${key.length}.${nspace}${key}${oid}`;
}

/** Contexts of heads, least recently used first. Those in use are never dropped. */
export class ObjectContextCache {
  private readonly entries = new Map<string, ObjectContext>();
  private readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  get(key: string): ObjectContext | undefined {
    return this.entries.get(key);
  }

  add(key: string, obc: ObjectContext): void {
    if (this.entries.size >= this.max) this.evict();
    this.entries.set(key, obc);
  }

  private evict(): void {
    // A batch at a time, oldest first; an object that is asked for often comes back with one attribute read.
    let drop = Math.max(1, this.max >> 3);
    for (const [key, obc] of this.entries) {
      if (!obc.isIdle) continue;
      this.entries.delete(key);
      if (--drop === 0) return;
    }
  }

  values(): IterableIterator<ObjectContext> {
    return this.entries.values();
  }

  clear(): void {
    this.entries.clear();
  }
}
