import type { Encoder } from '../../base/encoder.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_STATFS, CEPH_MSG_STATFS_REPLY } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

/** MStatfs (messages/MStatfs.h): paxos head, uuid fsid; version 2: u8 whether, s64 pool: only that one. */
export class MStatfs extends PaxosServiceMessage {
  readonly type = CEPH_MSG_STATFS;
  version = 2;
  compatVersion = 1;
  fsid: Uuid;
  pool: number | undefined;

  constructor(fsid: Uuid, pool?: number) {
    super();
    this.fsid = fsid;
    this.pool = pool;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    e.bool(this.pool !== undefined);
    if (this.pool !== undefined) e.i64(this.pool);
  }

  override describe(): string {
    return `statfs(${this.tid} pool ${this.pool ?? -1} v${this.paxosVersion})`;
  }
}

/**
 * MStatfsReply (messages/MStatfsReply.h), ceph_mon_statfs_reply: uuid fsid, u64 version, u64 KiB, u64 KiB used,
 * u64 KiB available, u64 objects.
 */
export class MStatfsReply extends Message {
  readonly type = CEPH_MSG_STATFS_REPLY;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  /** Version of the statistics. */
  statVersion = 0;
  kb = 0;
  kbUsed = 0;
  kbAvail = 0;
  numObjects = 0;

  constructor(fsid: Uuid) {
    super();
    this.fsid = fsid;
  }

  override encodePayload(e: Encoder): void {
    encodeUuid(e, this.fsid);
    e.u64(this.statVersion);
    e.u64(this.kb);
    e.u64(this.kbUsed);
    e.u64(this.kbAvail);
    e.u64(this.numObjects);
  }

  override describe(): string {
    return `statfs_reply(${this.tid})`;
  }
}

registerMessage(CEPH_MSG_STATFS, (d, header) => {
  const m = new MStatfs(UUID_ZERO);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  if (header.version >= 2 && d.bool()) m.pool = d.i64();
  return m;
});
registerMessage(CEPH_MSG_STATFS_REPLY, d => {
  const m = new MStatfsReply(decodeUuid(d));
  m.statVersion = d.u64();
  m.kb = d.u64();
  m.kbUsed = d.u64();
  m.kbAvail = d.u64();
  m.numObjects = d.u64();
  return m;
});
