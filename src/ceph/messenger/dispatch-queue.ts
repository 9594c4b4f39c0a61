import { Throttle } from '../../base/throttle.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { Env } from '../../env/env.ts';
import { type Message, PRIO_HIGHEST, PRIO_LOW } from '../messages/message.ts';
import { entityNameText } from '../types/entity.ts';
import { Fifo } from './fifo.ts';
import type { MessengerConfig } from './options.ts';
import { PrioritizedQueue } from './prioritized-queue.ts';
import type { Connection, Dispatcher, Policy } from './types.ts';

/** Messages handled in a row before the event loop gets its turn. */
const BATCH = 128;

const EVENT_RESET = 0;
const EVENT_REMOTE_RESET = 1;
const EVENT_REFUSED = 2;

interface QueuedEvent {
  readonly event: number;
}

type Queued = { readonly con: Connection; readonly what: Message | QueuedEvent };

function isEvent(what: Message | QueuedEvent): what is QueuedEvent {
  return 'event' in what;
}

/** One throttle after the other, so that a message never holds one while it waits for an earlier one. */
export function putShare(policy: Policy | undefined, dispatch: Throttle | undefined, bytes: number): void {
  policy?.throttlerMessages?.put(1);
  if (bytes > 0) {
    policy?.throttlerBytes?.put(bytes);
    dispatch?.put(bytes);
  }
}

/**
 * Between connections and dispatchers (msg/DispatchQueue.h): messages that must not be handled on the reading
 * path wait here by priority, senders of one priority taking turns. Resets and the like keep their place
 * among them. A message's share of the throttles comes back when its dispatch returns, unless it is held.
 */
export class DispatchQueue {
  /** Bytes of messages that were received and not yet dispatched. */
  readonly throttle: Throttle;
  private readonly env: Env;
  private readonly queue: PrioritizedQueue<Queued>;
  private readonly local = new Fifo<Queued>();
  private readonly dispatchers: Dispatcher[] = [];
  private readonly fast: Dispatcher[] = [];
  private readonly onError: (error: unknown) => void;
  private scheduled = false;
  private stopped = false;

  constructor(env: Env, config: MessengerConfig, onError: (error: unknown) => void) {
    this.env = env;
    this.onError = onError;
    this.throttle = new Throttle('msgr_dispatch_throttler', config.ms_dispatch_throttle_bytes);
    this.queue = new PrioritizedQueue(config.ms_pq_max_tokens_per_priority, config.ms_pq_min_cost);
  }

  addDispatcher(dispatcher: Dispatcher): void {
    this.dispatchers.push(dispatcher);
    if (dispatcher.canFastDispatch !== undefined && dispatcher.fastDispatch !== undefined)
      this.fast.push(dispatcher);
  }

  /** How many messages and events wait. */
  get length(): number {
    return this.queue.length + this.local.length;
  }

  /** A message from the wire: handled now where a dispatcher allows it, else queued. */
  received(con: Connection, message: Message, bytes: number): void {
    const { fast } = this;
    for (let i = 0; i < fast.length; i++) {
      if (fast[i].canFastDispatch!(message)) {
        this.fastDispatch(fast[i], con, message);
        return;
      }
    }
    const entry = { con, what: message };
    if (message.priority >= PRIO_LOW) this.queue.pushStrict(con, message.priority, entry);
    else this.queue.push(con, message.priority, bytes, entry);
    this.schedule();
  }

  /** A message to ourselves; keeps its order, and is never handled inside the sender's call. */
  deliverLocally(con: Connection, message: Message): void {
    this.local.push({ con, what: message });
    this.schedule();
  }

  queueReset(con: Connection): void {
    this.queueEvent(con, EVENT_RESET);
  }

  queueRemoteReset(con: Connection): void {
    this.queueEvent(con, EVENT_REMOTE_RESET);
  }

  queueRefused(con: Connection): void {
    this.queueEvent(con, EVENT_REFUSED);
  }

