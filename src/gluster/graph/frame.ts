import type { Span } from '../../base/trace.ts';

/** Who asks, and for what: the root of a call stack (`call_stack_t`). The same for every layer that the operation passes. */
export class CallRoot {
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: readonly number[];
  pid: number;
  /** Owner of locks, one character a byte. */
  lkOwner: string;
  /** Number of the request, ascending in a process; FUSE's own where it comes from the kernel. */
  unique: number;
  /** The fop that was asked for at the top: 'writev'. */
  op: string;
  /** Monotonic milliseconds. */
  begin: number;
  umask = 0;
  /** Whoever asked has been answered already: nothing is late if this is, a little. */
  unwaited = false;
  /**
   * Which times bricks set in trusted.glusterfs.mdata, and to what (`root->flags` and `root->ctime`; utime.h): a feature of the
   * credentials of protocol 4.x, filled in by features/utime. Zeros: no times are kept.
   */
  flags = 0;
  ctime = 0;
  ctimeNsec = 0;
  /** Calls back once when whoever asked does not want the answer any more (a signal, an abort). */
  onInterrupt: ((cancel: () => void) => void) | undefined = undefined;

  constructor(op: string, unique: number, begin: number) {
    this.op = op;
    this.unique = unique;
    this.begin = begin;
    this.uid = 0;
    this.gid = 0;
    this.groups = [];
    this.pid = 0;
    this.lkOwner = '';
  }
}

/**
 * An operation's stay in one layer (`call_frame_t`). While nobody watches, one frame goes all the way down; when someone does, each
 * wind has a frame of its own, with a span and the layer that it was wound from.
 */
export class Frame {
  readonly root: CallRoot;
  readonly parent: Frame | undefined;
  /** Undefined while nobody watches. */
  readonly span: Span | undefined;
  /** Names of the xlators on both ends of the wind; '' at the top. */
  readonly windFrom: string;
  readonly windTo: string;
  /** When watched, monotonic milliseconds: entered, left (0: not yet). */
  begin = 0;
  end = 0;
  /** Name of the xlator that the error came from, once there is one. */
  errorLayer: string | undefined = undefined;
  /** When watched: what failed last of that which was wound from here, and where. */
  failure: unknown = undefined;
  failureLayer: string | undefined = undefined;

  constructor(root: CallRoot, parent?: Frame, span?: Span, windFrom = '', windTo = '') {
    this.root = root;
    this.parent = parent;
    this.span = span;
    this.windFrom = windFrom;
    this.windTo = windTo;
  }

  /** A frame for work that goes on after the fop was answered (`copy_frame`): the same asker, no parent. */
  detach(): Frame {
    const { root } = this;
    const copy = new CallRoot(root.op, root.unique, root.begin);
    copy.uid = root.uid;
    copy.gid = root.gid;
    copy.groups = root.groups;
    copy.pid = root.pid;
    copy.lkOwner = root.lkOwner;
    copy.umask = root.umask;
    copy.flags = root.flags;
    copy.ctime = root.ctime;
    copy.ctimeNsec = root.ctimeNsec;
    return new Frame(copy, undefined, this.span, this.windFrom, this.windTo);
  }

  /** As `detach`, on behalf of the client itself: pid -1 and root, as Gluster's internal fops are. */
  internal(): Frame {
    const frame = this.detach();
    frame.root.uid = 0;
    frame.root.gid = 0;
    frame.root.groups = [];
    frame.root.pid = -1;
    return frame;
  }
}
