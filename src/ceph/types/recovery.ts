import {
  bin,
  blob,
  bool,
  type Codec,
  codecOf,
  derived,
  list,
  map,
  pairs,
  since,
  str,
  struct,
  u32,
  u64,
  u64OrMax,
  unused,
  type ValueOf,
} from './codec.ts';
import { eversion, hobject, snapSet } from './codecs.ts';
import { decodeOpenIntervals, encodeOpenIntervals, type Interval } from './interval-set.ts';
import { objectInfo } from './object-info.ts';

// What OSDs send each other to recover and scrub objects (osd/osd_types.h).

const openIntervals: Codec<readonly Interval[]> = codecOf<readonly Interval[]>(
  4,
  () => [],
  encodeOpenIntervals,
  decodeOpenIntervals,
);

/** ObjectRecoveryProgress: how far the copy of an object has come. */
export const objectRecoveryProgress = struct(
  'ObjectRecoveryProgress',
  { version: 1, compat: 1 },
  { first: bool, dataComplete: bool, dataRecoveredTo: u64, omapRecoveredTo: bin, omapComplete: bool },
);
export type ObjectRecoveryProgress = ValueOf<typeof objectRecoveryProgress>;

/** ObjectRecoveryInfo: what is to be copied. */
export const objectRecoveryInfo = struct(
  'ObjectRecoveryInfo',
  { version: 3, known: 4, compat: 1, oldest: 2 },
  {
    soid: hobject,
    version: eversion,
    /** Infinity in a pull, when it is not known yet. */
    size: u64OrMax,
    oi: objectInfo,
    ss: snapSet,
    copySubset: openIntervals,
    /** What other clones on the receiver have already. */
    cloneSubset: pairs(hobject, openIntervals),
    objectExist: since(3, bool),
    numOmapKeys: since(4, u64),
  },
);
export type ObjectRecoveryInfo = ValueOf<typeof objectRecoveryInfo>;

/** PushOp: a part of an object. */
export const pushOp = struct(
  'PushOp',
  { version: 1, compat: 1 },
  {
    soid: hobject,
    version: eversion,
    data: blob,
    dataIncluded: openIntervals,
    omapHeader: blob,
    omapEntries: map(bin, blob),
    attrset: map(str, blob),
    recoveryInfo: objectRecoveryInfo,
    afterProgress: objectRecoveryProgress,
    beforeProgress: objectRecoveryProgress,
  },
);
export type PushOp = ValueOf<typeof pushOp>;

/** PullOp: a request for pushes. */
export const pullOp = struct(
  'PullOp',
  { version: 1, compat: 1 },
  { soid: hobject, recoveryInfo: objectRecoveryInfo, recoveryProgress: objectRecoveryProgress },
);
export type PullOp = ValueOf<typeof pullOp>;

/** PushReplyOp. */
export const pushReplyOp = struct('PushReplyOp', { version: 1, compat: 1 }, { soid: hobject });
export type PushReplyOp = ValueOf<typeof pushReplyOp>;

interface ScrubErrors {
  readonly readError: boolean;
  readonly ecHashMismatch: boolean;
  readonly ecSizeMismatch: boolean;
}

/** ScrubMap::object: what a scrub saw of one object. */
export const scrubObject = struct(
  'ScrubMap::object',
  { version: 10, compat: 7, oldest: 10 },
  {
    /** Infinity when it could not be found out. */
    size: u64OrMax,
    negative: bool,
    attrs: map(str, blob),
    digest: u32,
    digestPresent: bool,
    nlinks: unused(u32),
    snapcolls: unused(u32),
    omapDigest: u32,
    omapDigestPresent: bool,
    anyReadError: derived(bool, (v: ScrubErrors) => v.readError || v.ecHashMismatch || v.ecSizeMismatch),
    statError: bool,
    readError: bool,
    ecHashMismatch: bool,
    ecSizeMismatch: bool,
    largeOmapObjectFound: bool,
    largeOmapObjectKeyCount: u64,
    largeOmapObjectValueSize: u64,
    objectOmapBytes: u64,
    objectOmapKeys: u64,
  },
);
export type ScrubObject = ValueOf<typeof scrubObject>;

/** ScrubMap. */
export const scrubMap = struct(
  'ScrubMap',
  { version: 3, compat: 2, legacy: [2, 2], oldest: 3 },
  {
    objects: pairs(hobject, scrubObject),
    attrs: unused(list(str)),
    oldLog: unused(blob),
    validThrough: eversion,
    incrSince: eversion,
  },
);
export type ScrubMap = ValueOf<typeof scrubMap>;
