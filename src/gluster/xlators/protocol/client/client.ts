import { errnoName } from '../../../../base/errno.ts';
import type { GraphEvent } from '../../../graph/events.ts';
import type { Fd } from '../../../graph/fd.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import type { Fops } from '../../../graph/fops.ts';
import type { OptionTable } from '../../../graph/option-types.ts';
import type { DumpWriter, Xlator, XlatorSetup } from '../../../graph/xlator.ts';
import type { Callback } from '../../../rpc/callback.ts';
import type { RpcConnection } from '../../../rpc/connection.ts';
import { type FopWire, WIRE_4 } from '../../../rpc/fop-wire.ts';
import { formatGfid } from '../../../types/gfid.ts';
import { BrickLink, type BrickLinkUser } from './brick-link.ts';
import type { FdContext } from './fd-context.ts';
import { ClientLockFops } from './lock-fops.ts';
import { CLIENT_OPTIONS } from './options.ts';
import { reacquire, releaseCall, reopen } from './reopen.ts';

/** Operations that go by gfid between two attempts to open a lost fd again, as in Gluster. */
const REOPEN_EVERY = 1024;

/** Layers that hand on what they read, or copy it; any other may keep it. */
const KEEP_NOTHING = new Set([
  'graph',
  'cluster/distribute',
  'debug/delay-gen',
  'debug/error-gen',
  'debug/io-stats',
  'debug/trace',
  'features/utime',
  'meta',
  'mount/fuse',
  'performance/io-threads',
  'performance/md-cache',
  'performance/open-behind',
  'performance/quick-read',
  'performance/readdir-ahead',
  'performance/write-behind',
  'system/posix-acl',
]);

function keepsNothing(xlator: Xlator): boolean {
  return xlator.parents.every(parent => KEEP_NOTHING.has(parent.type) && keepsNothing(parent));
}

