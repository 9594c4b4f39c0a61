import type { GHObject } from '../types/hobject.ts';

/** ObjectStore::Transaction op codes (os/Transaction.h). */
export const TX_NOP = 0;
export const TX_CREATE = 7;
export const TX_TOUCH = 9;
export const TX_WRITE = 10;
export const TX_ZERO = 11;
export const TX_TRUNCATE = 12;
export const TX_REMOVE = 13;
export const TX_SETATTR = 14;
export const TX_SETATTRS = 15;
export const TX_RMATTR = 16;
export const TX_CLONE = 17;
export const TX_MKCOLL = 20;
export const TX_RMCOLL = 21;
export const TX_RMATTRS = 28;
export const TX_CLONERANGE2 = 30;
export const TX_OMAP_CLEAR = 31;
export const TX_OMAP_SETKEYS = 32;
export const TX_OMAP_RMKEYS = 33;
export const TX_OMAP_SETHEADER = 34;
export const TX_OMAP_RMKEYRANGE = 37;
export const TX_COLL_MOVE_RENAME = 38;
export const TX_SETALLOCHINT = 39;
export const TX_COLL_HINT = 40;
export const TX_TRY_RENAME = 41;
export const TX_COLL_SET_BITS = 42;

/** Attribute or omap key to value. Keys are byte strings (one character a byte). */
export type AttrMap = ReadonlyMap<string, Uint8Array>;

/** One primitive change. Offsets and lengths in bytes; fields that an op does not use keep their defaults. */
export interface TxOp {
  readonly op: number;
  /** Collection, in coll_t's text form: '1.7_head', 'meta'. */
  readonly cid: string;
  readonly oid: GHObject | undefined;
  readonly off: number;
  readonly len: number;
  readonly destCid: string;
  readonly destOid: GHObject | undefined;
  readonly destOff: number;
  readonly hint: number;
  readonly expectedObjectSize: number;
  readonly expectedWriteSize: number;
  readonly splitBits: number;
  /** Written data, an attribute's value or an omap header. */
  readonly data: Uint8Array | undefined;
  /** Attribute name or first key of a range. */
  readonly name: string;
  /** Key after the last of a range. */
  readonly endName: string;
  readonly attrs: AttrMap | undefined;
  readonly keys: readonly string[] | undefined;
}

const BLANK: TxOp = {
  op: TX_NOP,
  cid: '',
  oid: undefined,
  off: 0,
  len: 0,
  destCid: '',
  destOid: undefined,
  destOff: 0,
  hint: 0,
  expectedObjectSize: 0,
  expectedWriteSize: 0,
  splitBits: 0,
  data: undefined,
  name: '',
  endName: '',
  attrs: undefined,
  keys: undefined,
};

/**
 * A list of primitive changes that a store applies in order and all or not at all. Payloads are referenced:
 * they must not change until the transaction has committed.
 */
export class Transaction {
  readonly ops: TxOp[] = [];
  fadviseFlags = 0;

  get empty(): boolean {
    return this.ops.length === 0;
  }

  /** Adds any op; the methods below are the usual ones. */
  push(op: Partial<TxOp> & { op: number; cid: string }): void {
    this.ops.push({ ...BLANK, ...op });
  }

  /** Appends all ops of another transaction. */
  append(other: Transaction): void {
    for (const op of other.ops) this.ops.push(op);
  }

  createCollection(cid: string, bits: number): void {
    this.push({ op: TX_MKCOLL, cid, splitBits: bits });
  }

  removeCollection(cid: string): void {
    this.push({ op: TX_RMCOLL, cid });
  }

  /** Makes an empty object if it is not there. */
  touch(cid: string, oid: GHObject): void {
    this.push({ op: TX_TOUCH, cid, oid });
  }

  write(cid: string, oid: GHObject, off: number, data: Uint8Array): void {
    this.push({ op: TX_WRITE, cid, oid, off, len: data.length, data });
  }

  /** [off, off + len) reads as zeros; the object grows if it is shorter. */
  zero(cid: string, oid: GHObject, off: number, len: number): void {
    this.push({ op: TX_ZERO, cid, oid, off, len });
  }

  truncate(cid: string, oid: GHObject, size: number): void {
    this.push({ op: TX_TRUNCATE, cid, oid, off: size });
  }

  remove(cid: string, oid: GHObject): void {
    this.push({ op: TX_REMOVE, cid, oid });
  }

  setAttr(cid: string, oid: GHObject, name: string, value: Uint8Array): void {
    this.push({ op: TX_SETATTR, cid, oid, name, data: value });
  }

  setAttrs(cid: string, oid: GHObject, attrs: AttrMap): void {
    this.push({ op: TX_SETATTRS, cid, oid, attrs });
  }

  removeAttr(cid: string, oid: GHObject, name: string): void {
    this.push({ op: TX_RMATTR, cid, oid, name });
  }

  removeAttrs(cid: string, oid: GHObject): void {
    this.push({ op: TX_RMATTRS, cid, oid });
  }

  /** Makes or replaces `to` with data, attributes and omap of `from`. */
  clone(cid: string, from: GHObject, to: GHObject): void {
    this.push({ op: TX_CLONE, cid, oid: from, destOid: to });
  }

  cloneRange(cid: string, from: GHObject, to: GHObject, srcOff: number, len: number, destOff: number): void {
    this.push({ op: TX_CLONERANGE2, cid, oid: from, destOid: to, off: srcOff, len, destOff });
  }

  omapClear(cid: string, oid: GHObject): void {
    this.push({ op: TX_OMAP_CLEAR, cid, oid });
  }

  omapSetKeys(cid: string, oid: GHObject, attrs: AttrMap): void {
    this.push({ op: TX_OMAP_SETKEYS, cid, oid, attrs });
  }

  omapRemoveKeys(cid: string, oid: GHObject, keys: readonly string[]): void {
    this.push({ op: TX_OMAP_RMKEYS, cid, oid, keys });
  }

  /** Removes the keys in [first, end). */
  omapRemoveKeyRange(cid: string, oid: GHObject, first: string, end: string): void {
    this.push({ op: TX_OMAP_RMKEYRANGE, cid, oid, name: first, endName: end });
  }

  omapSetHeader(cid: string, oid: GHObject, header: Uint8Array): void {
    this.push({ op: TX_OMAP_SETHEADER, cid, oid, data: header });
  }

  setAllocHint(cid: string, oid: GHObject, objectSize: number, writeSize: number, flags: number): void {
    this.push({
      op: TX_SETALLOCHINT,
      cid,
      oid,
      expectedObjectSize: objectSize,
      expectedWriteSize: writeSize,
      hint: flags,
    });
  }

  moveRename(fromCid: string, from: GHObject, toCid: string, to: GHObject): void {
    this.push({ op: TX_COLL_MOVE_RENAME, cid: fromCid, oid: from, destCid: toCid, destOid: to });
  }
}
