import { ERRNO } from '../../base/errno.ts';
import { DecodeError, NacreError } from '../../base/errors.ts';
import { IdTable } from '../../base/id-table.ts';
import type { Env, NetAddress, Socket, SocketHandler, TimerHandle, TlsClientOptions } from '../../env/env.ts';
import {
  AUTH_GLUSTERFS_V2,
  beginCall,
  CALL,
  type Caller,
  type CallHeader,
  decodeCallHeader,
  decodeReplyHeader,
  endRecord,
  REPLY,
  SELF,
} from './message.ts';
import { DUMP_PING, DUMP_PROGRAM, DUMP_VERSION } from './programs.ts';
import { RecordReader } from './record-reader.ts';
import type { XdrDecoder } from './xdr-decoder.ts';
import { XdrEncoder } from './xdr-encoder.ts';

/** A call that waits for its reply. Exactly one of the two methods is called, once. */
export abstract class RpcCall {
  xid = 0;
  /** Monotonic milliseconds. */
  sentAt = 0;
  /** The results of the call. The decoder and what it views are not to be kept. */
  abstract reply(d: XdrDecoder): void;
  /** Positive errno: ENOTCONN when the connection was lost, ETIMEDOUT, EBADMSG when the reply makes no sense ... */
  abstract fail(errno: number, message: string): void;
}

export interface RpcConnectionOptions {
  readonly tls?: TlsClientOptions;
  readonly connectTimeoutMs?: number;
  /** How long a call waits for its reply (`frame-timeout`). */
  readonly callTimeoutMs?: number;
  /** Silence after which a peer that was pinged is taken for dead; 0: never. */
  readonly pingTimeoutMs?: number;
  readonly keepAliveMs?: number;
  /** Largest record that is taken. */
  readonly maxRecord?: number;
  /** Bytes on their way to the kernel from which on the connection says that it is `congested`. */
  readonly maxQueued?: number;
}

export interface RpcHandler {
  onUp(): void;
  /** The connection is gone, or did not come about; all calls have failed already. Called once, last. */
  onDown(error: NacreError): void;
  /** A call of the peer's own: callbacks. It gets no reply. */
  onCall?(header: CallHeader, d: XdrDecoder): void;
  onPing?(): void;
}

const DEFAULT_MAX_RECORD = (8 << 20) + (64 << 10);

/**
 * How long calls that nobody waits for are kept back, and bytes of them: an answer that comes alone wakes this process, and the brick
 * answers them before what comes after them.
 */
const LAZY_MS = 20;
const LAZY_BYTES = 4096;

function flush(connection: RpcConnection): void {
  connection.flush();
}

/**
 * A connection to an RPC server: calls out, replies by XID in, and the server's own calls. What is called in one turn of the event
 * loop leaves together. There is no promise in here: see RpcCall.
 */
export class RpcConnection implements SocketHandler {
  readonly address: NetAddress;
  /** Flavor of the credentials of all calls. */
  flavor = AUTH_GLUSTERFS_V2;
  up = false;
  /** What has come and gone since the connection is there, for dumps. */
  bytesRead = 0;
  bytesWritten = 0;
  messagesSent = 0;
  pingsSent = 0;
  private readonly env: Env;
  private readonly handler: RpcHandler;
  private callTimeoutMs: number;
  private pingTimeoutMs: number;
  private readonly maxQueued: number;
  private readonly reader: RecordReader;
  private readonly out = new XdrEncoder();
  /** Calls that nobody waits for, encoded. */
  private lazy: Buffer | undefined;
  private lazyLength = 0;
  private readonly calls = new IdTable<RpcCall>();
  private readonly socket: Socket;
  private nextXid = 1;
  private mark = 0;
  private flushing = false;
  private closed = false;
  private error: NacreError | undefined;
  private connectTimer: TimerHandle | undefined;
  private tickTimer: TimerHandle | undefined;
  private lazyTimer: TimerHandle | undefined;
  private heard = false;
  private heardAt = 0;
  private pinging = false;
  private drainers: (() => void)[] = [];

