import type { TimerHandle } from '../../../../env/env.ts';
import { anyFops, defineFops } from '../../../graph/every-fop.ts';
import { FopError } from '../../../graph/fop-error.ts';
import { FOP_LABELS } from '../../../graph/fop-labels.ts';
import type { FopName } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { OptionSpec, OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import { Dict } from '../../../types/dict.ts';
import { CLASS_MEANINGS, CLASS_NAMES, CLASS_OF, CLASSES, LEAST, WAITING } from './classes.ts';

/** GF_CLIENT_PID_NO_ROOT_SQUASH: internal, and urgent nevertheless. */
const PID_NO_ROOT_SQUASH = -4;
const QUEUE_SIZE_KEY = 'io-thread-queue-size';
/** What dumps of GlusterFS tell of their threads' stacks; there are none here. */
const STACK_SIZE = 262144;
/** How often in a row a class is found with work waiting and nothing moving before it gets another place. */
const BAD_TIMES = 5;

function threads(fallback: string, description: string): OptionSpec {
  return { kind: 'int', min: 1, max: 64, default: fallback, reconfigurable: true, description };
}

interface Waiting {
  readonly fop: FopName;
  readonly frame: Frame;
  readonly args: readonly unknown[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What of one class is under way and waits. */
class PriorityQueue {
  limit = 1;
  busy = 0;
  /** Since the watchdog came by last, something was waiting and nothing was taken. */
  marked = false;
  badTimes = 0;
  private readonly items: (Waiting | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(item: Waiting): void {
    this.items.push(item);
  }

  shift(): Waiting | undefined {
    const item = this.items[this.head];
    this.items[this.head] = undefined;
    if (++this.head === this.items.length) {
      this.items.length = 0;
      this.head = 0;
    }
    return item;
  }

  clear(): Waiting[] {
    this.head = 0;
    return this.items.splice(0).filter(item => item !== undefined);
  }
}

/**
 * Orders fops by priority and limits how many of each class, and of all, are worked on at a time. What GlusterFS does with threads is
 * done here with places: a fop holds one for as long as a thread would be busy with it. Above bricks' storage that is until it is
 * answered; above clients only until it is sent, so there nothing ever waits, and the layer is left out of the way.
 */
export class IoThreads extends Xlator {
  static readonly options: OptionTable = {
    'thread-count': threads('16', 'How many fops are worked on at a time.'),
    'high-prio-threads': threads(
      '16',
      'How many of them may be of high priority: lookups, opens, stats, listings.',
    ),
    'normal-prio-threads': threads(
      '16',
      'How many may be of normal priority: changes to names, attributes, locks.',
    ),
    'low-prio-threads': threads('16', 'How many may be of low priority: reads and writes.'),
    'least-prio-threads': threads('1', "How many may be of least priority: the cluster's own work."),
    'enable-least-priority': {
      kind: 'bool',
      default: 'on',
      reconfigurable: true,
      description: "The cluster's own work (healing, rebalance) has least priority.",
    },
    'idle-time': {
      kind: 'int',
      min: 1,
      max: 0x7fffffff,
      default: '120',
      description: 'Seconds after which a thread without work ends; there are no threads here.',
    },
    'watchdog-secs': {
      kind: 'int',
      min: 0,
      default: '0',
      reconfigurable: true,
      description: 'After so many seconds without progress a class gets one more place; 0: never.',
    },
    'cleanup-disconnected-reqs': {
      kind: 'bool',
      default: 'off',
      reconfigurable: true,
      description: 'Drops what waits for a client that has disconnected.',
    },
    'pass-through': {
      kind: 'bool',
      default: 'false',
      reconfigurable: true,
      description: 'Fops go by this layer.',
    },
  };

  private readonly queues = Array.from({ length: CLASSES }, () => new PriorityQueue());
  private busy = 0;
  private waiting = 0;
  private limit = 1;
  private leastPriority = true;
  private down = false;
  private watchdog: TimerHandle | undefined = undefined;
  /** Work below is done in this process. */
  private readonly holds: boolean;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.holds = !isAboveClient(this);
    this.readLimits();
  }

  override activate(): void {
    this.startWatchdog();
  }

  override reconfigure(): void {
    this.readLimits();
    this.startWatchdog();
    this.schedule();
  }

  override implementsFop(fop: FopName, watched = false): boolean {
    return super.implementsFop(fop) && (this.holds || watched || fop === 'getxattr');
  }

  override notify(...args: Parameters<Xlator['notify']>): void {
    if (args[0] === 'PARENT_DOWN') this.down = true;
    super.notify(...args);
  }

  override dump(out: DumpWriter): void {
    out.section(`${this.type}.${this.name}`);
    out.write('maximum_threads_count', this.limit);
    out.write('current_threads_count', Math.max(1, this.busy));
    out.write('sleep_count', this.busy === 0 ? 1 : 0);
    out.write('idle_time', this.options.number('idle-time'));
    out.write('stack_size', STACK_SIZE);
    this.queues.forEach(({ limit }, i) => {
      out.write(`max_${CLASS_NAMES[i]}_priority_threads`, limit);
    });
    this.queues.forEach(({ busy }, i) => {
      out.write(`current_${CLASS_NAMES[i]}_priority_threads`, busy);
    });
    this.queues.forEach(({ length }, i) => {
      if (length > 0) out.write(`${CLASS_MEANINGS[i]}_priority_queue_length`, length);
    });
  }

  override async fini(): Promise<void> {
    if (this.watchdog !== undefined) this.host.env.timers.clear(this.watchdog);
    this.watchdog = undefined;
    for (const queue of this.queues)
      for (const item of queue.clear()) item.reject(new FopError(ENOTCONN, this.name));
    this.waiting = 0;
  }

  /** Lengths of the queues, by class. */
  lengths(): Dict {
    const dict = new Dict();
    this.queues.forEach(({ length }, i) => {
      dict.setInt(CLASS_NAMES[i].toUpperCase(), length);
    });
    return dict;
  }

  /** Takes a place for the fop, or has it wait for one. */
  enter(fop: FopName, level: number, frame: Frame, args: readonly unknown[]): Promise<unknown> {
    const { pid } = frame.root;
    const own = this.leastPriority && pid < 0 && pid !== PID_NO_ROOT_SQUASH;
    const at = own ? LEAST : level;
    if (this.host.log.gathers('D'))
      this.host.log.log(
        'D',
        this.logName,
        `${FOP_LABELS[fop]} scheduled as ${CLASS_MEANINGS[at]} priority fop`,
      );
    const queue = this.queues[at];
    if (!this.holds) return anyFops(this.next)[fop](frame, ...args);
    if (this.busy < this.limit && queue.busy < queue.limit && this.waiting === 0)
      return this.run(queue, fop, frame, args);
    return new Promise((resolve, reject) => {
      queue.push({ fop, frame, args, resolve, reject });
      this.waiting++;
      this.schedule();
    });
  }

  private run(queue: PriorityQueue, fop: FopName, frame: Frame, args: readonly unknown[]): Promise<unknown> {
    queue.marked = false;
    if (WAITING.has(fop)) return anyFops(this.next)[fop](frame, ...args);
    queue.busy++;
    this.busy++;
    const answer = anyFops(this.next)[fop](frame, ...args);
    const done = () => {
      queue.busy--;
      this.busy--;
      if (this.waiting > 0) this.schedule();
    };
    answer.then(done, done);
    return answer;
  }

  /** Gives free places to those that wait: the most urgent class first, and in it the one that came first. */
  private schedule(): void {
    while (this.waiting > 0 && this.busy < this.limit) {
      const queue = this.queues.find(({ length, busy, limit }) => length > 0 && busy < limit);
      if (queue === undefined) return;
      const { fop, frame, args, resolve, reject } = queue.shift()!;
      this.waiting--;
      this.run(queue, fop, frame, args).then(resolve, reject);
    }
  }

  private readLimits(): void {
    const { options } = this;
    this.limit = options.number('thread-count');
    CLASS_NAMES.forEach((name, i) => {
      this.queues[i].limit = options.number(`${name}-prio-threads`);
    });
    this.leastPriority = options.bool('enable-least-priority');
  }

  private startWatchdog(): void {
    const { timers } = this.host.env;
    if (this.watchdog !== undefined) timers.clear(this.watchdog);
    this.watchdog = undefined;
    const seconds = this.options.number('watchdog-secs');
    if (seconds > 0 && this.holds && !this.down)
      this.watchdog = timers.every(() => this.watch(), Math.max(seconds / BAD_TIMES, 1) * 1000, true);
  }

  private watch(): void {
    this.queues.forEach((queue, i) => {
      if (!queue.marked) queue.badTimes = 0;
      else if (++queue.badTimes >= BAD_TIMES) {
        this.host.log.log('W', this.logName, `queue ${i} stalled`);
        queue.limit++;
        queue.badTimes = 0;
        this.schedule();
      }
      queue.marked = queue.length > 0;
    });
  }
}

const ENOTCONN = 107;

function isAboveClient(xlator: Xlator): boolean {
  return xlator.children.some(child => child.type === 'protocol/client' || isAboveClient(child));
}

defineFops(
  IoThreads,
  fop => {
    const level = CLASS_OF.get(fop)!;
    if (fop === 'getxattr')
      return function (frame, ...args) {
        if (args[1] === QUEUE_SIZE_KEY) return Promise.resolve({ dict: this.lengths() });
        return this.enter(fop, level, frame, args);
      };
    return function (frame, ...args) {
      return this.enter(fop, level, frame, args);
    };
  },
  [...CLASS_OF.keys()],
);
