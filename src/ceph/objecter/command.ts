import { ERRNO } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { TimerHandle } from '../../env/env.ts';
import { MCommand, type MCommandReply } from '../messages/mcommand.ts';
import type { Connection } from '../messenger/types.ts';
import type { PgId } from '../types/pg.ts';
import { pgText } from '../types/pg.ts';
import { Aborter } from './aborter.ts';
import type { Objecter } from './objecter.ts';
import { byTid } from './op.ts';
import { OSDSession } from './session.ts';

/** What a daemon answered to a command. */
export interface CommandResult {
  /** 0 or a negative errno. */
  readonly result: number;
  /** What the user is told. */
  readonly status: string;
  readonly output: Buffer;
}

/** Where a command goes: to an OSD, or to the primary of a PG. */
export type CommandTarget = { readonly osd: number } | { readonly pg: PgId };

/** A command under way (Objecter::CommandOp). */
export class CommandOp {
  readonly tid: number;
  readonly target: CommandTarget;
  readonly cmd: readonly string[];
  readonly input: Uint8Array | undefined;
  readonly resolve: (result: CommandResult) => void;
  readonly reject: (error: unknown) => void;
  session: OSDSession | undefined = undefined;
  lastSent = 0;
  /** Why the map gives it no target, and from which epoch on that is final. */
  mapError: { readonly errno: number; readonly text: string } | undefined = undefined;
  mapDneBound = 0;
  checking = false;
  aborter: Aborter | undefined = undefined;
  timer: TimerHandle | undefined = undefined;

  constructor(
    tid: number,
    target: CommandTarget,
    cmd: readonly string[],
    input: Uint8Array | undefined,
    resolve: (result: CommandResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.tid = tid;
    this.target = target;
    this.cmd = cmd;
    this.input = input;
    this.resolve = resolve;
    this.reject = reject;
  }

  get targetText(): string {
    const { target } = this;
    return 'osd' in target ? `osd.${target.osd}` : `pg ${pgText(target.pg)}`;
  }
}

const NO_OUTPUT = Buffer.alloc(0);

/** Commands to OSDs and PGs. */
export class Commands {
  private readonly objecter: Objecter;
  readonly all = new Map<number, CommandOp>();

  constructor(objecter: Objecter) {
    this.objecter = objecter;
  }

