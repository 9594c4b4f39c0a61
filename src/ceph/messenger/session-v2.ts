import type { Decoder } from '../../base/decoder.ts';
import { compareAddr, entityAddrText, entityAddrVecText, sameAddr } from '../types/addr-text.ts';
import { ADDR_LEGACY, type EntityAddrVec, msgr2Addr } from '../types/entity-addr.ts';
import { Features } from '../types/features.ts';
import { type AsyncConnection, CON_CLOSED, CON_READY, CON_STANDBY, targetOf } from './connection.ts';
import {
  CONNECT_LOSSY,
  decodeClientIdent,
  decodeReconnect,
  decodeServerIdent,
  encodeIdent,
  encodeReconnect,
  MSGR2_REQUIRED,
} from './control-frames.ts';
import {
  TAG_CLIENT_IDENT,
  TAG_IDENT_MISSING_FEATURES,
  TAG_SERVER_IDENT,
  TAG_SESSION_RECONNECT,
  TAG_SESSION_RECONNECT_OK,
  TAG_SESSION_RESET,
  TAG_SESSION_RETRY,
  TAG_SESSION_RETRY_GLOBAL,
  TAG_WAIT,
  tagName,
} from './frames-v2.ts';
import {
  HandshakeV2,
  READY,
  refuse,
  SESSION_ACCEPT,
  SESSION_IDENT,
  SESSION_RECONNECT,
} from './handshake-v2.ts';

export function readSeq(d: Decoder): number {
  return d.u64();
}

/** The second half: a session is opened or continued, and who wins when both ends try. */
export abstract class SessionV2 extends HandshakeV2 {
  protected override signed(): void {
    if (this.accepting) this.step = SESSION_ACCEPT;
    else if (this.con.serverCookie === 0n) this.sendClientIdent();
    else this.sendReconnect();
  }

  // The session, connector.

  protected sendClientIdent(): void {
    const { con, messenger } = this;
    this.step = SESSION_IDENT;
    if (!con.policy.lossy && con.clientCookie === 0n) con.clientCookie = messenger.randomCookie();
    this.say(TAG_CLIENT_IDENT, e =>
      encodeIdent(e, {
        addrs: messenger.myAddrs,
        target: con.target,
        gid: messenger.myName.num,
        globalSeq: con.globalSeq,
        supported: con.policy.featuresSupported.bits,
        required: con.policy.featuresRequired.bits | MSGR2_REQUIRED,
        flags: con.policy.lossy ? CONNECT_LOSSY : 0n,
        cookie: con.clientCookie,
      }),
    );
  }

  protected sendReconnect(): void {
    const { con, messenger } = this;
    this.step = SESSION_RECONNECT;
    this.say(TAG_SESSION_RECONNECT, e =>
      encodeReconnect(e, {
        addrs: messenger.myAddrs,
        clientCookie: con.clientCookie,
        serverCookie: con.serverCookie,
        globalSeq: con.globalSeq,
        connectSeq: con.connectSeq,
        msgSeq: con.inSeq,
      }),
    );
  }

  protected onServerIdent(payload: Buffer): void {
    const { con } = this;
    const ident = this.read(TAG_SERVER_IDENT, payload, decodeServerIdent);
    if (!ident.addrs.some(addr => sameAddr(addr, con.target)))
      refuse(`peer is ${entityAddrVecText(ident.addrs)}, not ${entityAddrText(con.target)}`);
    const lacking = ident.required & ~con.policy.featuresSupported.bits;
    if (lacking !== 0n) refuse(`peer requires features 0x${lacking.toString(16)} that we lack`);
    con.serverCookie = ident.cookie;
    con.peerName = { type: con.peerType, num: ident.gid };
    con.features = new Features(ident.supported & con.policy.featuresSupported.bits);
    con.peerGlobalSeq = ident.globalSeq;
    con.agreeLossy((ident.flags & CONNECT_LOSSY) !== 0n);
    con.peerAddrs = ident.addrs;
    this.becomeReady();
  }

