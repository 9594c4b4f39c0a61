import type { Env, TimerHandle } from '../env/env.ts';
import type { Config } from './config/config.ts';
import type { OptionName } from './config/options.ts';
import { SUBSYSTEMS, subsystem } from './config/subsystems.ts';

export const SUBSYS_NONE = subsystem('none');
export const SUBSYS_CRUSH = subsystem('crush');
export const SUBSYS_OBJECTER = subsystem('objecter');
export const SUBSYS_RADOS = subsystem('rados');
export const SUBSYS_RBD = subsystem('rbd');
export const SUBSYS_CLIENT = subsystem('client');
export const SUBSYS_OSD = subsystem('osd');
export const SUBSYS_OBJCLASS = subsystem('objclass');
export const SUBSYS_MS = subsystem('ms');
export const SUBSYS_MON = subsystem('mon');
export const SUBSYS_MONC = subsystem('monc');
export const SUBSYS_PAXOS = subsystem('paxos');
export const SUBSYS_AUTH = subsystem('auth');
export const SUBSYS_ASOK = subsystem('asok');
export const SUBSYS_THROTTLE = subsystem('throttle');
export const SUBSYS_MGR = subsystem('mgr');
export const SUBSYS_MGRC = subsystem('mgrc');
export const SUBSYS_STORE = subsystem('bluestore');

/** Entries of this level are errors: they are always kept and written. */
export const LOG_ERROR = -1;

interface Entry {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly subsys: number;
  readonly level: number;
  readonly message: string;
}

const FLUSH_MS = 50;
/** More than this many waiting lines are written at once, whatever the timer says. */
const FLUSH_LINES = 512;

const pad = (value: number, digits: number) => String(value).padStart(digits, '0');

