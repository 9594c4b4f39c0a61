import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { entityAddrVecText } from '../types/addr-text.ts';
import {
  decI32,
  decodeList,
  decodePairs,
  encI32,
  encodeList,
  encodePairs,
  type Pairs,
} from '../types/collections.ts';
import { decodeEntityName } from '../types/entity.ts';
import {
  decodeEntityAddr,
  decodeEntityAddrVec,
  type EntityAddr,
  type EntityAddrVec,
  encodeEntityAddrVec,
} from '../types/entity-addr.ts';
import type { Features } from '../types/features.ts';
import { decodePgId, encodePgId, type PgId, pgText } from '../types/pg.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { registerMessage } from './message.ts';
import {
  MSG_OSD_ALIVE,
  MSG_OSD_FAILURE,
  MSG_OSD_FULL,
  MSG_OSD_MARK_ME_DEAD,
  MSG_OSD_MARK_ME_DOWN,
  MSG_OSD_PG_CREATED,
  MSG_OSD_PGTEMP,
} from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

// What an OSD tells the monitor about the state of itself and of others. The paxos version is the epoch of the
// sender's map.

/** MOSDAlive (messages/MOSDAlive.h): paxos head, u32 epoch up to which the OSD wants to be known as up. */
export class MOSDAlive extends PaxosServiceMessage {
  readonly type = MSG_OSD_ALIVE;
  version = 1;
  compatVersion = 1;
  want: number;

  constructor(epoch: number, want: number) {
    super();
    this.paxosVersion = epoch;
    this.want = want;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    e.u32(this.want);
  }

  override describe(): string {
    return `osd_alive(want up_thru ${this.want} have ${this.paxosVersion})`;
  }
}

/** MOSDFailure flags. */
export const OSD_FAILURE_FAILED = 1;
/** It is known to be gone (connection refused), not merely silent. */
export const OSD_FAILURE_IMMEDIATE = 2;

/**
 * MOSDFailure (messages/MOSDFailure.h), version 4: paxos head, uuid fsid, s32 OSD, entity_addrvec_t, u32 epoch,
 * u8 flags, s32 seconds. Without FAILED it takes the report back. Version 3 has entity_inst_t in place of OSD
 * and addresses.
 */
export class MOSDFailure extends PaxosServiceMessage {
  readonly type = MSG_OSD_FAILURE;
  version = 4;
  compatVersion = 4;
  fsid: Uuid;
  targetOsd: number;
  targetAddrs: EntityAddrVec;
  epoch: number;
  /** OSD_FAILURE_*. */
  flags = OSD_FAILURE_FAILED;
  /** Silent for at least so many seconds. */
  failedFor: number;

  constructor(fsid: Uuid, targetOsd: number, targetAddrs: EntityAddrVec, failedFor: number, epoch: number) {
    super();
    this.paxosVersion = epoch;
    this.fsid = fsid;
    this.targetOsd = targetOsd;
    this.targetAddrs = targetAddrs;
    this.failedFor = failedFor;
    this.epoch = epoch;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    e.i32(this.targetOsd);
    encodeEntityAddrVec(e, this.targetAddrs, features);
    e.u32(this.epoch);
    e.u8(this.flags);
    e.i32(this.failedFor);
  }

  override describe(): string {
    const failed = (this.flags & OSD_FAILURE_FAILED) !== 0 ? 'failed' : 'recovered';
    const how = (this.flags & OSD_FAILURE_IMMEDIATE) !== 0 ? 'immediate' : 'timeout';
    const addrs = entityAddrVecText(this.targetAddrs);
    return (
      `osd_failure(${failed} ${how} osd.${this.targetOsd} ${addrs} for ${this.failedFor}sec ` +
      `e${this.epoch} v${this.paxosVersion})`
    );
  }
}

/**
 * MOSDMarkMeDown (messages/MOSDMarkMeDown.h), version 4: paxos head, uuid fsid, s32 OSD, entity_addrvec_t, u32
 * epoch, u8 whether to answer with the same, u8 dead too (since 4). Version 2 has entity_inst_t.
 */
export class MOSDMarkMeDown extends PaxosServiceMessage {
  readonly type = MSG_OSD_MARK_ME_DOWN;
  version = 4;
  compatVersion = 3;
  fsid: Uuid;
  targetOsd: number;
  targetAddrs: EntityAddrVec;
  epoch: number;
  requestAck: boolean;
  downAndDead = false;

  constructor(fsid: Uuid, targetOsd: number, targetAddrs: EntityAddrVec, epoch: number, requestAck: boolean) {
    super();
    this.paxosVersion = epoch;
    this.fsid = fsid;
    this.targetOsd = targetOsd;
    this.targetAddrs = targetAddrs;
    this.epoch = epoch;
    this.requestAck = requestAck;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    e.i32(this.targetOsd);
    encodeEntityAddrVec(e, this.targetAddrs, features);
    e.u32(this.epoch);
    e.bool(this.requestAck);
    e.bool(this.downAndDead);
  }

  override describe(): string {
    return (
      `MOSDMarkMeDown(request_ack=${this.requestAck ? 1 : 0}, down_and_dead=${this.downAndDead ? 1 : 0}, ` +
      `osd.${this.targetOsd}, ${entityAddrVecText(this.targetAddrs)}, fsid=${this.fsid})`
    );
  }
}

/** MOSDMarkMeDead (messages/MOSDMarkMeDead.h): paxos head, uuid fsid, s32 OSD, u32 epoch. */
export class MOSDMarkMeDead extends PaxosServiceMessage {
  readonly type = MSG_OSD_MARK_ME_DEAD;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  targetOsd: number;
  epoch: number;

