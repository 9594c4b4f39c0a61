import type { TimerHandle } from '../../env/env.ts';
import type { Message } from '../messages/message.ts';
import { MSG_OSD_PING } from '../messages/message-types.ts';
import { MOSDPing, OSD_PING_PING, OSD_PING_PING_REPLY, OSD_PING_YOU_DIED } from '../messages/mosd-ping.ts';
import { MOSDFailure, OSD_FAILURE_FAILED, OSD_FAILURE_IMMEDIATE } from '../messages/mosd-state.ts';
import { spanFromMs } from '../messages/span.ts';
import type { Connection, Dispatcher } from '../messenger/types.ts';
import { ENTITY_TYPE_OSD } from '../types/entity.ts';
import { utimeFromMs } from '../types/utime.ts';
import type { OSD } from './osd.ts';

interface Peer {
  readonly osd: number;
  con: Connection;
  /** Monotonic milliseconds. */
  lastReply: number;
  reported: boolean;
}

/** Pings between OSDs: answers those of others, sends ours, tells the monitor of peers that are silent. */
export class Heartbeats implements Dispatcher {
  private readonly osd: OSD;
  private readonly peers = new Map<number, Peer>();
  private timer: TimerHandle | undefined;

  constructor(osd: OSD) {
    this.osd = osd;
    osd.heartbeatServer.addDispatcher(this);
    osd.heartbeatClient.addDispatcher(this);
  }

  start(): void {
    const { env, ctx } = this.osd;
    this.update();
    const seconds = ctx.config.get('osd_heartbeat_interval');
    this.timer ??= env.timers.every(() => this.tick(), seconds * 1000, true);
  }

  stop(): void {
    if (this.timer !== undefined) this.osd.env.timers.clear(this.timer);
    this.timer = undefined;
    for (const peer of this.peers.values()) peer.con.markDown();
    this.peers.clear();
  }

  /** Peers are the OSDs that are up; a thin cluster has few. */
  update(): void {
    const { osd } = this;
    const { map } = osd;
    if (!osd.isActive) return;
    const limit = osd.ctx.config.get('osd_heartbeat_min_peers');
    for (const peer of [...this.peers.values()])
      if (!map.isUp(peer.osd)) {
        peer.con.markDown();
        this.peers.delete(peer.osd);
      }
    for (let id = 0; id < map.maxOsd && this.peers.size < limit; id++) {
      if (id === osd.whoami || !map.isUp(id) || this.peers.has(id)) continue;
      const con = osd.heartbeatClient.connectTo(ENTITY_TYPE_OSD, map.hbBackAddrs[id]);
      this.peers.set(id, { osd: id, con, lastReply: osd.env.clock.mono(), reported: false });
    }
  }

  private tick(): void {
    const { osd } = this;
    if (!osd.isActive) return;
    const now = osd.env.clock.mono();
    const grace = osd.ctx.config.get('osd_heartbeat_grace') * 1000;
    for (const peer of this.peers.values()) {
      this.ping(peer, OSD_PING_PING);
      if (now - peer.lastReply > grace) this.report(peer, now - peer.lastReply, OSD_FAILURE_FAILED);
    }
  }

  private ping(peer: Peer, op: number): void {
    const { env, map, upSince } = this.osd;
    const m = new MOSDPing(map.fsid, map.epoch, op);
    m.pingStamp = utimeFromMs(env.clock.now());
    m.monoPingStamp = spanFromMs(env.clock.mono());
    m.monoSendStamp = m.monoPingStamp;
    m.upFrom = upSince;
    peer.con.send(m);
  }

  private report(peer: Peer, silentMs: number, flags: number): void {
    const { map } = this.osd;
    if (!map.isUp(peer.osd)) return;
    const seconds = Math.max(1, Math.round(silentMs / 1000));
    const m = new MOSDFailure(map.fsid, peer.osd, map.clientAddrs[peer.osd], seconds, map.epoch);
    m.flags = flags;
    this.osd.log(0, `osd.${peer.osd} has not answered for ${seconds} s`);
    this.osd.sendToMon(m);
    peer.reported = true;
  }

  dispatch(con: Connection, m: Message): boolean {
    if (m.type !== MSG_OSD_PING) return false;
    this.handlePing(con, m as MOSDPing);
    return true;
  }

  private handlePing(con: Connection, m: MOSDPing): void {
    const { env, map, upSince } = this.osd;
    if (m.op === OSD_PING_PING) {
      const reply = new MOSDPing(map.fsid, map.epoch, OSD_PING_PING_REPLY);
      reply.pingStamp = m.pingStamp;
      reply.monoPingStamp = m.monoPingStamp;
      reply.monoSendStamp = spanFromMs(env.clock.mono());
      reply.upFrom = upSince;
      reply.minMessageSize = m.minMessageSize;
      con.send(reply);
      return;
    }
    if (m.op === OSD_PING_YOU_DIED) {
      this.osd.log(0, `osd.${con.peerName.num} says we died`);
      return;
    }
    if (m.op !== OSD_PING_PING_REPLY) return;
    for (const peer of this.peers.values()) {
      if (peer.con !== con) continue;
      peer.lastReply = env.clock.mono();
      if (!peer.reported) continue;
      peer.reported = false;
      // Takes the report back.
      this.report(peer, 0, 0);
      peer.reported = false;
    }
  }

  handleReset(con: Connection): void {
    for (const peer of this.peers.values())
      if (peer.con === con) {
        const { map } = this.osd;
        if (map.isUp(peer.osd))
          peer.con = this.osd.heartbeatClient.connectTo(ENTITY_TYPE_OSD, map.hbBackAddrs[peer.osd]);
      }
  }

  /** Nobody listens there: the process is gone. */
  handleRefused(con: Connection): void {
    for (const peer of this.peers.values())
      if (peer.con === con && !peer.reported)
        this.report(
          peer,
          this.osd.env.clock.mono() - peer.lastReply,
          OSD_FAILURE_FAILED | OSD_FAILURE_IMMEDIATE,
        );
  }
}
