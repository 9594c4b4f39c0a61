import { NacreError } from '../../base/errors.ts';
import { unwind, wind } from '../../base/trace.ts';
import type { Env } from '../../env/env.ts';
import { FopError } from '../graph/fop-error.ts';
import type { Fops } from '../graph/fops.ts';
import { CallRoot, Frame } from '../graph/frame.ts';
import type { InodeTable } from '../graph/inode.ts';
import type { Gfid } from '../types/gfid.ts';
import { GfidSource } from '../types/gfid-source.ts';

/** On whose behalf things are done; bricks check permissions by it. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Taken off the modes of what is created. */
  readonly umask: number;
}

/** What the API needs of the graph in use. */
export interface LiveGraph {
  readonly fops: Fops;
  readonly inodes: InodeTable;
}

/** For how long an async call is wanted. */
export interface Abortable {
  readonly signal?: AbortSignal;
}

/** A file that is open in a session's graph. */
export interface OpenFile {
  /** Opens it in another graph, with its locks; what it is used for from then on goes there. Never rejects: a file that cannot be, fails later. */
  switchTo(graph: LiveGraph): Promise<void>;
  close(): Promise<void>;
}

/** What the sessions of one volume have in common. */
class Shared {
  live: LiveGraph;
  closed = false;
  readonly files = new Set<OpenFile>();
  /** Told of each file that bricks say was changed by others. */
  readonly upcalls = new Set<(gfid: Gfid) => void>();
  /** Operations under way; those that may wait for ever are not counted. */
  active = 0;
  idle: (() => void) | undefined;
  /** While the graph is replaced: new operations begin afterwards. */
  gate: Promise<void> | undefined;
  readonly ended = () => {
    if (--this.active === 0) this.idle?.();
  };

  constructor(live: LiveGraph) {
    this.live = live;
  }
}

/** For how long the graph's replacement waits for operations in the old one, milliseconds. What hangs longer fails with it. */
const DRAIN = 15_000;

/** What all operations on a volume go through: the graph that is in use now, and who asks. */
export class Session {
  readonly env: Env;
  readonly credentials: Credentials;
  /** Shown in messages: 'vg0'. */
  readonly volumeName: string;
  readonly gfids: GfidSource;
  private readonly shared: Shared;
  private unique = 0;
  private readonly pid: number;
  /** Operations that believe nothing that was known before. */
  private readonly doubting = new WeakSet<Frame>();

  constructor(
    env: Env,
    volumeName: string,
    graph: LiveGraph,
    credentials: Credentials,
    shared = new Shared(graph),
  ) {
    this.env = env;
    this.volumeName = volumeName;
    this.shared = shared;
    this.gfids = new GfidSource(env.random);
    this.credentials = credentials;
    this.pid = env.host.pid;
  }

  get fops(): Fops {
    return this.shared.live.fops;
  }

  get inodes(): InodeTable {
    return this.shared.live.inodes;
  }

  get graph(): LiveGraph {
    return this.shared.live;
  }

  get files(): Set<OpenFile> {
    return this.shared.files;
  }

  get upcalls(): Set<(gfid: Gfid) => void> {
    return this.shared.upcalls;
  }

  /** The same volume on behalf of somebody else. */
  as(credentials: Partial<Credentials>): Session {
    const { env, volumeName, graph, shared } = this;
    return new Session(env, volumeName, graph, { ...this.credentials, ...credentials }, shared);
  }

  /**
   * From now on everything goes to `graph`; open files are opened there first. What is under way is finished in the old graph, as it has
   * inodes and fds of it in hand, and what comes meanwhile waits.
   */
  async switchTo(graph: LiveGraph): Promise<void> {
    const { shared } = this;
    let open!: () => void;
    shared.gate = new Promise(resolve => {
      open = resolve;
    });
    try {
      await this.drained();
      await Promise.all([...this.files].map(file => file.switchTo(graph)));
      shared.live = graph;
    } finally {
      shared.gate = undefined;
      open();
    }
  }

  private async drained(): Promise<void> {
    const { shared } = this;
    if (shared.active === 0) return;
    const { timers } = this.env;
    await new Promise<void>(resolve => {
      const timer = timers.set(resolve, DRAIN, true);
      shared.idle = () => {
        timers.clear(timer);
        resolve();
      };
    });
    shared.idle = undefined;
  }

  /** Closes all files, and refuses what comes after. */
  async closeFiles(): Promise<void> {
    await Promise.all([...this.files].map(file => file.close().catch(() => {})));
    this.shared.closed = true;
  }

  /** Begins an operation. `lkOwner`: one character a byte. */
  frame(op: string, lkOwner = ''): Frame {
    const { credentials } = this;
    const root = new CallRoot(op, ++this.unique, this.env.clock.mono());
    root.uid = credentials.uid;
    root.gid = credentials.gid;
    root.groups = credentials.groups;
    root.umask = credentials.umask;
    root.pid = this.pid;
    root.lkOwner = lkOwner;
    return new Frame(root, undefined, wind(`glfs.${op}`));
  }

  doubt(frame: Frame): void {
    this.doubting.add(frame);
  }

  /** Whether names are to be looked up as if nothing were known of them. */
  doubts(frame: Frame): boolean {
    return this.doubting.has(frame);
  }

  /**
   * Runs an operation on a path. ESTALE says that what we knew, or a layer's cache, was out of date: as the kernel does, everything
   * on the way is looked up afresh, once.
   */
  async runPath<T>(
    op: string,
    what: string,
    signal: AbortSignal | undefined,
    work: (frame: Frame) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.run(op, what, signal, work);
    } catch (error) {
      if (!isStale(error)) throw error;
      return this.run(op, what, signal, frame => {
        this.doubt(frame);
        return work(frame);
      });
    }
  }

  /**
   * Runs an operation: `work` gets its frame, and what it fails with becomes a NacreError that names the operation and `what` it was
   * tried on. An abort rejects at once; what is under way on the bricks is not taken back. `mayWait`: for as long as others like, as for
   * a lock.
   */
  async run<T>(
    op: string,
    what: string,
    signal: AbortSignal | undefined,
    work: (frame: Frame) => Promise<T>,
    mayWait = false,
  ): Promise<T> {
    const { shared } = this;
    while (shared.gate !== undefined) await shared.gate;
    if (shared.closed)
      throw new NacreError('EBADF', `gluster.${op}`, `the volume '${this.volumeName}' was closed`);
    signal?.throwIfAborted();
    const frame = this.frame(op);
    try {
      const working = work(frame);
      if (!mayWait) {
        shared.active++;
        working.then(shared.ended, shared.ended);
      }
      const result = await (signal === undefined ? working : raced(working, signal));
      unwind(frame.span);
      return result;
    } catch (thrown) {
      unwind(frame.span, thrown instanceof FopError ? thrown.code : thrown);
      throw asError(thrown, op, what);
    }
  }
}

export function isStale(error: unknown): boolean {
  return error instanceof NacreError && error.code === 'ESTALE';
}

/** What users get to see, like errors of node:fs: with `code`, `errno`, `syscall` and `path`. */
export function asError(thrown: unknown, op: string, what: string): unknown {
  const error = thrown instanceof FopError ? thrown.toError(`gluster.${op}`, `${op} '${what}'`) : thrown;
  return error instanceof NacreError ? Object.assign(error, { syscall: op, path: what }) : error;
}

function raced<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
