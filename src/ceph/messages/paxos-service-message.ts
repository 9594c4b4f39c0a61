import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { Message } from './message.ts';

/**
 * PaxosServiceMessage (messages/PaxosServiceMessage.h): the head of most messages to and from a monitor's
 * services: u64 version, s16 session mon, u64 session mon tid; the latter two only old monitors used.
 */
export abstract class PaxosServiceMessage extends Message {
  /** Version of the service's map that the sender has or speaks of. */
  paxosVersion = 0;
  sessionMon = -1;
  sessionMonTid = 0;

  protected encodePaxos(e: Encoder): void {
    e.u64(this.paxosVersion);
    e.u16(this.sessionMon);
    e.u64(this.sessionMonTid);
  }

  decodePaxos(d: Decoder): void {
    this.paxosVersion = d.u64();
    this.sessionMon = d.i16();
    this.sessionMonTid = d.u64();
  }
}
