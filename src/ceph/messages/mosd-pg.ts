import type { Encoder } from '../../base/encoder.ts';
import { pair, pairs, u32, utime } from '../types/codec.ts';
import { spgId } from '../types/codecs.ts';
import { decodeList, encodeList, type Pairs } from '../types/collections.ts';
import {
  decodeEVersion,
  EVERSION_ZERO,
  type EVersion,
  encodeEVersion,
  eversionText,
} from '../types/eversion.ts';
import type { Features } from '../types/features.ts';
import {
  decodePgId,
  decodeSpgId,
  encodePgId,
  encodeSpgId,
  type PgId,
  pgText,
  type SpgId,
  spgText,
} from '../types/pg.ts';
import { type PastIntervals, type PgHistory, pastIntervals, pgHistory } from '../types/pg-info.ts';
import { type UTime, utimeText } from '../types/utime.ts';
import { Message, registerMessage } from './message.ts';
import {
  MSG_OSD_PG_CREATE2,
  MSG_OSD_PG_READY_TO_MERGE,
  MSG_OSD_PG_REMOVE,
  MSG_OSD_PG_TRIM,
  MSG_OSD_RECOVERY_RESERVE,
} from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';
import { PeeringOp } from './peering-op.ts';

const created = pairs(spgId, pair(u32, utime));
const extras = pairs(spgId, pair(pgHistory, pastIntervals));

/**
 * MOSDPGCreate2 (messages/MOSDPGCreate2.h), version 2: u32 epoch, map spg_t -> (u32 epoch, utime_t) of creation,
 * map spg_t -> (pg_history_t, PastIntervals) (since 2). The monitor tells an OSD to make the PGs that it leads.
 */
export class MOSDPGCreate2 extends Message {
  readonly type = MSG_OSD_PG_CREATE2;
  version = 2;
  compatVersion = 1;
  epoch: number;
  pgs: Pairs<SpgId, readonly [number, UTime]>;
  extra: Pairs<SpgId, readonly [PgHistory, PastIntervals]> = [];

  constructor(epoch: number, pgs: Pairs<SpgId, readonly [number, UTime]>) {
    super();
    this.epoch = epoch;
    this.pgs = pgs;
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.u32(this.epoch);
    created.encode(e, this.pgs, features);
    extras.encode(e, this.extra, features);
  }

  override describe(): string {
    const pgs = this.pgs.map(([pg, [epoch, stamp]]) => `${spgText(pg)}=${epoch},${utimeText(stamp)}`);
    return `pg_create2(e${this.epoch} {${pgs.join(',')}})`;
  }
}

/** MOSDPGRemove (messages/MOSDPGRemove.h): u32 epoch, vector of spg_t: the receiver may delete its copies. */
export class MOSDPGRemove extends Message {
  readonly type = MSG_OSD_PG_REMOVE;
  version = 3;
  compatVersion = 3;
  epoch: number;
  pgs: readonly SpgId[];

  constructor(epoch: number, pgs: readonly SpgId[]) {
    super();
    this.epoch = epoch;
    this.pgs = pgs;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.epoch);
    encodeList(e, this.pgs, encodeSpgId);
  }

  override describe(): string {
    return `osd pg remove(epoch ${this.epoch}; ${this.pgs.map(pg => `pg${spgText(pg)}; `).join('')})`;
  }
}

/** MOSDPGTrim (messages/MOSDPGTrim.h): u32 epoch, pg_t, eversion_t, s8 shard: trim the log up to there. */
export class MOSDPGTrim extends PeeringOp {
  readonly type = MSG_OSD_PG_TRIM;
  protected readonly typeName = 'pg_trim';
  version = 2;
  compatVersion = 2;
  mapEpoch: number;
  spg: SpgId;
  trimTo: EVersion;

  constructor(mapEpoch: number, spg: SpgId, trimTo: EVersion) {
    super();
    this.mapEpoch = mapEpoch;
    this.spg = spg;
    this.trimTo = trimTo;
  }

  get minEpoch(): number {
    return this.mapEpoch;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.mapEpoch);
    encodePgId(e, this.spg.pgid);
    encodeEVersion(e, this.trimTo);
    e.u8(this.spg.shard);
  }

  protected override detailText(): string {
    return eversionText(this.trimTo);
  }
}

/** MRecoveryReserve kinds. */
export const RECOVERY_RESERVE_REQUEST = 0;
export const RECOVERY_RESERVE_GRANT = 1;
export const RECOVERY_RESERVE_RELEASE = 2;
export const RECOVERY_RESERVE_REVOKE = 3;

