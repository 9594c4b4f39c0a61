import { ERRNO, errnoName } from '../../base/errno.ts';
import { DecodeError, NacreError } from '../../base/errors.ts';
import type { Env, TimerHandle, TlsClientOptions } from '../../env/env.ts';
import { type GraphLog, SILENT_LOG } from '../graph/log.ts';
import { decodeCallback } from '../rpc/callback.ts';
import { RpcCall, RpcConnection } from '../rpc/connection.ts';
import { GETSPEC_SERVERS_LIST, getspecReply, getspecRequest } from '../rpc/handshake.ts';
import type { CallHeader } from '../rpc/message.ts';
import { portByBrickReply, portByBrickRequest } from '../rpc/portmap.ts';
import {
  CBK_PROGRAM,
  HNDSK_GETSPEC,
  HNDSK_PROGRAM,
  HNDSK_VERSION,
  PMAP_PORTBYBRICK,
  PMAP_PROGRAM,
  PMAP_VERSION,
} from '../rpc/programs.ts';
import type { XdrDecoder } from '../rpc/xdr-decoder.ts';
import type { XdrEncoder } from '../rpc/xdr-encoder.ts';
import { Dict } from '../types/dict.ts';
import { nodeIsSecure, nodeTls } from '../xlators/protocol/client/tls.ts';
import type { VolfileServer } from './spec.ts';
import type { VolfileSource } from './volume-client.ts';

/** The operating versions that this client can work with: what GlusterFS 10.3 says of itself. */
const MAX_OP_VERSION = '100000';
const MIN_OP_VERSION = '1';
const RETRY_MS = 3000;
const SILENCE_MS = 10_000;

export interface GlusterdClientOptions {
  /** 'node': as the node's secure-access file says, with the certificates of /etc/ssl or /usr/lib/ssl. Default 'node'. */
  readonly tls?: TlsClientOptions | 'node' | 'off';
  readonly log?: GraphLog;
  readonly connectTimeoutMs?: number;
  readonly callTimeoutMs?: number;
  readonly pingTimeoutMs?: number;
}

class PromiseCall<T> extends RpcCall {
  readonly promise: Promise<T>;
  private readonly read: (d: XdrDecoder) => T;
  private resolve!: (value: T) => void;
  private reject!: (error: NacreError) => void;

  constructor(read: (d: XdrDecoder) => T) {
    super();
    this.read = read;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  reply(d: XdrDecoder): void {
    try {
      this.resolve(this.read(d));
    } catch (error) {
      if (error instanceof DecodeError) throw error;
      this.reject(error as NacreError);
    }
  }

  fail(errno: number, message: string): void {
    this.reject(NacreError.fromErrno(errno, 'gluster.glusterd', message));
  }
}

/**
 * The management connection of a client: fetches a volume's volfile from the first glusterd that answers, and stays connected to hear when
 * there is another. When the connection is lost, the next server is asked.
 */
export class GlusterdClient implements VolfileSource {
  private readonly env: Env;
  private readonly servers: readonly VolfileServer[];
  private readonly key: string;
  private readonly options: GlusterdClientOptions;
  private readonly log: GraphLog;
  private readonly listeners = new Set<() => void>();
  private connection: RpcConnection | undefined;
  private connecting: Promise<RpcConnection> | undefined;
  /** Index of the server that is, or was last, connected to. */
  private current = 0;
  private retryTimer: TimerHandle | undefined;
  private closed = false;
  /** What was fetched last. */
  private volfile: string | undefined;

  /** `key`: the volume's name, or another name that glusterd has a volfile for. */
  constructor(env: Env, servers: readonly VolfileServer[], key: string, options: GlusterdClientOptions = {}) {
    this.env = env;
    this.servers = servers;
    this.key = key;
    this.options = options;
    this.log = options.log ?? SILENT_LOG;
  }

  /** '127.0.0.1:24007'; undefined while there is no connection. */
  get peer(): string | undefined {
    return this.connection?.peer;
  }

  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /**
   * The volfile as it is now. ENOTCONN when no server can be reached, ENOENT when the one that answers has no such volume, ENOTSUP
   * when the cluster is newer than this client.
   */
  async fetch(signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const volfile = await abortable(this.getspec(), signal);
    this.volfile = volfile;
    return volfile;
  }

  /** The port of a brick on the server that is connected to: 'HOST:/path' is asked for as '/path'. ENOENT when it does not run. */
  async brickPort(path: string): Promise<number> {
    const { ret, errno, port } = await this.call(
      await this.connected(),
      PMAP_PROGRAM,
      PMAP_VERSION,
      PMAP_PORTBYBRICK,
      e => portByBrickRequest(e, path),
      portByBrickReply,
    );
    if (ret < 0 || port <= 0)
      throw NacreError.fromErrno(
        errno === 0 ? ERRNO['ENOENT'] : errno,
        'gluster.portmap',
        `the brick ${path} has no port: it does not run`,
      );
    return port;
  }

  /** Ends the connection; calls under way fail. Idempotent. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.retryTimer !== undefined) this.env.timers.clear(this.retryTimer);
    this.retryTimer = undefined;
    this.listeners.clear();
    this.connection?.close();
    this.connection = undefined;
    await this.connecting?.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A server that is reached and does not answer is as good as down: the next one is asked. */
  private async getspec(): Promise<string> {
    for (let asked = 1; ; asked++) {
      const connection = await this.connected();
      try {
        return await this.getspecOn(connection);
      } catch (error) {
        const { code, message } = error as NacreError;
        const silent = code === 'ETIMEDOUT' || code === 'ENOTCONN';
        if (!silent || this.closed || asked >= this.servers.length) throw error;
        this.log.log('W', 'glusterfs', `volfile server ${connection.peer}: ${message}`);
        if (this.connection === connection) {
          this.connection = undefined;
          this.current = (this.current + 1) % this.servers.length;
        }
        connection.close();
      }
    }
  }

