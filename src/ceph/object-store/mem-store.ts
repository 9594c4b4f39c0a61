import { NacreError } from '../../base/errors.ts';
import { type GHObject, ghobjectText } from '../types/hobject.ts';
import { MemCollection } from './mem-collection.ts';
import { type MemObject, Omap } from './mem-object.ts';
import {
  type AttrMap,
  type Transaction,
  TX_CLONE,
  TX_CLONERANGE2,
  TX_COLL_HINT,
  TX_COLL_MOVE_RENAME,
  TX_COLL_SET_BITS,
  TX_CREATE,
  TX_MKCOLL,
  TX_NOP,
  TX_OMAP_CLEAR,
  TX_OMAP_RMKEYRANGE,
  TX_OMAP_RMKEYS,
  TX_OMAP_SETHEADER,
  TX_OMAP_SETKEYS,
  TX_REMOVE,
  TX_RMATTR,
  TX_RMATTRS,
  TX_RMCOLL,
  TX_SETALLOCHINT,
  TX_SETATTR,
  TX_SETATTRS,
  TX_TOUCH,
  TX_TRUNCATE,
  TX_TRY_RENAME,
  TX_WRITE,
  TX_ZERO,
  type TxOp,
} from './transaction.ts';
import type { ObjectStat, ObjectStore, StoreStatfs } from './types.ts';

const NO_ATTRS: AttrMap = new Map();
const NO_BYTES = Buffer.alloc(0);

/** Small values may be slices of a large network buffer, which they would keep alive. */
function own(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength <= bytes.length * 2 ? bytes : Buffer.from(bytes);
}

const KNOWN_OPS = new Set([
  TX_NOP,
  TX_CREATE,
  TX_TOUCH,
  TX_WRITE,
  TX_ZERO,
  TX_TRUNCATE,
  TX_REMOVE,
  TX_SETATTR,
  TX_SETATTRS,
  TX_RMATTR,
  TX_RMATTRS,
  TX_CLONE,
  TX_CLONERANGE2,
  TX_MKCOLL,
  TX_RMCOLL,
  TX_OMAP_CLEAR,
  TX_OMAP_SETKEYS,
  TX_OMAP_RMKEYS,
  TX_OMAP_RMKEYRANGE,
  TX_OMAP_SETHEADER,
  TX_COLL_MOVE_RENAME,
  TX_SETALLOCHINT,
  TX_COLL_HINT,
  TX_TRY_RENAME,
  TX_COLL_SET_BITS,
]);

/** An object store in this process's memory; durable for as long as the process lives. */
export class MemStore implements ObjectStore {
  private readonly collections = new Map<string, MemCollection>();
  private readonly capacity: number;
  private mounted = false;
  private storedBytes = 0;
  private omapBytes = 0;
  private committing: (() => void)[] = [];

  /** @param options.capacity bytes of object data that fit. */
  constructor(options: { capacity?: number } = {}) {
    this.capacity = options.capacity ?? 4 * 2 ** 30;
  }

  async mount(): Promise<void> {
    this.mounted = true;
  }

  async umount(): Promise<void> {
    this.mounted = false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.umount();
  }

  statfs(): StoreStatfs {
    const used = this.storedBytes + this.omapBytes;
    return {
      total: this.capacity,
      available: Math.max(0, this.capacity - used),
      stored: this.storedBytes,
      omap: this.omapBytes,
    };
  }

  queue(transaction: Transaction, onCommit: () => void): void {
    this.check(transaction);
    for (const op of transaction.ops) this.apply(op);
    // Commits are told after the caller has returned, all that came together in one turn.
    this.committing.push(onCommit);
    if (this.committing.length === 1) queueMicrotask(this.tellCommits);
  }

  private readonly tellCommits = (): void => {
    const callbacks = this.committing;
    this.committing = [];
    for (const callback of callbacks) callback();
  };

