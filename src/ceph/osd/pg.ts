import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { MOSDPGNotify2, MOSDPGQuery2 } from '../messages/mosd-pg-peering.ts';
import { MOSDPGCreated } from '../messages/mosd-state.ts';
import { pgCollection } from '../object-store/collection.ts';
import { Transaction } from '../object-store/transaction.ts';
import type { ObjectStore } from '../object-store/types.ts';
import type { PgMapping } from '../osdmap/placement.ts';
import type { PgPool } from '../osdmap/pool.ts';
import { EVERSION_ZERO, type EVersion, eversionText } from '../types/eversion.ts';
import { type GHObject, makeGHObject } from '../types/hobject.ts';
import { NO_SHARD, type PgId, pgText, type SpgId } from '../types/pg.ts';
import { PG_QUERY_INFO, type PgInfo, type PgNotify, pgHistory, pgInfo } from '../types/pg-info.ts';
import { pgLogEntry } from '../types/pg-log.ts';
import { type PgStat, pgStat } from '../types/pg-stat.ts';
import {
  PG_STATE_ACTIVE,
  PG_STATE_CLEAN,
  PG_STATE_CREATING,
  PG_STATE_DEGRADED,
  PG_STATE_DOWN,
  PG_STATE_INCOMPLETE,
  PG_STATE_PEERED,
  PG_STATE_PEERING,
  PG_STATE_REMAPPED,
  PG_STATE_UNDERSIZED,
} from '../types/pg-state.ts';
import { SNAP_NOSNAP } from '../types/snap.ts';
import { UTIME_ZERO, type UTime, utimeFromMs } from '../types/utime.ts';
import type { OpRequest } from './op-request.ts';
import { splitBits } from './ops/list-ops.ts';
import { type PgHost, sameInterval } from './pg-host.ts';
import { PgLog } from './pg-log.ts';
import { StatSum } from './stat-sum.ts';

const INFO_KEY = '_info';
const LOG_PREFIX = 'log.';
const UNSPLIT_KEY = '_unsplit';

/** Why a PG does not serve. */
type Stall = 'none' | 'peering' | 'undersized' | 'incomplete' | 'down';

/** One past interval that may have taken writes. */
interface PastInterval {
  readonly first: number;
  readonly last: number;
  readonly acting: readonly number[];
}

/**
 * A placement group on this OSD: who has it, whether it may serve, and what it keeps of its history (osd/PG.h,
 * osd/PeeringState.h).
 *
 * Peering is the part of Ceph's that needs no data to move: the primary asks the acting set for their info and goes
 * active when all have the same last update and everyone's writes since the last time it was active are among
 * theirs. Where objects would have to be recovered it says so (incomplete or down) and requests wait.
 */
export abstract class PG {
  readonly host: PgHost;
  readonly pgid: PgId;
  readonly spg: SpgId;
  readonly cid: string;
  readonly store: ObjectStore;
  readonly meta: GHObject;
  pool: PgPool;
  mapping: PgMapping;
  /** First epoch of the current interval. */
  intervalSince: number;
  created: number;
  /** Epoch in which it was last active. */
  lastEpochStarted = 0;
  lastEpochClean = 0;
  lastUpdate: EVersion = EVERSION_ZERO;
  /** All of the acting set have committed up to here. */
  lastComplete: EVersion = EVERSION_ZERO;
  lastUserVersion = 0;
  readonly stats = new StatSum();
  readonly log: PgLog;
  private stall: Stall = 'peering';
  private readonly peers = new Map<number, PgInfo>();
  /** Requests that wait until the PG is active. */
  protected waiting: OpRequest[] = [];
  private reportedSeq = 0;
  private lastChange: UTime = UTIME_ZERO;
  private lastActive: UTime = UTIME_ZERO;
  removed = false;
  /** Its objects are still with the PG that it was split from: pg_num was raised, and nothing moves them yet. */
  unsplit = false;

