import { errnoName } from '../../base/errno.ts';
import { unwind, wind } from '../../base/trace.ts';
import { errnoOf, FopError } from './fop-error.ts';
import { FOP_NAMES, type FopName, type Fops } from './fops.ts';
import { Frame } from './frame.ts';
import type { LatencyTable } from './latency.ts';
import { describeFop } from './trace-detail.ts';
import type { Xlator } from './xlator.ts';

/** A fop with all types taken off: what the tables below are made of. */
type AnyFop = (frame: Frame, ...args: unknown[]) => Promise<object>;
type FopTable = Record<FopName, AnyFop>;

/** Fields, written out, so that every table has the same shape and call sites stay monomorphic. */
class Table implements FopTable {
  stat: AnyFop = notResolved;
  readlink: AnyFop = notResolved;
  mknod: AnyFop = notResolved;
  mkdir: AnyFop = notResolved;
  unlink: AnyFop = notResolved;
  rmdir: AnyFop = notResolved;
  symlink: AnyFop = notResolved;
  rename: AnyFop = notResolved;
  link: AnyFop = notResolved;
  truncate: AnyFop = notResolved;
  open: AnyFop = notResolved;
  readv: AnyFop = notResolved;
  writev: AnyFop = notResolved;
  statfs: AnyFop = notResolved;
  flush: AnyFop = notResolved;
  fsync: AnyFop = notResolved;
  setxattr: AnyFop = notResolved;
  getxattr: AnyFop = notResolved;
  removexattr: AnyFop = notResolved;
  opendir: AnyFop = notResolved;
  fsyncdir: AnyFop = notResolved;
  access: AnyFop = notResolved;
  create: AnyFop = notResolved;
  ftruncate: AnyFop = notResolved;
  fstat: AnyFop = notResolved;
  lk: AnyFop = notResolved;
  lookup: AnyFop = notResolved;
  readdir: AnyFop = notResolved;
  inodelk: AnyFop = notResolved;
  finodelk: AnyFop = notResolved;
  entrylk: AnyFop = notResolved;
  fentrylk: AnyFop = notResolved;
  xattrop: AnyFop = notResolved;
  fxattrop: AnyFop = notResolved;
  fgetxattr: AnyFop = notResolved;
  fsetxattr: AnyFop = notResolved;
  rchecksum: AnyFop = notResolved;
  setattr: AnyFop = notResolved;
  fsetattr: AnyFop = notResolved;
  readdirp: AnyFop = notResolved;
  fremovexattr: AnyFop = notResolved;
  fallocate: AnyFop = notResolved;
  discard: AnyFop = notResolved;
  zerofill: AnyFop = notResolved;
  ipc: AnyFop = notResolved;
  seek: AnyFop = notResolved;
  lease: AnyFop = notResolved;
  getactivelk: AnyFop = notResolved;
  setactivelk: AnyFop = notResolved;
  put: AnyFop = notResolved;
  icreate: AnyFop = notResolved;
  namelink: AnyFop = notResolved;
  copyFileRange: AnyFop = notResolved;
}

/** How links are made at the moment. */
export interface LinkMode {
  /** Where frames are while they are under way, when somebody watches. */
  readonly traced: Set<Frame> | undefined;
  /** Where latencies are counted; undefined while they are not. */
  readonly latency: ((xlator: Xlator) => LatencyTable) | undefined;
  /** Monotonic milliseconds. */
  readonly mono: () => number;
}

/**
 * A way down from a layer to one of its children: a function for each fop, which calls the next layer that has it. The functions are made
 * anew when a layer becomes or ceases to be pass-through, and when somebody begins or ceases to watch; in between a wind is one bound call.
 */
export class Link {
  readonly from: Xlator | undefined;
  readonly to: Xlator;
  readonly fops: Fops;
  private readonly table: FopTable;

  constructor(from: Xlator | undefined, to: Xlator) {
    this.from = from;
    this.to = to;
    this.table = new Table();
    this.fops = this.table as unknown as Fops;
  }

  resolve(mode: LinkMode): void {
    for (let index = 0; index < FOP_NAMES.length; index++) {
      const fop = FOP_NAMES[index];
      const target = implementer(this.to, fop, mode.traced !== undefined);
      this.table[fop] = makeLink(this.from, target ?? this.to, target !== undefined, fop, index, mode);
    }
  }

  /** Who gets a fop that is wound along this link. */
  targetOf(fop: FopName): Xlator | undefined {
    return implementer(this.to, fop, false);
  }
}

function notResolved(): never {
  throw new TypeError('the graph is not made yet');
}

/** The first layer from `xlator` down that has the fop; those that have not, and those that are passed through, go on to their first child. */
function implementer(xlator: Xlator, fop: FopName, watched: boolean): Xlator | undefined {
  for (let at: Xlator | undefined = xlator; at !== undefined; at = at.children[0])
    if (!(at.passThrough && at.children.length > 0) && at.implementsFop(fop, watched)) return at;
  return undefined;
}

function makeLink(
  from: Xlator | undefined,
  target: Xlator,
  there: boolean,
  fop: FopName,
  index: number,
  mode: LinkMode,
): AnyFop {
  const plain: AnyFop = there
    ? (target as unknown as FopTable)[fop].bind(target)
    : () => Promise.reject(new FopError(EOPNOTSUPP, target.name));
  if (mode.traced !== undefined) return tracedLink(from, target, plain, fop, index, mode, mode.traced);
  return mode.latency === undefined ? plain : timedLink(plain, index, mode.latency(target), mode.mono);
}

const EOPNOTSUPP = 95;

function timedLink(plain: AnyFop, index: number, latency: LatencyTable, mono: () => number): AnyFop {
  return (frame, ...args) => {
    const begin = mono();
    const answer = plain(frame, ...args);
    const left = () => latency.add(index, mono() - begin);
    answer.then(left, left);
    return answer;
  };
}

/** Each wind has a frame and a span of its own, so that the tree is exact even where a layer winds to many children at once. */
function tracedLink(
  from: Xlator | undefined,
  target: Xlator,
  plain: AnyFop,
  fop: FopName,
  index: number,
  mode: LinkMode,
  live: Set<Frame>,
): AnyFop {
  const layer = `${target.type}.${fop}`;
  const windFrom = from?.name ?? '';
  const windTo = target.name;
  const latency = mode.latency?.(target);
  const { mono } = mode;
  return (above, ...args) => {
    const detail = { ...describeFop(fop, args), xlator: windTo, from: windFrom };
    const frame = new Frame(above.root, above, wind(layer, above.span, detail), windFrom, windTo);
    frame.begin = mono();
    live.add(frame);
    const left = (thrown?: unknown) => {
      frame.end = mono();
      live.delete(frame);
      latency?.add(index, frame.end - frame.begin);
      frame.errorLayer = undefined;
      if (thrown !== undefined) {
        // The deepest layer that failed with this very error is where it comes from.
        frame.errorLayer =
          thrown === frame.failure
            ? frame.failureLayer
            : ((thrown instanceof FopError ? thrown.origin : undefined) ?? windTo);
        above.failure = thrown;
        above.failureLayer = frame.errorLayer;
      }
      unwind(
        frame.span,
        thrown === undefined ? undefined : `${errnoName(errnoOf(thrown))} (${frame.errorLayer})`,
      );
    };
    let answer: Promise<object>;
    try {
      answer = plain(frame, ...args);
    } catch (thrown) {
      left(thrown);
      throw thrown;
    }
    answer.then(() => left(), left);
    return answer;
  };
}
