import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { type AuthEntityName, authEntityNameText, encodeAuthEntityName } from '../auth/entity-name.ts';
import { type AuthClientHandler, reasonOf } from '../auth/handler.ts';
import type { MonSessionAuth, SessionAuthClient } from '../auth/session-client.ts';
import { AUTH_UNKNOWN } from '../auth/types.ts';
import { MAuth, type MAuthReply } from '../messages/mauth.ts';
import { MMonGetMap } from '../messages/mmon-map.ts';
import type { Connection } from '../messenger/types.ts';
import { ADDR_MSGR2, type EntityAddrVec, entityAddrVecText } from '../types/entity.ts';

export interface MonConnectionOptions {
  readonly con: Connection;
  /** Name in the monmap and addresses that we connect to. */
  readonly name: string;
  readonly addrs: EntityAddrVec;
  readonly auth: SessionAuthClient;
  readonly entityName: AuthEntityName;
  /** The session whose global id and tickets are kept; undefined starts afresh. */
  readonly from: MonSessionAuth | undefined;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/** A connection to one monitor on its way to a session (mon/MonClient.h, MonConnection). */
export class MonConnection {
  readonly con: Connection;
  readonly name: string;
  readonly addrs: EntityAddrVec;
  /** Authenticates in the handshake (v2), or afterwards in MAuth messages (v1). */
  readonly isMsgr2: boolean;
  /** Monotonic milliseconds. */
  readonly started: number;
  readonly from: MonSessionAuth | undefined;
  session: MonSessionAuth | undefined;
  /** The messenger gave it up. */
  dead = false;
  private readonly auth: SessionAuthClient;
  private readonly entityName: AuthEntityName;
  private handler: AuthClientHandler | undefined;
  private globalId: bigint;

  constructor(options: MonConnectionOptions) {
    this.con = options.con;
    this.name = options.name;
    this.addrs = options.addrs;
    this.auth = options.auth;
    this.entityName = options.entityName;
    this.from = options.from;
    this.globalId = options.from?.globalId ?? 0n;
    this.started = options.now;
    this.isMsgr2 = options.addrs.some(addr => addr.type === ADDR_MSGR2);
  }

  get text(): string {
    return `mon.${this.name} at ${entityAddrVecText(this.addrs)}`;
  }

  // First MAuth of protocol v1, protocol 0. Payload: u8 version 1, vector<u32> methods, EntityName, u64
  // global_id (0: none yet).
  /** Throws ENOENT when no auth method can be used. */
  start(monmapEpoch: number): void {
    const { con, auth } = this;
    if (this.isMsgr2) {
      con.send(new MMonGetMap());
      return;
    }
    const methods = auth.monMethods();
    const payload = encodeToBuffer(e => {
      e.u8(1);
      e.u32(methods.length);
      for (const method of methods) e.u32(method);
      encodeAuthEntityName(e, this.entityName);
      e.u64b(this.globalId);
    });
    con.sendKeepalive();
    con.send(new MAuth(AUTH_UNKNOWN, payload, monmapEpoch));
  }

  /**
   * A reply of protocol v1. True once the session is there.
   * @throws NacreError EACCES when the monitor refuses us or does not prove itself.
   */
  handleAuthReply(m: MAuthReply): boolean {
    try {
      if (this.handler === undefined) {
        if (m.protocol === AUTH_UNKNOWN && m.result < 0)
          throw NacreError.fromErrno(
            m.result,
            'auth.negotiate',
            m.message || 'it allows none of our methods',
          );
        this.handler = this.auth.createHandler(m.protocol, this.from);
      }
      const { handler } = this;
      if (m.globalId !== 0n && m.globalId !== this.globalId) {
        handler.reset();
        this.globalId = m.globalId;
        handler.setGlobalId(m.globalId);
      }
      const round = handler.handleResponse(m.result, Buffer.from(m.payload));
      if (round.status === 'more') {
        this.con.send(new MAuth(handler.method, round.request));
        return false;
      }
      this.session = { handler, globalId: this.globalId };
      return true;
    } catch (cause) {
      if (!(cause instanceof NacreError)) throw cause;
      const code = cause.code === 'EPERM' || cause.code === 'EBADMSG' ? 'EACCES' : cause.code;
      throw new NacreError(
        code,
        'auth.authenticate',
        `authentication failed for ${authEntityNameText(this.entityName)} with ${this.text}: ${reasonOf(cause)}`,
        { cause },
      );
    }
  }
}
