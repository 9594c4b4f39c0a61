import type { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import { decodeGHObject, encodeGHObject, type GHObject } from '../types/hobject.ts';
import { decodeCollection, encodeCollection } from './collection.ts';
import {
  type AttrMap,
  Transaction,
  TX_COLL_HINT,
  TX_OMAP_RMKEYRANGE,
  TX_OMAP_RMKEYS,
  TX_OMAP_SETHEADER,
  TX_OMAP_SETKEYS,
  TX_RMATTR,
  TX_SETATTR,
  TX_SETATTRS,
  TX_WRITE,
  type TxOp,
} from './transaction.ts';

// ObjectStore::Transaction, ENCODE_START(9, 9) (os/Transaction.h):
//
//   u32 len, data      arguments of the ops that have any, one after the other:
//                        WRITE, SETATTR's value, OMAP_SETHEADER: u32 len, bytes
//                        SETATTR, RMATTR: str name first; SETATTRS, OMAP_SETKEYS: map<str, bytes>
//                        OMAP_RMKEYS: set<str>; OMAP_RMKEYRANGE: str first, str end
//   u32 len, ops       72 bytes each: u32 op, u32 cid, u32 oid, u64 off, u64 len, u32 dest cid, u32 dest oid,
//                        u64 dest off, u32 hint, u64 expected object size, u64 expected write size,
//                        u32 split bits, u32 split rem
//   map<coll_t, u32>   the numbers that stand for collections in the ops
//   map<ghobject_t, u32>
//   u64 op count, u32 x 3 (the largest write: length, object offset, offset within data
//   u32 fadvise flags

const OP_BYTES = 72;

/** Numbers for collections or objects in the order of first use, with 0 for "none". */
class Index<T> {
  readonly values: T[] = [];
  private readonly numbers = new Map<unknown, number>();

  number(value: T | undefined, key: unknown): number {
    if (value === undefined) return 0;
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.values.length;
      this.values.push(value);
      this.numbers.set(key, number);
    }
    return number;
  }
}

function encodeAttrs(e: Encoder, attrs: AttrMap): void {
  e.u32(attrs.size);
  // A std::map is in key order, and so must its encoding be.
  const names = [...attrs.keys()].sort();
  for (const name of names) {
    e.bin(name);
    e.blob(attrs.get(name)!);
  }
}

function encodeArguments(e: Encoder, op: TxOp): void {
  switch (op.op) {
    case TX_WRITE:
      e.refBlob(op.data!);
      break;
    case TX_SETATTR:
      e.bin(op.name);
      e.blob(op.data!);
      break;
    case TX_RMATTR:
      e.bin(op.name);
      break;
    case TX_SETATTRS:
    case TX_OMAP_SETKEYS:
      encodeAttrs(e, op.attrs!);
      break;
    case TX_OMAP_SETHEADER:
    case TX_COLL_HINT:
      e.blob(op.data!);
      break;
    case TX_OMAP_RMKEYS:
      e.u32(op.keys!.length);
      for (const key of [...op.keys!].sort()) e.bin(key);
      break;
    case TX_OMAP_RMKEYRANGE:
      e.bin(op.name);
      e.bin(op.endName);
      break;
    default:
  }
}

/** Appends the encoding; written data is referenced, not copied. */
export function encodeTransaction(e: Encoder, t: Transaction): void {
  const mark = e.start(9, 9);
  const data = new Encoder(256);
  const ops = new Encoder(t.ops.length * OP_BYTES + 16);
  const collections = new Index<string>();
  const objects = new Index<GHObject>();
  let largest = 0;
  let largestOff = 0;
  let largestAt = 0;
  for (const op of t.ops) {
    if (op.op === TX_WRITE && op.len > largest) {
      largest = op.len;
      largestOff = op.off;
      largestAt = data.length + 4;
    }
    encodeArguments(data, op);
    ops.u32(op.op);
    ops.u32(collections.number(op.cid === '' ? undefined : op.cid, op.cid));
    ops.u32(objects.number(op.oid, op.oid));
    ops.u64(op.off);
    ops.u64(op.len);
    ops.u32(collections.number(op.destCid === '' ? undefined : op.destCid, op.destCid));
    ops.u32(objects.number(op.destOid, op.destOid));
    ops.u64(op.destOff);
    ops.u32(op.hint);
    ops.u64(op.expectedObjectSize);
    ops.u64(op.expectedWriteSize);
    ops.u32(op.splitBits);
    ops.u32(0);
  }
  e.u32(data.length);
  for (const segment of data.segments()) e.ref(segment);
  e.blob(ops.result());
  e.u32(collections.values.length);
  collections.values.forEach((cid, number) => {
    encodeCollection(e, cid);
    e.u32(number);
  });
  e.u32(objects.values.length);
  objects.values.forEach((oid, number) => {
    encodeGHObject(e, oid);
    e.u32(number);
  });
  e.u64(t.ops.length);
  e.u32(largest);
  e.u32(largestOff);
  e.u32(largestAt);
  e.u32(t.fadviseFlags);
  e.finish(mark);
}

