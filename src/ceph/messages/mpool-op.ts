import type { Encoder } from '../../base/encoder.ts';
import { errnoText } from '../../base/errno.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { registerMessage } from './message.ts';
import { CEPH_MSG_POOLOP, CEPH_MSG_POOLOP_REPLY } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

/** POOL_OP_* (include/ceph_fs.h). */
export const POOL_OP_CREATE = 0x01;
export const POOL_OP_DELETE = 0x02;
export const POOL_OP_AUID_CHANGE = 0x03;
export const POOL_OP_CREATE_SNAP = 0x11;
export const POOL_OP_DELETE_SNAP = 0x12;
export const POOL_OP_CREATE_UNMANAGED_SNAP = 0x21;
export const POOL_OP_DELETE_UNMANAGED_SNAP = 0x22;

const NAMES: Readonly<Record<number, string>> = {
  [POOL_OP_CREATE]: 'create',
  [POOL_OP_DELETE]: 'delete',
  [POOL_OP_AUID_CHANGE]: 'auid change',
  [POOL_OP_CREATE_SNAP]: 'create snap',
  [POOL_OP_DELETE_SNAP]: 'delete snap',
  [POOL_OP_CREATE_UNMANAGED_SNAP]: 'create unmanaged snap',
  [POOL_OP_DELETE_UNMANAGED_SNAP]: 'delete unmanaged snap',
};

export function poolOpName(op: number): string {
  return NAMES[op] ?? '???';
}

/**
 * MPoolOp (messages/MPoolOp.h), version 4: paxos head, uuid fsid, u32 pool, u32 op, u64 0, u64 snap id, str
 * name, u8 0, s16 crush rule. Version 2 ends with the name, 3 with a u8 crush rule.
 */
export class MPoolOp extends PaxosServiceMessage {
  readonly type = CEPH_MSG_POOLOP;
  version = 4;
  compatVersion = 2;
  fsid: Uuid;
  pool: number;
  /** POOL_OP_*. */
  op: number;
  snapid = 0n;
  /** Of the pool to make, or of the snapshot. */
  name = '';
  crushRule = 0;

  constructor(fsid: Uuid, pool: number, op: number) {
    super();
    this.fsid = fsid;
    this.pool = pool;
    this.op = op;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    e.u32(this.pool);
    e.u32(this.op);
    e.u64(0);
    e.u64b(this.snapid);
    e.str(this.name);
    e.u8(0);
    e.u16(this.crushRule);
  }

  override describe(): string {
    const { pool, tid, name, paxosVersion } = this;
    return `pool_op(${poolOpName(this.op)} pool ${pool} tid ${tid} name ${name} v${paxosVersion})`;
  }
}

/**
 * MPoolOpReply (messages/MPoolOpReply.h): paxos head, uuid fsid, s32 result, u32 epoch, u8 whether there is
 * data, blob (for a self-managed snapshot: its u64 id).
 */
export class MPoolOpReply extends PaxosServiceMessage {
  readonly type = CEPH_MSG_POOLOP_REPLY;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  /** 0 or a negative errno. */
  result: number;
  /** OSDMap epoch in which the change is. */
  epoch: number;
  response: Uint8Array | undefined;

  constructor(fsid: Uuid, result: number, epoch: number, response?: Uint8Array) {
    super();
    this.fsid = fsid;
    this.result = result;
    this.epoch = epoch;
    this.response = response;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    e.i32(this.result);
    e.u32(this.epoch);
    const { response } = this;
    e.bool(response !== undefined);
    if (response !== undefined) e.blob(response);
  }

  override describe(): string {
    const result = `(${-this.result}) ${errnoText(this.result)}`;
    return `pool_op_reply(tid ${this.tid} ${result} v${this.paxosVersion})`;
  }
}

registerMessage(CEPH_MSG_POOLOP, (d, header) => {
  const v = header.version;
  if (v < 2) d.fail(`version ${v} is older than what is read`);
  const m = new MPoolOp(UUID_ZERO, 0, 0);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.pool = d.u32();
  m.op = d.u32();
  d.skip(8);
  m.snapid = d.u64b();
  m.name = d.str();
  if (v >= 3) {
    const narrow = d.u8();
    m.crushRule = v >= 4 ? d.i16() : narrow;
  } else m.crushRule = -1;
  return m;
});
registerMessage(CEPH_MSG_POOLOP_REPLY, d => {
  const m = new MPoolOpReply(UUID_ZERO, 0, 0);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.result = d.i32();
  m.epoch = d.u32();
  if (d.bool()) m.response = d.blob();
  return m;
});
