import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import type { StatVfs } from '../../../types/fs.ts';
import type { Distribute } from './distribute.ts';
import type { Layout } from './layout.ts';
import { IGNORE_DEEM_STATFS } from './names.ts';

/** How long the bricks' figures are good for, in seconds. 0: as Gluster, for the rest of the second in which they were asked for. */
const REFRESH_INTERVAL = 0;

/** What a brick has left. */
class BrickUsage {
  availPercent = 0;
  availBytes = 0;
  availInodesPercent = 0;
  /** Size in MiB. */
  chunks = 0;
  totalBlocks = 0;
  availBlocks = 0;
  known = false;
}

/** Free space of the bricks, for the choice where files and ranges go (min-free-disk, min-free-inodes, weighted-rebalance). */
export class DiskUsage {
  readonly #dht: Distribute;
  readonly #bricks: BrickUsage[] = [];
  #fetched = 0;

  constructor(dht: Distribute, count: number) {
    this.#dht = dht;
    for (let i = 0; i < count; i++) this.#bricks.push(new BrickUsage());
  }

  /** Asks all bricks again if that was not done just now; does not wait for them. */
  refresh(frame: Frame): void {
    const now = Math.floor(this.#dht.host.env.clock.now() / 1000);
    if (now <= REFRESH_INTERVAL + this.#fetched) return;
    this.#fetched = now;
    const xdata = new Dict().setInt(IGNORE_DEEM_STATFS, 1);
    for (let i = 0; i < this.#bricks.length; i++) this.#ask(i, frame, xdata);
  }

  /** A brick came up. */
  fetch(subvolume: number): void {
    this.#ask(subvolume, this.#dht.ownFrame('statfs'), undefined);
  }

  #ask(subvolume: number, frame: Frame, xdata: Dict | undefined): void {
    const root = this.#dht.host.inodes.root;
    this.#dht.subvolumes[subvolume].statfs(frame, new Loc(root, undefined, '', '/'), xdata).then(
      answer => this.#take(subvolume, answer.statfs),
      () => {},
    );
  }

  #take(subvolume: number, vfs: StatVfs): void {
    const brick = this.#bricks[subvolume];
    if (vfs.blocks > 0) {
      brick.availPercent = Math.floor((vfs.bavail * 100) / vfs.blocks);
      brick.availBytes = vfs.bavail * vfs.frsize;
      const perChunk = Math.max(1, Math.floor((1 << 20) / vfs.bsize));
      brick.chunks = Math.floor((vfs.blocks + perChunk - 1) / perChunk);
    } else {
      brick.availPercent = 0;
      brick.availBytes = 0;
      brick.chunks = 0;
    }
    // A file system that makes inodes as it needs them says that it has none.
    brick.availInodesPercent = vfs.files > 0 ? Math.floor((vfs.ffree * 100) / vfs.files) : 100;
    brick.totalBlocks = vfs.blocks;
    brick.availBlocks = vfs.bavail;
    brick.known = true;
  }

  chunks(subvolume: number): number {
    return this.#bricks[subvolume].chunks;
  }

  allAlike(): boolean {
    return this.#bricks.every(brick => brick.chunks === this.#bricks[0].chunks);
  }

  /** Less than min-free-disk or min-free-inodes is left. */
  isFilled(subvolume: number): boolean {
    const { minFreeDisk, diskInPercent, minFreeInodes } = this.#dht.config;
    const brick = this.#bricks[subvolume];
    // Gluster takes a brick that it has not heard of for full; nothing is put elsewhere for that.
    if (!brick.known) return false;
    const avail = diskInPercent ? brick.availPercent : brick.availBytes;
    return avail < minFreeDisk || brick.availInodesPercent < minFreeInodes;
  }

  /** Where to put a file whose brick is filled; `subvolume` itself when no other is better. */
  roomFor(subvolume: number, layout: Layout | undefined): number {
    if (layout === undefined) return subvolume;
    const found = this.#withFreeSpace(layout);
    if (found >= 0) return found;
    const most = this.#withMostSpace(layout);
    return most >= 0 ? most : subvolume;
  }

  #eligible(subvolume: number, layout: Layout): boolean {
    const entry = layout.of(subvolume);
    return (entry === undefined || entry.err === 0) && !this.#dht.decommissioned[subvolume];
  }

  #withFreeSpace(layout: Layout): number {
    const { minFreeDisk, diskInPercent, minFreeInodes } = this.#dht.config;
    let best = -1;
    let max = 0;
    let maxInodes = 0;
    for (let i = 0; i < this.#bricks.length; i++) {
      if (!this.#eligible(i, layout)) continue;
      const brick = this.#bricks[i];
      const avail = diskInPercent ? brick.availPercent : brick.availBytes;
      if (avail <= minFreeDisk || brick.availInodesPercent <= minFreeInodes) continue;
      if (brick.availInodesPercent > maxInodes || avail > max) {
        max = avail;
        maxInodes = brick.availInodesPercent;
        best = i;
      }
    }
    if (best < 0) return -1;
    const brick = this.#bricks[best];
    const left = diskInPercent ? (brick.availBlocks * 100) / brick.totalBlocks : max;
    return left < minFreeDisk ? -1 : best;
  }

  #withMostSpace(layout: Layout): number {
    let best = -1;
    let max = 0;
    for (let i = 0; i < this.#bricks.length; i++) {
      if (!this.#eligible(i, layout)) continue;
      const brick = this.#bricks[i];
      const avail = this.#dht.config.diskInPercent ? brick.availPercent : brick.availBytes;
      if (avail > max && brick.availInodesPercent > 0) {
        max = avail;
        best = i;
      }
    }
    return best;
  }

  /** For statedumps. */
  figures(subvolume: number): { availPercent: number; availBytes: number; availInodesPercent: number } {
    return this.#bricks[subvolume];
  }

  get lastFetch(): number {
    return this.#fetched;
  }
}
