import type { Encoder } from '../../base/encoder.ts';
import { i64, map, snapIntervals, u32 } from '../types/codec.ts';
import type { SnapInterval } from '../types/interval-set.ts';
import { registerMessage } from './message.ts';
import { MSG_MON_GET_PURGED_SNAPS, MSG_MON_GET_PURGED_SNAPS_REPLY } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

const byEpoch = map(u32, map(i64, snapIntervals));

/**
 * MMonGetPurgedSnaps (messages/MMonGetPurgedSnaps.h): paxos head, u32 first, u32 last epoch. An OSD that was away
 * asks which snapshots were purged since.
 */
export class MMonGetPurgedSnaps extends PaxosServiceMessage {
  readonly type = MSG_MON_GET_PURGED_SNAPS;
  version = 1;
  compatVersion = 1;
  start: number;
  last: number;

  constructor(start: number, last: number) {
    super();
    this.start = start;
    this.last = last;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    e.u32(this.start);
    e.u32(this.last);
  }

  override describe(): string {
    return `mon_get_purged_snaps([${this.start},${this.last}])`;
  }
}

/**
 * MMonGetPurgedSnapsReply (messages/MMonGetPurgedSnapsReply.h): paxos head, u32 first, u32 last epoch that it
 * speaks of, map u32 epoch -> map s64 pool -> intervals of snap ids.
 */
export class MMonGetPurgedSnapsReply extends PaxosServiceMessage {
  readonly type = MSG_MON_GET_PURGED_SNAPS_REPLY;
  version = 1;
  compatVersion = 1;
  start: number;
  last: number;
  purgedSnaps: ReadonlyMap<number, ReadonlyMap<number, readonly SnapInterval[]>> = new Map();

  constructor(start: number, last: number) {
    super();
    this.start = start;
    this.last = last;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    e.u32(this.start);
    e.u32(this.last);
    byEpoch.encode(e, this.purgedSnaps);
  }

  override describe(): string {
    return `mon_get_purged_snaps_reply([${this.start},${this.last}])`;
  }
}

registerMessage(MSG_MON_GET_PURGED_SNAPS, d => {
  const m = new MMonGetPurgedSnaps(0, 0);
  m.decodePaxos(d);
  m.start = d.u32();
  m.last = d.u32();
  return m;
});
registerMessage(MSG_MON_GET_PURGED_SNAPS_REPLY, d => {
  const m = new MMonGetPurgedSnapsReply(0, 0);
  m.decodePaxos(d);
  m.start = d.u32();
  m.last = d.u32();
  m.purgedSnaps = byEpoch.decode(d);
  return m;
});
