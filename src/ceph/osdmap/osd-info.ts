import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime } from '../types/utime.ts';

/** osd_info_t (osd/OSDMap.h): epochs of an OSD's life. */
export interface OsdInfo {
  /** The last interval that ended in a clean shutdown. */
  readonly lastCleanBegin: number;
  readonly lastCleanEnd: number;
  readonly upFrom: number;
  readonly upThru: number;
  readonly downAt: number;
  readonly lostAt: number;
}

export const OSD_INFO_ZERO: OsdInfo = {
  lastCleanBegin: 0,
  lastCleanEnd: 0,
  upFrom: 0,
  upThru: 0,
  downAt: 0,
  lostAt: 0,
};

// osd_info_t: u8 1, then the six epochs as u32.

export function encodeOsdInfo(e: Encoder, i: OsdInfo): void {
  e.u8(1);
  e.u32(i.lastCleanBegin);
  e.u32(i.lastCleanEnd);
  e.u32(i.upFrom);
  e.u32(i.upThru);
  e.u32(i.downAt);
  e.u32(i.lostAt);
}

export function decodeOsdInfo(d: Decoder): OsdInfo {
  d.u8();
  return {
    lastCleanBegin: d.u32(),
    lastCleanEnd: d.u32(),
    upFrom: d.u32(),
    upThru: d.u32(),
    downAt: d.u32(),
    lostAt: d.u32(),
  };
}

/** osd_xinfo_t (osd/OSDMap.h): what else the monitors remember of an OSD. */
export interface OsdXinfo {
  readonly downStamp: UTime;
  /** In units of 2^-32: how sure it is that the OSD was only slow when it was marked down. */
  readonly laggyProbability: number;
  /** Seconds. */
  readonly laggyInterval: number;
  readonly features: bigint;
  /** 16.16 weight before it was marked out automatically. */
  readonly oldWeight: number;
  readonly lastPurgedSnapsScrub: UTime;
  /** Epoch when the OSD was known to be dead, not just down. */
  readonly deadEpoch: number;
}

export const OSD_XINFO_ZERO: OsdXinfo = {
  downStamp: UTIME_ZERO,
  laggyProbability: 0,
  laggyInterval: 0,
  features: 0n,
  oldWeight: 0,
  lastPurgedSnapsScrub: UTIME_ZERO,
  deadEpoch: 0,
};

// osd_xinfo_t: ENCODE_START(4, 1): utime_t down_stamp, u32 laggy_probability, u32 laggy_interval,
//   2: u64 features   3: u32 old_weight   4: utime_t last_purged_snaps_scrub, u32 dead_epoch.

/** `v`: 4, or 3 for readers before octopus. */
export function encodeOsdXinfo(e: Encoder, x: OsdXinfo, v = 4): void {
  const mark = e.start(v, 1);
  encodeUTime(e, x.downStamp);
  e.u32(x.laggyProbability);
  e.u32(x.laggyInterval);
  e.u64b(x.features);
  e.u32(x.oldWeight);
  if (v >= 4) {
    encodeUTime(e, x.lastPurgedSnapsScrub);
    e.u32(x.deadEpoch);
  }
  e.finish(mark);
}

export function decodeOsdXinfo(d: Decoder): OsdXinfo {
  const end = d.start('osd_xinfo_t', 4);
  const v = d.structV;
  const x = {
    downStamp: decodeUTime(d),
    laggyProbability: d.u32(),
    laggyInterval: d.u32(),
    features: v >= 2 ? d.u64b() : 0n,
    oldWeight: v >= 3 ? d.u32() : 0,
    lastPurgedSnapsScrub: v >= 4 ? decodeUTime(d) : UTIME_ZERO,
    deadEpoch: v >= 4 ? d.u32() : 0,
  };
  d.finish(end);
  return x;
}
