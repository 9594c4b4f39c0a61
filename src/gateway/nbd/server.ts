import { unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { NacreError } from '../../base/errors.ts';
import { Budget } from './budget.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { ExportTable, type NbdExport } from './exports.ts';
import { type NbdTlsOptions, tlsUpgrade } from './tls.ts';
import type { TransmissionLimits } from './transmission.ts';

export interface NbdServerOptions {
  readonly exports?: readonly NbdExport[];
  /** The export that clients get who name none; the first by default. */
  readonly defaultExport?: string;
  /** When given, clients must use TLS. */
  readonly tls?: NbdTlsOptions;
  /** Connections at a time; further ones are closed at once. 64 by default. */
  readonly maxConnections?: number;
  /** Requests under way for one connection. 256 by default. */
  readonly maxRequests?: number;
  /** Bytes of reads and writes under way for one connection; one request may go over it. 64 MiB by default. */
  readonly maxBytes?: number;
  /** The same of all connections together. 512 MiB by default. */
  readonly maxTotalBytes?: number;
  /** Milliseconds in which a client must come to the transmission phase. 30 s by default. */
  readonly handshakeMs?: number;
  /** Hears of clients that come and go, one line each. */
  readonly log?: (message: string) => void;
}

export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** Serves disks over NBD. */
export class NbdServer implements AsyncDisposable {
  readonly exports = new ExportTable();
  private readonly host: ConnectionHost;
  private readonly maxConnections: number;
  private readonly encrypted: boolean;
  private readonly servers: Server[] = [];
  private readonly bound: ListenAddress[] = [];
  private readonly connections = new Set<Connection>();
  private stopping = false;
  private closing: Promise<void> | undefined;
  /** Clients in the transmission phase. */
  private users = 0;
  /** Called when the last client that used an export is gone. */
  onIdle: (() => void) | undefined;

  /** Throws EINVAL for names and TLS settings that cannot be. */
  constructor(options: NbdServerOptions = {}) {
    for (const entry of options.exports ?? []) this.exports.add(entry);
    this.exports.defaultName = options.defaultExport;
    this.maxConnections = options.maxConnections ?? 64;
    this.encrypted = options.tls !== undefined;
    const limits: TransmissionLimits = {
      maxRequests: options.maxRequests ?? 256,
      maxBytes: options.maxBytes ?? 64 << 20,
    };
    const stopping = () => this.stopping;
    this.host = {
      exports: this.exports,
      tls: options.tls && tlsUpgrade(options.tls),
      limits,
      budget: new Budget(options.maxTotalBytes ?? 512 << 20),
      handshakeMs: options.handshakeMs ?? 30_000,
      log: options.log ?? (() => {}),
      get shuttingDown() {
        return stopping();
      },
    };
  }

  /** Clients that use an export. */
  get clients(): number {
    return this.users;
  }

  /** Bytes of requests and replies that are held for all clients. */
  get bytesHeld(): number {
    return this.host.budget.bytes;
  }

  /**
   * Accepts clients there, too. A socket file that nobody listens at is replaced. Resolves to the address that was
   * bound, which has the port when 0 was asked for. Rejects with EADDRINUSE and what else binding fails with.
   */
  async listen(at: ListenAddress): Promise<ListenAddress> {
    if (this.stopping) throw new NacreError('ESHUTDOWN', 'nbd.listen', 'the server is closed');
    if ('path' in at) await removeStale(at.path);
    const server = createServer({ noDelay: true }, socket => this.accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen('path' in at ? { path: at.path } : { host: at.host, port: at.port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.servers.push(server);
    const address = server.address();
    const bound: ListenAddress =
      address === null || typeof address === 'string' ? at : { host: address.address, port: address.port };
    this.bound.push(bound);
    return bound;
  }

  /** The URIs of an export, one for each address. */
  urisOf(name: string): string[] {
    return this.bound.map(at => nbdUri(at, name, this.encrypted));
  }

  private accept(socket: Socket): void {
    if (this.stopping || this.connections.size >= this.maxConnections) {
      if (!this.stopping) this.host.log(`a client is turned away: ${this.connections.size} are connected`);
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, this.host);
    this.connections.add(connection);
    let used = false;
    void connection.serve(() => {
      used = true;
      this.users++;
    });
    void connection.closed.then(() => {
      this.connections.delete(connection);
      if (used && --this.users === 0 && !this.stopping) this.onIdle?.();
    });
  }

  /**
   * Stops listening, refuses new requests, answers those under way, closes the connections and flushes the devices.
   * Connections that are not done after `graceMs` (10 s by default) are cut. The devices stay open. Idempotent.
   */
  close(options: { graceMs?: number } = {}): Promise<void> {
    this.closing ??= this.stop(options.graceMs ?? 10_000);
    return this.closing;
  }

  private async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    for (const server of this.servers) server.close();
    const open = [...this.connections];
    for (const connection of open) connection.drain();
    const cut = setTimeout(() => {
      for (const connection of open) connection.destroy();
    }, graceMs);
    await Promise.all(open.map(connection => connection.closed));
    clearTimeout(cut);
    const devices = new Set([...this.exports].map(each => each.device).filter(device => !device.readOnly));
    await Promise.all(
      [...devices].map(
        device =>
          new Promise<void>((resolve, reject) =>
            device.flush({
              ioFinished: (_io, result) =>
                result < 0
                  ? reject(NacreError.fromErrno(result, 'nbd.close', `flushing ${device.description}`))
                  : resolve(),
            }),
          ),
      ),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Removes a socket file whose server is dead. */
async function removeStale(path: string): Promise<void> {
  const code = await new Promise<string | undefined>(resolve => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  if (code === 'ECONNREFUSED') await unlink(path);
}

/** As github.com/NetworkBlockDevice/nbd, doc/uri.md, has it. */
export function nbdUri(at: ListenAddress, name: string, encrypted: boolean): string {
  const scheme = encrypted ? 'nbds' : 'nbd';
  const path = name.split('/').map(encodeURIComponent).join('/');
  if ('path' in at)
    return `${scheme}+unix:///${path}?socket=${encodeURIComponent(at.path).replaceAll('%2F', '/')}`;
  const host = at.host.includes(':') ? `[${at.host}]` : at.host;
  return `${scheme}://${host}:${at.port}/${path}`;
}