  /** Everything that can fail is found here, so that applying is all or nothing. */
  private check(transaction: Transaction): void {
    if (!this.mounted) throw new NacreError('ESHUTDOWN', 'objectstore.queue', 'the store is not mounted');
    const made = new Set<string>();
    let growth = 0;
    for (const op of transaction.ops) {
      if (!KNOWN_OPS.has(op.op))
        throw new NacreError('EOPNOTSUPP', 'objectstore.queue', `transaction op ${op.op} is not known`);
      if (op.op === TX_MKCOLL) made.add(op.cid);
      else if (op.op !== TX_NOP && !this.collections.has(op.cid) && !made.has(op.cid))
        throw new NacreError('ENOENT', 'objectstore.queue', `no collection ${op.cid}`);
      if (op.data !== undefined) growth += op.data.length;
    }
    if (growth > 0 && this.storedBytes + this.omapBytes + growth > this.capacity)
      throw new NacreError(
        'ENOSPC',
        'objectstore.queue',
        `${growth} bytes do not fit, ${this.statfs().available} are left`,
      );
  }

  private apply(op: TxOp): void {
    if (op.op === TX_MKCOLL) {
      if (!this.collections.has(op.cid)) this.collections.set(op.cid, new MemCollection(op.splitBits));
      return;
    }
    const collection = this.collections.get(op.cid);
    if (collection === undefined) return; // a NOP, or removed earlier in this transaction
    const oid = op.oid;
    switch (op.op) {
      case TX_RMCOLL:
        for (const object of collection.objects()) this.forget(object);
        this.collections.delete(op.cid);
        return;
      case TX_COLL_SET_BITS:
        collection.bits = op.splitBits;
        return;
      default:
        if (oid !== undefined) this.applyToObject(collection, oid, op);
    }
  }

  private applyToObject(collection: MemCollection, oid: GHObject, op: TxOp): void {
    switch (op.op) {
      case TX_TOUCH:
      case TX_CREATE:
      case TX_SETALLOCHINT:
        collection.make(oid);
        return;
      case TX_WRITE:
        this.write(collection.make(oid), op.off, op.data!);
        return;
      case TX_ZERO:
        this.zero(collection.make(oid), op.off, op.len);
        return;
      case TX_TRUNCATE:
        this.truncate(collection.make(oid), op.off);
        return;
      case TX_REMOVE: {
        const removed = collection.delete(oid);
        if (removed !== undefined) this.forget(removed);
        return;
      }
      case TX_SETATTR:
        collection.make(oid).attrs.set(op.name, own(op.data!));
        return;
      case TX_SETATTRS: {
        const { attrs } = collection.make(oid);
        for (const [name, value] of op.attrs!) attrs.set(name, own(value));
        return;
      }
      case TX_RMATTR:
        collection.get(oid)?.attrs.delete(op.name);
        return;
      case TX_RMATTRS:
        collection.get(oid)?.attrs.clear();
        return;
      case TX_CLONE:
        this.clone(collection, oid, op.destOid!);
        return;
      case TX_CLONERANGE2: {
        const source = collection.get(oid);
        if (source === undefined) return;
        const end = Math.min(source.size, op.off + op.len);
        if (end > op.off) this.write(collection.make(op.destOid!), op.destOff, source.data.read(op.off, end));
        return;
      }
      case TX_COLL_MOVE_RENAME:
      case TX_TRY_RENAME:
        this.move(collection, oid, op);
        return;
      default:
        this.applyToOmap(collection, oid, op);
    }
  }

  private applyToOmap(collection: MemCollection, oid: GHObject, op: TxOp): void {
    const object = collection.make(oid);
    if (op.op === TX_OMAP_SETHEADER) {
      object.omapHeader = own(op.data!);
      return;
    }
    object.omap ??= new Omap();
    const { omap } = object;
    const before = omap.bytes;
    switch (op.op) {
      case TX_OMAP_CLEAR:
        omap.clear();
        object.omapHeader = NO_BYTES;
        break;
      case TX_OMAP_SETKEYS:
        for (const [key, value] of op.attrs!) omap.set(key, own(value));
        break;
      case TX_OMAP_RMKEYS:
        for (const key of op.keys!) omap.delete(key);
        break;
      case TX_OMAP_RMKEYRANGE: {
        const from = omap.find(op.name);
        for (const key of omap.keys().slice(from, omap.find(op.endName))) omap.delete(key);
        break;
      }
      default:
    }
    this.omapBytes += omap.bytes - before;
  }