function decodeAttrs(d: Decoder): AttrMap {
  const attrs = new Map<string, Uint8Array>();
  for (let n = d.count(8); n > 0; n--) {
    const name = d.bin();
    attrs.set(name, d.blob());
  }
  return attrs;
}

interface Arguments {
  data?: Uint8Array;
  name?: string;
  endName?: string;
  attrs?: AttrMap;
  keys?: string[];
}

function decodeArguments(d: Decoder, op: number): Arguments {
  switch (op) {
    case TX_WRITE:
    case TX_OMAP_SETHEADER:
    case TX_COLL_HINT:
      return { data: d.blob() };
    case TX_SETATTR: {
      const name = d.bin();
      return { name, data: d.blob() };
    }
    case TX_RMATTR:
      return { name: d.bin() };
    case TX_SETATTRS:
    case TX_OMAP_SETKEYS:
      return { attrs: decodeAttrs(d) };
    case TX_OMAP_RMKEYS: {
      const keys: string[] = [];
      for (let n = d.count(4); n > 0; n--) keys.push(d.bin());
      return { keys };
    }
    case TX_OMAP_RMKEYRANGE: {
      const name = d.bin();
      return { name, endName: d.bin() };
    }
    default:
      return {};
  }
}

/** Reads one transaction; written data are views of the decoder's buffer. */
export function decodeTransaction(d: Decoder): Transaction {
  const end = d.start('ObjectStore::Transaction', 9);
  if (d.structV !== 9) d.fail(`version ${d.structV}: only 9 is known`);
  const dataEnd = d.u32() + d.offset;
  const dataStart = d.offset;
  if (dataEnd > d.limit) d.fail(`${dataEnd - dataStart} bytes of data, ${d.remaining} left`);
  d.skip(dataEnd - dataStart);
  const opBytes = d.u32();
  if (opBytes % OP_BYTES !== 0) d.fail(`${opBytes} bytes of ops are not a multiple of ${OP_BYTES}`);
  const opsStart = d.offset;
  d.skip(opBytes);
  const collections = new Map<number, string>();
  for (let n = d.count(5); n > 0; n--) {
    const cid = decodeCollection(d);
    collections.set(d.u32(), cid);
  }
  const objects = new Map<number, GHObject>();
  for (let n = d.count(10); n > 0; n--) {
    const oid = decodeGHObject(d);
    objects.set(d.u32(), oid);
  }
  const t = new Transaction();
  const count = d.u64();
  if (count * OP_BYTES !== opBytes) d.fail(`${count} ops in ${opBytes} bytes`);
  d.skip(12);
  t.fadviseFlags = d.u32();
  const after = d.offset;
  const limit = d.limit;
  let dataAt = dataStart;
  for (let i = 0; i < count; i++) {
    d.offset = opsStart + i * OP_BYTES;
    const op = d.u32();
    const cid = d.u32();
    const oid = d.u32();
    const off = d.u64();
    const len = d.u64();
    const destCid = d.u32();
    const destOid = d.u32();
    const destOff = d.u64();
    const hint = d.u32();
    const expectedObjectSize = d.u64();
    const expectedWriteSize = d.u64();
    const splitBits = d.u32();
    d.offset = dataAt;
    d.limit = dataEnd;
    const more = decodeArguments(d, op);
    dataAt = d.offset;
    d.limit = limit;
    t.push({
      op,
      cid: collections.get(cid) ?? '',
      oid: objects.get(oid),
      off,
      len,
      destCid: collections.get(destCid) ?? '',
      destOid: objects.get(destOid),
      destOff,
      hint,
      expectedObjectSize,
      expectedWriteSize,
      splitBits,
      ...more,
    });
  }
  d.offset = after;
  d.finish(end);
  return t;
}
