import type { Context } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import { LOG_ERROR, SUBSYS_MONC } from '../../base/log.ts';
import type { RotatingKeyring } from '../auth/rotating-keyring.ts';
import type { SessionAuthClient } from '../auth/session-client.ts';
import { MAuth, type MAuthReply } from '../messages/mauth.ts';
import type { Message } from '../messages/message.ts';
import type { Waiting } from './command.ts';

/** Seconds that a service's rotating secrets may be overdue (MonClient::_check_auth_rotating). */
const ROTATING_GRACE = 30;
/** Milliseconds between requests for them. */
const ROTATING_PAUSE_MS = 1000;

export interface TicketRenewalOptions {
  readonly context: Context;
  readonly auth: SessionAuthClient;
  readonly rotating: RotatingKeyring | undefined;
  /** Sends to the monitor of the session; undefined while there is none. */
  readonly sender: () => ((m: Message) => void) | undefined;
}

/** Keeps tickets and a daemon's rotating secrets fresh while there is a session. */
export class TicketRenewal {
  private readonly options: TicketRenewalOptions;
  private lastRotatingRequest = Number.NEGATIVE_INFINITY;
  private waiters = new Set<Waiting<void>>();

  constructor(options: TicketRenewalOptions) {
    this.options = options;
  }

  private error(message: string): void {
    this.options.context.log.write(SUBSYS_MONC, LOG_ERROR, `monclient: ${message}`);
  }

  /** A new session answers what the old one may not have. */
  sessionOpened(): void {
    this.lastRotatingRequest = Number.NEGATIVE_INFINITY;
    this.check();
  }

  /** Asks for what is near its end. */
  check(): void {
    const session = this.options.auth.session;
    const send = this.options.sender();
    if (send === undefined || session === undefined) return;
    const { handler } = session;
    if (handler.needTickets()) {
      try {
        send(new MAuth(handler.method, handler.buildRequest()));
      } catch (error) {
        if (!(error instanceof NacreError)) throw error;
        this.error(`cannot renew tickets: ${error.message}`);
      }
    }
    this.checkRotating();
  }

  /** True while this is a daemon whose rotating secrets are missing or long past their time. */
  get rotatingNeeded(): boolean {
    const { rotating, auth, context } = this.options;
    if (rotating === undefined) return false;
    if (auth.session !== undefined && auth.session.handler.buildRotatingRequest() === undefined) return false;
    const grace = Math.min(ROTATING_GRACE, context.config.get('auth_service_ticket_ttl') / 4);
    return rotating.needNewSecrets(grace * 1000);
  }

  private checkRotating(): void {
    const { auth, context, sender } = this.options;
    if (!this.rotatingNeeded) {
      const { waiters } = this;
      this.waiters = new Set();
      for (const waiter of waiters) waiter.resolve();
      return;
    }
    const send = sender();
    const request = auth.session?.handler.buildRotatingRequest();
    if (send === undefined || request === undefined) return;
    const now = context.env.clock.mono();
    if (now - this.lastRotatingRequest < ROTATING_PAUSE_MS) return;
    this.lastRotatingRequest = now;
    send(new MAuth(auth.session!.handler.method, request));
  }

  /** Hears of it once the rotating secrets are there. */
  await(waiting: Waiting<void>): void {
    this.waiters.add(waiting);
    this.checkRotating();
  }

  forget(waiting: Waiting<void>): void {
    this.waiters.delete(waiting);
  }

  /** A monitor's answer inside the session. */
  handleReply(m: MAuthReply): void {
    const session = this.options.auth.session;
    if (session === undefined) return;
    try {
      const round = session.handler.handleResponse(m.result, Buffer.from(m.payload));
      if (round.status === 'more') this.options.sender()?.(new MAuth(session.handler.method, round.request));
      else this.check();
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.error(`cannot renew tickets: ${error.message}`);
    }
  }

  close(error: NacreError): void {
    const { waiters } = this;
    this.waiters = new Set();
    for (const waiter of waiters) waiter.reject(error);
  }
}