  constructor(host: PgHost, pgid: PgId, pool: PgPool, mapping: PgMapping, epoch: number) {
    this.host = host;
    this.pgid = pgid;
    this.spg = { pgid, shard: NO_SHARD };
    this.cid = pgCollection(this.spg);
    this.store = host.store;
    this.pool = pool;
    this.mapping = mapping;
    this.intervalSince = epoch;
    this.created = epoch;
    this.log = new PgLog(host.limits.minLogEntries, host.limits.dupsTracked);
    const hobj = {
      key: '',
      oid: '',
      snap: SNAP_NOSNAP,
      hash: pgid.seed,
      max: false,
      nspace: '',
      pool: pgid.pool,
    };
    this.meta = makeGHObject(hobj);
  }

  get isPrimary(): boolean {
    return this.mapping.actingPrimary === this.host.whoami;
  }

  get isActing(): boolean {
    return this.mapping.acting.includes(this.host.whoami);
  }

  get isActive(): boolean {
    return this.stall === 'none';
  }

  /** What the users of `pg` commands see. */
  get stateBits(): number {
    const { acting, up } = this.mapping;
    const undersized = acting.length < this.pool.size ? PG_STATE_UNDERSIZED + PG_STATE_DEGRADED : 0;
    const remapped =
      acting.length !== up.length || acting.some((osd, i) => osd !== up[i]) ? PG_STATE_REMAPPED : 0;
    switch (this.stall) {
      case 'none':
        return PG_STATE_ACTIVE + (undersized !== 0 ? undersized : PG_STATE_CLEAN) + remapped;
      case 'undersized':
        return PG_STATE_PEERED + undersized + remapped;
      case 'incomplete':
        return PG_STATE_INCOMPLETE + remapped;
      case 'down':
        return PG_STATE_DOWN + remapped;
      default:
        return (this.lastEpochStarted === 0 ? PG_STATE_CREATING : 0) + PG_STATE_PEERING + remapped;
    }
  }

  // Storage.

  /** Makes the collection, or reads what the store has of the PG. */
  load(): void {
    if (!this.store.collectionExists(this.cid)) {
      const t = new Transaction();
      t.createCollection(this.cid, splitBits(this.pgid.seed, this.pool.pgNum));
      t.touch(this.cid, this.meta);
      this.store.queue(t, () => {});
      return;
    }
    const keys = this.store.omapValues(this.cid, this.meta, [INFO_KEY, UNSPLIT_KEY]);
    this.unsplit = keys.has(UNSPLIT_KEY);
    const stored = keys.get(INFO_KEY);
    if (stored === undefined) return;
    const info = pgInfo.decode(new Decoder(stored, 'pg_info_t'));
    this.created = info.history.epochCreated;
    this.lastUpdate = info.lastUpdate;
    this.lastComplete = info.lastComplete;
    this.lastUserVersion = info.lastUserVersion;
    this.lastEpochStarted = info.lastEpochStarted;
    this.lastEpochClean = info.history.lastEpochClean;
    this.stats.restore(info.stats.stats.sum);
    for (const [key, value] of this.store.omapIterate(this.cid, this.meta, LOG_PREFIX))
      if (key.startsWith(LOG_PREFIX)) this.log.add(pgLogEntry.decode(new Decoder(value, 'pg_log_entry_t')));
    this.log.head = this.lastUpdate;
  }

  /** Writes info and log: at a clean stop, from which the PG resumes. */
  save(t: Transaction): void {
    const values = new Map<string, Uint8Array>();
    for (const entry of this.log.list()) {
      const { version, epoch } = entry.version;
      const key = `${LOG_PREFIX}${String(epoch).padStart(10, '0')}.${String(version).padStart(20, '0')}`;
      values.set(
        key,
        encodeToBuffer(e => pgLogEntry.encode(e, entry)),
      );
    }
    values.set(
      INFO_KEY,
      encodeToBuffer(e => pgInfo.encode(e, this.info())),
    );
    if (this.unsplit) values.set(UNSPLIT_KEY, Buffer.alloc(0));
    t.omapClear(this.cid, this.meta);
    t.omapSetKeys(this.cid, this.meta, values);
  }

