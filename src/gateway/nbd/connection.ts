import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Budget } from './budget.ts';
import { directSocket } from './direct-read.ts';
import type { ExportTable } from './exports.ts';
import { type Agreement, Handshake, HandshakeEnd } from './handshake.ts';
import type { Terms } from './refusals.ts';
import { Transmission, type TransmissionLimits, type TransmissionOwner } from './transmission.ts';

/** How long a client that was answered everything may take to close its side, milliseconds. */
const LINGER_MS = 2000;

/** What connections need of their server. */
export interface ConnectionHost {
  readonly exports: ExportTable;
  readonly tls: ((socket: Socket) => Promise<Socket>) | undefined;
  readonly limits: TransmissionLimits;
  readonly budget: Budget;
  /** Milliseconds in which the transmission phase must be reached. */
  readonly handshakeMs: number;
  readonly shuttingDown: boolean;
  log(message: string): void;
}

/** One client, from its connecting to its end. */
export class Connection implements TransmissionOwner {
  private readonly host: ConnectionHost;
  private readonly peer: string;
  private socket: Socket;
  private transmission: Transmission | undefined;
  private timer: NodeJS.Timeout | undefined;
  private done!: () => void;
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
  /** What the client uses, once it does. */
  terms: Terms | undefined;

  constructor(socket: Socket, host: ConnectionHost) {
    this.socket = socket;
    this.host = host;
    this.peer =
      socket.remoteAddress === undefined ? 'a client' : `${socket.remoteAddress}:${socket.remotePort}`;
    this.closed = new Promise(resolve => {
      this.done = resolve;
    });
  }

  /** Serves the client; `onReady` when it has reached the transmission phase. Never rejects. */
  async serve(onReady: () => void): Promise<void> {
    const { host } = this;
    // Errors come with a close, which is what counts.
    this.socket.on('error', () => {});
    this.timer = setTimeout(() => this.drop('the handshake takes too long'), host.handshakeMs);
    try {
      const agreement = await new Handshake(this.socket, {
        exports: host.exports,
        tls: host.tls && (plain => this.encrypt(plain)),
        shuttingDown: () => host.shuttingDown,
      }).run();
      clearTimeout(this.timer);
      if (agreement.socket.destroyed || host.shuttingDown) throw new HandshakeEnd('too late', false);
      this.terms = agreement.terms;
      await this.transmit(agreement);
      onReady();
    } catch (error) {
      clearTimeout(this.timer);
      if (!(error instanceof HandshakeEnd)) host.log(`${this.peer}: ${(error as Error).stack}`);
      else if (error.rude) host.log(`${this.peer} is dropped: ${error.message}`);
      else host.log(`${this.peer}: ${error.message}`);
      if (error instanceof HandshakeEnd && !error.rude) this.socket.destroySoon();
      else this.socket.destroy();
      this.done();
    }
  }

  private async encrypt(plain: Socket): Promise<Socket> {
    const secure = await this.host.tls!(plain);
    secure.on('error', () => {});
    this.socket = secure;
    return secure;
  }

  /** The last answer of the handshake must be written before the socket's reading is taken over. */
  private async transmit({ socket, terms }: Agreement): Promise<void> {
    const { host } = this;
    if (socket.writableLength > 0) await new Promise<void>(resolve => socket.write('', () => resolve()));
    if (socket.destroyed) throw new HandshakeEnd('the client left', false);
    let early: Buffer | null = null;
    if (!(socket instanceof TLSSocket)) {
      const direct = directSocket(socket, () => this.transmission!);
      if (direct !== undefined) {
        this.socket = direct.socket;
        early = direct.early;
        this.socket.on('error', () => {});
      }
    }
    const transmission = new Transmission(this.socket, terms, host.limits, host.budget, this);
    this.transmission = transmission;
    this.socket.on('end', () => this.socket.destroy());
    this.socket.on('close', () => this.ended());
    host.log(`${this.peer} uses '${terms.name}'`);
    if (early !== null) transmission.feed(early);
    if (this.socket === socket) socket.on('data', (chunk: Buffer) => void transmission.feed(chunk));
    if (!transmission.parser.blocked) this.socket.resume();
  }

  private ended(): void {
    clearTimeout(this.timer);
    this.transmission!.close();
    this.host.log(`${this.peer} is gone after ${this.transmission!.requests} requests`);
    this.done();
  }

  /** Answers what is under way and closes. */
  drain(): void {
    if (this.transmission !== undefined) this.transmission.drain();
    else this.socket.destroySoon();
  }

  /** Closes at once. */
  destroy(): void {
    this.socket.destroy();
  }

  private drop(why: string): void {
    this.host.log(`${this.peer} is dropped: ${why}`);
    this.socket.destroy();
  }

  finished(): void {
    const { socket } = this;
    socket.end();
    // What the client still sends is read over, as a close with bytes unread takes the last replies away from it.
    socket.resume();
    this.timer = setTimeout(() => socket.destroy(), LINGER_MS);
  }

  violation(message: string): void {
    this.drop(message);
  }

  flow(on: boolean): void {
    if (on) this.socket.resume();
    else this.socket.pause();
  }
}
