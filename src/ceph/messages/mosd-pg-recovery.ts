import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { list, pairs } from '../types/codec.ts';
import { eversion, hobject } from '../types/codecs.ts';
import type { Pairs } from '../types/collections.ts';
import { type EVersion, eversionText } from '../types/eversion.ts';
import type { Features } from '../types/features.ts';
import { type HObject, hobjectText } from '../types/hobject.ts';
import {
  decodePgId,
  decodePgShard,
  decodeSpgId,
  encodePgId,
  encodePgShard,
  encodeSpgId,
  type PgId,
  type PgShard,
  type SpgId,
  spgText,
} from '../types/pg.ts';
import {
  type PullOp,
  type PushOp,
  type PushReplyOp,
  pullOp,
  pushOp,
  pushReplyOp,
} from '../types/recovery.ts';
import { Message, type MessageHeader, registerMessage } from './message.ts';
import {
  MSG_OSD_PG_PULL,
  MSG_OSD_PG_PUSH,
  MSG_OSD_PG_PUSH_REPLY,
  MSG_OSD_PG_RECOVERY_DELETE,
  MSG_OSD_PG_RECOVERY_DELETE_REPLY,
} from './message-types.ts';
import { pushOpText } from './pg-text.ts';

const pushOps = list(pushOp);
const pullOps = list(pullOp);
const pushReplyOps = list(pushReplyOp);
const objectVersions = pairs(hobject, eversion);

/** Common to what recovery sends: whom it is for, in which epochs, who sends it, what it costs. */
abstract class RecoveryOp extends Message {
  /** The receiver's. */
  spg: SpgId;
  mapEpoch: number;
  minEpoch: number;
  from: PgShard;
  /** Bytes and objects, for the receiver's op queue. */
  cost = 0;

  constructor(spg: SpgId, mapEpoch: number, minEpoch: number, from: PgShard) {
    super();
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
    this.from = from;
  }
}

/**
 * MOSDPGPush (messages/MOSDPGPush.h), version 4: pg_t, u32 map epoch, vector of PushOp, u64 cost, s8 shard,
 * pg_shard_t from, u32 min epoch (since 3), u8 whether it is a repair (since 4).
 */
export class MOSDPGPush extends RecoveryOp {
  readonly type = MSG_OSD_PG_PUSH;
  version = 4;
  compatVersion = 2;
  pushes: readonly PushOp[] = [];
  isRepair = false;

  override encodePayload(e: Encoder, features: Features): void {
    encodePgId(e, this.spg.pgid);
    e.u32(this.mapEpoch);
    pushOps.encode(e, this.pushes, features);
    encodeTail(e, this);
    e.bool(this.isRepair);
  }

  override describe(): string {
    return `MOSDPGPush(${spgText(this.spg)} ${this.mapEpoch}/${this.minEpoch} [${this.pushes.map(pushOpText).join(',')}])`;
  }
}

/**
 * MOSDPGPull (messages/MOSDPGPull.h), version 3: pg_t, u32 map epoch, vector of PullOp, u64 cost, s8 shard,
 * pg_shard_t from, u32 min epoch (since 3).
 */
export class MOSDPGPull extends RecoveryOp {
  readonly type = MSG_OSD_PG_PULL;
  version = 3;
  compatVersion = 2;
  pulls: readonly PullOp[] = [];

  override encodePayload(e: Encoder, features: Features): void {
    encodePgId(e, this.spg.pgid);
    e.u32(this.mapEpoch);
    pullOps.encode(e, this.pulls, features);
    encodeTail(e, this);
  }

  override describe(): string {
    return `MOSDPGPull(${spgText(this.spg)} e${this.mapEpoch}/${this.minEpoch} cost ${this.cost})`;
  }
}

/**
 * MOSDPGPushReply (messages/MOSDPGPushReply.h), version 3: pg_t, u32 map epoch, vector of PushReplyOp, u64 cost, s8
 * shard, pg_shard_t from, u32 min epoch (since 3).
 */
export class MOSDPGPushReply extends RecoveryOp {
  readonly type = MSG_OSD_PG_PUSH_REPLY;
  version = 3;
  compatVersion = 2;
  replies: readonly PushReplyOp[] = [];

  override encodePayload(e: Encoder, features: Features): void {
    encodePgId(e, this.spg.pgid);
    e.u32(this.mapEpoch);
    pushReplyOps.encode(e, this.replies, features);
    encodeTail(e, this);
  }

  override describe(): string {
    const replies = this.replies.map(op => `PushReplyOp(${hobjectText(op.soid)})`).join(',');
    return `MOSDPGPushReply(${spgText(this.spg)} ${this.mapEpoch}/${this.minEpoch} [${replies}])`;
  }
}

/**
 * MOSDPGRecoveryDelete (messages/MOSDPGRecoveryDelete.h): pg_shard_t from, spg_t, u32 map epoch, u32 min epoch, u64
 * cost, list of (hobject_t, eversion_t): delete these as part of recovery.
 */
