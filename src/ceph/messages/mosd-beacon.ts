import type { Encoder } from '../../base/encoder.ts';
import { decodeList, encodeList } from '../types/collections.ts';
import { decodePgId, encodePgId, type PgId, pgText } from '../types/pg.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime, utimeText } from '../types/utime.ts';
import { registerMessage } from './message.ts';
import { MSG_OSD_BEACON } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

/**
 * MOSDBeacon (messages/MOSDBeacon.h), version 3: paxos head, vector of pg_t, u32 epoch, utime_t last scrub of
 * purged snaps (since 2), s32 report interval in seconds (since 3). An OSD's sign of life to the monitor; the
 * paxos version is its map epoch.
 */
export class MOSDBeacon extends PaxosServiceMessage {
  readonly type = MSG_OSD_BEACON;
  version = 3;
  compatVersion = 1;
  /** Those that it leads. */
  pgs: readonly PgId[];
  /** Oldest epoch in which any of them was clean. */
  minLastEpochClean: number;
  lastPurgedSnapsScrub: UTime = UTIME_ZERO;
  /** osd_beacon_report_interval, seconds. */
  reportInterval = 0;

  constructor(epoch: number, pgs: readonly PgId[], minLastEpochClean: number) {
    super();
    this.paxosVersion = epoch;
    this.pgs = pgs;
    this.minLastEpochClean = minLastEpochClean;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodeList(e, this.pgs, encodePgId);
    e.u32(this.minLastEpochClean);
    encodeUTime(e, this.lastPurgedSnapsScrub);
    e.i32(this.reportInterval);
  }

  override describe(): string {
    return (
      `osd_beacon(pgs [${this.pgs.map(pgText).join(',')}] lec ${this.minLastEpochClean} ` +
      `last_purged_snaps_scrub ${utimeText(this.lastPurgedSnapsScrub)} ` +
      `osd_beacon_report_interval ${this.reportInterval} v${this.paxosVersion})`
    );
  }
}

registerMessage(MSG_OSD_BEACON, (d, header) => {
  const m = new MOSDBeacon(0, [], 0);
  m.decodePaxos(d);
  m.pgs = decodeList(d, 17, decodePgId);
  m.minLastEpochClean = d.u32();
  if (header.version >= 2) m.lastPurgedSnapsScrub = decodeUTime(d);
  if (header.version >= 3) m.reportInterval = d.i32();
  return m;
});
