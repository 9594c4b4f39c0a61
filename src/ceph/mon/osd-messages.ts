import type { Context } from '../../base/context.ts';
import { parentOfType } from '../crush/index.ts';
import { MMonGetPurgedSnaps, MMonGetPurgedSnapsReply } from '../messages/mmon-purged-snaps.ts';
import { MOSDBeacon } from '../messages/mosd-beacon.ts';
import { MOSDBoot } from '../messages/mosd-boot.ts';
import { MOSDPGReadyToMerge } from '../messages/mosd-pg.ts';
import {
  MOSDAlive,
  MOSDFailure,
  MOSDFull,
  MOSDMarkMeDead,
  MOSDMarkMeDown,
  MOSDPGCreated,
  MOSDPGTemp,
  OSD_FAILURE_FAILED,
  OSD_FAILURE_IMMEDIATE,
} from '../messages/mosd-state.ts';
import type { PaxosServiceMessage } from '../messages/paxos-service-message.ts';
import {
  OSD_BACKFILLFULL,
  OSD_FULL,
  OSD_NEARFULL,
  OSD_NODOWN,
  OSD_NOOUT,
  OSD_NOUP,
  OSDMAP_NODOWN,
  OSDMAP_NOIN,
  OSDMAP_NOOUT,
  OSDMAP_NOUP,
} from '../osdmap/index.ts';
import { entityAddrVecText, sameAddrVec } from '../types/addr-text.ts';
import { UUID_ZERO } from '../types/uuid.ts';
import type { CreatingPgs } from './creating-pgs.ts';
import { addReport, cancelReport, failedSince } from './failure-reports.ts';
import type { ClusterLog } from './log-monitor.ts';
import { MON_CAP_R, MON_CAP_X } from './mon-caps.ts';
import type { OsdMonitor } from './osd-monitor.ts';
import type { MonSession } from './session.ts';

const OSD_NAME = /^osd\.(\d{1,9})$/;

/** What OSDs tell the monitor of themselves and each other, and what the monitor makes of it. */
export class OsdMessages {
  private readonly ctx: Context;
  private readonly osds: OsdMonitor;
  private readonly creating: CreatingPgs;
  private readonly log: ClusterLog;

  constructor(ctx: Context, osds: OsdMonitor, creating: CreatingPgs, log: ClusterLog) {
    this.ctx = ctx;
    this.osds = osds;
    this.creating = creating;
    this.log = log;
  }

  /** False for a message that is not of an OSD's kind. */
  handle(session: MonSession, m: PaxosServiceMessage): boolean {
    if (m instanceof MOSDBoot) this.boot(session, m);
    else if (m instanceof MOSDAlive) this.alive(session, m);
    else if (m instanceof MOSDBeacon) this.beacon(session, m);
    else if (m instanceof MOSDFailure) this.failure(session, m);
    else if (m instanceof MOSDMarkMeDown) this.markMeDown(session, m);
    else if (m instanceof MOSDMarkMeDead) this.markMeDead(session, m);
    else if (m instanceof MOSDPGTemp) this.pgTemp(session, m);
    else if (m instanceof MOSDPGCreated) this.creating.created(m.pgid);
    else if (m instanceof MOSDFull) this.full(session, m);
    else if (m instanceof MOSDPGReadyToMerge) return true;
    else if (m instanceof MMonGetPurgedSnaps) this.purgedSnaps(session, m);
    else return false;
    return true;
  }

  /** The OSD that speaks; undefined when it may not. */
  private sender(session: MonSession): number | undefined {
    if (!session.isCapable('osd', MON_CAP_X) && !session.isCapable('osd', MON_CAP_R)) return undefined;
    const { peerName } = session.con;
    const named = OSD_NAME.exec(session.entityName);
    const osd = named === null ? peerName.num : Number(named[1]);
    return osd >= 0 ? osd : undefined;
  }

  private sendLatest(session: MonSession, from: number): void {
    this.osds.sendFrom(session, from);
  }