  private async getspecOn(connection: RpcConnection): Promise<string> {
    const xdata = new Dict()
      .setString('max-op-version', MAX_OP_VERSION)
      .setString('min-op-version', MIN_OP_VERSION);
    const { ret, errno, spec } = await this.call(
      connection,
      HNDSK_PROGRAM,
      HNDSK_VERSION,
      HNDSK_GETSPEC,
      e => getspecRequest(e, GETSPEC_SERVERS_LIST, this.key, xdata),
      getspecReply,
    );
    if (ret >= 0 && spec !== '') return spec;
    const code = errnoName(errno === 0 ? ERRNO['ENOENT'] : errno);
    const why =
      code === 'ENOTSUP' || code === 'EOPNOTSUPP'
        ? `its cluster works at a version that this client does not know`
        : `it has no volfile '${this.key}'`;
    throw new NacreError(code, 'gluster.volfile', `${connection.peer ?? 'glusterd'}: ${why}`);
  }

  private call<T>(
    connection: RpcConnection,
    program: number,
    version: number,
    procedure: number,
    encode: (e: XdrEncoder) => void,
    read: (d: XdrDecoder) => T,
  ): Promise<T> {
    const call = new PromiseCall(read);
    encode(connection.begin(program, version, procedure));
    connection.submit(call);
    return call.promise;
  }

  private connected(): Promise<RpcConnection> {
    if (this.closed)
      return Promise.reject(new NacreError('ECANCELED', 'gluster.glusterd', 'the client was closed'));
    if (this.connection !== undefined) return Promise.resolve(this.connection);
    return (this.connecting ??= this.connect().finally(() => {
      this.connecting = undefined;
    }));
  }

  /** Tries each server once, beginning with the one that was used last. */
  private async connect(): Promise<RpcConnection> {
    if (this.retryTimer !== undefined) this.env.timers.clear(this.retryTimer);
    this.retryTimer = undefined;
    const tls = await this.tls();
    const failures: string[] = [];
    for (let i = 0; i < this.servers.length && !this.closed; i++) {
      const index = (this.current + i) % this.servers.length;
      try {
        const connection = await this.connectTo(this.servers[index], tls);
        this.current = index;
        if (this.closed) {
          connection.close();
          break;
        }
        this.connection = connection;
        return connection;
      } catch (error) {
        failures.push((error as Error).message);
        this.log.log('W', 'glusterfs', `volfile server ${(error as Error).message}`);
      }
    }
    if (this.closed) throw new NacreError('ECANCELED', 'gluster.glusterd', 'the client was closed');
    throw new NacreError(
      'ENOTCONN',
      'gluster.glusterd',
      `no volfile server can be reached (${failures.join('; ')})`,
    );
  }

  private async tls(): Promise<TlsClientOptions | undefined> {
    const { tls = 'node' } = this.options;
    if (tls === 'off') return undefined;
    if (tls !== 'node') return tls;
    return nodeIsSecure(this.env) ? nodeTls(this.env) : undefined;
  }

  private connectTo(server: VolfileServer, tls: TlsClientOptions | undefined): Promise<RpcConnection> {
    const {
      connectTimeoutMs = 20_000,
      // Where there are others to ask, one that says nothing must leave them time.
      callTimeoutMs = this.servers.length > 1 ? SILENCE_MS : 60_000,
      pingTimeoutMs = 30_000,
    } = this.options;
    return new Promise((resolve, reject) => {
      const connection: RpcConnection = new RpcConnection(
        this.env,
        server,
        {
          onUp: () => resolve(connection),
          onDown: error => {
            reject(error);
            this.lost(connection, error);
          },
          onCall: (header, d) => this.called(header, d),
        },
        {
          connectTimeoutMs,
          callTimeoutMs,
          pingTimeoutMs,
          keepAliveMs: 20_000,
          // A unix socket is the node's own: no TLS there.
          ...(tls !== undefined && !('path' in server) && { tls }),
        },
      );
    });
  }

  /** The server whose connection is lost is asked last. What it would have told us meanwhile is found out by fetching. */
  private lost(connection: RpcConnection, error: NacreError): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    if (this.closed) return;
    this.log.log('I', 'glusterfs', `disconnected from volfile server: ${error.message}`);
    this.current = (this.current + 1) % this.servers.length;
    this.retry(0);
  }

  private retry(wait: number): void {
    if (this.closed || this.retryTimer !== undefined) return;
    this.retryTimer = this.env.timers.set(() => {
      this.retryTimer = undefined;
      this.getspec().then(
        volfile => {
          if (volfile !== this.volfile) this.changed();
        },
        () => this.retry(RETRY_MS),
      );
    }, wait);
  }

  private called(header: CallHeader, d: XdrDecoder): void {
    if (header.program !== CBK_PROGRAM) return;
    const event = decodeCallback(d, header.procedure);
    if (event.kind === 'fetchspec') this.changed();
    // Events are quota's, dumps are asked for by signal or command: a client has nothing to do with either.
    else if (this.log.gathers('D'))
      this.log.log('D', 'glusterfs', `callback ${event.kind} of glusterd is not acted on`);
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

/** Rejects with the signal's reason when it aborts; what goes on underneath is not waited for. */
function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