  info(): PgInfo {
    return {
      ...pgInfo.zero(),
      pgid: this.pgid,
      shard: NO_SHARD,
      lastUpdate: this.lastUpdate,
      lastComplete: this.lastUpdate,
      logTail: this.log.tail,
      lastUserVersion: this.lastUserVersion,
      lastEpochStarted: this.lastEpochStarted,
      lastIntervalStarted: this.intervalSince,
      lastBackfillBitwise: true,
      stats: this.pgStats(),
      history: {
        ...pgHistory.zero(),
        epochCreated: this.created,
        lastEpochStarted: this.lastEpochStarted,
        lastEpochClean: this.lastEpochClean,
        sameIntervalSince: this.intervalSince,
        sameUpSince: this.intervalSince,
        samePrimarySince: this.intervalSince,
        epochPoolCreated: this.created,
      },
    };
  }

  pgStats(): PgStat {
    const now = utimeFromMs(this.host.env.clock.now());
    if (this.isActive) this.lastActive = now;
    const { up, acting, upPrimary, actingPrimary } = this.mapping;
    const clean = this.isActive && acting.length >= this.pool.size;
    return {
      ...pgStat.zero(),
      version: this.lastUpdate,
      reportedSeq: ++this.reportedSeq,
      reportedEpoch: this.host.map.epoch,
      state: this.stateBits,
      logStart: this.log.tail,
      ondiskLogStart: this.log.tail,
      logSize: this.log.length,
      ondiskLogSize: this.log.length,
      created: this.created,
      lastEpochClean: this.lastEpochClean,
      stats: { sum: this.stats.sum(acting.length) },
      up,
      acting,
      upPrimary,
      actingPrimary,
      mappingEpoch: this.intervalSince,
      lastFresh: now,
      lastChange: this.lastChange,
      lastActive: this.lastActive,
      lastPeered: this.lastActive,
      lastClean: clean ? now : UTIME_ZERO,
      lastUnstale: now,
      lastUndegraded: clean ? now : UTIME_ZERO,
      lastFullsized: clean ? now : UTIME_ZERO,
    };
  }

  // Intervals.

  /** Begins to work with the current map; for a PG that was just made or read. */
  begin(): void {
    this.lastChange = utimeFromMs(this.host.env.clock.now());
    this.startPeering();
  }

  /** A new map. */
  advance(pool: PgPool, mapping: PgMapping, epoch: number, started: boolean): void {
    this.pool = pool;
    if (sameInterval(mapping, this.mapping)) {
      this.mapping = mapping;
      if (this.stall === 'undersized' && this.isPrimary) this.checkActive();
      return;
    }
    const wasPrimary = this.isPrimary;
    this.mapping = mapping;
    this.intervalSince = epoch;
    this.lastChange = utimeFromMs(this.host.env.clock.now());
    this.stall = 'peering';
    this.onIntervalChange(wasPrimary);
    if (started) this.startPeering();
  }

  /** The OSD stops: no timer may be left. */
  shutdown(): void {
    this.stall = 'peering';
    this.mapping = { ...this.mapping, actingPrimary: -1 };
    this.onIntervalChange(true);
  }

  private startPeering(): void {
    this.peers.clear();
    this.stall = 'peering';
    if (!this.isPrimary) return;
    for (const osd of this.mapping.acting) if (osd !== this.host.whoami) this.query(osd);
    this.checkPeers();
  }

  private query(osd: number): void {
    const epochSent = this.host.map.epoch;
    const { history } = this.info();
    const q = { type: PG_QUERY_INFO, since: EVERSION_ZERO, history, epochSent, to: NO_SHARD, from: NO_SHARD };
    this.host.sendToOsd(osd, new MOSDPGQuery2(this.spg, q));
  }

  /** The primary asks what we have. */
  handleQuery(from: number, epoch: number): void {
    const notify: PgNotify = {
      queryEpoch: epoch,
      epochSent: this.host.map.epoch,
      info: this.info(),
      to: NO_SHARD,
      from: NO_SHARD,
      pastIntervals: undefined,
      pgFeatures: 0n,
    };
    this.host.sendToOsd(from, new MOSDPGNotify2(this.spg, notify));
  }