  constructor(env: Env, address: NetAddress, handler: RpcHandler, options: RpcConnectionOptions = {}) {
    this.env = env;
    this.address = address;
    this.handler = handler;
    this.callTimeoutMs = options.callTimeoutMs ?? 1_800_000;
    this.pingTimeoutMs = options.pingTimeoutMs ?? 42_000;
    this.maxQueued = options.maxQueued ?? 8 << 20;
    this.reader = new RecordReader(options.maxRecord ?? DEFAULT_MAX_RECORD, d => this.dispatch(d));
    const connectMs = options.connectTimeoutMs ?? 20_000;
    this.connectTimer = env.timers.set(() => {
      this.connectTimer = undefined;
      this.close('ETIMEDOUT', `no connection within ${connectMs} ms`);
    }, connectMs);
    this.socket = env.net.connect(address, this, {
      ...(options.keepAliveMs !== undefined && { keepAliveMs: options.keepAliveMs }),
      ...(options.tls !== undefined && { tls: options.tls }),
    });
  }

  /** '127.0.0.1:24007'. */
  get peer(): string {
    const { address } = this;
    return 'path' in address ? address.path : `${address.host}:${address.port}`;
  }

  /** Calls that wait for their reply. */
  get outstanding(): number {
    return this.calls.size;
  }

  /** More waits to be sent than may: call again after `whenDrained`. */
  get congested(): boolean {
    return this.socket.pending + this.out.length > this.maxQueued;
  }

  /** Calls back once there is room again, or the connection is gone. */
  whenDrained(fn: () => void): void {
    this.drainers.push(fn);
  }

  /**
   * Begins a call; the arguments are encoded into what is returned, and then `submit` or `abandon` is called, before anything else.
   */
  begin(program: number, version: number, procedure: number, who: Caller = SELF): XdrEncoder {
    const xid = this.nextXid;
    this.mark = beginCall(this.out, xid, program, version, procedure, this.flavor, who);
    return this.out;
  }

  /** Sends the call that was begun. */
  submit(call: RpcCall): void {
    if (!this.enqueue(call) || this.flushing || !this.up) return;
    this.flushing = true;
    process.nextTick(flush, this);
  }

  /** As `submit`, for what nobody waits for: it goes a little later, with others of its kind. */
  submitLazily(call: RpcCall): void {
    if (!this.enqueue(call)) return;
    const lazy = (this.lazy ??= Buffer.allocUnsafeSlow(LAZY_BYTES));
    const length = this.out.withdraw(lazy, this.lazyLength);
    if (length > 0) {
      this.lazyLength += length;
      this.lazyTimer ??= this.env.timers.set(() => this.sendLazy(), LAZY_MS, true);
      return;
    }
    this.sendLazy();
  }

  /** Sends what was kept back, behind all else that was called so far. */
  sendLazy(): void {
    if (this.lazyTimer !== undefined) this.env.timers.clear(this.lazyTimer);
    this.lazyTimer = undefined;
    if (this.lazyLength > 0) {
      this.out.begin();
      this.out.bytes(this.lazy!.subarray(0, this.lazyLength));
      this.out.end();
      this.lazyLength = 0;
    }
    this.flush();
  }

  /** False when there is no connection to send it on, of which it has been told. */
  private enqueue(call: RpcCall): boolean {
    endRecord(this.out, this.mark);
    const xid = this.nextXid;
    this.nextXid = xid === 0xffff_ffff ? 1 : xid + 1;
    call.xid = xid;
    call.sentAt = this.env.clock.mono();
    this.messagesSent++;
    if (this.closed) {
      this.out.take();
      call.fail(ERRNO['ENOTCONN'], `${this.peer}: not connected`);
      return false;
    }
    this.calls.set(xid, call);
    return true;
  }

  /** The call that was begun is not made. */
  abandon(): void {
    this.out.abandon();
  }

  /** Hands everything that was called to the kernel. */
  flush(): void {
    this.flushing = false;
    if (this.closed || !this.up) return;
    this.bytesWritten += this.out.length;
    const parts = this.out.take();
    if (parts.length === 1) {
      this.socket.write(parts[0]);
      return;
    }
    if (parts.length === 0) return;
    this.socket.cork();
    for (let i = 0; i < parts.length; i++) this.socket.write(parts[i]);
    this.socket.uncork();
  }

  /** Ends the connection at once; calls under way fail with ENOTCONN. */
  close(code = 'ENOTCONN', message = 'closed'): void {
    if (this.closed) return;
    this.error ??= new NacreError(code, 'gluster.rpc', `${this.peer}: ${message}`);
    this.socket.destroy();
    // What follows would come with the socket's close, but nobody should have to wait for that.
    this.down(this.error);
  }

  onConnect(): void {
    if (this.closed) return;
    if (this.connectTimer !== undefined) this.env.timers.clear(this.connectTimer);
    this.connectTimer = undefined;
    this.up = true;
    this.heardAt = this.env.clock.mono();
    this.startTicking();
    this.handler.onUp();
    this.flush();
  }

