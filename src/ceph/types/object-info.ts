import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import {
  type Codec,
  codecOf,
  decodeU64OrMax,
  encodeU64OrMax,
  list,
  map,
  pairs,
  since,
  struct,
  u32,
  u64,
  u64b,
  type ValueOf,
} from './codec.ts';
import { entityAddr, entityName, hobject } from './codecs.ts';
import { decodeEntityName, type EntityName, encodeEntityName } from './entity.ts';
import { decodeEVersion, EVERSION_ZERO, type EVersion, encodeEVersion } from './eversion.ts';
import { ALL_FEATURES, type Features } from './features.ts';
import { decodeHObject, encodeHObject, HOBJECT_MIN, type HObject } from './hobject.ts';
import { encodeObjectLocator } from './object-locator.ts';
import { decodeReqId, encodeReqId, type ReqId } from './reqid.ts';
import { SNAP_NOSNAP } from './snap.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime } from './utime.ts';

/** object_info_t flags. */
export const OBJECT_FLAG_LOST = 1 << 0;
/** Deleted, but has clones or is cached: reads see ENOENT. */
export const OBJECT_FLAG_WHITEOUT = 1 << 1;
export const OBJECT_FLAG_DIRTY = 1 << 2;
export const OBJECT_FLAG_OMAP = 1 << 3;
export const OBJECT_FLAG_DATA_DIGEST = 1 << 4;
export const OBJECT_FLAG_OMAP_DIGEST = 1 << 5;
export const OBJECT_FLAG_CACHE_PIN = 1 << 6;
export const OBJECT_FLAG_MANIFEST = 1 << 7;
export const OBJECT_FLAG_USES_TMAP = 1 << 8;
export const OBJECT_FLAG_REDIRECT_HAS_REFERENCE = 1 << 9;

const FLAG_NAMES = [
  'lost',
  'whiteout',
  'dirty',
  'omap',
  'data_digest',
  'omap_digest',
  'cache_pin',
  'manifest',
  'uses_tmap',
  'redirect_has_reference',
];

/** ['dirty', 'data_digest']. */
export function objectFlagNames(flags: number): string[] {
  return FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0);
}

/** watch_info_t: ENCODE_START(4, 3): u64 cookie, u32 timeout in seconds, entity_addr_t. */
export const watchInfo = struct(
  'watch_info_t',
  { version: 4, compat: 3, legacy: [3, 3], oldest: 2 },
  { cookie: u64b, timeoutSeconds: u32, addr: since(4, entityAddr) },
);
export type WatchInfo = ValueOf<typeof watchInfo>;

/** chunk_info_t: a part of a deduplicated object, and where it is. */
export const chunkInfo = struct(
  'chunk_info_t',
  { version: 1, compat: 1 },
  { offset: u32, length: u32, oid: hobject, flags: u32 },
);
export type ChunkInfo = ValueOf<typeof chunkInfo>;

export const MANIFEST_NONE = 0;
export const MANIFEST_REDIRECT = 1;
export const MANIFEST_CHUNKED = 2;

/**
 * object_manifest_t: where the data of an object is that does not have it itself. ENCODE_START(1, 1): u8 type,
 * then hobject_t (redirect) or map u64 offset -> chunk_info_t (chunked).
 */
export interface ObjectManifest {
  /** MANIFEST_*. */
  readonly type: number;
  readonly redirectTarget: HObject;
  readonly chunkMap: ReadonlyMap<number, ChunkInfo>;
}

const chunkMap = map(u64, chunkInfo);
const NO_CHUNKS: ReadonlyMap<number, ChunkInfo> = new Map();
const NO_MANIFEST: ObjectManifest = { type: MANIFEST_NONE, redirectTarget: HOBJECT_MIN, chunkMap: NO_CHUNKS };

export const objectManifest: Codec<ObjectManifest> = codecOf(
  7,
  () => NO_MANIFEST,
  (e, v) => {
    const mark = e.start(1, 1);
    e.u8(v.type);
    if (v.type === MANIFEST_REDIRECT) encodeHObject(e, v.redirectTarget);
    else if (v.type === MANIFEST_CHUNKED) chunkMap.encode(e, v.chunkMap);
    e.finish(mark);
  },
  d => {
    const end = d.start('object_manifest_t', 1);
    const type = d.u8();
    if (type > MANIFEST_CHUNKED) d.fail(`manifest type ${type}`);
    const redirectTarget = type === MANIFEST_REDIRECT ? decodeHObject(d) : HOBJECT_MIN;
    const chunks = type === MANIFEST_CHUNKED ? chunkMap.decode(d) : NO_CHUNKS;
    d.finish(end);
    return { type, redirectTarget, chunkMap: chunks };
  },
);