  private write(object: MemObject, off: number, data: Uint8Array): void {
    const before = object.data.stored;
    object.data.write(off, data);
    if (off + data.length > object.size) object.size = off + data.length;
    this.storedBytes += object.data.stored - before;
  }

  private zero(object: MemObject, off: number, len: number): void {
    const before = object.data.stored;
    object.data.punch(off, off + len);
    if (off + len > object.size) object.size = off + len;
    this.storedBytes += object.data.stored - before;
  }

  private truncate(object: MemObject, size: number): void {
    const before = object.data.stored;
    if (size < object.size) object.data.punch(size, object.size);
    object.size = size;
    this.storedBytes += object.data.stored - before;
  }

  private clone(collection: MemCollection, from: GHObject, to: GHObject): void {
    const source = collection.get(from);
    if (source === undefined) return;
    const replaced = collection.get(to);
    if (replaced !== undefined) this.forget(replaced);
    const copy = source.clone();
    collection.put(to, copy);
    this.storedBytes += copy.data.stored;
    this.omapBytes += copy.omap?.bytes ?? 0;
  }

  private move(from: MemCollection, oid: GHObject, op: TxOp): void {
    const object = from.delete(oid);
    const to = op.destCid === '' ? from : this.collections.get(op.destCid);
    if (object === undefined || to === undefined) return;
    const replaced = to.get(op.destOid!);
    if (replaced !== undefined) this.forget(replaced);
    to.put(op.destOid!, object);
  }

  /** Takes an object that nobody will see again out of the accounts. */
  private forget(object: MemObject): void {
    this.storedBytes -= object.data.stored;
    this.omapBytes -= object.omap?.bytes ?? 0;
  }

  private find(cid: string, oid: GHObject): MemObject | undefined {
    return this.collections.get(cid)?.get(oid);
  }

  private need(cid: string, oid: GHObject, op: string): MemObject {
    const object = this.find(cid, oid);
    if (object === undefined) throw new NacreError('ENOENT', op, `no object ${ghobjectText(oid)} in ${cid}`);
    return object;
  }

  listCollections(): string[] {
    return [...this.collections.keys()];
  }

  collectionExists(cid: string): boolean {
    return this.collections.has(cid);
  }

  exists(cid: string, oid: GHObject): boolean {
    return this.find(cid, oid) !== undefined;
  }

  stat(cid: string, oid: GHObject): ObjectStat | undefined {
    return this.find(cid, oid);
  }

  read(cid: string, oid: GHObject, offset: number, length: number): Uint8Array {
    const object = this.need(cid, oid, 'objectstore.read');
    const end = Math.min(object.size, offset + length);
    return end <= offset ? NO_BYTES : object.data.read(offset, end);
  }

  extentMap(cid: string, oid: GHObject, offset: number, length: number): [number, number][] {
    const object = this.need(cid, oid, 'objectstore.fiemap');
    return object.data.map(offset, Math.min(object.size, offset + length));
  }

  getAttr(cid: string, oid: GHObject, name: string): Uint8Array | undefined {
    return this.find(cid, oid)?.attrs.get(name);
  }

  getAttrs(cid: string, oid: GHObject): AttrMap {
    return this.find(cid, oid)?.attrs ?? NO_ATTRS;
  }

  omapHeader(cid: string, oid: GHObject): Uint8Array {
    return this.find(cid, oid)?.omapHeader ?? NO_BYTES;
  }

  omapValues(cid: string, oid: GHObject, keys: readonly string[]): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const omap = this.find(cid, oid)?.omap;
    if (omap === undefined) return found;
    for (const key of keys) {
      const value = omap.get(key);
      if (value !== undefined) found.set(key, value);
    }
    return found;
  }

  omapIterate(cid: string, oid: GHObject, from: string): IterableIterator<[string, Uint8Array]> {
    const omap = this.find(cid, oid)?.omap;
    return omap === undefined ? [][Symbol.iterator]() : omap.from(from);
  }

  list(cid: string, start: GHObject, end: GHObject, max: number): { objects: GHObject[]; next: GHObject } {
    const collection = this.collections.get(cid);
    if (collection === undefined) throw new NacreError('ENOENT', 'objectstore.list', `no collection ${cid}`);
    return collection.list(start, end, max);
  }
}
