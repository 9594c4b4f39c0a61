import { ERRNO } from '../../../../base/errno.ts';
import type { Env } from '../../../../env/env.ts';
import type { FuseEntry, FuseRequest } from '../../../../fuse/types.ts';
import type { Fd } from '../../../graph/fd.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import type { Fops } from '../../../graph/fops.ts';
import { CallRoot, Frame } from '../../../graph/frame.ts';
import type { Inode, InodeTable } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { GfidSource } from '../../../types/gfid-source.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { emptyAttr, fillAttr } from './attr.ts';
import { ProcessGroups } from './groups.ts';
import { type Handle, HandleTable } from './handles.ts';
import { LookupAhead } from './lookup-ahead.ts';
import { NodeTable } from './nodes.ts';
import type { FuseMountOptions } from './options.ts';

/** What a mount needs of a graph. */
export interface MountedGraph {
  readonly fops: Fops;
  readonly inodes: InodeTable;
}

type Later = (request: FuseRequest, ...args: never[]) => void;

/**
 * What all requests of a mount share (Gluster's fuse-bridge): the graph in use, the kernel's node ids and handles, and how a fop's
 * answer becomes a reply. The operations themselves are in files of their own.
 */
export class Bridge {
  readonly env: Env;
  readonly options: FuseMountOptions;
  readonly nodes: NodeTable;
  readonly handles = new HandleTable();
  readonly ahead = new LookupAhead(this);
  graph: MountedGraph;
  private readonly groups: ProcessGroups;
  private readonly gfids: GfidSource;
  /** One entry serves all replies: it is written before `replyEntry` returns. */
  private readonly entry: FuseEntry;
  private readonly scratch = emptyAttr();

  constructor(env: Env, graph: MountedGraph, options: FuseMountOptions) {
    this.env = env;
    this.options = options;
    this.graph = graph;
    this.nodes = new NodeTable(graph.inodes);
    this.gfids = new GfidSource(env.random);
    this.groups = new ProcessGroups(env, options.gidTimeout);
    this.entry = {
      nodeid: 0,
      generation: 0,
      entryTimeout: options.entryTimeout,
      attrTimeout: options.attributeTimeout,
      attr: emptyAttr(),
    };
  }

  /** "There is no such name." */
  readonly noEntry: FuseEntry = {
    nodeid: 0,
    generation: 0,
    entryTimeout: 0,
    attrTimeout: 0,
    attr: emptyAttr(),
  };

  get fops(): Fops {
    return this.graph.fops;
  }

  frame(request: FuseRequest, op: string): Frame {
    const root = new CallRoot(op, request.unique, 0);
    const { uid } = request;
    root.uid = uid === 0 && this.options.uidMapRoot >= 0 ? this.options.uidMapRoot : uid;
    root.gid = request.gid;
    root.pid = request.pid;
    root.groups = this.groups.of(request.pid, uid);
    root.lkOwner = ownerBytes(request.ownerHigh, request.ownerLow);
    return new Frame(root, undefined, request.span);
  }

  /**
   * The inode of a node. Undefined after having seen to the request: a node of an earlier graph is found first, and the operation is
   * called again; one that is not there any more fails with ESTALE.
   */
  node(request: FuseRequest, nodeid: number, again: Later, args: readonly unknown[]): Inode | undefined {
    const inode = this.nodes.get(nodeid);
    if (inode === undefined) this.findAgain(request, nodeid, again, args);
    return inode;
  }

  private findAgain(request: FuseRequest, nodeid: number, again: Later, args: readonly unknown[]): void {
    const gfid = this.nodes.stale(nodeid);
    if (gfid === undefined) {
      request.error(ERRNO['ESTALE']);
      return;
    }
    const { inodes } = this.graph;
    const inode = inodes.find(gfid) ?? inodes.create();
    inode.gfid = gfid;
    this.fops.lookup(this.frame(request, 'lookup'), new Loc(inode, undefined, '', `<gfid:${nodeid}>`)).then(
      ({ stat }) => {
        this.nodes.renew(nodeid, inodes.link(inode, undefined, undefined, stat));
        again(request, ...(args as never[]));
      },
      error => this.fail(request, error, true),
    );
  }

  /** The handle of a request; undefined after having answered EBADF, or what a switch of graphs left of it. */
  handle(request: FuseRequest, fh: number): Handle | undefined {
    const handle = this.handles.get(fh);
    if (handle !== undefined && handle.broken === 0) return handle;
    request.error(handle === undefined ? ERRNO['EBADF'] : handle.broken);
    return undefined;
  }

  /** What the kernel may do with a file that is opened: FOPEN_* of linux/fuse.h. */
  openFlags(xdata?: Dict): number {
    // A layer may ask for it: what it serves has no size that could be known before (.meta).
    const direct = this.options.directIo || xdata?.int('direct-io-mode') === 1;
    return (direct ? 1 : 0) | (this.options.keepCache ? 2 : 0);
  }

  /** Has the kernel drop what it cached of a file, if it knows it; the mount sets how. */
  invalidate: (inode: Inode) => void = () => {};

  loc(inode: Inode): Loc {
    return new Loc(inode, undefined, '', '');
  }

  /** What is open on a file: of that process if it has it open, else of anybody. */
  openFd(inode: Inode, pid: number): Fd | undefined {
    let any: Fd | undefined;
    for (const fd of inode.fds) {
      if (!this.handles.has(fd)) continue;
      if (fd.pid === pid) return fd;
      any ??= fd;
    }
    return any;
  }

  /** A file without a name: the bricks know it by what is open on it only. */
  isUnlinked(inode: Inode): boolean {
    const { inodes } = this.graph;
    return inode !== inodes.root && inodes.parentOf(inode) === undefined;
  }

  /** A gfid for what a request creates. */
  gfidRequest(): Dict {
    return new Dict().setGfid('gfid-req', this.gfids.next());
  }

  /** Links what a fop made or found, and tells the kernel. */
  replyEntry(request: FuseRequest, loc: Loc, stat: Iatt): void {
    request.replyEntry(this.fillEntry(this.link(loc, stat), stat));
  }

  link(loc: Loc, stat: Iatt): Inode {
    return this.graph.inodes.link(loc.inode, loc.parent, loc.name, stat);
  }

  /** An entry that is good until the next call. The kernel counts a lookup of it. */
  fillEntry(inode: Inode, stat: Iatt): FuseEntry {
    const { entry } = this;
    entry.nodeid = this.nodes.told(inode);
    fillAttr(entry.attr, stat);
    return entry;
  }

  replyAttr(request: FuseRequest, stat: Iatt): void {
    request.replyAttr(fillAttr(this.scratch, stat), this.options.attributeTimeout);
  }

  /**
   * Answers with what a fop failed with. `byInode`: the kernel went by an inode that it knows, so ENOENT means that this is stale,
   * which makes it look the name up again.
   */
  fail(request: FuseRequest, thrown: unknown, byInode = false): void {
    const errno = errnoOf(thrown);
    request.error(byInode && errno === ERRNO['ENOENT'] ? ERRNO['ESTALE'] : errno);
  }
}

/** 8 bytes, the lowest first, one a character. */
function ownerBytes(high: number, low: number): string {
  return String.fromCharCode(
    low & 0xff,
    (low >>> 8) & 0xff,
    (low >>> 16) & 0xff,
    low >>> 24,
    high & 0xff,
    (high >>> 8) & 0xff,
    (high >>> 16) & 0xff,
    high >>> 24,
  );
}