/** A watcher of an object: its cookie is unique for a client only. */
export interface Watcher {
  readonly cookie: bigint;
  readonly name: EntityName;
  readonly info: WatchInfo;
}

/**
 * object_info_t (osd/osd_types.h): the xattr '_' of an object. ENCODE_START(17, 8): hobject_t, object_locator_t
 * (from it), str '', eversion_t version, eversion_t prior_version, osd_reqid_t, u64 size, utime_t mtime, empty
 * reqid (heads) or u32 0 (clones), u64 truncate_seq, u64 truncate_size, u8 lost, map entity_name_t ->
 * watch_info_t, eversion_t (user version), u8 uses_tmap, map (u64 cookie, entity_name_t) -> watch_info_t, u32
 * flags, utime_t local_mtime, u32 data_digest, u32 omap_digest, u64 expected object size, u64 expected write size,
 * u32 alloc hint flags, [MANIFEST: object_manifest_t].
 */
export interface ObjectInfo {
  readonly soid: HObject;
  readonly version: EVersion;
  readonly priorVersion: EVersion;
  readonly lastReqid: ReqId;
  readonly size: number;
  readonly mtime: UTime;
  readonly truncateSeq: number;
  /** Infinity for "never truncated", which is all ones on the wire. */
  readonly truncateSize: number;
  readonly userVersion: number;
  /** In the order of cookie and name. */
  readonly watchers: readonly Watcher[];
  readonly flags: number;
  /** When this OSD wrote it. */
  readonly localMtime: UTime;
  readonly dataDigest: number;
  readonly omapDigest: number;
  readonly expectedObjectSize: number;
  readonly expectedWriteSize: number;
  readonly allocHintFlags: number;
  readonly manifest: ObjectManifest;
}

const NO_REQID: ReqId = { name: { type: 0, num: 0 }, tid: 0, inc: 0 };
const NO_WATCHERS: readonly Watcher[] = [];

export function makeObjectInfo(soid: HObject): ObjectInfo {
  return {
    soid,
    version: EVERSION_ZERO,
    priorVersion: EVERSION_ZERO,
    lastReqid: NO_REQID,
    size: 0,
    mtime: UTIME_ZERO,
    truncateSeq: 0,
    truncateSize: 0,
    userVersion: 0,
    watchers: NO_WATCHERS,
    flags: 0,
    localMtime: UTIME_ZERO,
    dataDigest: 0xffff_ffff,
    omapDigest: 0xffff_ffff,
    expectedObjectSize: 0,
    expectedWriteSize: 0,
    allocHintFlags: 0,
    manifest: NO_MANIFEST,
  };
}

const oldWatchers = pairs(entityName, watchInfo);

/** One for each name, in the order of names. */
function watchersByName(watchers: readonly Watcher[]): [EntityName, WatchInfo][] {
  const first = new Map<string, [EntityName, WatchInfo]>();
  for (const w of watchers) {
    const key = `${w.name.type}.${w.name.num}`;
    if (!first.has(key)) first.set(key, [w.name, w.info]);
  }
  return [...first.values()].sort(([a], [b]) => a.type - b.type || a.num - b.num);
}