  private boot(session: MonSession, m: MOSDBoot): void {
    const { osds } = this;
    const { map } = osds;
    const osd = m.superblock.whoami;
    const from = this.sender(session);
    if (from === undefined || from !== osd) {
      this.log.warn(`osd.${osd} boot refused: ${session.entityName} may not speak for it`);
      return;
    }
    if (m.superblock.clusterFsid !== map.fsid) {
      this.log.warn(`osd.${osd} belongs to another cluster: ${m.superblock.clusterFsid}`);
      return;
    }
    const addrs = session.con.peerAddrs;
    if (map.isBlocklisted(addrs)) {
      this.log.info(`osd.${osd} ${entityAddrVecText(addrs)} is blocklisted`);
      return;
    }
    const known = map.exists(osd) ? map.osdUuid[osd] : UUID_ZERO;
    if (known !== UUID_ZERO && known !== m.superblock.osdFsid) {
      this.log.warn(`osd.${osd} has uuid ${m.superblock.osdFsid}, the map's is ${known}`);
      return;
    }
    const noup = map.testFlag(OSDMAP_NOUP) || (map.exists(osd) && (map.osdState[osd] & OSD_NOUP) !== 0);
    if (noup) {
      this.sendLatest(session, m.superblock.currentEpoch + 1);
      return;
    }
    if (map.isUp(osd)) {
      if (sameAddrVec(map.clientAddrs[osd], addrs) && sameAddrVec(map.clusterAddrs[osd], m.clusterAddrs)) {
        this.sendLatest(session, m.superblock.currentEpoch + 1);
        return;
      }
      // A new life of one that nobody saw die: down first, up in the epoch after.
      osds.pending.markDown(osd);
      osds.propose(() => this.boot(session, m));
      return;
    }
    this.bring(session, m, osd);
  }

  private bring(session: MonSession, m: MOSDBoot, osd: number): void {
    const { osds } = this;
    const { superblock } = m;
    const addrs = session.con.peerAddrs;
    const builder = osds.pending;
    builder.bootOsd(osd, {
      uuid: superblock.osdFsid,
      client: addrs,
      cluster: m.clusterAddrs.length === 0 ? addrs : m.clusterAddrs,
      hbBack: m.hbBackAddrs,
      hbFront: m.hbFrontAddrs,
      features: m.osdFeatures,
      mounted: superblock.mounted,
      cleanThru: superblock.cleanThru,
      fresh: m.paxosVersion === 0,
    });
    osds.metadata.set(osd, m.metadata);
    osds.failures.delete(osd);
    osds.lastReport.set(osd, this.ctx.env.clock.mono());
    if (osds.map.testFlag(OSDMAP_NOIN)) builder.inc.newWeight.delete(osd);
    osds.propose(() => {
      this.log.info(`osd.${osd} ${entityAddrVecText(addrs)} boot`);
      if (!session.closed) this.sendLatest(session, superblock.currentEpoch + 1);
    });
  }

  private alive(session: MonSession, m: MOSDAlive): void {
    const osd = this.sender(session);
    const { osds } = this;
    if (osd === undefined || !osds.map.isUp(osd)) return;
    const reply = () => this.sendLatest(session, m.paxosVersion + 1);
    if (osds.map.osdInfo[osd].upThru >= m.want) {
      reply();
      return;
    }
    const { inc } = osds.pending;
    inc.newUpThru.set(osd, Math.max(inc.newUpThru.get(osd) ?? 0, m.paxosVersion, m.want));
    osds.propose(reply);
  }

  private beacon(session: MonSession, m: MOSDBeacon): void {
    const osd = this.sender(session);
    if (osd === undefined) return;
    const { map } = this.osds;
    if (!map.exists(osd) || !map.isUp(osd) || !sameAddrVec(map.clientAddrs[osd], session.con.peerAddrs)) {
      this.sendLatest(session, m.paxosVersion + 1);
      return;
    }
    this.osds.lastReport.set(osd, this.ctx.env.clock.mono());
  }

