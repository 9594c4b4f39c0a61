import { Decoder } from '../../base/decoder.ts';
import { ERRNO } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { LOG_ERROR } from '../../base/log.ts';
import type { MOSDMap } from '../messages/mosd-map.ts';
import { applyIncremental } from '../osdmap/apply.ts';
import { OSDMAP_PAUSERD, OSDMAP_PAUSEWR } from '../osdmap/flags.ts';
import { decodeIncremental } from '../osdmap/incremental-codec.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import { decodeOsdMap } from '../osdmap/osdmap-codec.ts';
import { POOL_FLAG_FULL } from '../osdmap/pool-flags.ts';
import { sameAddrVec } from '../types/addr-text.ts';
import { CEPH_OSD_FLAG_FULL_FORCE, CEPH_OSD_FLAG_FULL_TRY, CEPH_OSD_FLAG_WRITE } from '../types/rados.ts';
import { Aborter } from './aborter.ts';
import type { CommandOp } from './command.ts';
import type { LingerOp } from './linger.ts';
import type { Objecter } from './objecter.ts';
import { byTid, OP_HOMELESS, type Op } from './op.ts';
import type { OSDSession } from './session.ts';
import { type OpTarget, TARGET_NEED_RESEND, TARGET_POOL_DNE, TARGET_POOL_EIO } from './target.ts';

const FULL_ANYWAY = CEPH_OSD_FLAG_FULL_TRY | CEPH_OSD_FLAG_FULL_FORCE;

interface Waiter {
  readonly epoch: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  aborter: Aborter | undefined;
}

/** What one or more new maps made of the requests. */
interface Rescan {
  readonly ops: Set<Op>;
  readonly lingers: Set<LingerOp>;
  readonly commands: Set<CommandOp>;
}

/** Keeps the objecter's map current, and its requests in line with the map. */
export class MapWatcher {
  private readonly objecter: Objecter;
  private waiters: Waiter[] = [];
  /** An incremental could not be applied; the next full map is taken instead. */
  private broken = false;
  /** Ops in a pool that the map does not know, while the monitor is asked for its newest epoch. */
  private readonly checking = new Set<Op>();
  private readonly listeners = new Set<(map: OsdMap) => void>();

  constructor(objecter: Objecter) {
    this.objecter = objecter;
  }

