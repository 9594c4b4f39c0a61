import type { Context } from '../../base/context.ts';
import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { SUBSYS_MONC } from '../../base/log.ts';
import type { TimerHandle } from '../../env/env.ts';
import { MCommand, type MCommandReply } from '../messages/mcommand.ts';
import type { Message } from '../messages/message.ts';
import { CEPH_MSG_PING } from '../messages/message-types.ts';
import { MPing } from '../messages/mping.ts';
import type { Connection } from '../messenger/types.ts';
import type { Uuid } from '../types/uuid.ts';
import type { MonCommandResult, Waiting } from './command.ts';
import type { MonConnection } from './mon-connection.ts';

const EMPTY = Buffer.alloc(0);

export interface TellsOptions {
  readonly context: Context;
  readonly fsid: () => Uuid;
  /** True once the monitors' map is known. */
  readonly isReady: () => boolean;
  /** Connects to a monitor beside the session. Throws ENOENT when there is none of that name or rank. */
  readonly connect: (target: string | number) => MonConnection;
  /** Starts authentication on it, once it is known here. */
  readonly start: (mon: MonConnection) => void;
}

/** A talk with one monitor beside the session: a command for it alone, or a ping. */
interface Tell {
  readonly tid: number;
  readonly target: string | number;
  /** Makes the message, anew for each attempt. */
  readonly make: () => Message;
  readonly waiting: Waiting<MonCommandResult>;
  mon: MonConnection | undefined;
  attempts: number;
  /** Runs until the monitor has let us in. */
  timer: TimerHandle | undefined;
}

/** Commands and pings to particular monitors, each on its own connection (MonClient's 'tell' commands). */
export class Tells {
  private readonly options: TellsOptions;
  private readonly all = new Map<number, Tell>();

  constructor(options: TellsOptions) {
    this.options = options;
  }

  command(
    tid: number,
    target: string | number,
    words: readonly string[],
    input: Uint8Array | undefined,
    waiting: Waiting<MonCommandResult>,
  ): void {
    const make = () => {
      const m = new MCommand(this.options.fsid(), words);
      m.tid = tid;
      if (input !== undefined && input.length > 0) m.data = [input];
      return m;
    };
    this.add({ tid, target, make, waiting, mon: undefined, attempts: 0, timer: undefined });
  }

  ping(tid: number, target: string | number, waiting: Waiting<MonCommandResult>): void {
    this.add({
      tid,
      target,
      make: () => new MPing(),
      waiting,
      mon: undefined,
      attempts: 0,
      timer: undefined,
    });
  }

  private add(tell: Tell): void {
    this.all.set(tell.tid, tell);
    if (this.options.isReady()) this.attempt(tell);
  }

  /** The map is known: those that waited for it set out. */
  resume(): void {
    for (const tell of [...this.all.values()]) if (tell.mon === undefined) this.attempt(tell);
  }

  private attempt(tell: Tell): void {
    const { context, connect, start } = this.options;
    const { config, env } = context;
    this.drop(tell);
    // The first try, and the retries after it.
    if (tell.attempts++ > config.get('mon_client_directed_command_retry')) {
      this.end(tell, new NacreError('ENXIO', 'mon_command', `monitor ${tell.target} does not answer`));
      return;
    }
    try {
      tell.mon = connect(tell.target);
      if (context.log.on(SUBSYS_MONC, 10))
        context.log.write(SUBSYS_MONC, 10, `monclient: tell ${tell.tid} to ${tell.mon.text}`);
      const late = config.get('mon_client_hunt_interval') * 1000;
      tell.timer = env.timers.set(() => this.attempt(tell), late);
      start(tell.mon);
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.end(tell, error);
    }
  }

  /** Ends the tell's connection. */
  private drop(tell: Tell): void {
    if (tell.timer !== undefined) this.options.context.env.timers.clear(tell.timer);
    tell.timer = undefined;
    const { mon } = tell;
    tell.mon = undefined;
    // Not within the messenger's call that brought the end.
    if (mon !== undefined) queueMicrotask(() => mon.con.markDown());
  }

  private end(tell: Tell, error: unknown): void {
    this.forget(tell.tid);
    tell.waiting.reject(error);
  }

  /** Nobody waits for it any more. */
  forget(tid: number): void {
    const tell = this.all.get(tid);
    if (tell === undefined) return;
    this.all.delete(tid);
    this.drop(tell);
  }

  private of(mon: MonConnection): Tell | undefined {
    for (const tell of this.all.values()) if (tell.mon === mon) return tell;
    return undefined;
  }

  find(is: (mon: MonConnection) => boolean): MonConnection | undefined {
    for (const { mon } of this.all.values()) if (mon !== undefined && is(mon)) return mon;
    return undefined;
  }

  /** The monitor let us in. A slow command may take its time from here on. */
  opened(mon: MonConnection): void {
    const tell = this.of(mon);
    if (tell === undefined) return;
    if (tell.timer !== undefined) this.options.context.env.timers.clear(tell.timer);
    tell.timer = undefined;
    mon.con.send(tell.make());
  }

  /** The monitor refused us. */
  failed(mon: MonConnection, error: NacreError): void {
    const tell = this.of(mon);
    if (tell !== undefined) this.end(tell, error);
  }

  /** The connection broke: while the monitor had not let us in yet, the timer tries again. */
  reset(mon: MonConnection): void {
    const tell = this.of(mon);
    if (tell !== undefined && tell.timer === undefined) this.attempt(tell);
  }

  dispatch(con: Connection, m: Message): boolean {
    const mon = this.find(candidate => candidate.con === con);
    const tell = mon === undefined ? undefined : this.of(mon);
    if (tell === undefined) return false;
    const isPing = m.type === CEPH_MSG_PING;
    if (!isPing && m.tid !== tell.tid) return true;
    let result: MonCommandResult;
    try {
      result = isPing ? pingResult(m as MPing) : commandResult(m as MCommandReply);
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.end(tell, error);
      return true;
    }
    this.forget(tell.tid);
    tell.waiting.resolve(result);
    return true;
  }

  close(error: NacreError): void {
    for (const tell of [...this.all.values()]) this.end(tell, error);
  }
}

function commandResult(m: MCommandReply): MonCommandResult {
  const outbl = m.data.length === 0 ? EMPTY : Buffer.concat(m.data);
  return { retcode: m.result, outs: m.status, outbl };
}

// A monitor's MPing holds one string: its status as JSON.
function pingResult(m: MPing): MonCommandResult {
  return { retcode: 0, outs: new Decoder(m.payload, 'MPing').str(), outbl: EMPTY };
}
