import type { Span } from '../../base/trace.ts';
import type { DeviceCompletion, DeviceResult } from './block-device.ts';
import type { RequestHeader } from './request-parser.ts';

/** Whom a request tells of its steps. */
export interface RequestOwner {
  stepFinished(request: NbdRequest, io: DeviceResult, result: number): void;
}

/** A request that is under way. It is the completion of its own I/O. */
export class NbdRequest implements DeviceCompletion {
  private readonly owner: RequestOwner;
  readonly type: number;
  readonly flags: number;
  readonly cookieHigh: number;
  readonly cookieLow: number;
  readonly offset: number;
  readonly length: number;
  /** Bytes that it takes of the budgets. */
  readonly charge: number;
  /** Bytes that are done or under way, for those that go in steps. */
  begun = 0;
  /** Its I/O is done; what is under way is the flush that its FUA asks for. */
  flushing = false;
  span: Span | undefined;

  constructor(owner: RequestOwner, header: RequestHeader, charge: number) {
    this.owner = owner;
    this.type = header.type;
    this.flags = header.flags;
    this.cookieHigh = header.cookieHigh;
    this.cookieLow = header.cookieLow;
    this.offset = header.offset;
    this.length = header.length;
    this.charge = charge;
  }

  ioFinished(io: DeviceResult, result: number): void {
    this.owner.stepFinished(this, io, result);
  }
}
