import type { Context } from '../../base/context.ts';
import type { NacreError } from '../../base/errors.ts';
import type { Message } from '../messages/message.ts';
import { MLog, type MLogAck } from '../messages/mlog.ts';
import { MMonCommand, type MMonCommandAck } from '../messages/mmon-command.ts';
import { MMonGetVersion, type MMonGetVersionReply } from '../messages/mmon-get-version.ts';
import type { LogEntry } from '../types/log-entry.ts';
import type { Uuid } from '../types/uuid.ts';
import type { PendingCommand, PendingVersion } from './command.ts';

const EMPTY = Buffer.alloc(0);

export interface MonRequestsOptions {
  readonly context: Context;
  readonly fsid: () => Uuid;
  /** To the monitor of the session. */
  readonly send: (m: Message) => void;
}

/** What was asked of the monitors and is asked again in the next session until it is answered. */
export class MonRequests {
  private readonly options: MonRequestsOptions;
  private readonly commands = new Map<number, PendingCommand>();
  private readonly versions = new Map<number, PendingVersion>();
  private logEntries: LogEntry[] = [];

  constructor(options: MonRequestsOptions) {
    this.options = options;
  }

  addCommand(command: PendingCommand, send: boolean): void {
    this.commands.set(command.tid, command);
    if (send) this.sendCommand(command);
  }

  forgetCommand(tid: number): void {
    this.commands.delete(tid);
  }

  addVersion(version: PendingVersion, send: boolean): void {
    this.versions.set(version.handle, version);
    if (send) this.options.send(new MMonGetVersion(version.handle, version.what));
  }

  forgetVersion(handle: number): void {
    this.versions.delete(handle);
  }

  addLog(entries: readonly LogEntry[], send: boolean): void {
    this.logEntries.push(...entries);
    if (send) this.sendLog(entries);
  }

  private sendCommand({ tid, words, input, span }: PendingCommand): void {
    const m = new MMonCommand(this.options.fsid(), words);
    m.tid = tid;
    m.trace = span;
    if (input !== undefined && input.length > 0) m.data = [input];
    this.options.send(m);
  }

  private sendLog(entries: readonly LogEntry[]): void {
    const { context, fsid, send } = this.options;
    const most = Math.max(1, context.config.get('mon_client_max_log_entries_per_message'));
    for (let i = 0; i < entries.length; i += most) send(new MLog(fsid(), entries.slice(i, i + most)));
  }

  /** There is a session: these need nothing but it. */
  sessionOpened(): void {
    for (const { handle, what } of this.versions.values())
      this.options.send(new MMonGetVersion(handle, what));
  }

  /** The cluster's id is known too: these carry it. */
  ready(): void {
    for (const command of this.commands.values()) this.sendCommand(command);
    if (this.logEntries.length > 0) this.sendLog(this.logEntries);
  }

  handleVersion({ handle, newest, oldest }: MMonGetVersionReply): void {
    const version = this.versions.get(handle);
    if (version === undefined) return;
    this.versions.delete(handle);
    version.waiting.resolve({ newest, oldest });
  }

  handleCommand(m: MMonCommandAck): void {
    const command = this.commands.get(m.tid);
    if (command === undefined) return;
    this.commands.delete(m.tid);
    const outbl = m.data.length === 0 ? EMPTY : Buffer.concat(m.data);
    command.waiting.resolve({ retcode: m.result, outs: m.status, outbl });
  }

  handleLogAck({ last }: MLogAck): void {
    this.logEntries = this.logEntries.filter(entry => entry.seq > last);
  }

  rejectAll(error: NacreError): void {
    const all = [...this.commands.values(), ...this.versions.values()];
    this.commands.clear();
    this.versions.clear();
    for (const { waiting } of all) waiting.reject(error);
  }
}
