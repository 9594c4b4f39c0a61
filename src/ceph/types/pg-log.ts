import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import type { ObjectCleanRegions } from './clean-regions.ts';
import { ALL_DIRTY, decodeObjectCleanRegions, encodeObjectCleanRegions } from './clean-regions.ts';
import {
  blob,
  bool,
  type Codec,
  codecOf,
  i32,
  list,
  map,
  pairs,
  plain,
  since,
  struct,
  u32,
  u64,
  type ValueOf,
} from './codec.ts';
import { eversion, hobject, reqid } from './codecs.ts';
import {
  compareEVersion,
  decodeEVersion,
  EVERSION_MAX,
  EVERSION_ZERO,
  type EVersion,
  encodeEVersion,
} from './eversion.ts';
import { decodeHObject, encodeHObject, HOBJECT_MIN, type HObject } from './hobject.ts';
import { decodeReqId, encodeReqId, type ReqId } from './reqid.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime } from './utime.ts';

/** pg_log_entry_t::op. */
export const PG_LOG_MODIFY = 1;
export const PG_LOG_CLONE = 2;
export const PG_LOG_DELETE = 3;
export const PG_LOG_LOST_REVERT = 5;
export const PG_LOG_LOST_DELETE = 6;
export const PG_LOG_LOST_MARK = 7;
export const PG_LOG_PROMOTE = 8;
export const PG_LOG_CLEAN = 9;
export const PG_LOG_ERROR = 10;

const OP_NAMES: Readonly<Record<number, string>> = {
  [PG_LOG_MODIFY]: 'modify',
  [PG_LOG_CLONE]: 'clone',
  [PG_LOG_DELETE]: 'delete',
  [PG_LOG_LOST_REVERT]: 'l_revert',
  [PG_LOG_LOST_DELETE]: 'l_delete',
  [PG_LOG_LOST_MARK]: 'l_mark',
  [PG_LOG_PROMOTE]: 'promote',
  [PG_LOG_CLEAN]: 'clean',
  [PG_LOG_ERROR]: 'error',
};

export function pgLogOpName(op: number): string {
  return OP_NAMES[op] ?? 'unknown';
}

/** pg_log_op_return_item_t: s32 return value, blob output of one op of a request. */
export const pgLogOpReturnItem = plain({ rval: i32, bl: blob });
export type PgLogOpReturnItem = ValueOf<typeof pgLogOpReturnItem>;

const opReturns = list(pgLogOpReturnItem);
const extraReqids = pairs(reqid, u64);
const returnCodes = map(u32, i32);

/**
 * ObjectModDesc: how to undo an entry locally, for erasure-coded pools. ENCODE_START(v, v), v being what the
 * operations in it need: u8 can_local_rollback, u8 rollback_info_completed, blob operations.
 */
export interface ObjectModDesc {
  readonly maxRequiredVersion: number;
  readonly canLocalRollback: boolean;
  readonly rollbackInfoCompleted: boolean;
  readonly bl: Buffer;
}

const NO_OPERATIONS: Buffer = Buffer.alloc(0);

/** An entry that cannot be undone: all of those in replicated pools. */
export const UNROLLBACKABLE: ObjectModDesc = {
  maxRequiredVersion: 1,
  canLocalRollback: false,
  rollbackInfoCompleted: false,
  bl: NO_OPERATIONS,
};

export function encodeObjectModDesc(e: Encoder, m: ObjectModDesc): void {
  const mark = e.start(m.maxRequiredVersion, m.maxRequiredVersion);
  e.bool(m.canLocalRollback);
  e.bool(m.rollbackInfoCompleted);
  e.blob(m.bl);
  e.finish(mark);
}

export function decodeObjectModDesc(d: Decoder): ObjectModDesc {
  const end = d.start('ObjectModDesc', 2);
  const maxRequiredVersion = d.structV;
  const canLocalRollback = d.bool();
  const rollbackInfoCompleted = d.bool();
  const bl = d.blob();
  d.finish(end);
  return { maxRequiredVersion, canLocalRollback, rollbackInfoCompleted, bl };
}

export const objectModDesc: Codec<ObjectModDesc> = codecOf(
  12,
  () => UNROLLBACKABLE,
  encodeObjectModDesc,
  decodeObjectModDesc,
);

