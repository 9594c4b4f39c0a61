import type { Message } from '../../ceph/messages/message.ts';
import { CEPH_MSG_OSD_OP } from '../../ceph/messages/message-types.ts';
import type { MOSDOp } from '../../ceph/messages/mosdop.ts';
import { MOSDOpReply } from '../../ceph/messages/mosdopreply.ts';
import { FixedAuth, modesOf } from '../../ceph/messenger/fixed-auth.ts';
import {
  type Connection,
  createMessenger,
  type Dispatcher,
  type MessengerImpl,
  type NetworkStack,
  statelessServer,
} from '../../ceph/messenger/index.ts';
import { ENTITY_TYPE_OSD } from '../../ceph/types/entity.ts';
import { ADDR_LEGACY, ADDR_MSGR2, type EntityAddrVec, makeEntityAddr } from '../../ceph/types/entity-addr.ts';
import { CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK } from '../../ceph/types/rados.ts';
import type { Env } from '../../env/env.ts';

export type Mode = 'crc' | 'secure';

export interface ServerOptions {
  readonly env: Env;
  readonly host: string;
  /** 0: chosen by the system. */
  readonly port: number;
  readonly protocol: 1 | 2;
  readonly mode: Mode;
  /** Milliseconds between a request and its answer. */
  readonly thinkMs: number;
  readonly stack?: NetworkStack;
}

/** Name of the object whose write is answered with the server's counters instead of nothing. */
export const STATS_OBJECT = 'perf_msgr_stats';

export interface ServerStats {
  readonly messages: number;
  /** CPU time of the server's process so far, microseconds. */
  readonly cpuUs: number;
}

/** Answers every MOSDOp with an MOSDOpReply. */
export class PerfServer implements Dispatcher, AsyncDisposable {
  readonly messenger: MessengerImpl;
  private readonly env: Env;
  private readonly thinkMs: number;
  messages = 0;

  private constructor(options: ServerOptions) {
    const { env } = options;
    this.env = env;
    this.thinkMs = options.thinkMs;
    const auth = new FixedAuth(env.random, modesOf(options.mode));
    this.messenger = createMessenger({
      env,
      name: { type: ENTITY_TYPE_OSD, num: 0 },
      authClient: auth,
      authServer: auth,
      stack: options.stack,
      nonce: 0,
      defaultPolicy: statelessServer(),
      config: { ms_bind_port_min: 0 },
    });
    this.messenger.addDispatcher(this);
  }

  static async start(options: ServerOptions): Promise<PerfServer> {
    const server = new PerfServer(options);
    const type = options.protocol === 1 ? ADDR_LEGACY : ADDR_MSGR2;
    await server.messenger.bind([makeEntityAddr(type, options.host, options.port)]);
    return server;
  }

  get addrs(): EntityAddrVec {
    return this.messenger.myAddrs;
  }

  stats(): ServerStats {
    const { user, system } = this.env.host.cpuUsage();
    return { messages: this.messages, cpuUs: user + system };
  }

  canFastDispatch(m: Message): boolean {
    return m.type === CEPH_MSG_OSD_OP;
  }

  fastDispatch(con: Connection, m: Message): void {
    const op = m as MOSDOp;
    this.messages++;
    const asked = op.oid === STATS_OBJECT;
    if (asked) op.ops[0].outdata = Buffer.from(JSON.stringify(this.stats()));
    const reply = MOSDOpReply.to(op, 0, op.osdmapEpoch, CEPH_OSD_FLAG_ACK | CEPH_OSD_FLAG_ONDISK, asked);
    if (this.thinkMs === 0) con.send(reply);
    else this.env.timers.set(() => con.send(reply), this.thinkMs);
  }

  dispatch(): boolean {
    return false;
  }

  close(): Promise<void> {
    return this.messenger.shutdown();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
