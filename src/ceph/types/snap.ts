import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import {
  decodeList,
  decodeMap,
  decU64,
  decU64b,
  encodeList,
  encodeMap,
  encU64,
  encU64b,
} from './collections.ts';
import { decodeIntervals, encodeIntervals, type Interval } from './interval-set.ts';
import { decodeUTime, encodeUTime, type UTime } from './utime.ts';

/** CEPH_NOSNAP (include/rados.h): the live object. Also what clients call the head. */
export const SNAP_NOSNAP = 0xffff_ffff_ffff_fffen;
export const SNAP_HEAD = SNAP_NOSNAP;
/** CEPH_SNAPDIR: the object that once kept the snap set of a deleted head; also "all clones" in list-snaps. */
export const SNAP_DIR = 0xffff_ffff_ffff_ffffn;
/** CEPH_MAXSNAP: the largest id that a snapshot can have. */
export const SNAP_MAX = 0xffff_ffff_ffff_fffdn;

/** 'head', 'snapdir', or the id in hexadecimal. */
export function snapText(snap: bigint): string {
  return snap === SNAP_NOSNAP ? 'head' : snap === SNAP_DIR ? 'snapdir' : snap.toString(16);
}

/** A snap id, u64. Reading one makes no new big integer for the head, which nearly all are. */
export function encodeSnapId(e: Encoder, snap: bigint): void {
  if (snap === SNAP_NOSNAP) {
    e.u32(0xffff_fffe);
    e.u32(0xffff_ffff);
  } else e.u64b(snap);
}

export function decodeSnapId(d: Decoder): bigint {
  const low = d.u32();
  const high = d.u32();
  if (high === 0xffff_ffff && low === 0xffff_fffe) return SNAP_NOSNAP;
  if (high === 0) return low === 0 ? 0n : BigInt(low);
  return (BigInt(high) << 32n) | BigInt(low);
}

/** SnapContext (common/snap_types.h): u64 seq, vector<u64> snaps, newest first. */
export interface SnapContext {
  readonly seq: bigint;
  readonly snaps: readonly bigint[];
}

const NO_SNAPS: readonly bigint[] = [];

export const SNAPC_EMPTY: SnapContext = { seq: 0n, snaps: NO_SNAPS };

export function encodeSnapContext(e: Encoder, snapc: SnapContext): void {
  if (snapc === SNAPC_EMPTY) {
    e.u64(0);
    e.u32(0);
    return;
  }
  const { snaps } = snapc;
  e.u64b(snapc.seq);
  e.u32(snaps.length);
  for (let i = 0; i < snaps.length; i++) e.u64b(snaps[i]);
}

export function decodeSnapContext(d: Decoder): SnapContext {
  const seq = decodeSnapId(d);
  const n = d.count(8);
  if (n === 0) return seq === 0n ? SNAPC_EMPTY : { seq, snaps: NO_SNAPS };
  const snaps: bigint[] = [];
  for (let i = 0; i < n; i++) snaps.push(decodeSnapId(d));
  return { seq, snaps };
}

/** Whether an OSD would take it: newest first, none newer than seq, none twice. */
export function snapContextIsValid(snapc: SnapContext): boolean {
  let previous = snapc.seq;
  if (previous > SNAP_MAX) return false;
  for (let i = 0; i < snapc.snaps.length; i++) {
    const snap = snapc.snaps[i];
    if (snap === 0n || (i === 0 ? snap > previous : snap >= previous)) return false;
    previous = snap;
  }
  return true;
}

/** '5=[5,3]', in hexadecimal. */
export function snapContextText(snapc: SnapContext): string {
  let text = '';
  for (const snap of snapc.snaps) text += `${text === '' ? '' : ','}${snap.toString(16)}`;
  return `${snapc.seq.toString(16)}=[${text}]`;
}

/**
 * SnapSet (osd/osd_types.h): which clones an object has. ENCODE_START(3, 2): u64 seq, u8 1 (once: whether a
 * head exists), snaps, clones, map clone -> overlap with the next newer one, map clone -> size; version 3:
 * map clone -> the snaps it serves.
 */
export interface SnapSet {
  readonly seq: bigint;
  /** Newest first; no longer used since luminous, kept for its bytes. */
  readonly snaps: readonly bigint[];
  /** Oldest first. */
  readonly clones: readonly bigint[];
  readonly cloneOverlap: ReadonlyMap<bigint, readonly Interval[]>;
  readonly cloneSize: ReadonlyMap<bigint, number>;
  /** Newest first for each clone. */
  readonly cloneSnaps: ReadonlyMap<bigint, readonly bigint[]>;
}

export function emptySnapSet(): SnapSet {
  return {
    seq: 0n,
    snaps: [],
    clones: [],
    cloneOverlap: new Map(),
    cloneSize: new Map(),
    cloneSnaps: new Map(),
  };
}

const encodeSnaps = (e: Encoder, snaps: readonly bigint[]): void => encodeList(e, snaps, encU64b);
const decodeSnaps = (d: Decoder): bigint[] => decodeList(d, 8, decU64b);

export function encodeSnapSet(e: Encoder, s: SnapSet): void {
  const mark = e.start(3, 2);
  e.u64b(s.seq);
  e.u8(1);
  encodeSnaps(e, s.snaps);
  encodeSnaps(e, s.clones);
  encodeMap(e, s.cloneOverlap, encU64b, encodeIntervals);
  encodeMap(e, s.cloneSize, encU64b, encU64);
  encodeMap(e, s.cloneSnaps, encU64b, encodeSnaps);
  e.finish(mark);
}

export function decodeSnapSet(d: Decoder): SnapSet {
  const end = d.startLegacy('SnapSet', 3, 2, 2);
  const v = d.structV;
  const seq = d.u64b();
  d.skip(1);
  const snaps = decodeSnaps(d);
  const clones = decodeSnaps(d);
  const cloneOverlap = decodeMap(d, 12, decU64b, decodeIntervals);
  const cloneSize = decodeMap(d, 16, decU64b, decU64);
  const cloneSnaps = v >= 3 ? decodeMap(d, 12, decU64b, decodeSnaps) : new Map<bigint, bigint[]>();
  d.finish(end);
  return { seq, snaps, clones, cloneOverlap, cloneSize, cloneSnaps };
}

/** pool_snap_info_t (osd/osd_types.h): ENCODE_START(2, 2): u64 snap id, utime_t stamp, str name. */
export interface PoolSnapInfo {
  readonly snapid: bigint;
  readonly stamp: UTime;
  readonly name: string;
}

export function encodePoolSnapInfo(e: Encoder, s: PoolSnapInfo): void {
  const mark = e.start(2, 2);
  e.u64b(s.snapid);
  encodeUTime(e, s.stamp);
  e.str(s.name);
  e.finish(mark);
}

export function decodePoolSnapInfo(d: Decoder): PoolSnapInfo {
  const end = d.startLegacy('pool_snap_info_t', 2, 2, 2);
  const s = { snapid: d.u64b(), stamp: decodeUTime(d), name: d.str() };
  d.finish(end);
  return s;
}
