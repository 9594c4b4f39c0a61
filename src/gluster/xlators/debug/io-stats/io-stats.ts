import type { TimerHandle } from '../../../../env/env.ts';
import { anyFops } from '../../../graph/every-fop.ts';
import type { Fd } from '../../../graph/fd.ts';
import type { FopName, ReadAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { LineLog, parseLogLevel } from '../../../graph/log.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import { Dict } from '../../../types/dict.ts';
import { COUNTED, Counters } from './counters.ts';
import { IO_STATS_OPTIONS } from './options.ts';
import { CUMULATIVE, dictReport, type FileStats, jsonReport, textReport } from './report.ts';
import { TOP_KINDS, TOP_OP, type TopKind, TopList } from './top-files.ts';

/** Where dumps asked for by an xattr go (IOS_STATS_DUMP_DIR), and those made every so often. */
const DUMP_DIR = '/var/run/gluster';
const INTERVAL_DUMP_DIR = '/var/lib/glusterd/stats';

/** Of a file: what its lists count. */
class FileCounts {
  readonly counts = [0, 0, 0, 0, 0];
  readBest = 0;
  writeBest = 0;
}

/** Of an open file. */
interface FdCounts {
  readonly path: string;
  readonly openedAt: number;
  read: number;
  written: number;
}

/** Which reports are wanted. */
export type ProfileOp = 'all' | 'incremental' | 'cumulative';

/** In the way even when nothing is counted. */
const ALWAYS: ReadonlySet<FopName> = new Set(['readv', 'writev', 'setxattr']);

/**
 * Counts fops, bytes and latencies, for `volume profile` and `volume top`. What is read and written is always counted; all else only
 * while a profile is taken (options count-fop-hits, latency-measurement) or an option asks for it, and otherwise costs nothing.
 */
export class IoStats extends Xlator {
  static readonly options = IO_STATS_OPTIONS;

  private cumulative: Counters;
  private incremental: Counters;
  private interval = 0;
  private readonly lists = Object.fromEntries(TOP_KINDS.map(kind => [kind, new TopList()])) as Record<
    TopKind,
    TopList
  >;
  private readonly readThroughput = new TopList();
  private readonly writeThroughput = new TopList();
  private opens = 0;
  private maxOpens = 0;
  private maxOpensAt = 0;
  private counting = false;
  private measuring = false;
  private watchingFds = false;
  private timer: TimerHandle | undefined = undefined;
  private level = parseLogLevel(this.options.text('log-level') ?? '');

  constructor(setup: XlatorSetup) {
    super(setup);
    const now = setup.host.env.clock.now();
    this.cumulative = new Counters(now);
    this.incremental = new Counters(now);
    this.readOptions();
  }

  override activate(): void {
    this.startTimer();
  }

  override reconfigure(): void {
    const level = parseLogLevel(this.options.text('log-level') ?? '');
    // The level that the program was started with stands until the volume's changes.
    if (level !== this.level && level !== undefined && this.host.log instanceof LineLog)
      this.host.log.level = level;
    this.level = level;
    this.readOptions();
    this.startTimer();
  }

  private readOptions(): void {
    const { options } = this;
    this.counting = options.bool('count-fop-hits');
    this.measuring = options.bool('latency-measurement');
    this.watchingFds = options.bool('dump-fd-stats');
    if (options.number('ios-sample-interval') > 0)
      this.host.log.log(
        'W',
        this.logName,
        'ENOTSUP: ios-sample-interval: samples of latencies are not taken',
      );
  }

  override implementsFop(fop: FopName, watched = false): boolean {
    if (!super.implementsFop(fop)) return false;
    return watched || this.counting || this.watchingFds || ALWAYS.has(fop);
  }

  /** Counters as Gluster's profile has them. `peek`: the interval goes on. */
  profile(op: ProfileOp = 'all', peek = false): Dict {
    const now = this.host.env.clock.now();
    const dict = new Dict();
    if (op !== 'incremental') dictReport(this.cumulative, now, CUMULATIVE, dict);
    if (op !== 'cumulative') {
      dictReport(this.incremental, now, this.interval, dict);
      if (!peek) this.nextInterval(now);
    }
    return dict;
  }

  clear(): void {
    const now = this.host.env.clock.now();
    this.cumulative = new Counters(now);
    this.incremental = new Counters(now);
    this.interval = 0;
  }

  clearTop(): void {
    for (const list of Object.values(this.lists)) list.clear();
    this.readThroughput.clear();
    this.writeThroughput.clear();
    this.opens = 0;
    this.maxOpens = 0;
    this.maxOpensAt = 0;
  }

  /** The files of which there is most, as `volume top` asks for them. */
  top(kind: TopKind | 'read-perf' | 'write-perf', count: number): Dict {
    const dict = new Dict();
    const list =
      kind === 'read-perf'
        ? this.readThroughput
        : kind === 'write-perf'
          ? this.writeThroughput
          : this.lists[kind];
    if (kind === 'open') {
      dict.setUint('current-open', this.opens);
      dict.setUint('max-open', this.maxOpens);
      dict.setUint('max-openfd-time', this.maxOpensAt);
    }
    dict.setInt('top-op', TOP_OP[kind]);
    const shown = list.entries.slice(0, count);
    shown.forEach(({ path, value, at }, i) => {
      dict.setString(`filename-${i + 1}`, path);
      dict.setUint(`value-${i + 1}`, Math.floor(value));
      if (!kind.endsWith('-perf')) return;
      dict.setInt(`time-sec-${i + 1}`, Math.floor(at / 1000));
      dict.setInt(`time-usec-${i + 1}`, Math.floor((at % 1000) * 1000));
    });
    return dict.setInt('members', shown.length);
  }

  /** All reports as text or JSON, and begins a new interval. */
  report(format: 'text' | 'json'): string {
    const now = this.host.env.clock.now();
    const { cumulative, incremental, interval } = this;
    this.nextInterval(now);
    if (format === 'text')
      return (
        textReport(cumulative, now, CUMULATIVE, this.files()) +
        textReport(incremental, now, interval, undefined)
      );
    const prefix = `gluster.${this.uniqueId().replaceAll('/', '_')}`;
    return jsonReport(cumulative, now, CUMULATIVE, prefix) + jsonReport(incremental, now, interval, prefix);
  }

  override dump(out: DumpWriter): void {
    if (!this.counting || !this.measuring) return;
    out.section(`${this.type}.${this.name}`);
    for (const [name, counters] of [
      ['cumulative', this.cumulative],
      ['incremental', this.incremental],
    ] as const) {
      out.write(`${name}.data_read`, counters.dataRead);
      out.write(`${name}.data_written`, counters.dataWritten);
    }
    for (const [number, label] of COUNTED)
      for (const [name, { hits, latency }] of [
        ['cumulative', this.cumulative],
        ['incremental', this.incremental],
      ] as const) {
        const { total, min, max, avg } = latency[number] ?? { total: 0, min: 0, max: 0, avg: 0 };
        out.write(
          `${this.name}.${name}.${label}`,
          `${hits[number]},${Math.round(total)},${min.toFixed(3)},${max.toFixed(3)},${avg.toFixed(3)}`,
        );
      }
  }

  override release(fd: Fd): void {
    this.opens--;
    if (this.counting) this.extra('RELEASE');
    if (!this.watchingFds) return;
    const { path, openedAt, read, written } = fd.ctx[this.slot] as FdCounts;
    const lifetime = (this.host.env.clock.now() - openedAt) / 1000;
    const log = (message: string) => this.host.log.log('I', this.logName, message);
    log('--- fd stats ---');
    log(`      Filename : ${path}`);
    log(`      Lifetime : ${lifetime.toFixed(6)} secs`);
    if (read > 0) log(`     BytesRead : ${read} bytes`);
    if (written > 0) log(`  BytesWritten : ${written} bytes`);
  }

  override forget(_inode: Inode): void {
    if (this.counting) this.extra('FORGET');
  }

  override async fini(): Promise<void> {
    if (this.timer !== undefined) this.host.env.timers.clear(this.timer);
    this.timer = undefined;
  }

  /** A fop while counting. */
  counted(fop: FopName, frame: Frame, args: readonly unknown[]): Promise<unknown> {
    const { clock } = this.host.env;
    const begin = this.measuring ? clock.mono() : 0;
    const done = () => {
      if (!this.counting || !this.measuring) return;
      const elapsed = Math.round((clock.mono() - begin) * 1e6);
      this.cumulative.hit(fop, elapsed);
      this.incremental.hit(fop, elapsed);
    };
    const answer = anyFops(this.next)[fop](frame, ...args);
    answer.then(done, done);
    return answer;
  }

  /** Counts what was read. Bound, so that a read makes no function of its own. */
  readonly countRead = ({ length }: ReadAnswer): void => {
    if (length === 0) return;
    this.cumulative.read(length);
    this.incremental.read(length);
  };

  /** Counts what is to be written, as it goes down. */
  countWrite(length: number): void {
    this.cumulative.written(length);
    this.incremental.written(length);
  }

  /** While a profile is taken: counts for the file and the lists of files. */
  moved(fd: Fd, kind: 'read' | 'write', bytes: number, began: number): void {
    const counts = fd.ctx[this.slot] as FdCounts | undefined;
    if (counts !== undefined) counts[kind === 'read' ? 'read' : 'written'] += bytes;
    if (!this.counting) return;
    const file = this.list(fd.inode, kind);
    const took = this.host.env.clock.mono() - began;
    if (took <= 0) return;
    // KiB a second.
    const throughput = bytes / 1.024 / took;
    const best = kind === 'read' ? 'readBest' : 'writeBest';
    if (throughput < file[best]) return;
    file[best] = throughput;
    const { gfid } = fd.inode;
    const list = kind === 'read' ? this.readThroughput : this.writeThroughput;
    list.put(gfid, this.host.inodes.path(fd.inode), throughput, this.host.env.clock.now());
  }

  /** Counts one more of this for a file. */
  list(inode: Inode, kind: TopKind): FileCounts {
    const file = ((inode.ctx[this.slot] as FileCounts | undefined) ??= new FileCounts());
    inode.ctx[this.slot] = file;
    const value = ++file.counts[TOP_KINDS.indexOf(kind)];
    this.lists[kind].put(inode.gfid, this.host.inodes.path(inode), value, this.host.env.clock.now());
    return file;
  }

  opened(fd: Fd, path: string): void {
    const now = this.host.env.clock.now();
    const counts: FdCounts = { path, openedAt: now, read: 0, written: 0 };
    fd.ctx[this.slot] = counts;
    if (++this.opens <= this.maxOpens) return;
    this.maxOpens = this.opens;
    this.maxOpensAt = now;
  }

  /** What setxattr is asked for with a name like 'trusted.io-stats-dump': writes a file. */
  dumpFor(dict: Dict): void {
    for (const [key] of dict.entries) {
      if (!/^.*io.*stat.*dump$/s.test(key)) continue;
      const name = dict.string(key) ?? '';
      if (name === '' || name.includes('../')) {
        this.host.log.log('E', this.logName, `'${name}' is no name for a dump`);
        continue;
      }
      const file = `${name.replace(/^\//, '')}.${this.uniqueId()}`.replaceAll('/', '-');
      this.write(`${DUMP_DIR}/${file}`, key.endsWith('json_dump') ? 'json' : 'text');
    }
  }

  get isCounting(): boolean {
    return this.counting;
  }

  get watchesFds(): boolean {
    return this.counting || this.watchingFds;
  }

  private write(path: string, format: 'text' | 'json'): void {
    this.host.env.fs.writeFile(path, this.report(format)).catch((error: Error) => {
      this.host.log.log('E', this.logName, `failed to write ${path}: ${error.message}`);
    });
  }

  private uniqueId(): string {
    const { options } = this;
    return options.isSet('unique-id') ? options.string('unique-id') : this.name;
  }

  private extra(fop: 'FORGET' | 'RELEASE'): void {
    this.cumulative.extra(fop);
    this.incremental.extra(fop);
  }

  private nextInterval(now: number): void {
    this.interval++;
    this.incremental = new Counters(now);
  }

  private startTimer(): void {
    const { timers } = this.host.env;
    if (this.timer !== undefined) timers.clear(this.timer);
    const seconds = this.options.number('ios-dump-interval');
    this.timer = undefined;
    if (seconds === 0) return;
    const format = this.options.string('ios-dump-format') === 'text' ? 'text' : 'json';
    const path = `${INTERVAL_DUMP_DIR}/glusterfs_${this.uniqueId().replaceAll('/', '_')}.dump`;
    this.timer = timers.every(() => this.write(path, format), seconds * 1000, true);
  }

  private files(): FileStats {
    const { lists, opens, maxOpens, maxOpensAt, readThroughput, writeThroughput } = this;
    return {
      opens,
      maxOpens,
      maxOpensAt,
      lists: [
        ['==========Open File Stats========', 'FILE NAME', lists.open],
        ['==========Read File Stats========', 'FILE NAME', lists.read],
        ['==========Write File Stats========', 'FILE NAME', lists.write],
        ['==========Directory open stats========', 'DIRECTORY NAME', lists.opendir],
        ['========Directory readdirp Stats=======', 'DIRECTORY NAME', lists.readdirp],
      ],
      throughput: [
        ['========Read Throughput File Stats=====', readThroughput],
        ['======Write Throughput File Stats======', writeThroughput],
      ],
    };
  }
}