  private startTicking(): void {
    const { timers } = this.env;
    const { pingTimeoutMs } = this;
    if (this.tickTimer !== undefined) timers.clear(this.tickTimer);
    const tick = Math.min(10_000, Math.max(50, pingTimeoutMs > 0 ? pingTimeoutMs / 4 : 10_000));
    this.tickTimer = timers.every(() => this.tick(), Math.min(tick, this.callTimeoutMs), true);
  }

  /** Other timeouts from now on, for calls that are under way too. */
  setTimeouts(callTimeoutMs: number, pingTimeoutMs: number): void {
    this.callTimeoutMs = callTimeoutMs;
    this.pingTimeoutMs = pingTimeoutMs;
    if (this.up) this.startTicking();
  }

  readBuffer(): Uint8Array {
    return this.reader.buffer();
  }

  onRead(n: number): void {
    this.heard = true;
    this.bytesRead += n;
    if (this.closed) return;
    try {
      this.reader.read(n);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.close('EBADMSG', `no RPC: ${error.message}`);
    }
  }

  onDrain(): void {
    const { drainers } = this;
    if (drainers.length === 0) return;
    this.drainers = [];
    for (const fn of drainers) fn();
  }

  onClose(error?: Error): void {
    const code = (error as { code?: string } | undefined)?.code;
    const known = code !== undefined && code in ERRNO ? code : 'ENOTCONN';
    this.down(
      this.error ??
        new NacreError(
          known,
          'gluster.rpc',
          `${this.peer}: ${error?.message ?? 'the peer closed the connection'}`,
          { cause: error },
        ),
    );
  }

  private down(error: NacreError): void {
    if (this.closed) return;
    this.closed = true;
    this.up = false;
    if (this.connectTimer !== undefined) this.env.timers.clear(this.connectTimer);
    if (this.tickTimer !== undefined) this.env.timers.clear(this.tickTimer);
    if (this.lazyTimer !== undefined) this.env.timers.clear(this.lazyTimer);
    this.out.take();
    const waiting = this.calls.values();
    this.calls.clear();
    for (const call of waiting) call.fail(ERRNO['ENOTCONN'], error.message);
    this.onDrain();
    this.handler.onDown(error);
  }

  private dispatch(d: XdrDecoder): void {
    if (this.closed) return;
    d.type = 'RPC message';
    const xid = d.u32();
    const kind = d.u32();
    if (kind === REPLY) {
      const refused = decodeReplyHeader(d);
      const call = this.calls.get(xid);
      if (call === undefined) return; // its caller has given up already
      this.calls.delete(xid);
      if (refused !== undefined) {
        call.fail(ERRNO['EOPNOTSUPP'], `${this.peer}: ${refused}`);
        return;
      }
      try {
        call.reply(d);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        call.fail(ERRNO['EBADMSG'], `${this.peer}: ${error.message}`);
      }
    } else if (kind === CALL) {
      const header = decodeCallHeader(d, xid);
      try {
        this.handler.onCall?.(header, d);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error; // a callback that makes no sense has nobody to be told
      }
    } else d.fail(`message of type ${kind}`);
  }

  private tick(): void {
    const now = this.env.clock.mono();
    if (this.heard) {
      this.heard = false;
      this.heardAt = now;
    }
    for (const call of this.calls.values()) {
      // Whoever is told of one may close the connection, which ends the others.
      if (now - call.sentAt < this.callTimeoutMs || this.calls.get(call.xid) !== call) continue;
      this.calls.delete(call.xid);
      call.fail(ERRNO['ETIMEDOUT'], `${this.peer}: no reply within ${this.callTimeoutMs} ms`);
    }
    if (this.pingTimeoutMs === 0 || this.closed) return;
    if (this.pinging && now - this.heardAt >= this.pingTimeoutMs) {
      this.close('ETIMEDOUT', `silent for ${this.pingTimeoutMs / 1000} s, disconnecting`);
    } else if (!this.pinging) this.ping();
  }

  private ping(): void {
    this.pinging = true;
    this.pingsSent++;
    this.begin(DUMP_PROGRAM, DUMP_VERSION, DUMP_PING);
    this.submit(new PingCall(this));
  }

  /** For PingCall. */
  ponged(): void {
    this.pinging = false;
    this.handler.onPing?.();
  }
}

class PingCall extends RpcCall {
  private readonly connection: RpcConnection;

  constructor(connection: RpcConnection) {
    super();
    this.connection = connection;
  }

  reply(_d: XdrDecoder): void {
    this.connection.ponged();
  }

  fail(): void {}
}