const RESERVE_NAMES = ['REQUEST', 'GRANT', 'RELEASE', 'REVOKE'];

/**
 * MRecoveryReserve (messages/MRecoveryReserve.h), version 3: pg_t, u32 epoch, u32 kind, s8 shard, u32 priority
 * (since 3).
 */
export class MRecoveryReserve extends PeeringOp {
  readonly type = MSG_OSD_RECOVERY_RESERVE;
  protected readonly typeName = 'MRecoveryReserve';
  version = 3;
  compatVersion = 2;
  spg: SpgId;
  mapEpoch: number;
  /** RECOVERY_RESERVE_*. */
  kind: number;
  reservePriority = 0;

  constructor(kind: number, spg: SpgId, mapEpoch: number) {
    super();
    this.kind = kind;
    this.spg = spg;
    this.mapEpoch = mapEpoch;
  }

  get minEpoch(): number {
    return this.mapEpoch;
  }

  override encodePayload(e: Encoder): void {
    encodePgId(e, this.spg.pgid);
    e.u32(this.mapEpoch);
    e.u32(this.kind);
    e.u8(this.spg.shard);
    e.u32(this.reservePriority);
  }

  protected override detailText(): string {
    const priority = this.kind === RECOVERY_RESERVE_REQUEST ? ` prio: ${this.reservePriority}` : '';
    return `${RESERVE_NAMES[this.kind] ?? '???'}${priority}`;
  }
}

/**
 * MOSDPGReadyToMerge (messages/MOSDPGReadyToMerge.h): paxos head, pg_t, eversion_t source, eversion_t target, u32
 * last epoch started, u32 last epoch clean, u8 ready.
 */
export class MOSDPGReadyToMerge extends PaxosServiceMessage {
  readonly type = MSG_OSD_PG_READY_TO_MERGE;
  version = 1;
  compatVersion = 1;
  pgid: PgId;
  sourceVersion: EVersion = EVERSION_ZERO;
  targetVersion: EVersion = EVERSION_ZERO;
  lastEpochStarted = 0;
  lastEpochClean = 0;
  ready = true;

  constructor(pgid: PgId) {
    super();
    this.pgid = pgid;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodePgId(e, this.pgid);
    encodeEVersion(e, this.sourceVersion);
    encodeEVersion(e, this.targetVersion);
    e.u32(this.lastEpochStarted);
    e.u32(this.lastEpochClean);
    e.bool(this.ready);
  }

  override describe(): string {
    return (
      `osd_pg_ready_to_merge(${pgText(this.pgid)} sv ${eversionText(this.sourceVersion)} ` +
      `tv ${eversionText(this.targetVersion)} les/c ${this.lastEpochStarted}/${this.lastEpochClean} ` +
      `${this.ready ? 'ready' : 'NOT READY'} v${this.paxosVersion})`
    );
  }
}

registerMessage(MSG_OSD_PG_CREATE2, (d, header) => {
  const epoch = d.u32();
  const m = new MOSDPGCreate2(epoch, created.decode(d));
  if (header.version >= 2) m.extra = extras.decode(d);
  return m;
});
registerMessage(MSG_OSD_PG_REMOVE, d => {
  const epoch = d.u32();
  return new MOSDPGRemove(epoch, decodeList(d, 24, decodeSpgId));
});
registerMessage(MSG_OSD_PG_TRIM, d => {
  const epoch = d.u32();
  const pgid = decodePgId(d);
  const trimTo = decodeEVersion(d);
  return new MOSDPGTrim(epoch, { pgid, shard: d.i8() }, trimTo);
});
registerMessage(MSG_OSD_RECOVERY_RESERVE, (d, header) => {
  const pgid = decodePgId(d);
  const epoch = d.u32();
  const kind = d.u32();
  const m = new MRecoveryReserve(kind, { pgid, shard: d.i8() }, epoch);
  if (header.version >= 3) m.reservePriority = d.u32();
  return m;
});
registerMessage(MSG_OSD_PG_READY_TO_MERGE, d => {
  const m = new MOSDPGReadyToMerge({ pool: 0, seed: 0 });
  m.decodePaxos(d);
  m.pgid = decodePgId(d);
  m.sourceVersion = decodeEVersion(d);
  m.targetVersion = decodeEVersion(d);
  m.lastEpochStarted = d.u32();
  m.lastEpochClean = d.u32();
  m.ready = d.bool();
  return m;
});