  private queueEvent(con: Connection, event: number): void {
    // An owner of its own: discarding a connection's messages must not take its reset along.
    this.queue.pushStrict(this, PRIO_HIGHEST, { con, what: { event } });
    this.schedule();
  }

  /** The session is up; told at once, before any of its messages. */
  announce(con: Connection, accepted: boolean): void {
    for (const dispatcher of this.dispatchers) {
      try {
        if (accepted) dispatcher.handleAccept?.(con);
        else dispatcher.handleConnect?.(con);
      } catch (error) {
        this.onError(error);
      }
    }
  }

  /** Drops what a connection has waiting here. */
  discard(con: Connection): void {
    if (this.queue.length === 0) return;
    this.queue.remove(con, ({ what }) => {
      if (!isEvent(what)) this.release(what);
    });
  }

  stop(): void {
    this.stopped = true;
  }

  hold(message: Message): void {
    message.shareHeld = true;
  }

  /** Gives a message's share of the throttles back; more than once does no harm. */
  release(message: Message): void {
    message.shareHeld = false;
    const bytes = message.shareBytes;
    if (bytes < 0) return;
    message.shareBytes = -1;
    const policy = message.shareOf as Policy | undefined;
    message.shareOf = undefined;
    putShare(policy, this.throttle, bytes);
  }

  private schedule(): void {
    if (this.scheduled || this.stopped) return;
    this.scheduled = true;
    process.nextTick(this.drain);
  }

  private readonly drain = (): void => {
    this.scheduled = false;
    for (let n = 0; n < BATCH; n++) {
      if (this.stopped) return;
      const next = this.local.shift() ?? this.queue.shift();
      if (next === undefined) return;
      if (isEvent(next.what)) this.tell(next.con, next.what.event);
      else this.dispatch(next.con, next.what);
    }
    if (this.length > 0 && !this.scheduled) {
      this.scheduled = true;
      this.env.timers.immediate(this.drain);
    }
  };

  private fastDispatch(dispatcher: Dispatcher, con: Connection, message: Message): void {
    if (tracing()) {
      this.tracedDispatch('DispatchQueue.fast_dispatch', con, message, () =>
        dispatcher.fastDispatch!(con, message),
      );
      return;
    }
    try {
      dispatcher.fastDispatch!(con, message);
    } catch (error) {
      this.onError(error);
    }
    if (!message.shareHeld) this.release(message);
  }

  private dispatch(con: Connection, message: Message): void {
    const { fast } = this;
    for (let i = 0; i < fast.length; i++) {
      // Only messages to ourselves come here although they may be fast dispatched.
      if (fast[i].canFastDispatch!(message)) {
        this.fastDispatch(fast[i], con, message);
        return;
      }
    }
    if (tracing()) {
      this.tracedDispatch('DispatchQueue.dispatch', con, message, () => this.offer(con, message));
      return;
    }
    try {
      this.offer(con, message);
    } catch (error) {
      this.onError(error);
    }
    if (!message.shareHeld) this.release(message);
  }

  private offer(con: Connection, message: Message): void {
    const { dispatchers } = this;
    for (let i = 0; i < dispatchers.length; i++) if (dispatchers[i].dispatch(con, message)) return;
  }

  private tracedDispatch(layer: string, con: Connection, message: Message, run: () => void): void {
    const above = message.trace;
    const span = wind(layer, above, { message: message.describe(), from: entityNameText(con.peerName) });
    message.trace = span ?? above;
    let failure: unknown;
    try {
      run();
    } catch (error) {
      failure = error;
      this.onError(error);
    }
    unwind(span, failure);
    message.trace = above;
    if (!message.shareHeld) this.release(message);
  }

  private tell(con: Connection, event: number): void {
    for (const dispatcher of this.dispatchers) {
      try {
        if (event === EVENT_RESET) dispatcher.handleReset?.(con);
        else if (event === EVENT_REMOTE_RESET) dispatcher.handleRemoteReset?.(con);
        else dispatcher.handleRefused?.(con);
      } catch (error) {
        this.onError(error);
      }
    }
  }
}