export function encodeObjectInfo(e: Encoder, o: ObjectInfo, features: Features = ALL_FEATURES): void {
  const mark = e.start(17, 8);
  const { soid, watchers } = o;
  encodeHObject(e, soid);
  encodeObjectLocator(e, { pool: soid.pool, key: soid.key, nspace: soid.nspace, hash: -1 });
  e.u32(0);
  encodeEVersion(e, o.version);
  encodeEVersion(e, o.priorVersion);
  encodeReqId(e, o.lastReqid);
  e.u64(o.size);
  encodeUTime(e, o.mtime);
  if (soid.snap === SNAP_NOSNAP) encodeReqId(e, NO_REQID);
  else e.u32(0);
  e.u64(o.truncateSeq);
  encodeU64OrMax(e, o.truncateSize);
  e.bool((o.flags & OBJECT_FLAG_LOST) !== 0);
  if (watchers.length === 0) e.u32(0);
  else oldWatchers.encode(e, watchersByName(watchers), features);
  e.u64(o.userVersion);
  e.u32(0);
  e.bool((o.flags & OBJECT_FLAG_USES_TMAP) !== 0);
  e.u32(watchers.length);
  for (let i = 0; i < watchers.length; i++) {
    e.u64b(watchers[i].cookie);
    encodeEntityName(e, watchers[i].name);
    watchInfo.encode(e, watchers[i].info, features);
  }
  e.u32(o.flags);
  encodeUTime(e, o.localMtime);
  e.u32(o.dataDigest);
  e.u32(o.omapDigest);
  e.u64(o.expectedObjectSize);
  e.u64(o.expectedWriteSize);
  e.u32(o.allocHintFlags);
  if ((o.flags & OBJECT_FLAG_MANIFEST) !== 0) objectManifest.encode(e, o.manifest, features);
  e.finish(mark);
}

function decodeWatchers(d: Decoder): readonly Watcher[] {
  const n = d.count(17 + watchInfo.min);
  if (n === 0) return NO_WATCHERS;
  const watchers: Watcher[] = [];
  for (let i = 0; i < n; i++)
    watchers.push({ cookie: d.u64b(), name: decodeEntityName(d), info: watchInfo.decode(d) });
  return watchers;
}

/** Versions before 17 (luminous) are refused; what newer ones append (shard versions) is skipped. */
export function decodeObjectInfo(d: Decoder): ObjectInfo {
  const end = d.startLegacy('object_info_t', 17, 8, 8);
  if (d.structV < 17) d.fail(`version ${d.structV} is too old`);
  const soid = decodeHObject(d);
  // The locator says again what soid says; its own length leads past it.
  d.finish(d.start('object_locator_t', 6));
  d.skip(d.u32());
  const version = decodeEVersion(d);
  const priorVersion = decodeEVersion(d);
  const lastReqid = decodeReqId(d);
  const size = d.u64();
  const mtime = decodeUTime(d);
  if (soid.snap === SNAP_NOSNAP) d.finish(d.start('osd_reqid_t', 2));
  else d.skip(d.count(8) * 8);
  const truncateSeq = d.u64();
  const truncateSize = decodeU64OrMax(d);
  d.skip(1);
  oldWatchers.decode(d);
  const userVersion = d.u64();
  d.skip(5);
  const watchers = decodeWatchers(d);
  const flags = d.u32();
  const localMtime = decodeUTime(d);
  const dataDigest = d.u32();
  const omapDigest = d.u32();
  const expectedObjectSize = d.u64();
  const expectedWriteSize = d.u64();
  const allocHintFlags = d.u32();
  const manifest = (flags & OBJECT_FLAG_MANIFEST) !== 0 ? objectManifest.decode(d) : NO_MANIFEST;
  d.finish(end);
  return {
    soid,
    version,
    priorVersion,
    lastReqid,
    size,
    mtime,
    truncateSeq,
    truncateSize,
    userVersion,
    watchers,
    flags,
    localMtime,
    dataDigest,
    omapDigest,
    expectedObjectSize,
    expectedWriteSize,
    allocHintFlags,
    manifest,
  };
}

export const objectInfo: Codec<ObjectInfo> = codecOf(
  1,
  () => makeObjectInfo(HOBJECT_MIN),
  encodeObjectInfo,
  decodeObjectInfo,
);

/** SnapMapper::object_snaps: which snapshots a clone serves. */
export const objectSnaps = struct(
  'SnapMapper::object_snaps',
  { version: 1, compat: 1 },
  { oid: hobject, snaps: list(u64b) },
);
export type ObjectSnaps = ValueOf<typeof objectSnaps>;

/** SnapMapper::Mapping: one clone of a snapshot. */
export const snapMapping = struct(
  'SnapMapper::Mapping',
  { version: 1, compat: 1 },
  { snap: u64b, hoid: hobject },
);
export type SnapMapping = ValueOf<typeof snapMapping>;
