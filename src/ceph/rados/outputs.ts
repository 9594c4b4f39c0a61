import { Decoder } from '../../base/decoder.ts';
import type { Op } from '../objecter/op.ts';
import { entityAddrText } from '../types/addr-text.ts';
import type { EntityName } from '../types/entity.ts';
import { CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH64 } from '../types/rados.ts';
import { objListSnapResponse, objListWatchResponse } from '../types/replies.ts';
import { SNAP_NOSNAP } from '../types/snap.ts';
import { decodeUTime, type UTime, utimeToMs } from '../types/utime.ts';
import { EMPTY } from './bytes.ts';

// What OSDs give for single ops, as values of the API. Formats: types/replies.ts.

export interface ObjectStat {
  /** Bytes. */
  readonly size: number;
  readonly mtime: Date;
  /** The same to the nanosecond. */
  readonly mtimeSpec: UTime;
}

export interface SparseData {
  /** What exists of the range that was asked for, in order; offsets are those of the object. */
  readonly extents: readonly { readonly offset: number; readonly length: number }[];
  /** The bytes of the extents, one after the other. */
  readonly data: Buffer;
}

export interface OmapPage<T> {
  readonly values: T;
  /** Whether there are more after the last one. */
  readonly more: boolean;
}

export interface Watcher {
  readonly name: EntityName;
  readonly cookie: bigint;
  /** Seconds. */
  readonly timeout: number;
  readonly addr: string;
}

/** A clone of an object, or its head (`id` is then SNAP_HEAD). */
export interface ObjectClone {
  readonly id: bigint;
  /** Snapshots that it serves, ascending. */
  readonly snaps: readonly bigint[];
  /** What it shares with the next newer one. */
  readonly overlap: readonly { readonly offset: number; readonly length: number }[];
  readonly size: number;
}

export interface ObjectSnaps {
  readonly seq: bigint;
  readonly clones: readonly ObjectClone[];
}

function output(op: Op, i = 0): Buffer {
  return op.reply!.ops[i]?.outdata ?? EMPTY;
}

/** Value of a write: the object's new version. */
export function versionOf(op: Op): number {
  return op.reply!.userVersion;
}

export function nothing(): void {}

export const dataOf = (op: Op): Buffer => output(op);

export function decodeStat(out: Uint8Array): ObjectStat {
  const d = new Decoder(out, 'stat');
  const size = d.u64();
  const mtimeSpec = decodeUTime(d);
  return { size, mtime: new Date(utimeToMs(mtimeSpec)), mtimeSpec };
}

/** map u64 offset -> u64 length, then a blob of the extents' bytes. */
export function decodeSparse(out: Uint8Array): SparseData {
  const d = new Decoder(out, 'sparse read');
  const extents: { offset: number; length: number }[] = [];
  for (let n = d.count(16); n > 0; n--) extents.push({ offset: d.u64(), length: d.u64() });
  return { extents, data: d.blob() };
}

/** u32 count, then u32 each, or u64 for xxhash64. */
export function decodeChecksums(out: Uint8Array, type: number): bigint[] | number[] {
  const d = new Decoder(out, 'checksum');
  if (type === CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH64) {
    const sums: bigint[] = [];
    for (let n = d.count(8); n > 0; n--) sums.push(d.u64b());
    return sums;
  }
  const sums: number[] = [];
  for (let n = d.count(4); n > 0; n--) sums.push(d.u32());
  return sums;
}

function readMap(d: Decoder): Map<string, Buffer> {
  const map = new Map<string, Buffer>();
  for (let n = d.count(8); n > 0; n--) {
    const key = d.str();
    map.set(key, d.blob());
  }
  return map;
}

/** map str -> blob: xattrs, and omap values by keys. */
export function decodeValues(out: Uint8Array): Map<string, Buffer> {
  return readMap(new Decoder(out, 'map of values'));
}

/** Whether more follows: since kraken behind the values. */
function readMore(d: Decoder): boolean {
  return d.remaining > 0 && d.bool();
}

export function decodeOmapPage(out: Uint8Array): OmapPage<Map<string, Buffer>> {
  const d = new Decoder(out, 'omap values');
  const values = readMap(d);
  return { values, more: readMore(d) };
}

export function decodeOmapKeys(out: Uint8Array): OmapPage<string[]> {
  const d = new Decoder(out, 'omap keys');
  const values: string[] = [];
  for (let n = d.count(4); n > 0; n--) values.push(d.str());
  return { values, more: readMore(d) };
}

export function decodeWatchers(out: Uint8Array): Watcher[] {
  const { entries } = objListWatchResponse.decode(new Decoder(out, 'obj_list_watch_response_t'));
  return entries.map(({ name, cookie, timeoutSeconds, addr }) => ({
    name,
    cookie,
    timeout: timeoutSeconds,
    addr: entityAddrText(addr),
  }));
}

export function decodeSnaps(out: Uint8Array): ObjectSnaps {
  const { clones, seq } = objListSnapResponse.decode(new Decoder(out, 'obj_list_snap_response_t'));
  return {
    seq,
    clones: clones.map(({ cloneid, snaps, overlap, size }) => ({
      id: cloneid,
      snaps,
      overlap: overlap.map(([offset, length]) => ({ offset, length })),
      size,
    })),
  };
}

/** Whether the clone is the object itself. */
export function isHead(clone: ObjectClone): boolean {
  return clone.id === SNAP_NOSNAP;
}
