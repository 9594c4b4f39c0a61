import type { Config } from '../../base/config/config.ts';
import type { Context } from '../../base/context.ts';
import { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { SUBSYS_MS } from '../../base/log.ts';
import type { Env, Listener, Socket } from '../../env/env.ts';
import type { AuthClient, AuthServer } from '../auth/types.ts';
import type { Message } from '../messages/message.ts';
import { addrVecKey, entityAddrText, entityAddrVecText, sameAddr, sameAddrVec } from '../types/addr-text.ts';
import { ENTITY_TYPE_CLIENT, type EntityName, entityNameText } from '../types/entity.ts';
import {
  ADDR_ANY,
  ADDR_LEGACY,
  ADDR_MSGR2,
  ADDRVEC_EMPTY,
  type EntityAddr,
  type EntityAddrVec,
  isBlankIp,
  makeEntityAddr,
} from '../types/entity-addr.ts';
import { AsyncConnection, CON_CLOSED, targetOf } from './connection.ts';
import { DispatchQueue } from './dispatch-queue.ts';
import { Fifo } from './fifo.ts';
import { LoopbackConnection } from './loopback.ts';
import {
  MESSENGER_DEFAULTS,
  type MessengerConfig,
  type MessengerStats,
  newMessengerStats,
} from './options.ts';
import { messengerPerf } from './perf.ts';
import { lossyClient, statelessServer } from './policy.ts';
import { ProtocolV1 } from './protocol-v1.ts';
import { ProtocolV2 } from './protocol-v2.ts';
import { type NetworkStack, type StreamHandler, TcpStack } from './stack.ts';
import type { Connection, Dispatcher, Messenger, Policy } from './types.ts';

export interface MessengerOptions {
  /** Gives env, configuration and log. Without it `env` is needed. */
  readonly context?: Context;
  readonly env?: Env;
  readonly name: EntityName;
  /** Beats what the context's configuration says. */
  readonly config?: Partial<MessengerConfig>;
  /** For connections that we open; without it none can be. */
  readonly authClient?: AuthClient;
  /** For connections that we accept; without it all are refused. */
  readonly authServer?: AuthServer;
  /** TCP when left out. */
  readonly stack?: NetworkStack;
  /** Tells apart lives of one address; random when left out. Monitors have 0. */
  readonly nonce?: number;
  readonly defaultPolicy?: Policy;
  readonly policies?: ReadonlyMap<number, Policy>;
  /** Beats the context's log. Levels as debug_ms: -1 error, 0 faults, 1 messages, 10 frames. */
  readonly log?: (level: number, message: string) => void;
  /** Level up to which `log` is called. */
  readonly logLevel?: number;
  /** What a dispatcher threw. By default it becomes an uncaught exception. */
  readonly onError?: (error: unknown) => void;
}

function configOf(config: Config | undefined, own: Partial<MessengerConfig> | undefined): MessengerConfig {
  const values: Record<string, unknown> = { ...MESSENGER_DEFAULTS };
  if (config !== undefined)
    for (const key of Object.keys(MESSENGER_DEFAULTS)) {
      if (!key.startsWith('ms_') && !key.startsWith('cephx_')) continue;
      values[key] = config.get(key as Parameters<Config['get']>[0]);
    }
  return { ...values, ...own } as unknown as MessengerConfig;
}

/** Makes a messenger; `bind` it to be reached, `connectTo` to reach others. */
export function createMessenger(options: MessengerOptions): MessengerImpl {
  return new MessengerImpl(options);
}

/** A process's end of all its sessions (msg/async/AsyncMessenger). */
export class MessengerImpl implements Messenger {
  readonly env: Env;
  readonly config: MessengerConfig;
  readonly stack: NetworkStack;
  readonly stats: MessengerStats = newMessengerStats();
  readonly dispatchQueue: DispatchQueue;
  readonly loopback: Connection;
  /** Where fronts are encoded, one at a time. */
  readonly scratch = new Encoder(4096);
  readonly nonce: number;
  authClient: AuthClient | undefined;
  authServer: AuthServer | undefined;
  myName: EntityName;
  myAddrs: EntityAddrVec = ADDRVEC_EMPTY;
  private readonly context: Context | undefined;
  private readonly logTo: ((level: number, message: string) => void) | undefined;
  private readonly ownLogLevel: number;
  private readonly onError: ((error: unknown) => void) | undefined;
  private defaultPolicy: Policy;
  private readonly policies = new Map<number, Policy>();
  /** Sessions by the peer's addresses. */
  private readonly byAddrs = new Map<string, AsyncConnection>();
  /** All that are not closed, those in `byAddrs` included. */
  private readonly open = new Set<AsyncConnection>();
  private readonly listeners: Listener[] = [];
  private globalSeq = 0;
  private bound = false;
  private readonly dirty = new Fifo<AsyncConnection>();
  private flushScheduled = false;
  private stopping: Promise<void> | undefined;
  private readonly perf: Disposable | undefined;

  constructor(options: MessengerOptions) {
    const env = options.env ?? options.context?.env;
    if (env === undefined) throw new NacreError('EINVAL', 'messenger', 'neither env nor context was given');
    this.env = env;
    this.context = options.context;
    this.config = configOf(options.context?.config, options.config);
    this.stack = options.stack ?? new TcpStack(env, this.config.ms_tcp_nodelay);
    this.myName = options.name;
    this.authClient = options.authClient;
    this.authServer = options.authServer;
    this.nonce = options.nonce ?? env.random.u32();
    this.logTo = options.log;
    this.ownLogLevel = options.logLevel ?? (options.log === undefined ? -2 : 1);
    this.onError = options.onError;
    this.defaultPolicy =
      options.defaultPolicy ?? (options.name.type === ENTITY_TYPE_CLIENT ? lossyClient() : statelessServer());
    for (const [type, policy] of options.policies ?? []) this.policies.set(type, policy);
    this.dispatchQueue = new DispatchQueue(env, this.config, error => this.reportError(error));
    this.loopback = new LoopbackConnection(this);
    this.perf = this.context?.perf.add(messengerPerf(this.stats));
  }

  // Log.

  /** Up to which level `log` does anything: asked before building a costly text. */
  get logLevel(): number {
    if (this.logTo !== undefined) return this.ownLogLevel;
    const log = this.context?.log;
    if (log === undefined) return -2;
    return log.on(SUBSYS_MS, 10) ? 10 : log.on(SUBSYS_MS, 1) ? 1 : 0;
  }

  log(level: number, message: string): void {
    if (this.logTo !== undefined) {
      if (level <= this.ownLogLevel) this.logTo(level, message);
      return;
    }
    const log = this.context?.log;
    if (log?.on(SUBSYS_MS, level)) log.write(SUBSYS_MS, level, message);
  }

  /** A bug in a dispatcher or a message: loud, but not inside the messenger's own work. */
  reportError(error: unknown): void {
    if (this.onError !== undefined) {
      this.onError(error);
      return;
    }
    this.log(-1, `dispatch threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    queueMicrotask(() => {
      throw error;
    });
  }

  // Policies and dispatchers.

  setMyName(name: EntityName): void {
    this.myName = name;
  }

  /** A client's number is the global id that the monitor gave it. */
  learnGlobalId(globalId: bigint): void {
    const { type, num } = this.myName;
    if (type === ENTITY_TYPE_CLIENT && num <= 0 && globalId > 0n)
      this.myName = { type, num: Number(globalId) };
  }

  setPolicy(peerType: number, policy: Policy): void {
    this.policies.set(peerType, policy);
  }

  setDefaultPolicy(policy: Policy): void {
    this.defaultPolicy = policy;
  }

  policyOf(peerType: number): Policy {
    return this.policies.get(peerType) ?? this.defaultPolicy;
  }

  addDispatcher(dispatcher: Dispatcher): void {
    this.dispatchQueue.addDispatcher(dispatcher);
  }

  hold(message: Message): void {
    this.dispatchQueue.hold(message);
  }

  release(message: Message): void {
    this.dispatchQueue.release(message);
  }

  // Addresses.

  async bind(addrs: EntityAddrVec): Promise<EntityAddrVec> {
    if (this.stopping !== undefined)
      throw new NacreError('ESHUTDOWN', 'messenger.bind', 'messenger is shut down');
    const got: EntityAddr[] = [];
    try {
      for (const addr of addrs) got.push(await this.listenOn(addr));
    } catch (error) {
      await Promise.all(this.listeners.splice(0).map(listener => listener.close()));
      throw error;
    }
    this.bound = true;
    this.myAddrs = got;
    this.log(1, `-- ${entityNameText(this.myName)} bound to ${entityAddrVecText(got)}`);
    return got;
  }

  private async listenOn(addr: EntityAddr): Promise<EntityAddr> {
    const type = addr.type === ADDR_LEGACY ? ADDR_LEGACY : ADDR_MSGR2;
    const { ms_bind_port_min: min, ms_bind_port_max: max } = this.config;
    const first = addr.port !== 0 || min === 0 ? addr.port : min;
    const last = addr.port !== 0 || min === 0 ? addr.port : max;
    let failure: unknown;
    for (let port = first; port <= last; port++) {
      // Which of our addresses a stream came to must be known when its handshake starts.
      let mine = makeEntityAddr(type, addr.ip, port, addr.nonce !== 0 ? addr.nonce : this.nonce);
      try {
        const listener = await this.stack.listen({ host: addr.ip, port }, socket =>
          this.accepted(mine, socket),
        );
        this.listeners.push(listener);
        if ('port' in listener.address) mine = { ...mine, port: listener.address.port };
        return mine;
      } catch (error) {
        failure = error;
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') break;
      }
    }
    throw new NacreError(
      (failure as NodeJS.ErrnoException)?.code ?? 'EADDRINUSE',
      'messenger.bind',
      `${entityAddrText(addr)}: ${(failure as Error)?.message ?? 'no free port'}`,
      { cause: failure },
    );
  }

  private accepted(mine: EntityAddr, socket: Socket): StreamHandler {
    const { remote } = socket;
    const from =
      'port' in remote
        ? makeEntityAddr(mine.type, mapped(remote.host), remote.port)
        : { ...mine, port: 0, nonce: 0 };
    const con = new AsyncConnection(this, 0, [from], from, false);
    this.track(con);
    const link = mine.type === ADDR_LEGACY ? new ProtocolV1(con, true) : new ProtocolV2(con, true);
    link.attach(socket);
    con.accept(link);
    if (this.stopping !== undefined) process.nextTick(() => con.stop());
    return link;
  }

  /** A peer says from which address it sees us: that is ours, when we did not know it. */
  learnAddr(seen: EntityAddr, socket: Socket): void {
    const { myAddrs } = this;
    if (myAddrs.length > 0 && !isBlankIp(myAddrs[0])) return;
    const { local } = socket;
    const ip = this.config.ms_learn_addr_from_peer || !('port' in local) ? seen.ip : mapped(local.host);
    const { family } = seen;
    if (ip === '') return;
    if (myAddrs.length === 0) {
      this.myAddrs = [{ type: ADDR_ANY, nonce: this.nonce, family, ip, port: 0 }];
    } else {
      this.myAddrs = myAddrs.map(addr =>
        isBlankIp(addr) && addr.family === family
          ? this.bound
            ? { ...addr, ip }
            : { ...addr, ip, type: ADDR_ANY, port: 0 }
          : addr,
      );
    }
    this.log(1, `-- learned my address ${entityAddrVecText(this.myAddrs)}`);
  }

  isMyAddr(addr: EntityAddr): boolean {
    return this.myAddrs.some(
      mine =>
        sameAddr(mine, addr) ||
        (isBlankIp(mine) && mine.port === addr.port && mine.nonce === addr.nonce && mine.type === addr.type),
    );
  }

  // Connections.

  connectTo(peerType: number, addrs: EntityAddrVec, anon = false): Connection {
    if (this.stopping !== undefined)
      throw new NacreError('ESHUTDOWN', 'messenger.connect', 'messenger is shut down');
    if (sameAddrVec(addrs, this.myAddrs) && addrs.length > 0) return this.loopback;
    const known = anon ? undefined : this.lookup(addrs);
    if (known !== undefined) return known;
    const con = new AsyncConnection(this, peerType, addrs, targetOf(addrs), true);
    this.track(con);
    if (!anon) this.file(con);
    con.connect();
    return con;
  }

  private track(con: AsyncConnection): void {
    this.open.add(con);
    this.stats.msgr_active_connections = this.open.size;
  }

  private file(con: AsyncConnection): void {
    if (con.key !== '' && this.byAddrs.get(con.key) === con) this.byAddrs.delete(con.key);
    con.key = addrVecKey(con.peerAddrs);
    this.byAddrs.set(con.key, con);
  }

  lookup(addrs: EntityAddrVec): AsyncConnection | undefined {
    const con = this.byAddrs.get(addrVecKey(addrs));
    return con === undefined || con.state === CON_CLOSED ? undefined : con;
  }

  /** An accepted connection has a session now and can be found by its peer's addresses. */
  register(con: AsyncConnection): void {
    const { lossy, server, registerLossyClients } = con.policy;
    if (lossy && server && registerLossyClients === false) return;
    this.file(con);
  }

  unregister(con: AsyncConnection): void {
    this.open.delete(con);
    this.stats.msgr_active_connections = this.open.size;
    if (con.key !== '' && this.byAddrs.get(con.key) === con) this.byAddrs.delete(con.key);
  }

  /** Every session that is not closed; for status and tests. */
  connections(): readonly AsyncConnection[] {
    return [...this.open];
  }

  nextGlobalSeq(atLeast = 0): number {
    if (atLeast > this.globalSeq) this.globalSeq = atLeast;
    return ++this.globalSeq;
  }

  /** A session cookie: 64 bits, never 0. */
  randomCookie(): bigint {
    return this.env.random.bytes(8).readBigUInt64LE(0) || 1n;
  }

  // Writing, once what runs now has said all it has to say.

  scheduleFlush(con: AsyncConnection): void {
    con.dirty = true;
    this.dirty.push(con);
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    // Behind all that this turn of the loop reads: replies on several connections give rise to one write each.
    this.env.timers.immediate(this.flushAll);
  }

  private readonly flushAll = (): void => {
    const { dirty } = this;
    this.flushScheduled = false;
    // What is said meanwhile is for the next turn.
    for (let n = dirty.length; n > 0; n--) {
      const con = dirty.shift()!;
      con.dirty = false;
      con.flush();
    }
  };

  shutdown(): Promise<void> {
    this.stopping ??= (async () => {
      this.dispatchQueue.stop();
      this.perf?.[Symbol.dispose]();
      for (const con of [...this.open]) con.stop();
      await Promise.all(this.listeners.splice(0).map(listener => listener.close()));
    })();
    return this.stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

/** IPv4 addresses as dual-stack sockets show them lose their prefix. */
function mapped(host: string): string {
  return host.startsWith('::ffff:') ? host.slice(7) : host;
}