  /** Calls back after each new map. */
  onMap(listener: (map: OsdMap) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => this.listeners.delete(listener) };
  }

  /**
   * Asks for the next map: once, or for as long as something is paused or full, for every one
   * (Objecter::_maybe_request_map).
   */
  maybeRequestMap(): void {
    const { map, targets, mon } = this.objecter;
    const all = targets.isFull || map.testFlag(OSDMAP_PAUSERD) || map.testFlag(OSDMAP_PAUSEWR);
    if (mon.subWant('osdmap', map.epoch === 0 ? 0 : map.epoch + 1, !all)) mon.renewSubs();
  }

  /** Resolves once the map has the epoch. */
  waitFor(epoch: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { map } = this.objecter;
    if (map.epoch >= epoch && map.epoch > 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { epoch, resolve, reject, aborter: undefined };
      if (signal !== undefined)
        waiter.aborter = new Aborter(signal, {
          abort: reason => {
            this.waiters = this.waiters.filter(other => other !== waiter);
            reject(reason);
          },
        });
      this.waiters.push(waiter);
      this.maybeRequestMap();
    });
  }

  /** Resolves once the map is what the monitors had when asked. */
  async waitForLatest(signal?: AbortSignal): Promise<void> {
    const { newest } = await this.objecter.mon.getVersion('osdmap', signal);
    await this.waitFor(newest, signal);
  }

  // Pools that do not exist.

  /**
   * An op's pool is not in the map: either it is too new for our map, or it is gone. The monitor's newest
   * epoch decides; a pool that was there before is gone at once (Objecter::_check_op_pool_dne).
   */
  checkPool(op: Op): void {
    const { map } = this.objecter;
    if (op.target.poolEverExisted) op.mapDneBound = map.epoch;
    if (op.mapDneBound > 0) {
      if (map.epoch >= op.mapDneBound) this.finishSoon(op, -ERRNO['ENOENT']);
      return;
    }
    if (this.checking.has(op)) return;
    this.checking.add(op);
    this.objecter.mon.getVersion('osdmap').then(
      ({ newest }) => {
        if (!this.checking.delete(op)) return;
        op.mapDneBound = newest;
        this.checkPool(op);
      },
      () => this.checking.delete(op),
    );
  }

  forgetCheck(op: Op): void {
    if (this.checking.size > 0) this.checking.delete(op);
  }

  private finishSoon(op: Op, result: number): void {
    queueMicrotask(() => this.objecter.cancel(op, result));
  }

  // New maps.

  handleMap(m: MOSDMap): void {
    const { objecter } = this;
    if (m.fsid !== objecter.mon.fsid) {
      objecter.log(0, `handle_osd_map fsid ${m.fsid} != ${objecter.mon.fsid}`);
      return;
    }
    const before = objecter.map;
    const rescan: Rescan = { ops: new Set(), lingers: new Set(), commands: new Set() };
    if (m.last > before.epoch) {
      if (objecter.on(3))
        objecter.log(3, `handle_osd_map got epochs [${m.first},${m.last}] > ${before.epoch}`);
      try {
        if (before.epoch === 0 || (this.broken && m.maps.has(m.last))) this.takeFull(m, rescan);
        else this.advance(m, rescan);
      } catch (error) {
        // An incremental that does not fit what we have: begin anew with a full map.
        if (!(error instanceof NacreError)) throw error;
        objecter.log(LOG_ERROR, `handle_osd_map: ${error.message}`);
        this.broken = true;
        this.requestFull();
      }
    }
    const { map } = objecter;
    objecter.perf.counters.set(objecter.perf.ids.mapEpoch, map.epoch);
    const paused = (of: OsdMap) => of.testFlag(OSDMAP_PAUSERD) || of.testFlag(OSDMAP_PAUSEWR);
    if (paused(before) || paused(map) || objecter.targets.isFull) this.maybeRequestMap();
    this.resend(rescan);
    if (map !== before) for (const listener of this.listeners) listener(map);
    this.wake();
    if (map.epoch > 0) objecter.mon.subGot('osdmap', map.epoch);
    if (this.waiters.length > 0) this.maybeRequestMap();
  }

  private requestFull(): void {
    const { mon } = this.objecter;
    if (mon.subWant('osdmap', 0, true)) mon.renewSubs();
  }

  /** The newest full map, whatever was before. */
  private takeFull(m: MOSDMap, rescan: Rescan): void {
    const { objecter } = this;
    const full = m.maps.get(m.last);
    if (full === undefined) {
      this.requestFull();
      return;
    }
    const fullPools = this.fullPools();
    objecter.targets.setMap(decodeOsdMap(new Decoder(full, 'OSDMap')));
    objecter.perf.counters.inc(objecter.perf.ids.mapFull);
    this.scanAll(this.broken, fullPools, rescan);
    this.broken = false;
  }

  /** Epoch by epoch, so that no change in between goes unnoticed, or over a gap that nobody can fill. */
  private advance(m: MOSDMap, rescan: Rescan): void {
    const { objecter } = this;
    const { counters, ids } = objecter.perf;
    let skipped = false;
    for (let e = objecter.map.epoch + 1; e <= m.last; e++) {
      const inc = objecter.map.epoch === e - 1 ? m.incrementals.get(e) : undefined;
      const full = inc === undefined ? m.maps.get(e) : undefined;
      if (inc === undefined && full === undefined) {
        if (e >= m.oldest) {
          this.maybeRequestMap();
          return;
        }
        e = m.oldest - 1;
        skipped = true;
        continue;
      }
      const fullPools = this.fullPools();
      if (inc !== undefined) {
        const change = decodeIncremental(new Decoder(inc, 'OSDMap::Incremental'));
        objecter.targets.setMap(applyIncremental(objecter.map, change));
        counters.inc(ids.mapInc);
      } else {
        if (objecter.map.epoch !== e - 1) skipped = true;
        objecter.targets.setMap(decodeOsdMap(new Decoder(full!, 'OSDMap')));
        counters.inc(ids.mapFull);
      }
      this.scanAll(skipped, fullPools, rescan);
    }
  }

  /** Looks at every request on the map that we have now; `fullPools` are those that were full before. */
  private scanAll(skipped: boolean, fullPools: Set<number>, rescan: Rescan): void {
    const { objecter } = this;
    const { map } = objecter;
    for (const pool of this.fullPools()) fullPools.add(pool);
    this.scan(objecter.sessions.homeless, skipped, fullPools, rescan);
    for (const session of [...objecter.sessions.open.values()]) {
      this.scan(session, skipped, fullPools, rescan);
      if (map.isUp(session.osd) && sameAddrVec(session.addrs, map.clientAddrs[session.osd])) continue;
      for (const op of session.ops.values()) rescan.ops.add(op);
      for (const linger of session.lingerOps.values()) rescan.lingers.add(linger);
      for (const command of session.commandOps.values()) rescan.commands.add(command);
      objecter.sessions.close(session);
    }
  }

  /** Pools whose writes wait for space. */
  private fullPools(): Set<number> {
    const { map, targets } = this.objecter;
    const full = new Set<number>();
    if (!targets.honorPoolFull) return full;
    const all = targets.isFull;
    for (const [id, pool] of map.pools) if (all || pool.hasFlag(POOL_FLAG_FULL)) full.add(id);
    return full;
  }

  /**
   * Calculates the targets of a session's requests anew (Objecter::_scan_requests). Those that go elsewhere
   * leave the session. After a gap everything is sent again; after a lack of space, writes that wait for it.
   */
  private scan(session: OSDSession, skipped: boolean, fullPools: Set<number>, rescan: Rescan): void {
    const { objecter } = this;
    const { targets } = objecter;
    for (const linger of session.lingerOps.values()) {
      const action = targets.calc(linger.target, true);
      if (action === TARGET_POOL_DNE || action === TARGET_POOL_EIO)
        objecter.lingers.checkPool(linger, action);
      else if (action === TARGET_NEED_RESEND || skipped || this.waitsForSpace(linger.target, fullPools))
        rescan.lingers.add(linger);
    }
    for (const op of session.ops.values()) {
      // Finishing one may have ended others.
      if (op.session !== session) continue;
      const { target } = op;
      const action = targets.calc(target, false);
      if (action === TARGET_POOL_DNE) {
        this.checkPool(op);
        continue;
      }
      if (action === TARGET_POOL_EIO) {
        this.finishSoon(op, -ERRNO['EIO']);
        continue;
      }
      if (action !== TARGET_NEED_RESEND && !skipped && !this.waitsForSpace(target, fullPools)) continue;
      objecter.detach(op);
      this.forgetCheck(op);
      rescan.ops.add(op);
    }
    objecter.commands.scan(session, skipped, rescan.commands);
  }

  private waitsForSpace({ flags, baseOloc }: OpTarget, fullPools: Set<number>): boolean {
    return (flags & CEPH_OSD_FLAG_WRITE) !== 0 && (flags & FULL_ANYWAY) === 0 && fullPools.has(baseOloc.pool);
  }

  private resend(rescan: Rescan): void {
    const { objecter } = this;
    for (const op of [...rescan.ops].sort(byTid)) {
      objecter.detach(op);
      // Later maps of the same message have not been looked at for an op that had left its session.
      const action = objecter.targets.calc(op.target, false);
      objecter.assign(op, objecter.sessions.of(op.target.osd));
      if (action === TARGET_POOL_DNE) this.checkPool(op);
      else if (action === TARGET_POOL_EIO) this.finishSoon(op, -ERRNO['EIO']);
      else if (!op.shouldResend) objecter.drop(op);
      else if (op.state !== OP_HOMELESS && !op.target.paused) objecter.resend(op);
    }
    objecter.lingers.resend([...rescan.lingers]);
    objecter.commands.resend([...rescan.commands]);
    if (objecter.sessions.homeless.ops.size > 0) this.maybeRequestMap();
  }

  private wake(): void {
    const { epoch } = this.objecter.map;
    if (this.waiters.length === 0) return;
    const ready = this.waiters.filter(waiter => waiter.epoch <= epoch);
    this.waiters = this.waiters.filter(waiter => waiter.epoch > epoch);
    for (const waiter of ready) {
      waiter.aborter?.release();
      waiter.resolve();
    }
  }

  close(result: number): void {
    this.checking.clear();
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) {
      waiter.aborter?.release();
      waiter.reject(NacreError.fromErrno(result, 'objecter.wait_for_map', `the client was closed`));
    }
  }
}
