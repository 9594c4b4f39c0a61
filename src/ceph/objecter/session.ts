import { IdTable } from '../../base/id-table.ts';
import type { Connection } from '../messenger/types.ts';
import type { EntityAddrVec } from '../types/entity.ts';
import { compareHObject, type HObject } from '../types/hobject.ts';
import type { SpgId } from '../types/pg.ts';
import type { CommandOp } from './command.ts';
import type { LingerOp } from './linger.ts';
import type { Op } from './op.ts';
import type { OpTarget } from './target.ts';

/** A range of objects of a PG that the OSD does not want to hear of now. */
export interface Backoff {
  readonly spg: SpgId;
  readonly id: number;
  readonly begin: HObject;
  /** Not in the range, unless it is `begin` itself. */
  readonly end: HObject;
}

function sameSpg(a: SpgId, b: SpgId): boolean {
  return a.pgid.seed === b.pgid.seed && a.pgid.pool === b.pgid.pool && a.shard === b.shard;
}

/** Whether a request to the target is in the range. */
export function isWithin(target: OpTarget, spg: SpgId, begin: HObject, end: HObject): boolean {
  if (target.entry === undefined || !sameSpg(target.entry.spg, spg)) return false;
  const hobj = target.hobj;
  const c = compareHObject(hobj, begin);
  return c === 0 || (c > 0 && compareHObject(hobj, end) < 0);
}

/** What is in flight to one OSD. The session of those that go nowhere has osd -1. */
export class OSDSession {
  readonly osd: number;
  readonly ops = new IdTable<Op>();
  readonly lingerOps = new Map<number, LingerOp>();
  readonly commandOps = new Map<number, CommandOp>();
  /** By their ids. */
  readonly backoffs = new Map<number, Backoff>();
  con: Connection | undefined;
  addrs: EntityAddrVec;
  /** Counts connections made to it. */
  incarnation = 0;

  constructor(osd: number, con: Connection | undefined, addrs: EntityAddrVec) {
    this.osd = osd;
    this.con = con;
    this.addrs = addrs;
  }

  get isHomeless(): boolean {
    return this.osd < 0;
  }

  isBackedOff(target: OpTarget): boolean {
    if (this.backoffs.size === 0) return false;
    for (const b of this.backoffs.values()) if (isWithin(target, b.spg, b.begin, b.end)) return true;
    return false;
  }
}
