import type { GHObject } from '../types/hobject.ts';
import type { AttrMap, Transaction } from './transaction.ts';

export interface ObjectStat {
  /** Bytes. */
  readonly size: number;
}

/** How full a store is, bytes. */
export interface StoreStatfs {
  readonly total: number;
  readonly available: number;
  /** Bytes of object data. */
  readonly stored: number;
  /** Bytes of omap keys and values. */
  readonly omap: number;
}

/**
 * The store under an OSD: collections of objects, each with data, attributes and an omap. Changes go in as
 * transactions, atomically; what `queue` has accepted is visible to reads at once, and durable when its
 * callback runs. Metadata is answered at once; data may have to be fetched.
 *
 * Attribute names and omap keys are byte strings (one character a byte) and sort as bytes.
 * Reads of an object that is not there throw NacreError ENOENT; stored bytes that fail their checksum, EIO.
 */
export interface ObjectStore extends AsyncDisposable {
  /** Makes ready for use. */
  mount(): Promise<void>;
  umount(): Promise<void>;
  statfs(): StoreStatfs;

  /**
   * Applies a transaction. Throws before anything changed when an op is not possible (no such collection, no
   * space: ENOSPC); `onCommit` runs once it is durable, never within the call.
   */
  queue(transaction: Transaction, onCommit: () => void): void;

  listCollections(): string[];
  collectionExists(cid: string): boolean;
  exists(cid: string, oid: GHObject): boolean;
  /** Undefined when there is no such object. */
  stat(cid: string, oid: GHObject): ObjectStat | undefined;
  /** At most `length` bytes from `offset`; shorter at the object's end. */
  read(cid: string, oid: GHObject, offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** Allocated [offset, length] ranges within the given one, ascending. */
  extentMap(cid: string, oid: GHObject, offset: number, length: number): [number, number][];
  /** Undefined when the object or the attribute is not there. */
  getAttr(cid: string, oid: GHObject, name: string): Uint8Array | undefined;
  getAttrs(cid: string, oid: GHObject): AttrMap;
  omapHeader(cid: string, oid: GHObject): Uint8Array;
  /** Values of those of the keys that are there. */
  omapValues(cid: string, oid: GHObject, keys: readonly string[]): Map<string, Uint8Array>;
  /** Entries in key order from the first key >= `from`. */
  omapIterate(cid: string, oid: GHObject, from: string): IterableIterator<[string, Uint8Array]>;
  /** Objects in ghobject order from the first >= `start`, at most `max`, below `end`; `next` is where to go on. */
  list(cid: string, start: GHObject, end: GHObject, max: number): { objects: GHObject[]; next: GHObject };
}
