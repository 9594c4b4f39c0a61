import { NacreError } from '../../../../base/errors.ts';
import type { TimerHandle } from '../../../../env/env.ts';
import { anyFops, defineFops } from '../../../graph/every-fop.ts';
import { FopError } from '../../../graph/fop-error.ts';
import { fopOfName } from '../../../graph/fop-labels.ts';
import type { FopName } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Options, OptionTable } from '../../../graph/option-types.ts';
import { Xlator, type XlatorSetup } from '../../../graph/xlator.ts';

const GRANULARITY = 1 << 20;
const ENOTCONN = 107;

/** Holds fops up by chance, to test what stands above. */
export class DelayGen extends Xlator {
  static readonly options: OptionTable = {
    'delay-percentage': {
      kind: 'percent',
      default: '10%',
      reconfigurable: true,
      description: 'How many of the fops are held up.',
    },
    'delay-duration': {
      kind: 'int',
      min: 0,
      default: '100000',
      reconfigurable: true,
      description: 'For how long, in microseconds.',
    },
    enable: {
      kind: 'string',
      default: '',
      reconfigurable: true,
      description: 'Which fops may be, with commas between them; by default all.',
    },
  };

  private enabled: ReadonlySet<FopName> | undefined;
  private chance = 0;
  private delay = 0;
  private readonly held = new Map<TimerHandle, () => void>();

  constructor(setup: XlatorSetup) {
    super(setup);
    this.checkOptions(setup.options);
    this.readOptions();
  }

  override checkOptions(options: Options): void {
    for (const name of namesOf(options))
      if (fopOfName(name) === undefined)
        throw new NacreError('EINVAL', 'gluster.graph', `volume '${this.name}': enable: '${name}' is no fop`);
  }

  override reconfigure(): void {
    this.readOptions();
  }

  private readOptions(): void {
    const { options } = this;
    this.chance = Math.floor((options.number('delay-percentage') / 100) * GRANULARITY);
    this.delay = options.number('delay-duration') / 1000;
    const names = namesOf(options);
    this.enabled = names.length === 0 ? undefined : new Set(names.map(name => fopOfName(name)!));
  }

  pass(fop: FopName, frame: Frame, args: readonly unknown[]): Promise<unknown> {
    const may = this.enabled === undefined || this.enabled.has(fop);
    if (!may || this.chance === 0 || (this.host.env.random.u32() & (GRANULARITY - 1)) >= this.chance)
      return anyFops(this.next)[fop](frame, ...args);
    return new Promise((resolve, reject) => {
      const timer = this.host.env.timers.set(() => {
        this.held.delete(timer);
        anyFops(this.next)
          [fop](frame, ...args)
          .then(resolve, reject);
      }, this.delay);
      this.held.set(timer, () => reject(new FopError(ENOTCONN, this.name)));
    });
  }

  override async fini(): Promise<void> {
    for (const [timer, drop] of this.held) {
      this.host.env.timers.clear(timer);
      drop();
    }
    this.held.clear();
  }
}

function namesOf(options: Options): string[] {
  return options
    .string('enable')
    .split(',')
    .filter(name => name !== '');
}

defineFops(
  DelayGen,
  fop =>
    function (frame, ...args) {
      return this.pass(fop, frame, args);
    },
);
