import type { Encoder } from '../../base/encoder.ts';
import { decodeList, encodeList } from '../types/collections.ts';
import {
  decodeEVersion,
  EVERSION_ZERO,
  type EVersion,
  encodeEVersion,
  eversionText,
} from '../types/eversion.ts';
import { decodeHObject, encodeHObject, HOBJECT_MIN, type HObject, hobjectText } from '../types/hobject.ts';
import {
  decodePgId,
  decodePgShard,
  decodeSpgId,
  encodePgId,
  encodePgShard,
  encodeSpgId,
  type PgShard,
  pgShardText,
  type SpgId,
  spgText,
} from '../types/pg.ts';
import { decodeUuid, encodeUuid, type Uuid } from '../types/uuid.ts';
import { Message, registerMessage } from './message.ts';
import {
  MSG_OSD_REP_SCRUB,
  MSG_OSD_REP_SCRUBMAP,
  MSG_OSD_SCRUB_RESERVE,
  MSG_OSD_SCRUB2,
} from './message-types.ts';

/** MOSDScrub2 (messages/MOSDScrub2.h): uuid fsid, u32 epoch, vector of spg_t, u8 repair, u8 deep. */
export class MOSDScrub2 extends Message {
  readonly type = MSG_OSD_SCRUB2;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  epoch: number;
  pgs: readonly SpgId[];
  repair: boolean;
  deep: boolean;

  constructor(fsid: Uuid, epoch: number, pgs: readonly SpgId[], repair: boolean, deep: boolean) {
    super();
    this.fsid = fsid;
    this.epoch = epoch;
    this.pgs = pgs;
    this.repair = repair;
    this.deep = deep;
  }

  override encodePayload(e: Encoder): void {
    encodeUuid(e, this.fsid);
    e.u32(this.epoch);
    encodeList(e, this.pgs, encodeSpgId);
    e.bool(this.repair);
    e.bool(this.deep);
  }

  override describe(): string {
    const pgs = this.pgs.map(spgText).join(',');
    return `scrub2([${pgs}]${this.repair ? ' repair' : ''}${this.deep ? ' deep' : ''})`;
  }
}

/** MOSDScrubReserve kinds. */
export const SCRUB_RESERVE_REQUEST = 0;
export const SCRUB_RESERVE_GRANT = 1;
export const SCRUB_RESERVE_RELEASE = 2;
export const SCRUB_RESERVE_REJECT = 3;

const RESERVE_NAMES = ['REQUEST', 'GRANT', 'RELEASE', 'REJECT'];

/** MOSDScrubReserve (messages/MOSDScrubReserve.h): spg_t, u32 epoch, s32 kind, pg_shard_t from. */
export class MOSDScrubReserve extends Message {
  readonly type = MSG_OSD_SCRUB_RESERVE;
  version = 1;
  compatVersion = 1;
  spg: SpgId;
  mapEpoch: number;
  /** SCRUB_RESERVE_*. */
  kind: number;
  from: PgShard;

  constructor(spg: SpgId, mapEpoch: number, kind: number, from: PgShard) {
    super();
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.kind = kind;
    this.from = from;
  }

  override encodePayload(e: Encoder): void {
    encodeSpgId(e, this.spg);
    e.u32(this.mapEpoch);
    e.i32(this.kind);
    encodePgShard(e, this.from);
  }

  override describe(): string {
    return `MOSDScrubReserve(${spgText(this.spg)} ${RESERVE_NAMES[this.kind] ?? '???'} e${this.mapEpoch})`;
  }
}

/**
 * MOSDRepScrub (messages/MOSDRepScrub.h), version 9: pg_t, eversion_t from, eversion_t to, u32 map epoch, u8
 * chunky, hobject_t start, hobject_t end, u8 deep, s8 shard, u32 seed, u32 min epoch (since 7), u8 allow
 * preemption (since 8), s32 priority, u8 high priority (since 9).
 */
export class MOSDRepScrub extends Message {
  readonly type = MSG_OSD_REP_SCRUB;
  version = 9;
  compatVersion = 6;
  spg: SpgId;
  scrubFrom: EVersion = EVERSION_ZERO;
  scrubTo: EVersion = EVERSION_ZERO;
  mapEpoch: number;
  minEpoch: number;
  chunky = true;
  /** Objects from start up to, and without, end. */
  start: HObject = HOBJECT_MIN;
  end: HObject = HOBJECT_MIN;
  deep = false;
  allowPreemption = false;
  scrubPriority = 0;
  highPriority = false;