/** A brick: every fop becomes a call to it. */
export class ProtocolClient extends ClientLockFops implements Fops, BrickLinkUser {
  static readonly options: OptionTable = CLIENT_OPTIONS;
  static readonly subvolumes = [0, 0] as const;
  private readonly brick: BrickLink;
  /** What is open on the brick, or should be. */
  private readonly saved = new Set<FdContext>();
  private childUp = false;
  private wasRefused = false;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.brick = new BrickLink(setup.host, this.name, this.logName, this.options, this);
  }

  override activate(): void {
    this.findLeaf();
    this.recycles = keepsNothing(this);
  }

  /** Leaves are numbered from left to right. */
  private findLeaf(): void {
    const seen = new Set<Xlator>();
    let leaves = 0;
    const walk = (xlator: Xlator) => {
      if (seen.has(xlator)) return;
      seen.add(xlator);
      if (xlator.children.length > 0) xlator.children.forEach(walk);
      else {
        if (xlator === this) this.leaf = leaves;
        leaves++;
      }
    };
    walk(this.host.xlators[0]);
    this.leaves = Math.max(1, leaves);
  }

  override reconfigure(): void {
    this.readOptions();
    this.brick.reconfigure(this.options);
  }

  override notify(event: GraphEvent, from: Xlator | undefined, data?: unknown): void {
    if (event === 'PARENT_UP') this.brick.start();
    else if (event === 'PARENT_DOWN') this.brick.stop();
    else super.notify(event, from, data);
  }

  override async fini(): Promise<void> {
    this.brick.stop();
    this.saved.clear();
  }

  // --- what the link tells

  attached(connection: RpcConnection, wire: FopWire, childUp: boolean): void {
    this.connection = connection;
    this.wire = wire;
    this.childUp = childUp;
    this.host.log.log('I', this.logName, `connected to ${connection.peer}, protocol ${wire.version}`);
    const lost = [...this.saved].filter(
      context => context.remoteFd < 0 && !(this.strictLocks && context.locks.length > 0),
    );
    // The layers above hear of the brick when all is as it was before.
    let waiting = lost.length;
    const done = () => {
      if (--waiting === 0 && this.connection === connection) this.up();
    };
    if (waiting === 0) this.up();
    for (const context of lost) this.reopen(context).then(done);
  }

  private up(): void {
    if (this.childUp) this.tell('CHILD_UP');
  }

  detached(): void {
    const wasUp = this.connection !== undefined;
    this.connection = undefined;
    this.wire = WIRE_4;
    for (const context of this.saved) context.remoteFd = -1;
    if (wasUp) this.host.log.log('I', this.logName, 'disconnected from the brick');
    // That we were refused is what the layers above are to know; the end of the connection follows from it.
    if (this.wasRefused) this.wasRefused = false;
    else this.tell('CHILD_DOWN');
  }

  authFailed(message: string): void {
    this.wasRefused = true;
    this.tell('AUTH_FAILED', message);
  }

  connecting(): void {
    this.tell('CHILD_CONNECTING');
  }

  ponged(): void {
    if (this.connection !== undefined) this.notifyParents('CHILD_PING');
  }

  callback(event: Callback): void {
    switch (event.kind) {
      case 'cache-invalidation':
      case 'recall-lease':
      case 'inodelk-contention':
      case 'entrylk-contention':
        this.notifyParents('UPCALL', event);
        return;
      case 'child-up':
        this.childUp = true;
        this.up();
        return;
      case 'child-down':
        this.childUp = false;
        this.tell('CHILD_DOWN');
        return;
      default:
        // Of no use to a client of a brick, as in Gluster: new volfiles are glusterd's to announce, dumps are asked for otherwise.
        if (this.host.log.gathers('D'))
          this.host.log.log('D', this.logName, `callback ${event.kind} is not acted on`);
    }
  }

  // --- fds

  opened(fd: Fd, context: FdContext): void {
    const old = this.fdContext(fd);
    if (old !== undefined) {
      // Opened twice: nobody would ever give the first number back.
      this.saved.delete(old);
      if (old.remoteFd >= 0) this.releaseRemote(old);
    }
    fd.ctx[this.slot] = context;
    this.saved.add(context);
  }

  override release(fd: Fd): void {
    const context = this.fdContext(fd);
    if (context === undefined) return;
    context.released = true;
    this.saved.delete(context);
    if (context.remoteFd >= 0 && !context.reopening) this.releaseRemote(context);
  }

  private releaseRemote(context: FdContext): void {
    const { connection } = this;
    context.idle(() => {
      // The number means nothing on another connection.
      if (connection !== undefined && connection === this.connection)
        this.submitUnwaited(releaseCall(connection, this.wire, context));
      context.remoteFd = -1;
    });
  }

  tryReopen(fd: Fd): void {
    const context = this.fdContext(fd);
    if (context === undefined || context.remoteFd >= 0 || context.reopening || this.connection === undefined)
      return;
    if (context.reopenAttempts++ % REOPEN_EVERY === 0) void this.reopen(context);
  }

  /** Opens a lost fd again, and asks for the locks that were held on it. Never rejects. */
  private async reopen(context: FdContext): Promise<void> {
    const connection = this.connection!;
    const { wire, name } = this;
    context.reopening = true;
    try {
      const remoteFd = await reopen(connection, wire, name, context);
      context.remoteFd = remoteFd;
      context.reopenAttempts = 0;
      context.locks = await reacquire(connection, wire, name, context, (held, thrown) => {
        const { start, len } = held.flock;
        this.host.log.log(
          'E',
          this.logName,
          `the lock on ${formatGfid(context.gfid)} [${start}, ${len}] of pid ${held.pid} is lost: ${errnoName(errnoOf(thrown))}`,
        );
      });
    } catch (thrown) {
      context.remoteFd = -1;
      this.host.log.log(
        'W',
        this.logName,
        `${formatGfid(context.gfid)} cannot be opened again: ${errnoName(errnoOf(thrown))}`,
      );
    }
    context.reopening = false;
    if (this.connection !== connection) context.remoteFd = -1;
    else if (context.released && context.remoteFd >= 0) this.releaseRemote(context);
  }

  // --- what there is to tell

  override dump(out: DumpWriter): void {
    out.section(`xlator.protocol.client.${this.name}.priv`);
    let i = 0;
    for (const { remoteFd, locks } of this.saved) {
      out.write(`fd.${i}.remote_fd`, remoteFd);
      if (locks.length > 0) out.write(`fd.${i}.granted-posix-locks`, locks.length);
      i++;
    }
    const { connection } = this;
    out.write('connected', connection === undefined ? 0 : 1);
    out.write('total_bytes_read', connection?.bytesRead ?? 0);
    out.write('ping_timeout', this.options.number('ping-timeout'));
    out.write('total_bytes_written', connection?.bytesWritten ?? 0);
    out.write('ping_msgs_sent', connection?.pingsSent ?? 0);
    out.write('msgs_sent', connection?.messagesSent ?? 0);
    out.write('outstanding_calls', connection?.outstanding ?? 0);
    if (connection !== undefined) out.write('peer', connection.peer);
  }
}
