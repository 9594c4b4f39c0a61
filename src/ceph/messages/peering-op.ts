import { type SpgId, spgText } from '../types/pg.ts';
import { Message } from './message.ts';

/** MOSDPeeringOp (messages/MOSDPeeringOp.h): what PGs of one placement tell each other outside of I/O. */
export abstract class PeeringOp extends Message {
  abstract get spg(): SpgId;
  /** Epoch of the sender's map. */
  abstract get mapEpoch(): number;
  /** The receiver drops it when its interval began after this epoch. */
  abstract get minEpoch(): number;
  protected abstract get typeName(): string;
  protected abstract detailText(): string;

  override describe(): string {
    return `${this.typeName}(${spgText(this.spg)} ${this.detailText()} e${this.mapEpoch}/${this.minEpoch})`;
  }
}
