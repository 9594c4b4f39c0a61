import type { FuseRequest } from '../../../../fuse/types.ts';
import { errnoOf, isMissing } from '../../../graph/fop-error.ts';
import type { Fops } from '../../../graph/fops.ts';
import { Frame } from '../../../graph/frame.ts';
import type { Inode, InodeTable } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { IA_IFDIR } from '../../../types/iatt.ts';

/** So many names in the order of their directory are a walk through it. */
const A_WALK = 3;
/** Names that the kernel still knows are not asked for: a walk may leave out so many. */
const LEFT_OUT = 8;
/** Walks of as many threads at once. */
const MOST_WALKS = 64;
/** Who has opened one of the last so many reads what he walks through. */
const A_READER = 2;
/** So many names that ascend, and not in the order that is known, are a walk in the order of the names. */
const ASCENDING = 4;
/** Directories with more names than this are not sorted, which would hold everybody up. */
const MOST_SORTED = 8192;
/** Asks for the content even where nothing else would have to be asked for; quick-read says how much of it. */
const WITH_CONTENT = new Dict().setUint('glusterfs.content', 0);

/** What this needs of a mount. */
interface Mounted {
  readonly graph: { readonly fops: Fops; readonly inodes: InodeTable };
  frame(request: FuseRequest, op: string): Frame;
}

/** How far a thread has come in a directory. */
class Walk {
  last: Inode;
  /** Where it came from to the last one, out of the order. */
  from: Inode | undefined = undefined;
  /** Names in a row, and names one greater than the other. */
  row = 1;
  ascending = 1;
  /** At which of the row a file was opened last. */
  opened = -1;
  /** The farthest that was looked up for it, and how many names that is ahead. */
  farthest: Inode | undefined = undefined;
  ahead = 0;

  constructor(first: Inode) {
    this.last = first;
  }

  beginAgain(): void {
    this.row = 1;
    this.opened = -1;
    this.farthest = undefined;
    this.ahead = 0;
  }
}

/**
 * Looks names up before they are asked for, as read-ahead does with data: who stats or opens the files of a directory one after the other
 * waits for a brick at each, and need not. What the lookups bring goes where any lookup's answer goes, into the caches of the graph, which
 * believe it for as long as they believe anything: as if another process were a few names ahead. Only names that are known already are
 * looked up, in the order in which they were listed, made, or last gone through, or in that of the names.
 */
export class LookupAhead {
  /** How many names; 0 while the graph keeps nothing of what lookups bring. */
  most = 0;
  /** Whether the graph keeps the content of small files that lookups bring. */
  contents = false;
  private readonly mounted: Mounted;
  private readonly walks = new Map<number, Walk>();
  private readonly underWay = new Map<Inode, Promise<void>>();
  /** How many names a directory had when it was sorted. */
  private readonly sorted = new WeakMap<Inode, number>();

  constructor(mounted: Mounted) {
    this.mounted = mounted;
  }

  /** What was known of the graph before is of no use. */
  clear(): void {
    this.walks.clear();
  }

  /** Resolves when the lookup of a file that is under way is answered, and its answer in the caches. */
  pending(inode: Inode): Promise<void> | undefined {
    return this.underWay.get(inode);
  }

  /** A thread looks a file up, or opens it to read it. */
  asked(request: FuseRequest, inode: Inode, opens: boolean): void {
    if (this.most === 0) return;
    let walk = this.walks.get(request.pid);
    if (walk === undefined) {
      if (this.walks.size >= MOST_WALKS) this.walks.delete(this.walks.keys().next().value!);
      walk = new Walk(inode);
      this.walks.set(request.pid, walk);
    } else if (inode !== walk.last) this.step(walk, inode);
    if (opens) walk.opened = walk.row;
    if (walk.row >= A_WALK) this.goAhead(request, walk);
  }

  private step(walk: Walk, inode: Inode): void {
    const { last, from } = walk;
    const { inodes } = this.mounted.graph;
    walk.last = inode;
    walk.from = undefined;
    const directory = inodes.parentOf(inode);
    if (directory === undefined || inodes.parentOf(last) !== directory) {
      walk.beginAgain();
      walk.ascending = 1;
      return;
    }
    walk.ascending = inodes.nameOf(inode) > inodes.nameOf(last) ? walk.ascending + 1 : 1;
    const steps = this.distance(last, inode);
    if (steps > 0) {
      walk.row++;
      walk.ahead -= steps;
      return;
    }
    walk.beginAgain();
    if (walk.ascending >= ASCENDING && this.sort(directory)) {
      walk.row = A_WALK;
      return;
    }
    // One leap may be the beginning of another walk. After two, the next walk is to find them in this order.
    if (from !== undefined) inodes.follow(last, from);
    walk.from = last;
  }

  /** Whether the directory is in the order of its names from now on, which it was not. */
  private sort(directory: Inode): boolean {
    const { inodes } = this.mounted.graph;
    const names = inodes.namesIn(directory);
    const before = this.sorted.get(directory);
    if (names > MOST_SORTED || (before !== undefined && Math.abs(names - before) * 4 <= before)) return false;
    this.sorted.set(directory, names);
    inodes.sortNames(directory);
    return true;
  }

  /** How many names further on; 0: not near. */
  private distance(from: Inode, to: Inode): number {
    const { inodes } = this.mounted.graph;
    let at: Inode | undefined = from;
    for (let steps = 1; steps <= LEFT_OUT + 1; steps++) {
      at = inodes.after(at);
      if (at === to) return steps;
      if (at === undefined) return 0;
    }
    return 0;
  }

  /** Half of the names at a time, as bricks get several calls in one piece then. */
  private goAhead(request: FuseRequest, walk: Walk): void {
    const most = Math.min(this.most, 2 * (walk.row - A_WALK + 1));
    if (walk.ahead > most / 2) return;
    const { inodes } = this.mounted.graph;
    const reads = this.contents && walk.row - walk.opened < A_READER;
    let at = walk.last;
    if (walk.ahead > 0 && walk.farthest !== undefined) at = walk.farthest;
    else walk.ahead = 0;
    while (walk.ahead < most) {
      const next = inodes.after(at);
      if (next === undefined) break;
      at = next;
      walk.ahead++;
      // A directory is on all bricks, and what is below it in another walk.
      if (at.type !== IA_IFDIR && !this.underWay.has(at)) this.lookUp(request, at, reads);
    }
    walk.farthest = at;
  }

  private lookUp(request: FuseRequest, inode: Inode, reads: boolean): void {
    const { mounted } = this;
    const { fops, inodes } = mounted.graph;
    const parent = inodes.parentOf(inode);
    if (parent === undefined) return;
    const name = inodes.nameOf(inode);
    const held = inode.ref();
    // Whoever watches sees it as an operation of its own.
    const frame = new Frame(mounted.frame(request, 'lookup').root);
    const loc = new Loc(inode, parent, name, inodes.path(parent, name));
    const looked = fops.lookup(frame, loc, reads ? WITH_CONTENT : undefined).then(
      ({ stat }) => {
        if (stat.gfid !== inode.gfid) inodes.unlink(inode, parent, name);
      },
      error => {
        if (isMissing(errnoOf(error))) inodes.unlink(inode, parent, name);
      },
    );
    const done = looked.then(() => {
      this.underWay.delete(inode);
      held.unref();
    });
    this.underWay.set(inode, done);
  }
}
