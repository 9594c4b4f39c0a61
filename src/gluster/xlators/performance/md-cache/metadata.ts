import type { Inode } from '../../../graph/inode.ts';
import { Dict } from '../../../types/dict.ts';
import { IA_IFREG, type Iatt } from '../../../types/iatt.ts';
import { globToRegExp } from '../shared/priority.ts';

/** What is kept of a file. */
class Metadata {
  /** The newest attributes that came; kept when they are not believed any more, to know older ones by their ctime. */
  stat: Iatt | undefined = undefined;
  valid = false;
  /** When they came, and in which life of the bricks: monotonic milliseconds; -1 never. */
  statTime = -1;
  statLife = 0;
  /** What began before this is not believed. */
  generation = 0;
  /** Of the names that are kept, those that the file has. */
  xattrs: Dict | undefined = undefined;
  xattrTime = -1;
  xattrLife = 0;
  /** The next lookup goes to the bricks. */
  needLookup = false;
}

export interface MetadataOwner {
  mono(): number;
  /** A file was changed by others. */
  changedByOthers(inode: Inode): void;
}

/** Attributes and extended attributes of files, and how long they are believed. Attributes that are given out are shared: not to be changed. */
export class MetadataCache {
  private readonly owner: MetadataOwner;
  private readonly slot: number;
  /** Milliseconds. */
  timeout = 0;
  global = false;
  private names: readonly string[] = [];
  private matchers: readonly RegExp[] = [];
  private generation = 1;
  private life = 1;

  constructor(owner: MetadataOwner, slot: number) {
    this.owner = owner;
    this.slot = slot;
  }

  setNames(names: readonly string[]): void {
    this.names = names;
    this.matchers = names.map(globToRegExp);
  }

  /** Whether an extended attribute is one that is kept. */
  keeps(name: string | undefined): name is string {
    return name !== undefined && (this.names.includes(name) || this.matchers.some(each => each.test(name)));
  }

  get keepsAny(): boolean {
    return this.names.length > 0;
  }

  /** `xdata` with a request for all that is kept. */
  request(xdata: Dict | undefined): Dict | undefined {
    if (this.names.length === 0) return xdata;
    const request = Dict.from(xdata);
    for (const name of this.names) request.setInt(name, 0);
    return request;
  }

  /** Where time stands as a fop begins. */
  now(): number {
    return this.generation;
  }

  /** Nothing that came before is believed. */
  newLife(): void {
    this.life++;
  }

  private find(inode: Inode | undefined): Metadata | undefined {
    return inode?.ctx[this.slot] as Metadata | undefined;
  }

  private of(inode: Inode): Metadata {
    const found = inode.ctx[this.slot] as Metadata | undefined;
    if (found !== undefined) return found;
    const metadata = new Metadata();
    inode.ctx[this.slot] = metadata;
    return metadata;
  }

  private within(time: number, life: number): boolean {
    return time >= 0 && life === this.life && this.owner.mono() - time < this.timeout;
  }

  /** Attributes that are believed. */
  stat(inode: Inode): Iatt | undefined {
    const metadata = this.find(inode);
    if (metadata === undefined || !metadata.valid || !this.within(metadata.statTime, metadata.statLife))
      return undefined;
    return metadata.stat;
  }

  /** Extended attributes that are believed: what is not there the file has not. */
  xattrs(inode: Inode): Dict | undefined {
    const metadata = this.find(inode);
    if (metadata === undefined || !this.within(metadata.xattrTime, metadata.xattrLife)) return undefined;
    return (metadata.xattrs ??= new Dict());
  }

  /**
   * New attributes, from a fop that began at `since`; `pre`: those from before it. None: they changed, and nobody knows how. False when they
   * are older than what is there, and so is what came with them.
   */
  set(
    inode: Inode | undefined,
    pre: Iatt | undefined,
    stat: Iatt | undefined,
    since: number,
    fresh = true,
  ): boolean {
    if (inode === undefined) return false;
    const metadata = this.of(inode);
    if (stat === undefined || stat.ctime === 0) {
      this.outdate(metadata);
      return true;
    }
    const known = metadata.stat;
    let xattrsToo = false;
    if (known === undefined) xattrsToo = true;
    else {
      // What came later may be older; the ctime only goes up.
      if (known.ctime > stat.ctime || (known.ctime === stat.ctime && known.ctimeNsec > stat.ctimeNsec))
        return false;
      if (!sameTimes(known, stat)) {
        if (this.global && metadata.valid && (pre === undefined || !sameTimes(known, pre))) {
          if (stat.type === IA_IFREG) this.owner.changedByOthers(inode);
        } else xattrsToo = true;
      }
    }
    if (since < metadata.generation) return false;
    // What has not changed stays as old as it is: to replace it each time would fill the old generation of the heap.
    if (known === undefined || !known.equals(stat)) metadata.stat = stat;
    metadata.valid = true;
    if (!fresh) return true;
    metadata.statTime = this.owner.mono();
    metadata.statLife = this.life;
    if (metadata.xattrTime >= 0 && xattrsToo) metadata.xattrTime = metadata.statTime;
    return true;
  }

  /** Attributes are not believed, nor those that are on their way. */
  invalidate(inode: Inode | undefined): void {
    const metadata = this.find(inode);
    if (metadata !== undefined) this.outdate(metadata);
  }

  private outdate(metadata: Metadata): void {
    metadata.valid = false;
    metadata.statTime = -1;
    metadata.generation = ++this.generation;
  }

  /** All that the file has of the names that are kept. */
  setXattrs(inode: Inode | undefined, dict: Dict | undefined): void {
    if (inode === undefined || dict === undefined) return;
    const metadata = this.of(inode);
    metadata.xattrs = undefined;
    this.addXattrs(inode, dict);
    metadata.xattrTime = this.owner.mono();
    metadata.xattrLife = this.life;
  }

  addXattrs(inode: Inode, dict: Dict | undefined): void {
    if (dict === undefined) return;
    const metadata = this.of(inode);
    let added: Dict | undefined;
    // What was given out stays as it was.
    for (const [name, value] of dict.entries)
      if (this.keeps(name)) (added ??= Dict.from(metadata.xattrs)).set(name, value);
    if (added !== undefined) metadata.xattrs = added;
  }

  removeXattr(inode: Inode, name: string): void {
    const metadata = this.find(inode);
    if (metadata?.xattrs?.has(name) !== true) return;
    metadata.xattrs = Dict.from(metadata.xattrs);
    metadata.xattrs.delete(name);
  }

  invalidateXattrs(inode: Inode): void {
    const metadata = this.find(inode);
    if (metadata !== undefined) metadata.xattrTime = -1;
  }

  setNeedLookup(inode: Inode): void {
    const metadata = this.find(inode);
    if (metadata !== undefined) metadata.needLookup = true;
  }

  takeNeedLookup(inode: Inode): boolean {
    const metadata = this.find(inode);
    if (metadata?.needLookup !== true) return false;
    metadata.needLookup = false;
    return true;
  }
}

function sameTimes(a: Iatt, b: Iatt): boolean {
  return (
    a.mtime === b.mtime && a.mtimeNsec === b.mtimeNsec && a.ctime === b.ctime && a.ctimeNsec === b.ctimeNsec
  );
}