export class MOSDPGRecoveryDelete extends RecoveryOp {
  readonly type = MSG_OSD_PG_RECOVERY_DELETE;
  version = 2;
  compatVersion = 1;
  objects: Pairs<HObject, EVersion> = [];

  override encodePayload(e: Encoder): void {
    encodePgShard(e, this.from);
    encodeSpgId(e, this.spg);
    e.u32(this.mapEpoch);
    e.u32(this.minEpoch);
    e.u64(this.cost);
    objectVersions.encode(e, this.objects);
  }

  override describe(): string {
    return `MOSDPGRecoveryDelete(${spgText(this.spg)} e${this.mapEpoch},${this.minEpoch} ${objectsText(this.objects)})`;
  }
}

/**
 * MOSDPGRecoveryDeleteReply (messages/MOSDPGRecoveryDeleteReply.h), version 2: pg_t, u32 map epoch, u32 min epoch,
 * list of (hobject_t, eversion_t), s8 shard, pg_shard_t from.
 */
export class MOSDPGRecoveryDeleteReply extends RecoveryOp {
  readonly type = MSG_OSD_PG_RECOVERY_DELETE_REPLY;
  version = 2;
  compatVersion = 1;
  objects: Pairs<HObject, EVersion> = [];

  override encodePayload(e: Encoder): void {
    encodePgId(e, this.spg.pgid);
    e.u32(this.mapEpoch);
    e.u32(this.minEpoch);
    objectVersions.encode(e, this.objects);
    e.u8(this.spg.shard);
    encodePgShard(e, this.from);
  }

  override describe(): string {
    return (
      `MOSDPGRecoveryDeleteReply(${spgText(this.spg)} e${this.mapEpoch},${this.minEpoch} ` +
      `${objectsText(this.objects)})`
    );
  }
}

function objectsText(objects: Pairs<HObject, EVersion>): string {
  return objects.map(([oid, v]) => `${hobjectText(oid)},${eversionText(v)}`).join(',');
}

function encodeTail(e: Encoder, m: RecoveryOp): void {
  e.u64(m.cost);
  e.u8(m.spg.shard);
  encodePgShard(e, m.from);
  e.u32(m.minEpoch);
}

type Make<M extends RecoveryOp> = new (spg: SpgId, mapEpoch: number, minEpoch: number, from: PgShard) => M;

/** What follows the ops of a push, pull or push reply. */
function decodeTail<M extends RecoveryOp>(
  d: Decoder,
  header: MessageHeader,
  pgid: PgId,
  mapEpoch: number,
  make: Make<M>,
): M {
  const cost = d.u64();
  const spg = { pgid, shard: d.i8() };
  const from = decodePgShard(d);
  const m = new make(spg, mapEpoch, header.version >= 3 ? d.u32() : mapEpoch, from);
  m.cost = cost;
  return m;
}

registerMessage(MSG_OSD_PG_PUSH, (d, header) => {
  const pgid = decodePgId(d);
  const mapEpoch = d.u32();
  const pushes = pushOps.decode(d);
  const m = decodeTail(d, header, pgid, mapEpoch, MOSDPGPush);
  m.pushes = pushes;
  if (header.version >= 4) m.isRepair = d.bool();
  return m;
});
registerMessage(MSG_OSD_PG_PULL, (d, header) => {
  const pgid = decodePgId(d);
  const mapEpoch = d.u32();
  const pulls = pullOps.decode(d);
  const m = decodeTail(d, header, pgid, mapEpoch, MOSDPGPull);
  m.pulls = pulls;
  return m;
});
registerMessage(MSG_OSD_PG_PUSH_REPLY, (d, header) => {
  const pgid = decodePgId(d);
  const mapEpoch = d.u32();
  const replies = pushReplyOps.decode(d);
  const m = decodeTail(d, header, pgid, mapEpoch, MOSDPGPushReply);
  m.replies = replies;
  return m;
});
registerMessage(MSG_OSD_PG_RECOVERY_DELETE, d => {
  const from = decodePgShard(d);
  const spg = decodeSpgId(d);
  const mapEpoch = d.u32();
  const m = new MOSDPGRecoveryDelete(spg, mapEpoch, d.u32(), from);
  m.cost = d.u64();
  m.objects = objectVersions.decode(d);
  return m;
});
registerMessage(MSG_OSD_PG_RECOVERY_DELETE_REPLY, d => {
  const pgid = decodePgId(d);
  const mapEpoch = d.u32();
  const minEpoch = d.u32();
  const objects = objectVersions.decode(d);
  const shard = d.i8();
  const m = new MOSDPGRecoveryDeleteReply({ pgid, shard }, mapEpoch, minEpoch, decodePgShard(d));
  m.objects = objects;
  return m;
});
