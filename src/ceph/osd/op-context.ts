import type { OSDOp } from '../messages/osd-op.ts';
import { Transaction } from '../object-store/transaction.ts';
import { EVERSION_ZERO, type EVersion } from '../types/eversion.ts';
import { OBJECT_FLAG_WHITEOUT, type ObjectInfo } from '../types/object-info.ts';
import type { ReqId } from '../types/reqid.ts';
import { SNAPC_EMPTY, type SnapContext, type SnapSet } from '../types/snap.ts';
import { UTIME_ZERO, type UTime } from '../types/utime.ts';
import type { ObjectContext } from './object-context.ts';
import type { OpRequest } from './op-request.ts';
import { RangeSet } from './range-set.ts';
import { StatDelta } from './stat-sum.ts';

export type MutableObjectInfo = { -readonly [K in keyof ObjectInfo]: ObjectInfo[K] };

/** A watch that begins, or goes on over another connection. */
export interface WatchConnect {
  readonly cookie: bigint;
  readonly timeoutSeconds: number;
  readonly willPing: boolean;
}

export interface WatchDisconnect {
  readonly key: string;
  /** The watcher is told. */
  readonly tell: boolean;
}

export interface NotifyStart {
  readonly cookie: bigint;
  readonly notifyId: bigint;
  readonly timeoutSeconds: number;
  readonly payload: Uint8Array;
}

export interface NotifyAck {
  readonly notifyId: bigint | undefined;
  readonly cookie: bigint;
  readonly reply: Uint8Array;
}

/**
 * One request at work on one object (PrimaryLogPG::OpContext): what the object will be, and the changes that
 * make it so. Nothing of it is seen by others before all ops succeeded and the transaction was submitted.
 */
export class OpContext {
  /** Undefined for what the OSD does by itself (watch timeouts, snapshot trimming). */
  readonly request: OpRequest | undefined;
  readonly obc: ObjectContext;
  ops: readonly OSDOp[];
  readonly reqid: ReqId;
  /** State as of the ops so far. */
  exists: boolean;
  oi: MutableObjectInfo;
  snapset: SnapSet;
  snapc: SnapContext = SNAPC_EMPTY;
  mtime: UTime = UTIME_ZERO;
  atVersion: EVersion = EVERSION_ZERO;
  userAtVersion = 0;
  readonly t = new Transaction();
  /** The object has to be written although no op put anything into the transaction. */
  modify = false;
  /** Users shall see a new version. */
  userModify = false;
  undirty = false;
  private ranges: RangeSet | undefined;
  stats: StatDelta | undefined = undefined;
  watchConnects: WatchConnect[] | undefined = undefined;
  watchDisconnects: WatchDisconnect[] | undefined = undefined;
  notifies: NotifyStart[] | undefined = undefined;
  notifyAcks: NotifyAck[] | undefined = undefined;
  /** Result of the op that ran last. */
  result = 0;
  /** Index of the op that runs, for what is kept over a suspension. */
  opIndex = 0;
  reads = 0;
  readBytes = 0;
  writes = 0;
  writtenBytes = 0;

  constructor(request: OpRequest | undefined, obc: ObjectContext, ops: readonly OSDOp[], reqid: ReqId) {
    this.request = request;
    this.obc = obc;
    this.ops = ops;
    this.reqid = reqid;
    this.exists = obc.exists;
    // Copied when something changes it: most requests read.
    this.oi = obc.oi;
    this.snapset = obc.snapset;
  }

  /** The info, to be changed. */
  change(): MutableObjectInfo {
    if (this.oi === this.obc.oi) this.oi = { ...this.obc.oi };
    return this.oi;
  }

  get isWhiteout(): boolean {
    return (this.oi.flags & OBJECT_FLAG_WHITEOUT) !== 0;
  }

  /** There, as users see it. */
  get isThere(): boolean {
    return this.exists && (this.oi.flags & OBJECT_FLAG_WHITEOUT) === 0;
  }

  get delta(): StatDelta {
    this.stats ??= new StatDelta();
    return this.stats;
  }

  /** Bytes of the object that differ from before; kept only for objects with clones. */
  modified(offset: number, length: number): void {
    if (length <= 0) return;
    if (this.snapset.clones.length === 0 && this.snapc.snaps.length === 0) return;
    this.ranges ??= new RangeSet();
    this.ranges.add(offset, length);
  }

  get modifiedRanges(): RangeSet {
    this.ranges ??= new RangeSet();
    return this.ranges;
  }
}