/**
 * pg_log_entry_t (osd/osd_types.h), ENCODE_START(14, 4): s32 op, hobject_t, eversion_t version, eversion_t
 * prior_version (reverting_to when the op is LOST_REVERT), osd_reqid_t, utime_t mtime, [LOST_REVERT: eversion_t
 * prior_version], blob snaps, u64 user_version, ObjectModDesc, vector<(reqid, u64)> extra reqids, [ERROR: s32
 * return code], [extra reqids: map u32 -> s32], ObjectCleanRegions, [not ERROR: s32 return code], op returns.
 */
export interface PgLogEntry {
  /** PG_LOG_*. */
  readonly op: number;
  readonly soid: HObject;
  readonly version: EVersion;
  readonly priorVersion: EVersion;
  readonly revertingTo: EVersion;
  /** The version that users see. */
  readonly userVersion: number;
  readonly reqid: ReqId;
  readonly mtime: UTime;
  /** An encoded vector of snap ids, for clones. */
  readonly snaps: Buffer;
  readonly modDesc: ObjectModDesc;
  readonly extraReqids: readonly (readonly [ReqId, number])[];
  readonly extraReqidReturnCodes: ReadonlyMap<number, number>;
  readonly cleanRegions: ObjectCleanRegions;
  readonly returnCode: number;
  readonly opReturns: readonly PgLogOpReturnItem[];
}

const NO_REQIDS: readonly (readonly [ReqId, number])[] = [];
const NO_CODES: ReadonlyMap<number, number> = new Map();
const NO_RETURNS: readonly PgLogOpReturnItem[] = [];

export function emptyPgLogEntry(): PgLogEntry {
  return {
    op: 0,
    soid: HOBJECT_MIN,
    version: EVERSION_ZERO,
    priorVersion: EVERSION_ZERO,
    revertingTo: EVERSION_ZERO,
    userVersion: 0,
    reqid: reqid.zero(),
    mtime: UTIME_ZERO,
    snaps: NO_OPERATIONS,
    modDesc: UNROLLBACKABLE,
    extraReqids: NO_REQIDS,
    extraReqidReturnCodes: NO_CODES,
    cleanRegions: ALL_DIRTY,
    returnCode: 0,
    opReturns: NO_RETURNS,
  };
}

export function encodePgLogEntry(e: Encoder, v: PgLogEntry): void {
  const revert = v.op === PG_LOG_LOST_REVERT;
  const mark = e.start(14, 4);
  e.i32(v.op);
  encodeHObject(e, v.soid);
  encodeEVersion(e, v.version);
  encodeEVersion(e, revert ? v.revertingTo : v.priorVersion);
  encodeReqId(e, v.reqid);
  encodeUTime(e, v.mtime);
  if (revert) encodeEVersion(e, v.priorVersion);
  e.blob(v.snaps);
  e.u64(v.userVersion);
  encodeObjectModDesc(e, v.modDesc);
  extraReqids.encode(e, v.extraReqids);
  if (v.op === PG_LOG_ERROR) e.i32(v.returnCode);
  if (v.extraReqids.length !== 0) returnCodes.encode(e, v.extraReqidReturnCodes);
  encodeObjectCleanRegions(e, v.cleanRegions);
  if (v.op !== PG_LOG_ERROR) e.i32(v.returnCode);
  opReturns.encode(e, v.opReturns);
  e.finish(mark);
}