  /** What else an acceptor may answer to CLIENT_IDENT and SESSION_RECONNECT. */
  protected onSessionAnswer(tag: number, payload: Buffer): void {
    const { con, messenger } = this;
    switch (tag) {
      case TAG_IDENT_MISSING_FEATURES: {
        const missing = this.read(tag, payload, d => d.u64b());
        refuse(`peer wants features 0x${missing.toString(16)} that we lack`);
        break;
      }
      case TAG_SESSION_RESET:
        if (this.read(tag, payload, d => d.bool())) con.resetSession();
        else {
          con.serverCookie = 0n;
          con.connectSeq = 0;
          con.inSeq = 0;
        }
        this.sendClientIdent();
        break;
      case TAG_SESSION_RETRY:
        con.connectSeq = this.read(tag, payload, readSeq) + 1;
        this.sendReconnect();
        break;
      case TAG_SESSION_RETRY_GLOBAL:
        con.globalSeq = messenger.nextGlobalSeq(this.read(tag, payload, readSeq));
        this.sendReconnect();
        break;
      case TAG_SESSION_RECONNECT_OK:
        con.discardRequeued(this.read(tag, payload, readSeq));
        this.becomeReady();
        break;
      case TAG_WAIT:
        this.raced = true;
        throw new Error('connection race: the peer wants us to wait for its connection');
      default:
        refuse(`${tagName(tag)} is not expected`);
    }
  }

  // The session, acceptor.

  protected onClientIdent(payload: Buffer): void {
    const { con, messenger } = this;
    const ident = this.read(TAG_CLIENT_IDENT, payload, decodeClientIdent);
    if (ident.addrs.length === 0) refuse('peer has no address');
    if (!messenger.isMyAddr(ident.target!))
      refuse(`peer wants ${entityAddrText(ident.target!)}, we are ${entityAddrVecText(messenger.myAddrs)}`);
    con.peerAddrs = ident.addrs;
    con.target = targetOf(ident.addrs);
    con.peerName = { type: con.peerType, num: ident.gid };
    con.clientCookie = ident.cookie;
    const { policy } = con;
    const missing = (policy.featuresRequired.bits | MSGR2_REQUIRED) & ~ident.supported;
    if (missing !== 0n) {
      this.say(TAG_IDENT_MISSING_FEATURES, e => e.u64b(missing));
      return;
    }
    con.features = new Features(ident.supported & policy.featuresSupported.bits);
    con.peerGlobalSeq = ident.globalSeq;
    const existing = this.existing(ident.addrs);
    if (existing === undefined) {
      this.sendServerIdent();
      return;
    }
    this.meet(existing);
  }

  /** The session that we have with a peer of these addresses already; one of protocol v1 gives way. */
  protected existing(addrs: EntityAddrVec): AsyncConnection | undefined {
    const existing = this.messenger.lookup(addrs);
    if (existing === undefined || existing === this.con || existing.state === CON_CLOSED) return undefined;
    if (existing.target.type === ADDR_LEGACY || existing.link?.protocol === 1) {
      existing.stopAndReset();
      return undefined;
    }
    return existing;
  }

  /** The peer opens a session although we have one with it. */
  protected meet(existing: AsyncConnection): void {
    const { con, messenger } = this;
    if (existing.peerGlobalSeq > con.peerGlobalSeq) {
      messenger.log(1, `${con.describe()} is older than what we have, closing`);
      con.stop();
      return;
    }
    if (existing.policy.lossy) {
      existing.stopAndReset();
      this.sendServerIdent();
      return;
    }
    if (existing.serverCookie !== 0n && existing.clientCookie !== 0n) {
      if (existing.clientCookie !== con.clientCookie) {
        // The peer was restarted: what we had of it is of its former life.
        if (con.policy.resetCheck) existing.resetSession();
        this.adopt(existing, false);
        this.sendServerIdent();
        return;
      }
    }
    const known = existing.clientCookie === con.clientCookie;
    if (known || existing.state === CON_READY || existing.state === CON_STANDBY) {
      this.adopt(existing, false);
      this.sendServerIdent();
      return;
    }
    // Both ends are connecting to each other.
    if (existing.policy.server || this.peerIsLower(con.peerAddrs)) {
      this.adopt(existing, false);
      this.sendServerIdent();
      return;
    }
    existing.sendKeepalive();
    this.say(TAG_WAIT);
  }

