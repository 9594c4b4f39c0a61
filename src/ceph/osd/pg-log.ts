import { EVERSION_ZERO, type EVersion } from '../types/eversion.ts';
import type { PgLogEntry } from '../types/pg-log.ts';
import type { ReqId } from '../types/reqid.ts';

/** What a request that came again is answered with. */
export interface LoggedRequest {
  readonly version: EVersion;
  readonly userVersion: number;
  readonly returnCode: number;
  readonly opReturns: PgLogEntry['opReturns'];
}

/** By name, then by tid: no key has to be built for a request. */
type ByTid = Map<number, LoggedRequest>;

/**
 * A PG's recent history in memory (osd/PGLog.h): entries in the order of their versions, and an index of the
 * requests that made them. Failed writes have an index entry and no version of their own: nothing changed.
 */
export class PgLog {
  head: EVersion = EVERSION_ZERO;
  tail: EVersion = EVERSION_ZERO;
  private entries: PgLogEntry[] = [];
  /** Index in `entries` of the oldest one. */
  private first = 0;
  private readonly requests = new Map<number, ByTid>();
  /** Failed requests, oldest first. */
  private readonly errors: ReqId[] = [];
  private readonly max: number;
  private readonly maxErrors: number;

  constructor(max: number, maxErrors: number) {
    this.max = Math.max(1, max);
    this.maxErrors = Math.max(1, maxErrors);
  }

  get length(): number {
    return this.entries.length - this.first;
  }

  /** Entries, oldest first. */
  list(): readonly PgLogEntry[] {
    return this.entries.slice(this.first);
  }

  find(reqid: ReqId): LoggedRequest | undefined {
    return this.requests.get(reqid.name.num)?.get(this.tidOf(reqid));
  }

  private tidOf(reqid: ReqId): number {
    // Incarnations are 0 but for clients of old: told apart by a fraction, which no tid has.
    return reqid.inc === 0 ? reqid.tid : reqid.tid + 1 / (2 + (reqid.inc & 0xff));
  }

  private index(reqid: ReqId, request: LoggedRequest): void {
    if (reqid.tid === 0) return;
    let byTid = this.requests.get(reqid.name.num);
    if (byTid === undefined) {
      byTid = new Map();
      this.requests.set(reqid.name.num, byTid);
    }
    byTid.set(this.tidOf(reqid), request);
  }

  private unindex(reqid: ReqId): void {
    if (reqid.tid === 0) return;
    const byTid = this.requests.get(reqid.name.num);
    if (byTid === undefined) return;
    byTid.delete(this.tidOf(reqid));
    if (byTid.size === 0) this.requests.delete(reqid.name.num);
  }

  add(entry: PgLogEntry): void {
    this.entries.push(entry);
    this.head = entry.version;
    this.index(entry.reqid, entry);
    if (this.length > this.max) this.trim();
  }

  addError(reqid: ReqId, request: LoggedRequest): void {
    if (reqid.tid === 0) return;
    this.index(reqid, request);
    this.errors.push(reqid);
    if (this.errors.length > this.maxErrors)
      for (const old of this.errors.splice(0, this.maxErrors >> 1)) {
        const known = this.find(old);
        if (known !== undefined && known.returnCode < 0) this.unindex(old);
      }
  }

  private trim(): void {
    const old = this.entries[this.first++];
    this.tail = old.version;
    this.unindex(old.reqid);
    if (this.first < this.max) return;
    this.entries = this.entries.slice(this.first);
    this.first = 0;
  }
}