  private failure(session: MonSession, m: MOSDFailure): void {
    const reporter = this.sender(session);
    const { osds, ctx } = this;
    const { map } = osds;
    const target = m.targetOsd;
    if (reporter === undefined || m.fsid !== map.fsid || !map.isUp(reporter)) return;
    if (!map.isUp(target) || !sameAddrVec(map.clientAddrs[target], m.targetAddrs)) {
      this.sendLatest(session, m.paxosVersion + 1);
      return;
    }
    if ((m.flags & OSD_FAILURE_FAILED) === 0) {
      cancelReport(osds.failures, target, reporter);
      return;
    }
    if (!this.mayGoDown(target)) return;
    this.log.debug(`osd.${target} reported failed by osd.${reporter}`);
    if ((m.flags & OSD_FAILURE_IMMEDIATE) !== 0) {
      this.log.info(`osd.${target} failed (connection refused reported by osd.${reporter})`);
      this.fail(target);
      return;
    }
    addReport(osds.failures, target, reporter, ctx.env.clock.now() - m.failedFor * 1000);
    this.checkFailure(target);
  }

  private mayGoDown(osd: number): boolean {
    const { map } = this.osds;
    if (map.testFlag(OSDMAP_NODOWN) || (map.osdState[osd] & OSD_NODOWN) !== 0) return false;
    const { numOsds } = map;
    const ratio = this.ctx.config.get('mon_osd_min_up_ratio');
    return numOsds > 0 && (map.numUpOsds - 1) / numOsds >= (numOsds === 1 ? 0 : Math.min(ratio, 1 / numOsds));
  }

  private fail(osd: number): void {
    this.osds.failures.delete(osd);
    this.osds.pending.markDown(osd);
    this.osds.propose();
  }

  /** Down once enough reporters of different subtrees say so for long enough. */
  private checkFailure(osd: number): boolean {
    const { osds, ctx } = this;
    const since = failedSince(osds.failures, osd);
    const of = osds.failures.get(osd);
    if (since === undefined || of === undefined) return false;
    const grace = ctx.config.get('osd_heartbeat_grace') * 1000;
    const level = ctx.config.get('mon_osd_reporter_subtree_level');
    const { crush } = osds.map;
    const type = crush.types.id(level);
    const subtrees = new Set<number>();
    for (const reporter of of.reporters.keys())
      subtrees.add(
        type === undefined || type === 0 ? reporter : (parentOfType(crush, reporter, type) ?? reporter),
      );
    if (ctx.env.clock.now() - since < grace) return false;
    if (subtrees.size < ctx.config.get('mon_osd_min_down_reporters')) return false;
    this.log.info(`osd.${osd} failed (${subtrees.size} reporters from different ${level})`);
    this.fail(osd);
    return true;
  }

  private markMeDown(session: MonSession, m: MOSDMarkMeDown): void {
    const { osds } = this;
    const osd = m.targetOsd;
    const ack = () => {
      if (m.requestAck) {
        const reply = new MOSDMarkMeDown(m.fsid, osd, m.targetAddrs, m.epoch, false);
        session.con.send(reply);
      }
    };
    if (this.sender(session) !== osd || !osds.map.isUp(osd)) {
      ack();
      return;
    }
    if (!sameAddrVec(osds.map.clientAddrs[osd], m.targetAddrs)) {
      ack();
      return;
    }
    this.log.info(`osd.${osd} marked itself down${m.downAndDead ? ' and dead' : ''}`);
    osds.pending.markDown(osd);
    if (m.downAndDead) this.markDead(osd, m.epoch);
    osds.propose(ack);
  }

  private markDead(osd: number, epoch: number): void {
    const { pending, map } = this.osds;
    const xinfo = pending.inc.newXinfo.get(osd) ?? map.osdXinfo[osd];
    pending.inc.newXinfo.set(osd, { ...xinfo, deadEpoch: epoch });
  }

  private markMeDead(session: MonSession, m: MOSDMarkMeDead): void {
    const { osds } = this;
    if (this.sender(session) !== m.targetOsd || osds.map.isUp(m.targetOsd)) return;
    this.markDead(m.targetOsd, m.epoch);
    osds.propose(() => this.sendLatest(session, m.paxosVersion + 1));
  }

