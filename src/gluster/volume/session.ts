import { NacreError } from '../../base/errors.ts';
import { unwind, wind } from '../../base/trace.ts';
import type { Env } from '../../env/env.ts';
import { FopError } from '../graph/fop-error.ts';
import type { Fops } from '../graph/fops.ts';
import { CallRoot, Frame } from '../graph/frame.ts';
import type { InodeTable } from '../graph/inode.ts';
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
  /** Opens it in another graph, with its locks; what it is used for from then on goes there. */
  switchTo(graph: LiveGraph): Promise<void>;
  close(): Promise<void>;
}

/** What the sessions of one volume have in common. */
interface Shared {
  live: LiveGraph;
  closed: boolean;
  readonly files: Set<OpenFile>;
}

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

  constructor(
    env: Env,
    volumeName: string,
    graph: LiveGraph,
    credentials: Credentials,
    shared: Shared = { live: graph, closed: false, files: new Set() },
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

  /** The same volume on behalf of somebody else. */
  as(credentials: Partial<Credentials>): Session {
    const { env, volumeName, graph, shared } = this;
    return new Session(env, volumeName, graph, { ...this.credentials, ...credentials }, shared);
  }

  /** From now on everything goes to `graph`; open files are opened there first. */
  async switchTo(graph: LiveGraph): Promise<void> {
    await Promise.all([...this.files].map(file => file.switchTo(graph)));
    this.shared.live = graph;
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

  /**
   * Runs an operation: `work` gets its frame, and what it fails with becomes a NacreError that names the operation and `what` it was
   * tried on. An abort rejects at once; what is under way on the bricks is not taken back.
   */
  async run<T>(
    op: string,
    what: string,
    signal: AbortSignal | undefined,
    work: (frame: Frame) => Promise<T>,
  ): Promise<T> {
    if (this.shared.closed)
      throw new NacreError('EBADF', `gluster.${op}`, `the volume '${this.volumeName}' was closed`);
    signal?.throwIfAborted();
    const frame = this.frame(op);
    try {
      const result = await (signal === undefined ? work(frame) : raced(work(frame), signal));
      unwind(frame.span);
      return result;
    } catch (thrown) {
      unwind(frame.span, thrown instanceof FopError ? thrown.code : thrown);
      throw asError(thrown, op, what);
    }
  }
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