  constructor(fsid: Uuid, targetOsd: number, epoch: number) {
    super();
    this.paxosVersion = epoch;
    this.fsid = fsid;
    this.targetOsd = targetOsd;
    this.epoch = epoch;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    e.i32(this.targetOsd);
    e.u32(this.epoch);
  }

  override describe(): string {
    return `MOSDMarkMeDead(osd.${this.targetOsd}, epoch ${this.epoch}, fsid=${this.fsid})`;
  }
}

/** MOSDFull (messages/MOSDFull.h): paxos head, u32 epoch, u32 full, backfillfull and nearfull bits of the state. */
export class MOSDFull extends PaxosServiceMessage {
  readonly type = MSG_OSD_FULL;
  version = 1;
  compatVersion = 1;
  epoch: number;
  /** CEPH_OSD_FULL, CEPH_OSD_NEARFULL, CEPH_OSD_BACKFILLFULL. */
  state: number;

  constructor(epoch: number, state: number) {
    super();
    this.paxosVersion = epoch;
    this.epoch = epoch;
    this.state = state;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    e.u32(this.epoch);
    e.u32(this.state);
  }

  override describe(): string {
    return `osd_full(e${this.epoch} ${this.state} v${this.paxosVersion})`;
  }
}

/**
 * MOSDPGTemp (messages/MOSDPGTemp.h), version 2: paxos head, u32 epoch, map pg_t -> vector s32, u8 forced (since
 * 2). A primary asks for a temporary acting set (empty: no longer).
 */
export class MOSDPGTemp extends PaxosServiceMessage {
  readonly type = MSG_OSD_PGTEMP;
  version = 2;
  compatVersion = 1;
  epoch: number;
  pgTemp: Pairs<PgId, readonly number[]>;
  forced = false;

  constructor(epoch: number, pgTemp: Pairs<PgId, readonly number[]>) {
    super();
    this.paxosVersion = epoch;
    this.epoch = epoch;
    this.pgTemp = pgTemp;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    e.u32(this.epoch);
    encodePairs(e, this.pgTemp, encodePgId, (e, osds) => encodeList(e, osds, encI32));
    e.bool(this.forced);
  }

  override describe(): string {
    const pgs = this.pgTemp.map(([pg, osds]) => `${pgText(pg)}=[${osds.join(',')}]`).join(',');
    return `osd_pgtemp(e${this.epoch} {${pgs}} v${this.paxosVersion})`;
  }
}

/** MOSDPGCreated (messages/MOSDPGCreated.h): paxos head, pg_t: the primary has made it. */
export class MOSDPGCreated extends PaxosServiceMessage {
  readonly type = MSG_OSD_PG_CREATED;
  version = 1;
  compatVersion = 1;
  pgid: PgId;

  constructor(pgid: PgId) {
    super();
    this.pgid = pgid;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodePgId(e, this.pgid);
  }

  override describe(): string {
    return `osd_pg_created(${pgText(this.pgid)})`;
  }
}

/** entity_inst_t of older versions. */
function decodeInst(d: Decoder): { osd: number; addrs: EntityAddr[] } {
  const osd = decodeEntityName(d).num;
  return { osd, addrs: [decodeEntityAddr(d)] };
}

registerMessage(MSG_OSD_ALIVE, d => {
  const m = new MOSDAlive(0, 0);
  m.decodePaxos(d);
  m.want = d.u32();
  return m;
});
registerMessage(MSG_OSD_FAILURE, (d, header) => {
  const m = new MOSDFailure(UUID_ZERO, 0, [], 0, 0);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  if (header.version < 4) {
    const { osd, addrs } = decodeInst(d);
    m.targetOsd = osd;
    m.targetAddrs = addrs;
  } else {
    m.targetOsd = d.i32();
    m.targetAddrs = decodeEntityAddrVec(d);
  }
  m.epoch = d.u32();
  m.flags = d.u8();
  m.failedFor = d.i32();
  return m;
});
registerMessage(MSG_OSD_MARK_ME_DOWN, (d, header) => {
  const m = new MOSDMarkMeDown(UUID_ZERO, 0, [], 0, false);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  if (header.version < 3) {
    const { osd, addrs } = decodeInst(d);
    m.targetOsd = osd;
    m.targetAddrs = addrs;
  } else {
    m.targetOsd = d.i32();
    m.targetAddrs = decodeEntityAddrVec(d);
  }
  m.epoch = d.u32();
  m.requestAck = d.bool();
  if (header.version >= 4) m.downAndDead = d.bool();
  return m;
});
registerMessage(MSG_OSD_MARK_ME_DEAD, d => {
  const m = new MOSDMarkMeDead(UUID_ZERO, 0, 0);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.targetOsd = d.i32();
  m.epoch = d.u32();
  return m;
});
registerMessage(MSG_OSD_FULL, d => {
  const m = new MOSDFull(0, 0);
  m.decodePaxos(d);
  m.epoch = d.u32();
  m.state = d.u32();
  return m;
});
registerMessage(MSG_OSD_PGTEMP, (d, header) => {
  const m = new MOSDPGTemp(0, []);
  m.decodePaxos(d);
  m.epoch = d.u32();
  m.pgTemp = decodePairs(d, 21, decodePgId, d => decodeList(d, 4, decI32));
  if (header.version >= 2) m.forced = d.bool();
  return m;
});
registerMessage(MSG_OSD_PG_CREATED, d => {
  const m = new MOSDPGCreated({ pool: 0, seed: 0 });
  m.decodePaxos(d);
  m.pgid = decodePgId(d);
  return m;
});