  /** A member of the acting set says what it has. */
  handleNotify(from: number, notify: PgNotify): void {
    if (!this.isPrimary || this.stall === 'none' || notify.queryEpoch < this.intervalSince) return;
    if (!this.mapping.acting.includes(from)) return;
    this.peers.set(from, notify.info);
    this.checkPeers();
  }

  private checkPeers(): void {
    const { acting } = this.mapping;
    if (this.peers.size < acting.length - 1) return;
    if (this.unsplit) {
      this.stop('incomplete', 'pg_num was raised, and the PG that has its objects cannot be split yet');
      return;
    }
    let started = this.lastEpochStarted;
    for (const info of this.peers.values()) started = Math.max(started, info.lastEpochStarted);
    for (const info of this.peers.values())
      if (
        info.lastUpdate.version !== this.lastUpdate.version ||
        info.lastUpdate.epoch !== this.lastUpdate.epoch
      ) {
        this.stop(
          'incomplete',
          `last updates differ: ${eversionText(this.lastUpdate)}, ${eversionText(info.lastUpdate)}`,
        );
        return;
      }
    // Writes of an interval reached all that were acting in it: one of them has to be here.
    for (const past of this.pastIntervals(started)) {
      if (past.acting.some(osd => acting.includes(osd))) continue;
      this.stop('down', `osds ${past.acting.join(',')} may have taken writes in ${past.first}-${past.last}`);
      return;
    }
    this.checkActive();
  }

  private stop(why: Stall, message: string): void {
    this.stall = why;
    this.host.statsChanged();
    this.host.log(0, `pg ${pgText(this.pgid)} is ${why}: ${message}`);
  }

  /** Intervals since an epoch that may have taken writes, by the maps that are kept. */
  private pastIntervals(since: number): PastInterval[] {
    const found: PastInterval[] = [];
    const { pool, seed } = this.pgid;
    let current: { first: number; mapping: PgMapping; minSize: number } | undefined;
    const close = (last: number) => {
      if (current === undefined) return;
      const { acting } = current.mapping;
      if (acting.length >= current.minSize && acting.length > 0 && last >= since)
        found.push({ first: current.first, last, acting });
    };
    for (let epoch = this.host.oldestMap; epoch < this.intervalSince; epoch++) {
      const map = this.host.mapAt(epoch);
      const p = map?.pools.get(pool);
      if (map === undefined || p === undefined) continue;
      const mapping = map.placement.lookup(pool, seed);
      if (current !== undefined && sameInterval(current.mapping, mapping)) continue;
      close(epoch - 1);
      current = { first: epoch, mapping, minSize: p.minSize };
    }
    close(this.intervalSince - 1);
    return found;
  }

  private checkActive(): void {
    const { acting } = this.mapping;
    if (acting.length < this.pool.minSize) {
      this.stall = 'undersized';
      return;
    }
    const fresh = this.lastEpochStarted === 0;
    this.stall = 'none';
    this.lastEpochStarted = this.host.map.epoch;
    if (acting.length >= this.pool.size) this.lastEpochClean = this.host.map.epoch;
    this.lastComplete = this.lastUpdate;
    if (fresh) this.host.sendToMon(new MOSDPGCreated(this.pgid));
    this.onActivate();
    this.host.statsChanged();
    const { waiting } = this;
    this.waiting = [];
    for (const request of waiting) this.doRequest(request);
  }

  /** The PG is not ours any more: its pool is gone. */
  remove(): void {
    this.removed = true;
    this.stall = 'peering';
    this.onIntervalChange(this.isPrimary);
    this.waiting = [];
    if (!this.store.collectionExists(this.cid)) return;
    const t = new Transaction();
    t.removeCollection(this.cid);
    this.store.queue(t, () => {});
  }

  /** A client's request, already known to be for this PG and of no newer epoch than ours. */
  abstract doRequest(request: OpRequest): void;
  /** Lets go of everything that belongs to the interval that ended. */
  protected abstract onIntervalChange(wasPrimary: boolean): void;
  protected abstract onActivate(): void;
}
