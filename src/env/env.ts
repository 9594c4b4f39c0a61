/**
 * The host, as everything above this floor sees it: clock, timers, randomness, network, disk, process.
 * node.ts implements it on the real machine. A deterministic implementation can stand in for it, which
 * is why no other floor may reach past it.
 */
export interface Env {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly net: Net;
  readonly fs: Fs;
  readonly host: Host;
}

export interface Clock {
  /** Wall clock: whole milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic clock: milliseconds since an arbitrary start, with a fraction. */
  mono(): number;
}

/** What a timer call returns; only good for `clear`. */
export type TimerHandle = object;

export interface Timers {
  /** Runs `fn` once after `ms` milliseconds. The timer alone does not keep the process alive when `unref`. */
  set(fn: () => void, ms: number, unref?: boolean): TimerHandle;
  /** Runs `fn` every `ms` milliseconds. */
  every(fn: () => void, ms: number, unref?: boolean): TimerHandle;
  clear(handle: TimerHandle): void;
  /** Runs `fn` after the I/O events that are already waiting. */
  immediate(fn: () => void): void;
}

export interface Random {
  /** Cryptographically strong bytes. */
  bytes(length: number): Buffer;
  /** An integer in [0, 2^32). */
  u32(): number;
  /** A number in [0, 1); not for secrets. */
  float(): number;
}

/** Where to connect or listen. */
export type NetAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * Consumer of a byte stream. The stream reads straight into memory that the handler lends, so a large
 * payload lands where it is wanted and is never copied.
 */
export interface SocketHandler {
  /** The connection is up. Called once, before anything else (accepted sockets: right after accept). */
  onConnect(): void;
  /** Lends the memory (at least one byte) that the next bytes are read into. Called before every read. */
  readBuffer(): Uint8Array;
  /** `n` bytes were placed at the start of the buffer last lent. */
  onRead(n: number): void;
  /** All that was written has been handed to the kernel, after a write returned false. */
  onDrain(): void;
  /** The stream is gone: the peer ended it, it failed (`error`), or it was destroyed. Called once, last. */
  onClose(error?: Error): void;
}

export interface Socket {
  readonly remote: NetAddress;
  readonly local: NetAddress;
  /** Bytes accepted by write and not yet handed to the kernel. */
  readonly pending: number;
  /** Queues bytes in order; the caller must not change them until they have left. False: wait for onDrain. */
  write(bytes: Uint8Array): boolean;
  /** Between cork and uncork writes are gathered into one system call. */
  cork(): void;
  uncork(): void;
  /** Stops reading, so that the peer's window fills; resume starts it again. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once; queued bytes are dropped. */
  destroy(error?: Error): void;
}

export interface Listener extends AsyncDisposable {
  /** The address really bound (the port chosen when 0 was asked for). */
  readonly address: NetAddress;
  close(): Promise<void>;
}

/** TLS of a connection that we make. Certificates and keys as PEM. */
export interface TlsClientOptions {
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** Whom to trust; the host's authorities when absent. */
  readonly ca?: Buffer;
  readonly crl?: Buffer;
  readonly ciphers?: string;
  /** Name that the peer's certificate must bear; any when absent: then whoever the `ca` vouches for will do. */
  readonly name?: string;
}

export interface ConnectOptions {
  /** On by default. */
  readonly noDelay?: boolean;
  /** TCP keepalive: milliseconds of silence until the first probe. Off when absent. */
  readonly keepAliveMs?: number;
  readonly tls?: TlsClientOptions;
}

export interface Net {
  /**
   * Starts connecting; success arrives at handler.onConnect, failure at handler.onClose. With TLS, success is after the handshake.
   */
  connect(to: NetAddress, handler: SocketHandler, options?: ConnectOptions): Socket;
  /** Binds and accepts; `accept` gets each new socket and returns its handler. Rejects if it cannot bind. */
  listen(at: NetAddress, accept: (socket: Socket) => SocketHandler): Promise<Listener>;
  /** All addresses of a host name, in the resolver's order. Rejects with ENOTFOUND. */
  lookup(host: string): Promise<string[]>;
  /** SRV records of a name, by priority then weight. Rejects with ENOTFOUND or ENODATA. */
  lookupSrv(name: string): Promise<{ name: string; port: number; priority: number; weight: number }[]>;
}

export interface FileStat {
  readonly size: number;
  readonly mode: number;
  /** Modification time in milliseconds since the epoch. */
  readonly mtimeMs: number;
  isDirectory(): boolean;
}

/** An open file. Offsets and lengths in bytes. */
export interface File extends AsyncDisposable {
  read(into: Uint8Array, position: number): Promise<number>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Makes content durable. */
  sync(): Promise<void>;
  stat(): Promise<FileStat>;
  close(): Promise<void>;
}

export interface Fs {
  /** Flags as fopen's: 'r', 'r+', 'w', 'wx', 'a'. */
  open(path: string, flags: string, mode?: number): Promise<File>;
  readFile(path: string): Promise<Buffer>;
  writeFile(path: string, data: Uint8Array | string, mode?: number): Promise<void>;
  appendFileSync(path: string, data: Uint8Array | string): void;
  /** Undefined when the file does not exist; throws on any other failure. For start-up only. */
  readFileSync(path: string): Buffer | undefined;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  stat(path: string): Promise<FileStat>;
}

export interface Host {
  readonly pid: number;
  readonly hostname: string;
  readonly homedir: string;
  readonly arch: string;
  readonly platform: string;
  /** Kernel release and version, cpu model, total memory in bytes: what daemons report as metadata. */
  readonly release: string;
  readonly kernelVersion: string;
  readonly cpuModel: string;
  readonly memoryTotal: number;
  env(name: string): string | undefined;
  /** CPU time of this process so far, microseconds. */
  cpuUsage(): { user: number; system: number };
  /** Resident memory, bytes. */
  rss(): number;
  stderr(line: string): void;
}