  constructor(spg: SpgId, mapEpoch: number, minEpoch: number) {
    super();
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
  }

  override encodePayload(e: Encoder): void {
    encodePgId(e, this.spg.pgid);
    encodeEVersion(e, this.scrubFrom);
    encodeEVersion(e, this.scrubTo);
    e.u32(this.mapEpoch);
    e.bool(this.chunky);
    encodeHObject(e, this.start);
    encodeHObject(e, this.end);
    e.bool(this.deep);
    e.u8(this.spg.shard);
    e.u32(0xffff_ffff);
    e.u32(this.minEpoch);
    e.bool(this.allowPreemption);
    e.i32(this.scrubPriority);
    e.bool(this.highPriority);
  }

  override describe(): string {
    return (
      `replica_scrub(pg: ${spgText(this.spg)},from:${eversionText(this.scrubFrom)},` +
      `to:${eversionText(this.scrubTo)},epoch:${this.mapEpoch}/${this.minEpoch},` +
      `start:${hobjectText(this.start)},end:${hobjectText(this.end)},chunky:${this.chunky ? 1 : 0},` +
      `deep:${this.deep ? 1 : 0},version:${this.version},allow_preemption:${this.allowPreemption ? 1 : 0},` +
      `priority=${this.scrubPriority}${this.highPriority ? ' (high)' : ''})`
    );
  }
}

/**
 * MOSDRepScrubMap (messages/MOSDRepScrubMap.h), version 2: spg_t (the primary's), u32 epoch, pg_shard_t from, u8
 * preempted (since 2). The data is the encoded ScrubMap.
 */
export class MOSDRepScrubMap extends Message {
  readonly type = MSG_OSD_REP_SCRUBMAP;
  version = 2;
  compatVersion = 1;
  spg: SpgId;
  mapEpoch: number;
  from: PgShard;
  preempted = false;

  constructor(spg: SpgId, mapEpoch: number, from: PgShard) {
    super();
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.from = from;
  }

  override encodePayload(e: Encoder): void {
    encodeSpgId(e, this.spg);
    e.u32(this.mapEpoch);
    encodePgShard(e, this.from);
    e.bool(this.preempted);
  }

  override describe(): string {
    const preempted = this.preempted ? ' PREEMPTED' : '';
    return `rep_scrubmap(${spgText(this.spg)} e${this.mapEpoch} from shard ${pgShardText(this.from)}${preempted})`;
  }
}

registerMessage(MSG_OSD_SCRUB2, d => {
  const fsid = decodeUuid(d);
  const epoch = d.u32();
  const pgs = decodeList(d, 24, decodeSpgId);
  const repair = d.bool();
  return new MOSDScrub2(fsid, epoch, pgs, repair, d.bool());
});
registerMessage(MSG_OSD_SCRUB_RESERVE, d => {
  const spg = decodeSpgId(d);
  const epoch = d.u32();
  const kind = d.i32();
  return new MOSDScrubReserve(spg, epoch, kind, decodePgShard(d));
});
registerMessage(MSG_OSD_REP_SCRUB, (d, header) => {
  const v = header.version;
  const pgid = decodePgId(d);
  const scrubFrom = decodeEVersion(d);
  const scrubTo = decodeEVersion(d);
  const epoch = d.u32();
  const chunky = d.bool();
  const start = decodeHObject(d);
  const end = decodeHObject(d);
  const deep = d.bool();
  const m = new MOSDRepScrub({ pgid, shard: d.i8() }, epoch, epoch);
  m.version = Math.min(v, 9);
  m.scrubFrom = scrubFrom;
  m.scrubTo = scrubTo;
  m.chunky = chunky;
  m.start = start;
  m.end = end;
  m.deep = deep;
  d.skip(4);
  if (v >= 7) m.minEpoch = d.u32();
  if (v >= 8) m.allowPreemption = d.bool();
  if (v >= 9) {
    m.scrubPriority = d.i32();
    m.highPriority = d.bool();
  }
  return m;
});
registerMessage(MSG_OSD_REP_SCRUBMAP, (d, header, data) => {
  const spg = decodeSpgId(d);
  const epoch = d.u32();
  const m = new MOSDRepScrubMap(spg, epoch, decodePgShard(d));
  if (header.version >= 2) m.preempted = d.bool();
  if (data !== undefined) m.data = [data];
  return m;
});
