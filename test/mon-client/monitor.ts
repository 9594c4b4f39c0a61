import { Decoder } from '../../src/base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../src/base/encoder.ts';
import { decodeAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import type { MonAuthServer } from '../../src/ceph/auth/mon-auth-server.ts';
import type { AuthServiceHandler } from '../../src/ceph/auth/service-handler.ts';
import { AUTH_UNKNOWN } from '../../src/ceph/auth/types.ts';
import { MAuth, MAuthReply } from '../../src/ceph/messages/mauth.ts';
import { MCommand, MCommandReply } from '../../src/ceph/messages/mcommand.ts';
import { MConfig } from '../../src/ceph/messages/mconfig.ts';
import type { Message } from '../../src/ceph/messages/message.ts';
import { MLog, MLogAck } from '../../src/ceph/messages/mlog.ts';
import { MMonCommand, MMonCommandAck } from '../../src/ceph/messages/mmon-command.ts';
import { MMonGetVersion, MMonGetVersionReply } from '../../src/ceph/messages/mmon-get-version.ts';
import { MMonGetMap, MMonMap } from '../../src/ceph/messages/mmon-map.ts';
import { MMonSubscribe } from '../../src/ceph/messages/mmon-subscribe.ts';
import { MPing } from '../../src/ceph/messages/mping.ts';
import { encodeMonMap, type MonMap } from '../../src/ceph/mon-client/monmap.ts';
import type { LoopServer, ServerSide } from './loop.ts';

/** A monitor of the tests: authenticates for real, answers commands with what they said. */
export class TestMonitor implements LoopServer {
  readonly name: string;
  readonly auth: MonAuthServer;
  map: MonMap;
  up: boolean | 'silent' = true;
  mute = false;
  /** Holds back answers to commands while set. */
  holding = false;
  readonly received: Message[] = [];
  /** Results of the auth messages that were answered. */
  readonly renewals: number[] = [];
  private readonly held: (() => void)[] = [];
  private readonly handlers = new Map<ServerSide, AuthServiceHandler>();
  private readonly globalIds = new Map<ServerSide, bigint>();
  private nextId = 9000n;

  constructor(name: string, auth: MonAuthServer, map: MonMap) {
    this.name = name;
    this.auth = auth;
    this.map = map;
  }

  of<T extends Message>(kind: abstract new (...args: never[]) => T): T[] {
    return this.received.filter((m): m is T => m instanceof kind);
  }

  letGo(): void {
    this.holding = false;
    for (const answer of this.held.splice(0)) answer();
  }

  accept(side: ServerSide): void {
    if (side.peer.handler !== undefined) this.handlers.set(side, side.peer.handler as AuthServiceHandler);
  }

  private sendMap(side: ServerSide): void {
    side.send(new MMonMap(encodeToBuffer((e: Encoder) => encodeMonMap(e, this.map))));
  }

  receive(side: ServerSide, m: Message): void {
    this.received.push(m);
    if (m instanceof MAuth) this.handleAuth(side, m);
    else if (!this.handlers.has(side)) return;
    else if (m instanceof MMonGetMap) this.sendMap(side);
    else if (m instanceof MMonSubscribe) {
      if (m.what.get('monmap') !== undefined && m.what.get('monmap')!.start <= this.map.epoch)
        this.sendMap(side);
      if (m.what.has('config')) side.send(new MConfig(new Map([['mon_client_log_interval', '7']])));
    } else if (m instanceof MMonGetVersion) side.send(new MMonGetVersionReply(m.handle, 42, 7));
    else if (m instanceof MMonCommand) {
      const ack = new MMonCommandAck(
        m.cmd,
        m.fsid === this.map.fsid ? 0 : -1,
        `${this.name}: ${m.cmd.join()}`,
      );
      ack.tid = m.tid;
      ack.data = m.data;
      if (this.holding) this.held.push(() => side.send(ack));
      else side.send(ack);
    } else if (m instanceof MCommand) {
      const reply = new MCommandReply(
        m.fsid === this.map.fsid ? 0 : -13,
        `told ${this.name}: ${m.cmd.join()}`,
      );
      reply.tid = m.tid;
      reply.data = m.data;
      side.send(reply);
    } else if (m instanceof MPing)
      side.send(new MPing(encodeToBuffer(e => e.str(`{"name":"${this.name}"}`))));
    else if (m instanceof MLog && m.entries.length > 0)
      side.send(new MLogAck(m.fsid, m.entries[m.entries.length - 1].seq));
  }

  /** Protocol v1's exchange, and renewals in both. */
  private handleAuth(side: ServerSide, m: MAuth): void {
    let handler = this.handlers.get(side);
    if (m.protocol === AUTH_UNKNOWN) {
      const d = new Decoder(Buffer.from(m.payload));
      d.u8();
      const methods: number[] = [];
      for (let n = d.count(4); n > 0; n--) methods.push(d.u32());
      const name = decodeAuthEntityName(d);
      const claimed = d.u64b();
      const method = this.auth.pickMethod(name, methods);
      if (method === AUTH_UNKNOWN) {
        side.send(new MAuthReply(0, -95, 0n, Buffer.alloc(0), 'no method'));
        return;
      }
      handler = this.auth.createHandler(method, name);
      this.handlers.set(side, handler);
      const globalId = claimed === 0n ? this.nextId++ : claimed;
      this.globalIds.set(side, globalId);
      const { result, reply } = handler.startSession(name, globalId, claimed === 0n);
      // The map first: a client that is let in with this reply gives the map's fsid in what it sends next.
      if (m.monmapEpoch < this.map.epoch) this.sendMap(side);
      side.send(new MAuthReply(method, Math.min(0, result), globalId, reply));
      return;
    }
    const { result, reply } = handler!.handleRequest(Buffer.from(m.payload));
    this.renewals.push(result);
    // Real clients take another global id for another session, even in a renewal.
    const globalId = this.globalIds.get(side) ?? side.peer.globalId;
    side.send(new MAuthReply(m.protocol, Math.min(0, result), globalId, reply));
  }
}