/** '2026-11-21T03:28:00.123+0000', in the host's time zone. */
export function logTime(ms: number): string {
  const at = new Date(ms);
  const offset = -at.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.trunc(Math.abs(offset) / 60), 2)}${pad(Math.abs(offset) % 60, 2)}`;
  return (
    `${at.getFullYear()}-${pad(at.getMonth() + 1, 2)}-${pad(at.getDate(), 2)}T${pad(at.getHours(), 2)}:` +
    `${pad(at.getMinutes(), 2)}:${pad(at.getSeconds(), 2)}.${pad(at.getMilliseconds(), 3)}${zone}`
  );
}

/**
 * The log of a program. Each subsystem has two levels (debug_X = N/M): what is up to N goes to file or standard
 * error, what is up to M is kept in memory, where the last log_max_recent entries wait for a dump.
 *
 *     if (log.on(SUBSYS_MS, 10)) log.write(SUBSYS_MS, 10, `-- ${addr} accepted`);
 */
export class Log implements AsyncDisposable {
  private readonly env: Env;
  private readonly config: Config;
  private readonly thread: string;
  /** Levels up to which entries are written, and up to which they are made at all. */
  private readonly written = new Int8Array(SUBSYSTEMS.length);
  private readonly gathered = new Int8Array(SUBSYSTEMS.length);
  private readonly watching: Disposable;
  private ring: Entry[] = [];
  /** Where the next entry goes once the ring is full. */
  private head = 0;
  private maxRecent = 500;
  private toStderr = false;
  private errToStderr = false;
  private stderrPrefix = '';
  private file = '';
  private waiting: string[] = [];
  private timer: TimerHandle | undefined;
  private writing: Promise<void> | undefined;

  constructor(env: Env, config: Config) {
    this.env = env;
    this.config = config;
    this.thread = env.host.pid.toString(16);
    const debug = SUBSYSTEMS.map(({ name }): OptionName => `debug_${name}`);
    this.configure();
    this.watching = config.addObserver(
      [
        ...debug,
        'log_file',
        'log_to_file',
        'log_to_stderr',
        'err_to_stderr',
        'log_stderr_prefix',
        'log_max_recent',
      ],
      () => this.configure(),
    );
  }

  private configure(): void {
    const { config } = this;
    SUBSYSTEMS.forEach(({ name }, i) => {
      const [log, gather] = config.get(`debug_${name}`).split('/').map(Number);
      this.written[i] = log;
      this.gathered[i] = Math.max(log, gather ?? log);
    });
    this.toStderr = config.get('log_to_stderr');
    this.errToStderr = config.get('err_to_stderr');
    this.stderrPrefix = config.get('log_stderr_prefix');
    const file = config.get('log_to_file') ? config.get('log_file') : '';
    if (file !== this.file) {
      this.flushSync();
      this.file = file;
    }
    this.resize(config.get('log_max_recent'));
  }

  private resize(max: number): void {
    if (max === this.maxRecent) return;
    this.ring = this.recent().slice(-max);
    this.head = 0;
    this.maxRecent = max;
  }

  /** Whether an entry of this subsystem and level is worth making. */
  on(subsys: number, level: number): boolean {
    return level <= this.gathered[subsys];
  }

  /** Makes an entry; ask `on` first where building the message costs anything. */
  write(subsys: number, level: number, message: string): void {
    if (level > this.gathered[subsys]) return;
    const entry: Entry = { time: this.env.clock.now(), subsys, level, message };
    if (this.ring.length < this.maxRecent) this.ring.push(entry);
    else {
      this.ring[this.head] = entry;
      if (++this.head === this.maxRecent) this.head = 0;
    }
    if (level <= this.written[subsys]) this.emit(entry);
  }

  error(subsys: number, message: string): void {
    this.write(subsys, LOG_ERROR, message);
  }

  /** '<time> <thread> <level> <message>', the thread being the process id. */
  private line(entry: Entry): string {
    return `${logTime(entry.time)} ${this.thread} ${String(entry.level).padStart(2)} ${entry.message}`;
  }

  private emit(entry: Entry): void {
    const stderr = this.toStderr || (this.errToStderr && entry.level < 0);
    if (!stderr && this.file === '') return;
    const line = this.line(entry);
    if (stderr) this.env.host.stderr(this.stderrPrefix + line);
    if (this.file !== '') this.queue(line);
  }

  private queue(line: string): void {
    this.waiting.push(line);
    if (this.waiting.length >= FLUSH_LINES) void this.flush();
    else this.timer ??= this.env.timers.set(() => void this.flush(), FLUSH_MS, true);
  }

  private takeWaiting(): string {
    if (this.timer !== undefined) this.env.timers.clear(this.timer);
    this.timer = undefined;
    const text = this.waiting.length === 0 ? '' : `${this.waiting.join('\n')}\n`;
    this.waiting = [];
    return text;
  }

  /** Writes what waits to the log file. Never fails: a log that cannot be written says so on standard error once. */
  async flush(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
    const { file } = this;
    const text = this.takeWaiting();
    if (text === '') return;
    this.writing = this.append(file, text).finally(() => {
      this.writing = undefined;
    });
    await this.writing;
  }

  private async append(file: string, text: string): Promise<void> {
    try {
      // Opened anew for each batch, so that a rotated file is let go of.
      const handle = await this.env.fs.open(file, 'a', 0o644);
      try {
        await handle.write(Buffer.from(text), (await handle.stat()).size);
      } finally {
        await handle.close();
      }
    } catch (error) {
      this.failed(file, error);
    }
  }

  private failed(file: string, error: unknown): void {
    this.env.host.stderr(`cannot write the log to ${file}: ${(error as Error).message}`);
    this.file = '';
  }

  /** The same without waiting for the event loop: for the last words of a process. */
  flushSync(): void {
    const text = this.takeWaiting();
    if (text === '') return;
    try {
      this.env.fs.appendFileSync(this.file, text);
    } catch (error) {
      this.failed(this.file, error);
    }
  }

  private recent(): Entry[] {
    return this.head === 0 ? this.ring : [...this.ring.slice(this.head), ...this.ring.slice(0, this.head)];
  }

  /** The recent entries, oldest first, and the levels: the text that a crash leaves (log/Log.cc dump_recent). */
  dumpText(): string {
    const entries = this.recent();
    const two = (value: number) => String(value).padStart(2);
    const lines = ['--- begin dump of recent events ---'];
    entries.forEach((entry, i) => {
      lines.push(`${String(i - entries.length + 1).padStart(6)}> ${this.line(entry)}`);
    });
    lines.push('--- logging levels ---');
    SUBSYSTEMS.forEach(({ name }, i) => {
      lines.push(`  ${two(this.written[i])}/${two(this.gathered[i])} ${name}`);
    });
    const stderr = this.toStderr ? 99 : this.errToStderr ? -1 : -2;
    lines.push(`  ${two(stderr)}/${two(stderr)} (stderr threshold)`);
    lines.push(`  max_recent ${String(this.maxRecent).padStart(9)}`);
    lines.push(`  log_file ${this.file}`);
    lines.push('--- end dump of recent events ---');
    return lines.join('\n');
  }

  /** Writes that dump where the log goes: to the file, and to standard error when there is none. */
  dump(): void {
    const text = this.dumpText();
    if (this.file === '') this.env.host.stderr(text);
    else {
      this.flushSync();
      this.waiting.push(text);
      this.flushSync();
    }
  }

  async close(): Promise<void> {
    this.watching[Symbol.dispose]();
    await this.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
