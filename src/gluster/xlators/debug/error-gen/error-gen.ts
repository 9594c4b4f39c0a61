import { ERRNO } from '../../../../base/errno.ts';
import { anyFops, defineFops } from '../../../graph/every-fop.ts';
import { FopError } from '../../../graph/fop-error.ts';
import { fopOfName } from '../../../graph/fop-labels.ts';
import type { FopName } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import { ERROR_NAMES, ERRORS_OF } from './errors.ts';

/** Chances are counted in parts of this, which divides 2^32. */
const GRANULARITY = 1 << 20;
/** With random-failure: the next failure comes after 3 up to 44 fops. */
const FEWEST = 3;
const SPREAD = 42;
const SHORT_WRITE = 'GF_ERROR_SHORT_WRITE';

/** Fails fops by chance, to test what stands above. The chance is the Env's, so a run can be repeated. */
export class ErrorGen extends Xlator {
  static readonly options: OptionTable = {
    failure: { kind: 'percent', reconfigurable: true, description: 'How many of the fops fail.' },
    'error-no': {
      kind: 'string',
      values: ERROR_NAMES,
      reconfigurable: true,
      description: 'What they fail with; by default one that is likely for the fop.',
    },
    'random-failure': {
      kind: 'bool',
      default: 'off',
      reconfigurable: true,
      description: 'Fails every so manieth fop, the distance being random, instead of by percentage.',
    },
    enable: {
      kind: 'string',
      aliases: ['error-fops'],
      reconfigurable: true,
      description: 'Which fops may fail, with commas between them; by default all.',
    },
  };

  private enabled: ReadonlySet<FopName> | undefined;
  private errorName: string | undefined;
  private random = false;
  private chance = 0;
  private distance = 0;
  private count = 0;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.readOptions();
  }

  override reconfigure(): void {
    this.readOptions();
  }

  private readOptions(): void {
    const { options } = this;
    this.errorName = options.text('error-no');
    this.random = options.bool('random-failure');
    this.chance = Math.floor((options.number('failure') / 100) * GRANULARITY);
    this.distance = this.random ? this.nextDistance() : 0;
    this.enabled = undefined;
    const names = options.text('enable');
    if (names === undefined) return;
    const enabled = new Set<FopName>();
    for (const name of names.split(',').filter(text => text !== '')) {
      const fop = fopOfName(name);
      if (fop === undefined) this.host.log.log('W', this.logName, `Wrong option value ${name}`);
      else enabled.add(fop);
    }
    this.enabled = enabled;
  }

  private nextDistance(): number {
    return FEWEST + (this.host.env.random.u32() % SPREAD);
  }

  private strikes(): boolean {
    if (!this.random) return (this.host.env.random.u32() & (GRANULARITY - 1)) < this.chance;
    if (++this.count % this.distance !== 0) return false;
    this.count = 0;
    this.distance = this.nextDistance();
    return true;
  }

  /** Name of the error that this fop is to fail with; undefined when it is let by. */
  draw(fop: FopName): string | undefined {
    if ((this.enabled !== undefined && !this.enabled.has(fop)) || !this.strikes()) return undefined;
    if (this.errorName !== undefined) return this.errorName;
    const likely = ERRORS_OF[fop] ?? ERRORS_OF.lookup!;
    return likely[this.host.env.random.u32() % likely.length];
  }

  fail(error: string): Promise<never> {
    if (this.host.log.gathers('E')) this.host.log.log('E', this.logName, `unwind(-1, ${error})`);
    return Promise.reject(new FopError(ERRNO[error], this.name));
  }

  override dump(out: DumpWriter): void {
    out.section(`xlator.debug.error-gen.${this.name}.priv`);
    out.write('op_count', this.count);
    out.write('failure_iter_no', this.random ? this.distance : this.chance);
    out.write('error_no', this.errorName ?? '');
    out.write('random_failure', this.random);
  }
}

const NOT_FAILED: ReadonlySet<FopName> = new Set([
  'ipc',
  'getactivelk',
  'setactivelk',
  'icreate',
  'namelink',
]);

/** Half of what was to be written. */
function half(data: readonly Buffer[]): Buffer[] {
  let room = Math.floor(data.reduce((sum, piece) => sum + piece.length, 0) / 2);
  const pieces: Buffer[] = [];
  for (const piece of data) {
    if (room === 0) break;
    const part = piece.subarray(0, room);
    pieces.push(part);
    room -= part.length;
  }
  return pieces;
}

function makeFop(fop: FopName): (this: ErrorGen, frame: Frame, ...args: unknown[]) => Promise<unknown> {
  if (NOT_FAILED.has(fop))
    return function (frame, ...args) {
      return anyFops(this.next)[fop](frame, ...args);
    };
  return function (frame, ...args) {
    const error = this.draw(fop);
    if (error === undefined) return anyFops(this.next)[fop](frame, ...args);
    if (error !== SHORT_WRITE) return this.fail(error);
    if (fop !== 'writev') return anyFops(this.next)[fop](frame, ...args);
    const [fd, data, ...rest] = args;
    return anyFops(this.next).writev(frame, fd, half(data as Buffer[]), ...rest);
  };
}

defineFops(ErrorGen, makeFop);