export function decodePgLogEntry(d: Decoder): PgLogEntry {
  const end = d.startLegacy('pg_log_entry_t', 14, 4, 4);
  const v = d.structV;
  // Older ones have objects without a pool, which pg_log_t would have to add.
  if (v < 10) d.fail(`version ${v} is too old`);
  const op = d.i32();
  const soid = decodeHObject(d);
  const version = decodeEVersion(d);
  const revert = op === PG_LOG_LOST_REVERT;
  const before = decodeEVersion(d);
  const id = decodeReqId(d);
  const mtime = decodeUTime(d);
  const priorVersion = revert ? decodeEVersion(d) : before;
  const snaps = d.blob();
  const userVersion = d.u64();
  const modDesc = decodeObjectModDesc(d);
  const extra = extraReqids.decode(d);
  let returnCode = v >= 11 && op === PG_LOG_ERROR ? d.i32() : 0;
  const codes = v >= 12 && extra.length !== 0 ? returnCodes.decode(d) : NO_CODES;
  const cleanRegions = v >= 13 ? decodeObjectCleanRegions(d) : ALL_DIRTY;
  if (v >= 14 && op !== PG_LOG_ERROR) returnCode = d.i32();
  const returns = v >= 14 ? opReturns.decode(d) : NO_RETURNS;
  d.finish(end);
  return {
    op,
    soid,
    version,
    priorVersion,
    revertingTo: revert ? before : EVERSION_ZERO,
    userVersion,
    reqid: id,
    mtime,
    snaps,
    modDesc,
    extraReqids: extra,
    extraReqidReturnCodes: codes,
    cleanRegions,
    returnCode,
    opReturns: returns,
  };
}

export const pgLogEntry: Codec<PgLogEntry> = codecOf(1, emptyPgLogEntry, encodePgLogEntry, decodePgLogEntry);

/** pg_log_dup_t: what is left of a trimmed entry, to recognise a request that comes again. */
export const pgLogDup = struct(
  'pg_log_dup_t',
  { version: 2, compat: 1 },
  { reqid, version: eversion, userVersion: u64, returnCode: i32, opReturns: since(2, opReturns) },
);
export type PgLogDup = ValueOf<typeof pgLogDup>;

/** pg_log_t. */
export const pgLog = struct(
  'pg_log_t',
  { version: 7, compat: 3, legacy: [3, 3], oldest: 7 },
  {
    head: eversion,
    tail: eversion,
    log: list(pgLogEntry),
    canRollbackTo: eversion,
    rollbackInfoTrimmedTo: eversion,
    dups: list(pgLogDup),
  },
);
export type PgLog = ValueOf<typeof pgLog>;

/**
 * pg_missing_item: eversion_t 0, eversion_t all ones, eversion_t need, eversion_t have, u8 flags,
 * ObjectCleanRegions. Before octopus without the ones and the regions; before luminous only need and have, which
 * is told by need not being 0.
 */
export interface PgMissingItem {
  readonly need: EVersion;
  readonly have: EVersion;
  /** 1: the object is to be deleted. */
  readonly flags: number;
  /** Absent in what came in the older forms. */
  readonly cleanRegions?: ObjectCleanRegions;
}

export function encodePgMissingItem(e: Encoder, m: PgMissingItem): void {
  encodeEVersion(e, EVERSION_ZERO);
  if (m.cleanRegions !== undefined) encodeEVersion(e, EVERSION_MAX);
  encodeEVersion(e, m.need);
  encodeEVersion(e, m.have);
  e.u8(m.flags);
  if (m.cleanRegions !== undefined) encodeObjectCleanRegions(e, m.cleanRegions);
}

export function decodePgMissingItem(d: Decoder): PgMissingItem {
  const first = decodeEVersion(d);
  if (compareEVersion(first, EVERSION_ZERO) !== 0) return { need: first, have: decodeEVersion(d), flags: 0 };
  const second = decodeEVersion(d);
  if (compareEVersion(second, EVERSION_MAX) !== 0)
    return { need: second, have: decodeEVersion(d), flags: d.u8() };
  const need = decodeEVersion(d);
  const have = decodeEVersion(d);
  const flags = d.u8();
  return { need, have, flags, cleanRegions: decodeObjectCleanRegions(d) };
}

export const pgMissingItem: Codec<PgMissingItem> = codecOf(
  24,
  () => ({ need: EVERSION_ZERO, have: EVERSION_ZERO, flags: 0, cleanRegions: ALL_DIRTY }),
  encodePgMissingItem,
  decodePgMissingItem,
);

/** pg_missing_t: which objects an OSD lacks. */
export const pgMissing = struct(
  'pg_missing_t',
  { version: 5, compat: 2, legacy: [2, 2], oldest: 3 },
  { missing: pairs(hobject, pgMissingItem), mayIncludeDeletes: since(4, bool) },
);
export type PgMissing = ValueOf<typeof pgMissing>;
