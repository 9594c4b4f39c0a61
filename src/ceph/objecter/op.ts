import type { Span } from '../../base/trace.ts';
import type { TimerHandle } from '../../env/env.ts';
import type { MOSDOpReply } from '../messages/mosdopreply.ts';
import type { OSDOp } from '../messages/osd-op.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import { SNAP_NOSNAP, SNAPC_EMPTY, type SnapContext } from '../types/snap.ts';
import { UTIME_ZERO, type UTime } from '../types/utime.ts';
import type { Aborter } from './aborter.ts';
import type { OSDSession } from './session.ts';
import { OpTarget } from './target.ts';

/** Hears of the end of an op; one call, never while the op is being submitted by `submit`. */
export interface OpCompletion {
  /**
   * `result` is the reply's, or the negative errno with which the client gave the op up (then `op.reply` is
   * undefined). The results and output of the single ops are in `op.reply.ops`.
   */
  opFinished(op: Op, result: number): void;
}

/** Where an op is (Objecter::Op): it moves from one state to the next in the order given here, or back to HOMELESS. */
export const OP_NEW = 0;
/** Waits for room in the budget of ops and bytes in flight. */
export const OP_THROTTLED = 1;
/** No OSD serves its PG, its pool is not known, or there is no map yet. */
export const OP_HOMELESS = 2;
/** Belongs to a session; sent, unless it is paused or the OSD asked to hold it back. */
export const OP_ASSIGNED = 3;
export const OP_FINISHED = 4;

/** One request to an object (or PG): its target, what to do there, and how often it was tried. */
export class Op {
  readonly target: OpTarget;
  readonly ops: OSDOp[];
  readonly completion: OpCompletion;
  /** Ties reply to request and names the request towards the OSDs, resends included. 0 until submitted. */
  tid = 0;
  state = OP_NEW;
  session: OSDSession | undefined = undefined;
  snapid: bigint = SNAP_NOSNAP;
  snapc: SnapContext = SNAPC_EMPTY;
  mtime: UTime = UTIME_ZERO;
  /** Message priority; 0 for osd_client_op_priority. */
  priority = 0;
  /** How often it was sent. */
  attempts = 0;
  /** False for registrations of watches and notifies, which are made anew instead of resent. */
  shouldResend = true;
  /** Bytes that it takes of the budget; -1 for an op that takes no part in it. */
  budget = 0;
  /** Monotonic milliseconds: submitted, last sent. */
  submitted = 0;
  stamp = 0;
  /** Epoch from which on a pool that is not in the map does not exist; 0 until the monitor said. */
  mapDneBound = 0;
  reply: MOSDOpReply | undefined = undefined;
  /** The completion keeps none of the reply's data beyond its call. */
  borrows = false;
  timer: TimerHandle | undefined = undefined;
  aborter: Aborter | undefined = undefined;
  span: Span | undefined = undefined;

  constructor(
    oid: string,
    oloc: ObjectLocator,
    flags: number,
    ops: OSDOp[],
    completion: OpCompletion,
    target?: OpTarget,
  ) {
    this.target = target ?? new OpTarget(oid, oloc, flags);
    this.ops = ops;
    this.completion = completion;
  }
}

/** Orders ops for resending. */
export function byTid(a: { readonly tid: number }, b: { readonly tid: number }): number {
  return a.tid - b.tid;
}
