import type { TimerHandle } from '../../env/env.ts';
import { MOSDBackoff } from '../messages/mosd-backoff.ts';
import type { Connection } from '../messenger/types.ts';
import { sameAddrVec } from '../types/addr-text.ts';
import { ENTITY_TYPE_OSD } from '../types/entity.ts';
import {
  CEPH_OSD_BACKOFF_OP_ACK_BLOCK,
  CEPH_OSD_BACKOFF_OP_BLOCK,
  CEPH_OSD_BACKOFF_OP_UNBLOCK,
} from '../types/rados.ts';
import type { Objecter } from './objecter.ts';
import type { Op } from './op.ts';
import { isWithin, OSDSession } from './session.ts';

/** Milliseconds before an OSD that ended a session which never came to be is connected to again. */
const REOPEN_MS = 200;

/** The sessions with OSDs, and the one of requests that have no OSD. */
export class Sessions {
  readonly homeless = new OSDSession(-1, undefined, []);
  /** By OSD. */
  readonly open = new Map<number, OSDSession>();
  private readonly objecter: Objecter;
  private readonly reopens = new Map<OSDSession, TimerHandle>();

  constructor(objecter: Objecter) {
    this.objecter = objecter;
  }

  /** The session with an OSD, made when there is none; the homeless one for -1. */
  of(osd: number): OSDSession {
    if (osd < 0) return this.homeless;
    let session = this.open.get(osd);
    if (session !== undefined) return session;
    session = new OSDSession(osd, undefined, this.objecter.map.clientAddrs[osd]);
    this.open.set(osd, session);
    this.count();
    this.connect(session);
    return session;
  }

  private count(): void {
    const { counters, ids } = this.objecter.perf;
    counters.set(ids.osdSessions, this.open.size);
  }

  private connect(session: OSDSession): void {
    const con = this.objecter.messenger.connectTo(ENTITY_TYPE_OSD, session.addrs);
    con.session = session;
    session.con = con;
    session.incarnation++;
    this.objecter.perf.counters.inc(this.objecter.perf.ids.osdSessionOpen);
  }

  private disconnect(session: OSDSession): void {
    const { con } = session;
    const timer = this.reopens.get(session);
    if (timer !== undefined) {
      this.objecter.context.env.timers.clear(timer);
      this.reopens.delete(session);
    }
    session.backoffs.clear();
    if (con === undefined) return;
    session.con = undefined;
    con.session = undefined;
    con.markDown();
    this.objecter.perf.counters.inc(this.objecter.perf.ids.osdSessionClose);
  }

  /** The OSD is gone or has moved; who was on the session is homeless now. */
  close(session: OSDSession): void {
    const { objecter } = this;
    this.disconnect(session);
    this.open.delete(session.osd);
    this.count();
    for (const op of session.ops.values()) objecter.assign(op, this.homeless);
    session.ops.clear();
    objecter.lingers.moveAll(session, this.homeless);
    objecter.commands.moveAll(session, this.homeless);
  }

  closeAll(): void {
    for (const session of [...this.open.values()]) this.close(session);
  }

  /**
   * A connection was lost although the map says that the OSD is there: it is connected to again and everything
   * sent again. False when the connection is none of ours.
   */
  reset(con: Connection): boolean {
    const { session } = con;
    if (!(session instanceof OSDSession) || session.con !== con) return false;
    const { objecter } = this;
    if (objecter.on(1)) objecter.log(1, `ms_handle_reset on osd.${session.osd}`);
    const established = con.lastActive > 0;
    this.disconnect(session);
    const addrs = objecter.map.clientAddrs[session.osd];
    if (addrs !== undefined && !sameAddrVec(addrs, session.addrs)) session.addrs = addrs;
    if (established) {
      this.connect(session);
      this.kick(session);
      return true;
    }
    const again = () => {
      this.reopens.delete(session);
      if (objecter.closed || this.open.get(session.osd) !== session) return;
      this.connect(session);
      this.kick(session);
    };
    this.reopens.set(session, objecter.context.env.timers.set(again, REOPEN_MS));
    return true;
  }

  /** Resends what is on a session, in order (Objecter::_kick_requests). */
  private kick(session: OSDSession): void {
    const { objecter } = this;
    for (const op of session.ops.values()) {
      if (!op.shouldResend) objecter.drop(op);
      else if (!op.target.paused) objecter.resend(op);
    }
    objecter.lingers.resendAll(session);
    objecter.commands.resendAll(session);
  }

  handleBackoff(con: Connection, m: MOSDBackoff): void {
    const { session } = con;
    if (!(session instanceof OSDSession) || session.con !== con) return;
    const { spg, id, begin, end } = m;
    if (m.op === CEPH_OSD_BACKOFF_OP_BLOCK) {
      session.backoffs.set(id, { spg, id, begin, end });
      const ack = new MOSDBackoff(spg, m.mapEpoch, CEPH_OSD_BACKOFF_OP_ACK_BLOCK, id, begin, end);
      // In line with the ops, so that the OSD knows which ones were sent before the acknowledgement.
      ack.priority = this.objecter.priority;
      con.send(ack);
    } else if (m.op === CEPH_OSD_BACKOFF_OP_UNBLOCK) {
      if (!session.backoffs.delete(id)) return;
      const resend: Op[] = [];
      for (const op of session.ops.values())
        if (!op.target.paused && isWithin(op.target, spg, begin, end)) resend.push(op);
      for (const op of resend) this.objecter.resend(op);
    }
  }
}
