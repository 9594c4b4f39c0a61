import type { Encoder } from '../../base/encoder.ts';
import { optional } from '../types/codec.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime, utimeText } from '../types/utime.ts';
import { decodeUuid, encodeUuid, type Uuid } from '../types/uuid.ts';
import { type Timespan, timespan } from '../types/wrappers.ts';
import { Message, registerMessage } from './message.ts';
import { MSG_OSD_PING } from './message-types.ts';
import { SPAN_ZERO, spanText } from './span.ts';

const optionalSpan = optional(timespan);

/** MOSDPing ops (messages/MOSDPing.h). */
export const OSD_PING_HEARTBEAT = 0;
export const OSD_PING_START_HEARTBEAT = 1;
export const OSD_PING_YOU_DIED = 2;
export const OSD_PING_STOP_HEARTBEAT = 3;
export const OSD_PING_PING = 4;
export const OSD_PING_PING_REPLY = 5;

const NAMES = ['heartbeat', 'start_heartbeat', 'you_died', 'stop_heartbeat', 'ping', 'ping_reply'];

/**
 * MOSDPing (messages/MOSDPing.h), version 5: uuid fsid, u32 map epoch, u8 op, utime_t ping stamp, u32 bytes of
 * padding, then since 5: u32 up from, span ping stamp, span send stamp, optional span upper bound of the
 * clocks' difference; then the padding, which finds networks that drop large packets.
 */
export class MOSDPing extends Message {
  readonly type = MSG_OSD_PING;
  version = 5;
  compatVersion = 4;
  fsid: Uuid;
  mapEpoch: number;
  /** OSD_PING_*. */
  op: number;
  /** When the ping was sent; the reply carries it back. */
  pingStamp: UTime = UTIME_ZERO;
  /** The same on the pinger's monotonic clock. */
  monoPingStamp: Timespan = SPAN_ZERO;
  /** When this was sent, on its sender's monotonic clock. */
  monoSendStamp: Timespan = SPAN_ZERO;
  deltaUb: Timespan | undefined = undefined;
  upFrom = 0;
  /** Bytes that the fields before the padding and the padding shall fill (osd_heartbeat_min_size). */
  minMessageSize = 0;

  constructor(fsid: Uuid, mapEpoch: number, op: number) {
    super();
    this.fsid = fsid;
    this.mapEpoch = mapEpoch;
    this.op = op;
  }

  override encodePayload(e: Encoder): void {
    const start = e.length;
    encodeUuid(e, this.fsid);
    e.u32(this.mapEpoch);
    e.u8(this.op);
    encodeUTime(e, this.pingStamp);
    const padding = Math.max(0, this.minMessageSize - (e.length - start));
    e.u32(padding);
    e.u32(this.upFrom);
    timespan.encode(e, this.monoPingStamp);
    timespan.encode(e, this.monoSendStamp);
    optionalSpan.encode(e, this.deltaUb);
    e.zeros(padding);
  }

  override describe(): string {
    const delta = this.deltaUb === undefined ? '' : ` delta_ub ${spanText(this.deltaUb)}`;
    return (
      `osd_ping(${NAMES[this.op] ?? '???'} e${this.mapEpoch} up_from ${this.upFrom} ` +
      `ping_stamp ${utimeText(this.pingStamp)}/${spanText(this.monoPingStamp)} ` +
      `send_stamp ${spanText(this.monoSendStamp)}${delta})`
    );
  }
}

registerMessage(MSG_OSD_PING, (d, header) => {
  const start = d.offset;
  const fsid = decodeUuid(d);
  const epoch = d.u32();
  const m = new MOSDPing(fsid, epoch, d.u8());
  m.pingStamp = decodeUTime(d);
  const before = d.offset - start;
  const padding = d.u32();
  if (header.version >= 5) {
    m.upFrom = d.u32();
    m.monoPingStamp = timespan.decode(d);
    m.monoSendStamp = timespan.decode(d);
    m.deltaUb = optionalSpan.decode(d);
  }
  d.skip(padding);
  m.minMessageSize = before + padding;
  return m;
});
