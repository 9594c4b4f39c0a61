import {
  type Codec,
  codecOf,
  fixedBytes,
  i8,
  map,
  plain,
  str,
  u32,
  u64b,
  utime,
  type ValueOf,
} from './codec.ts';
import type { UTime } from './utime.ts';

/** object_t: a str. */
export const objectName: Codec<string> = str;

/** shard_id_t: s8, -1 for none. */
export const shardId: Codec<number> = { ...i8, zero: () => -1 };

/** sobject_t: str name, u64 snap; older than hobject_t. */
export const sobject = plain({ oid: str, snap: u64b });

/** errorcode32_t: s32 errno as this host has it, negative for an error. Linux's numbers are those of the wire. */
export const errorcode32: Codec<number> = codecOf(
  4,
  () => 0,
  (e, v) => e.i32(v),
  d => d.i32(),
);

export const sha256Digest = fixedBytes(32);

/** A length of time in full seconds and nanoseconds of the same sign, as C++'s division leaves them. */
export interface Timespan {
  readonly sec: number;
  readonly nsec: number;
}

const NO_TIME: Timespan = { sec: 0, nsec: 0 };

/** ceph::timespan, ceph::signedspan: s32 seconds, s32 nanoseconds. */
export const timespan: Codec<Timespan> = codecOf(
  8,
  () => NO_TIME,
  (e, v) => {
    e.i32(v.sec);
    e.i32(v.nsec);
  },
  d => ({ sec: d.i32(), nsec: d.i32() }),
);

/** ceph::real_time and coarse_real_time: as utime_t. */
export const realTime: Codec<UTime> = utime;

/** EntityName (common/entity_name.h), a name in the auth database: u32 type, str id. 'client' and 'admin'. */
export const authName = plain({ type: u32, id: str });
export type AuthName = ValueOf<typeof authName>;

export const metadata = map(str, str);