  /** Resolves to the answer, whatever its result; rejects when there cannot be one. */
  submit(
    target: CommandTarget,
    cmd: readonly string[],
    input?: Uint8Array,
    signal?: AbortSignal,
  ): Promise<CommandResult> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const { objecter } = this;
      const c = new CommandOp(objecter.nextTid(), target, cmd, input, resolve, reject);
      if (objecter.closed) {
        reject(this.error(c, -ERRNO['ESHUTDOWN'], 'the client was closed'));
        return;
      }
      const { env, config } = objecter.context;
      if (signal !== undefined)
        c.aborter = new Aborter(signal, { abort: reason => this.give(c, () => reject(reason)) });
      const seconds = config.get('rados_osd_op_timeout');
      if (seconds > 0)
        c.timer = env.timers.set(
          () => this.give(c, () => reject(this.error(c, -ERRNO['ETIMEDOUT'], `no answer in ${seconds} s`))),
          seconds * 1000,
        );
      this.all.set(c.tid, c);
      objecter.perf.counters.set(objecter.perf.ids.commandActive, this.all.size);
      this.assign(c, this.calc(c));
      if (c.session!.isHomeless) objecter.maps.maybeRequestMap();
      else this.send(c);
      if (c.mapError !== undefined) this.checkMap(c);
    });
  }

  private error(c: CommandOp, errno: number, text: string): NacreError {
    return NacreError.fromErrno(errno, 'command', `${c.targetText}: ${text}`);
  }

  private give(c: CommandOp, end: () => void): void {
    if (!this.all.delete(c.tid)) return;
    c.session?.commandOps.delete(c.tid);
    c.session = undefined;
    c.aborter?.release();
    if (c.timer !== undefined) this.objecter.context.env.timers.clear(c.timer);
    this.objecter.perf.counters.set(this.objecter.perf.ids.commandActive, this.all.size);
    end();
  }

  private calc(c: CommandOp): OSDSession {
    const { map } = this.objecter;
    const { target } = c;
    c.mapError = undefined;
    if ('osd' in target) {
      if (map.isUp(target.osd)) return this.objecter.sessions.of(target.osd);
      c.mapError = map.exists(target.osd)
        ? { errno: -ERRNO['ENXIO'], text: 'osd down' }
        : { errno: -ERRNO['ENOENT'], text: 'osd dne' };
      return this.objecter.sessions.homeless;
    }
    const { pg } = target;
    if (!map.pools.has(pg.pool)) {
      c.mapError = { errno: -ERRNO['ENOENT'], text: 'pool dne' };
      return this.objecter.sessions.homeless;
    }
    return this.objecter.sessions.of(map.placement.pgToUpActing(pg).actingPrimary);
  }

  private assign(c: CommandOp, session: OSDSession): void {
    c.session?.commandOps.delete(c.tid);
    c.session = session;
    session.commandOps.set(c.tid, c);
  }

  private send(c: CommandOp): void {
    const { objecter } = this;
    const con = c.session?.con;
    if (con === undefined) return;
    const m = new MCommand(objecter.mon.fsid, c.cmd);
    m.tid = c.tid;
    if (c.input !== undefined && c.input.length > 0) m.data = [c.input];
    c.lastSent = objecter.context.env.clock.mono();
    con.send(m);
    objecter.perf.counters.inc(objecter.perf.ids.commandSend);
  }

  handleReply(con: Connection, m: MCommandReply): void {
    const c = this.all.get(m.tid);
    if (c === undefined || !(con.session instanceof OSDSession) || con.session !== c.session) return;
    if (m.result === -ERRNO['EAGAIN']) {
      // The OSD is not the one to ask, or not yet: try again with what the next map says.
      this.objecter.maps.maybeRequestMap();
      this.objecter.context.env.timers.set(() => this.retry(c), 100, true);
      return;
    }
    const output =
      m.data.length === 0 ? NO_OUTPUT : Buffer.from(m.data[0].buffer, m.data[0].byteOffset, m.data[0].length);
    this.give(c, () => c.resolve({ result: m.result, status: m.status, output }));
  }

  private retry(c: CommandOp): void {
    if (!this.all.has(c.tid)) return;
    this.assign(c, this.calc(c));
    if (!c.session!.isHomeless) this.send(c);
  }

  /** The map has no such target: whether that holds, the monitor's newest epoch decides. */
  private checkMap(c: CommandOp): void {
    const { map, mon } = this.objecter;
    if (c.mapDneBound > 0) {
      if (map.epoch >= c.mapDneBound && c.mapError !== undefined) {
        const { errno, text } = c.mapError;
        queueMicrotask(() => this.give(c, () => c.reject(this.error(c, errno, text))));
      }
      return;
    }
    if (c.checking) return;
    c.checking = true;
    mon.getVersion('osdmap').then(
      ({ newest }) => {
        c.checking = false;
        c.mapDneBound = newest;
        if (this.all.has(c.tid) && c.mapError !== undefined) this.checkMap(c);
      },
      () => {
        c.checking = false;
      },
    );
  }

  /** Sorts out who goes elsewhere on a new map. */
  scan(session: OSDSession, skipped: boolean, moved: Set<CommandOp>): void {
    for (const c of session.commandOps.values()) {
      const now = this.calc(c);
      if (c.mapError !== undefined) this.checkMap(c);
      if (now !== session || (skipped && !now.isHomeless)) moved.add(c);
    }
  }

  resend(commands: CommandOp[]): void {
    for (const c of commands.sort(byTid)) {
      if (!this.all.has(c.tid)) continue;
      this.assign(c, this.calc(c));
      if (c.session!.isHomeless) continue;
      this.objecter.perf.counters.inc(this.objecter.perf.ids.commandResend);
      this.send(c);
    }
  }

  resendAll(session: OSDSession): void {
    this.resend([...session.commandOps.values()]);
  }

  moveAll(from: OSDSession, to: OSDSession): void {
    for (const c of [...from.commandOps.values()]) this.assign(c, to);
  }

  close(errno: number): void {
    for (const c of [...this.all.values()])
      this.give(c, () => c.reject(this.error(c, errno, 'the client was closed')));
  }
}
