import { errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { OSDOp } from '../messages/osd-op.ts';
import { opNotifyAck, opWatch } from '../messages/osd-op-build.ts';
import type { LingerOp, WatchHandler } from '../objecter/linger.ts';
import { CEPH_OSD_WATCH_OP_UNWATCH } from '../types/rados.ts';
import { type Data, EMPTY, toBytes } from './bytes.ts';
import { radosErrorCode } from './errors.ts';

/** What a watch needs of the pool that its object is in. */
export interface WatchHost {
  unregister(linger: LingerOp): void;
  check(linger: LingerOp): number;
  sendUnwatch(ops: OSDOp[]): Promise<unknown>;
  sendAck(ops: OSDOp[]): Promise<unknown>;
}

/** One notification of a watched object. */
export class Notification {
  readonly id: bigint;
  readonly cookie: bigint;
  /** Global id of the client that sent it. */
  readonly notifier: bigint;
  readonly payload: Buffer;
  private readonly host: WatchHost;
  private acked: Promise<void> | undefined;

  constructor(host: WatchHost, id: bigint, cookie: bigint, notifier: bigint, payload: Buffer) {
    this.host = host;
    this.id = id;
    this.cookie = cookie;
    this.notifier = notifier;
    this.payload = payload;
  }

  /** Answers it: the notifier waits for this. Only the first call counts. */
  ack(reply: Data = EMPTY): Promise<void> {
    this.acked ??= this.host.sendAck([opNotifyAck(this.id, this.cookie, toBytes(reply))]).then(() => {});
    return this.acked;
  }
}

export interface WatchOptions {
  /** Seconds after which the OSD takes the watcher for dead; its own osd_client_watch_timeout by default. */
  readonly timeout?: number;
  /**
   * Hears each notification; what it returns (or resolves to), if it is bytes or a string, is the answer. Without it the watch is to be
   * iterated, and each notification acknowledged by hand.
   */
  readonly onNotify?: (notification: Notification) => unknown;
  /** The watch is lost: notifications may have been missed. Watch anew. */
  readonly onError?: (error: NacreError) => void;
  readonly signal?: AbortSignal;
}

function isData(value: unknown): value is Data {
  return typeof value === 'string' || value instanceof Uint8Array;
}

/**
 * A watch on an object: notifications come until it is ended. The client keeps it alive over lost
 * connections and moves of the object; when it cannot, `onError` is called (or the iteration throws) with
 * ENOTCONN or ETIMEDOUT.
 */
export class Watch implements WatchHandler, AsyncDisposable {
  readonly oid: string;
  private readonly host: WatchHost;
  private readonly options: WatchOptions;
  private linger: LingerOp | undefined;
  private readonly pending: Notification[] = [];
  private waiting: (() => void) | undefined;
  private failure: NacreError | undefined;
  private ended: Promise<void> | undefined;

  constructor(host: WatchHost, oid: string, options: WatchOptions) {
    this.host = host;
    this.oid = oid;
    this.options = options;
  }

  /** For whoever registered it. */
  begin(linger: LingerOp): void {
    this.linger = linger;
  }

  /** Identifies the watch among those of this client. */
  get cookie(): bigint {
    return this.linger?.cookie ?? 0n;
  }

  /** Milliseconds since the OSD last confirmed the watch. Throws what the watch was lost by. */
  check(): number {
    const age = this.host.check(this.linger!);
    if (age < 0) throw this.error(age);
    return age;
  }

  private error(errno: number): NacreError {
    return new NacreError(
      radosErrorCode(errno),
      'rados.watch',
      `${errnoText(errno)}: watch of '${this.oid}'`,
    );
  }

  handleNotify(id: bigint, cookie: bigint, notifier: bigint, payload: Buffer): void {
    const notification = new Notification(this.host, id, cookie, notifier, payload);
    const { onNotify } = this.options;
    if (onNotify === undefined) {
      this.pending.push(notification);
      this.wake();
      return;
    }
    // A callback that throws has still seen the notification: the notifier must not wait for its time-out.
    Promise.resolve(notification)
      .then(onNotify)
      .then(
        reply => notification.ack(isData(reply) ? reply : EMPTY),
        error => {
          this.options.onError?.(
            new NacreError('EIO', 'rados.watch', `callback of '${this.oid}' failed`, { cause: error }),
          );
          return notification.ack();
        },
      )
      .catch(() => {}); // an acknowledgement that does not arrive is the notifier's time-out
  }

  handleError(_cookie: bigint, errno: number): void {
    this.failure = this.error(errno);
    this.options.onError?.(this.failure);
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }

  /** Notifications as they come, until `unwatch`; throws when the watch is lost. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Notification, void, void> {
    for (;;) {
      const next = this.pending.shift();
      if (next !== undefined) yield next;
      else if (this.failure !== undefined) throw this.failure;
      else if (this.ended !== undefined) return;
      else await new Promise<void>(resolve => (this.waiting = resolve));
    }
  }

  /** Ends the watch. Idempotent. */
  unwatch(): Promise<void> {
    this.ended ??= this.end();
    this.wake();
    return this.ended;
  }

  private async end(): Promise<void> {
    const linger = this.linger!;
    this.host.unregister(linger);
    await this.host.sendUnwatch([opWatch(linger.cookie, CEPH_OSD_WATCH_OP_UNWATCH)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A watch whose object or connection is gone has ended already.
    await this.unwatch().catch(() => {});
  }
}
