import { NacreError } from '../../../../base/errors.ts';
import { anyFops, defineFops } from '../../../graph/every-fop.ts';
import type { Fd } from '../../../graph/fd.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import { fopOfName } from '../../../graph/fop-labels.ts';
import { FOP_NAMES, type FopName } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { formatLogTime, type GraphLogLevel, parseLogLevel } from '../../../graph/log.ts';
import type { Options, OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import { downLines, failedLine, isLogged, releasedLine, upLines } from './formats.ts';

interface Remembered {
  readonly at: number;
  readonly text: string;
}

/** Logs all fops that come by, with their arguments and answers, or remembers the last of them. */
export class Trace extends Xlator {
  static readonly options: OptionTable = {
    'include-ops': {
      kind: 'string',
      aliases: ['include'],
      reconfigurable: true,
      description: 'Only these fops, with commas between them.',
    },
    'exclude-ops': {
      kind: 'string',
      aliases: ['exclude'],
      reconfigurable: true,
      description: 'All but these fops.',
    },
    'history-size': { kind: 'size', default: '1024', description: 'How many lines are remembered.' },
    'log-file': { kind: 'bool', default: 'no', reconfigurable: true, description: 'Logs.' },
    'log-history': { kind: 'bool', default: 'no', reconfigurable: true, description: 'Remembers.' },
    'force-log-level': {
      kind: 'string',
      values: ['NONE', 'CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'TRACE'],
      description: 'At which level it logs; by default INFO.',
    },
  };

  private enabled: ReadonlySet<FopName> = new Set();
  private logging = false;
  private remembering = false;
  private readonly size: number;
  private readonly level: GraphLogLevel;
  /** A ring: the oldest is at `oldest` once it is full. */
  private readonly history: Remembered[] = [];
  private oldest = 0;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.size = Math.max(1, this.options.number('history-size'));
    this.level = parseLogLevel(this.options.text('force-log-level') ?? 'INFO') ?? 'I';
    this.checkOptions(setup.options);
    this.readOptions();
  }

  override checkOptions(options: Options): void {
    if (options.isSet('include-ops') && options.isSet('exclude-ops'))
      throw new NacreError(
        'EINVAL',
        'gluster.graph',
        `volume '${this.name}': only one of 'include-ops' and 'exclude-ops' may be given`,
      );
  }

  override reconfigure(): void {
    this.readOptions();
  }

  private readOptions(): void {
    const { options } = this;
    this.logging = options.bool('log-file');
    this.remembering = options.bool('log-history');
    const named = (name: string) =>
      options
        .string(name)
        .split(',')
        .map(fopOfName)
        .filter(fop => fop !== undefined);
    const excluded = named('exclude-ops');
    this.enabled = new Set(
      options.isSet('include-ops') ? named('include-ops') : FOP_NAMES.filter(fop => !excluded.includes(fop)),
    );
  }

  override implementsFop(fop: FopName, watched = false): boolean {
    return (
      super.implementsFop(fop) && (watched || ((this.logging || this.remembering) && this.enabled.has(fop)))
    );
  }

  pass(fop: FopName, frame: Frame, args: readonly unknown[]): Promise<unknown> {
    if (!this.logging && !this.remembering) return anyFops(this.next)[fop](frame, ...args);
    const { unique } = frame.root;
    for (const line of downLines(fop, unique, args)) this.tell(line);
    const answer = anyFops(this.next)[fop](frame, ...args);
    answer.then(
      good => {
        const { fd } = good as { fd?: Fd };
        if (fd !== undefined) fd.ctx[this.slot] = true;
        for (const line of upLines(fop, unique, args, good as object)) this.tell(line);
      },
      error => this.tell(failedLine(fop, unique, args, errnoOf(error))),
    );
    return answer;
  }

  override release(fd: Fd): void {
    this.tell(releasedLine(fd));
  }

  private tell(line: string): void {
    if (this.logging) this.host.log.log(this.level, this.logName, line);
    if (!this.remembering) return;
    const entry = { at: this.host.env.clock.now(), text: line };
    if (this.history.length < this.size) this.history.push(entry);
    else {
      this.history[this.oldest] = entry;
      this.oldest = (this.oldest + 1) % this.size;
    }
  }

  override dumpHistory(out: DumpWriter): void {
    if (!this.remembering) return;
    out.section('xlator.debug.trace.history');
    for (const { at, text } of [...this.history.slice(this.oldest), ...this.history.slice(0, this.oldest)]) {
      out.write('TIME', formatLogTime(at));
      out.write('FOP', `${text}\n`);
    }
  }

  override dump(out: DumpWriter): void {
    this.dumpHistory(out);
  }
}

defineFops(
  Trace,
  fop =>
    function (frame, ...args) {
      return this.pass(fop, frame, args);
    },
  FOP_NAMES.filter(isLogged),
);