  private pgTemp(session: MonSession, m: MOSDPGTemp): void {
    const osd = this.sender(session);
    const { osds } = this;
    const { map } = osds;
    if (osd === undefined || !map.isUp(osd)) return;
    let changed = false;
    for (const [pg, wanted] of m.pgTemp) {
      const pool = map.pools.get(pg.pool);
      if (pool === undefined || pg.seed >= pool.pgNum) continue;
      const { inc } = osds.pending;
      const pendingUp = [...inc.newUpClient.keys()];
      // A PG whose members change just now asks again when it has seen the map.
      if (wanted.some(o => !map.isUp(o) && !pendingUp.includes(o))) continue;
      const now = inc.newPgTemp.get(pg.pool, pg.seed) ?? map.pgTemp.get(pg.pool, pg.seed) ?? [];
      if (!m.forced && now.length === wanted.length && now.every((o, i) => o === wanted[i])) continue;
      inc.newPgTemp.set(pg.pool, pg.seed, wanted);
      inc.newUpThru.set(osd, Math.max(inc.newUpThru.get(osd) ?? 0, m.paxosVersion));
      changed = true;
    }
    if (changed) osds.propose(() => this.sendLatest(session, m.paxosVersion + 1));
    else this.sendLatest(session, m.paxosVersion + 1);
  }

  private full(session: MonSession, m: MOSDFull): void {
    const osd = this.sender(session);
    const { osds } = this;
    const mask = OSD_FULL | OSD_NEARFULL | OSD_BACKFILLFULL;
    if (osd === undefined || !osds.map.isUp(osd) || (m.state & ~mask) !== 0) return;
    if ((osds.map.osdState[osd] & mask) === (m.state & mask)) return;
    osds.pending.setState(osd, mask & ~m.state, false);
    osds.pending.setState(osd, mask & m.state, true);
    osds.propose(() => this.sendLatest(session, m.paxosVersion + 1));
  }

  private purgedSnaps(session: MonSession, m: MMonGetPurgedSnaps): void {
    const reply = new MMonGetPurgedSnapsReply(m.start, Math.min(m.last, this.osds.epoch));
    reply.tid = m.tid;
    session.con.send(reply);
  }

  /** Every few seconds: silent OSDs go down, those that stay down go out. */
  tick(): void {
    const { osds, ctx } = this;
    const { map } = osds;
    const { clock } = ctx.env;
    let changed = false;
    for (const osd of [...osds.failures.keys()]) {
      if (!map.isUp(osd)) osds.failures.delete(osd);
      else if (this.mayGoDown(osd)) this.checkFailure(osd);
    }
    const timeout = ctx.config.get('mon_osd_report_timeout') * 1000;
    for (let osd = 0; osd < map.maxOsd; osd++) {
      if (!map.isUp(osd)) continue;
      const last = osds.lastReport.get(osd);
      if (last === undefined) osds.lastReport.set(osd, clock.mono());
      else if (clock.mono() - last > timeout && this.mayGoDown(osd)) {
        this.log.info(`osd.${osd} marked down after no beacon for ${(clock.mono() - last) / 1000} seconds`);
        osds.pending.markDown(osd);
        changed = true;
      }
    }
    const interval = ctx.config.get('mon_osd_down_out_interval') * 1000;
    if (interval > 0 && !map.testFlag(OSDMAP_NOOUT))
      for (const [osd, since] of osds.downSince) {
        if (!map.isIn(osd) || map.isUp(osd) || clock.now() - since < interval) continue;
        if ((map.osdState[osd] & OSD_NOOUT) !== 0) continue;
        if ((map.numInOsds - 1) / map.numOsds < ctx.config.get('mon_osd_min_in_ratio')) continue;
        osds.pending.markOut(osd, true);
        osds.downSince.delete(osd);
        this.log.info(
          `Marking osd.${osd} out (has been down for ${Math.round((clock.now() - since) / 1000)} seconds)`,
        );
        changed = true;
      }
    if (changed) osds.propose();
  }
}