  protected peerIsLower(peer: EntityAddrVec): boolean {
    return compareAddr(msgr2Addr(peer), msgr2Addr(this.messenger.myAddrs)) < 0;
  }

  /** This link becomes the existing session's. */
  protected adopt(existing: AsyncConnection, reconnecting: boolean): void {
    const { con } = this;
    if (!reconnecting) {
      existing.clientCookie = con.clientCookie;
      existing.peerName = con.peerName;
      existing.features = con.features;
    }
    existing.peerGlobalSeq = con.peerGlobalSeq;
    existing.takeLink(con);
  }

  protected sendServerIdent(): void {
    const { con, messenger } = this;
    con.discardRequeued(0);
    con.inSeq = 0;
    con.ackLeft = 0;
    if (!con.policy.lossy) con.serverCookie = messenger.randomCookie();
    messenger.register(con);
    const globalSeq = messenger.nextGlobalSeq();
    this.say(TAG_SERVER_IDENT, e =>
      encodeIdent(e, {
        addrs: messenger.myAddrs,
        target: undefined,
        gid: messenger.myName.num,
        globalSeq,
        supported: con.policy.featuresSupported.bits,
        required: con.policy.featuresRequired.bits | MSGR2_REQUIRED,
        flags: con.policy.lossy ? CONNECT_LOSSY : 0n,
        cookie: con.serverCookie,
      }),
    );
    this.becomeReady();
  }

  protected onReconnect(payload: Buffer): void {
    const { con, messenger } = this;
    const r = this.read(TAG_SESSION_RECONNECT, payload, decodeReconnect);
    con.peerAddrs = r.addrs;
    con.target = targetOf(r.addrs);
    con.peerGlobalSeq = r.globalSeq;
    const existing = this.existing(r.addrs);
    if (existing === undefined) {
      messenger.log(1, `${con.describe()} has no session to continue`);
      this.say(TAG_SESSION_RESET, e => e.bool(true));
      return;
    }
    if (existing.clientCookie !== r.clientCookie) {
      this.say(TAG_SESSION_RESET, e => e.bool(con.policy.resetCheck));
      return;
    }
    if (existing.serverCookie === 0n) {
      // We were the connector and never heard the answer: the peer shall open the session anew.
      this.say(TAG_SESSION_RESET, e => e.bool(false));
      return;
    }
    if (existing.peerGlobalSeq > r.globalSeq) {
      this.say(TAG_SESSION_RETRY_GLOBAL, e => e.u64(existing.peerGlobalSeq));
      return;
    }
    if (existing.connectSeq > r.connectSeq) {
      this.say(TAG_SESSION_RETRY, e => e.u64(existing.connectSeq));
      return;
    }
    if (
      existing.connectSeq === r.connectSeq &&
      !existing.policy.server &&
      !this.peerIsLower(existing.peerAddrs)
    ) {
      // Both ends are reconnecting, and ours goes first.
      this.say(TAG_WAIT);
      return;
    }
    existing.connectSeq = r.connectSeq;
    this.adopt(existing, true);
    const session = this.con;
    session.discardRequeued(r.msgSeq);
    messenger.register(session);
    this.say(TAG_SESSION_RECONNECT_OK, e => e.u64(session.inSeq));
    this.becomeReady();
  }

  protected becomeReady(): void {
    this.step = READY;
    this.con.ready();
  }
}
