import { ERRNO } from '../../src/base/errno.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import { GFID_ROOT, type Gfid, inoHigh, inoLow } from '../../src/gluster/types/gfid.ts';
import { Iatt } from '../../src/gluster/types/iatt.ts';
import { SparseData } from './mem-data.ts';
import { EntryLocks, RangeLocks } from './mem-locks.ts';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const ALL_FLAGS = 0x1fff;

export interface MemEntry {
  readonly name: string;
  readonly file: MemFile;
  /** Where a listing goes on after it: a hash of the name, so it stays what comes and goes beside it. */
  readonly dOff: bigint;
}

/** A file of any kind. */
export class MemFile {
  readonly gfid: Gfid;
  readonly mode: number;
  /** Of a regular file. */
  readonly data: SparseData | undefined;
  /** Of a directory. */
  readonly entries: Map<string, MemEntry> | undefined;
  /** Of a directory, the one it is in. */
  parent: MemFile | undefined;
  /** Of a symbolic link. */
  target = '';
  readonly stat: Iatt;
  readonly xattrs = new Map<string, Buffer>();
  /** Names it has; a directory without one is 2. */
  nlink: number;
  opens = 0;
  readonly posixLocks = new RangeLocks(true);
  readonly inodeLocks = new Map<string, RangeLocks>();
  readonly entryLocks = new Map<string, EntryLocks>();
  #sorted: MemEntry[] | undefined;
  readonly #offsets = new Set<bigint>();

  constructor(gfid: Gfid, mode: number, parent?: MemFile) {
    this.gfid = gfid;
    this.mode = mode;
    const kind = mode & S_IFMT;
    this.data = kind === S_IFREG ? new SparseData() : undefined;
    this.entries = kind === S_IFDIR ? new Map() : undefined;
    this.parent = parent;
    this.nlink = kind === S_IFDIR ? 2 : 0;
    this.stat = new Iatt();
    Object.assign(this.stat, { gfid, mode, flags: ALL_FLAGS, blksize: 4096, dev: 1 });
    this.stat.inoHi = inoHigh(gfid);
    this.stat.inoLo = inoLow(gfid);
  }

  /** Its attributes as they are now, in an object of the caller's own. */
  iatt(): Iatt {
    const iatt = this.stat.clone();
    iatt.nlink = this.nlink;
    iatt.size = this.data?.size ?? (this.entries === undefined ? this.target.length : 4096);
    iatt.blocks = this.data?.blocks ?? (this.entries === undefined ? 0 : 8);
    return iatt;
  }

  add(name: string, file: MemFile): void {
    const entries = this.entries as Map<string, MemEntry>;
    let dOff = hashOf(name);
    while (this.#offsets.has(dOff)) dOff += 4096n;
    this.#offsets.add(dOff);
    entries.set(name, { name, file, dOff });
    this.#sorted = undefined;
  }

  remove(name: string): void {
    const entry = this.entries?.get(name);
    if (entry === undefined) return;
    this.entries?.delete(name);
    this.#offsets.delete(entry.dOff);
    this.#sorted = undefined;
  }

  /** The directory's entries in the order of their offsets. */
  sorted(): readonly MemEntry[] {
    this.#sorted ??= [...(this.entries?.values() ?? [])].sort((a, b) => (a.dOff < b.dOff ? -1 : 1));
    return this.#sorted;
  }

  inodelk(domain: string): RangeLocks {
    let locks = this.inodeLocks.get(domain);
    if (locks === undefined) this.inodeLocks.set(domain, (locks = new RangeLocks(false)));
    return locks;
  }

  entrylk(domain: string): EntryLocks {
    let locks = this.entryLocks.get(domain);
    if (locks === undefined) this.entryLocks.set(domain, (locks = new EntryLocks()));
    return locks;
  }

  dropLocks(client: object): void {
    this.posixLocks.drop(client);
    for (const locks of this.inodeLocks.values()) locks.drop(client);
    for (const locks of this.entryLocks.values()) locks.drop(client);
  }
}

/** 63 bits of a name (FNV-1a), as a file system's hash order; the lowest 12 are left for leaves to mark theirs. */
function hashOf(name: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(name, 'latin1'))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return ((hash >> 13n) | 1n) << 12n;
}

export function fail(code: string): never {
  throw new FopError(ERRNO[code]);
}

/** What a brick's disk holds. Lives on when the graph above it goes. */
export class MemoryStore {
  readonly files = new Map<Gfid, MemFile>();
  /** Gone, but somebody had a lock of it. */
  readonly removed = new Map<Gfid, MemFile>();
  readonly root: MemFile;
  readonly #now: () => number;
  #tick = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.root = new MemFile(GFID_ROOT, S_IFDIR | 0o755);
    this.files.set(GFID_ROOT, this.root);
    this.touch(this.root, true, true, true);
  }

  /** Sets times to now; no two times are the same. */
  touch(file: MemFile, atime: boolean, mtime: boolean, ctime: boolean): void {
    const ms = this.#now();
    const seconds = Math.floor(ms / 1000);
    this.#tick = (this.#tick + 1) % 1_000_000;
    const nsec = (ms % 1000) * 1_000_000 + this.#tick;
    if (atime) Object.assign(file.stat, { atime: seconds, atimeNsec: nsec });
    if (mtime) Object.assign(file.stat, { mtime: seconds, mtimeNsec: nsec });
    if (ctime) Object.assign(file.stat, { ctime: seconds, ctimeNsec: nsec });
  }

  directory(gfid: Gfid): MemFile {
    const dir = this.files.get(gfid) ?? fail('ESTALE');
    return dir.entries === undefined ? fail('ENOTDIR') : dir;
  }

  entry(dir: MemFile, name: string): MemFile {
    const file = name === '.' ? dir : name === '..' ? (dir.parent ?? dir) : dir.entries?.get(name)?.file;
    return file ?? fail('ENOENT');
  }

  /** By a path from the root, for tests to look at what is there. */
  at(path: string): MemFile | undefined {
    let file: MemFile | undefined = this.root;
    for (const part of path.split('/')) if (part !== '') file = file?.entries?.get(part)?.file;
    return file;
  }

  make(dir: MemFile, name: string, gfid: Gfid, mode: number, uid: number, gid: number): MemFile {
    if (name.length > 255) fail('ENAMETOOLONG');
    if (dir.entries?.has(name)) fail('EEXIST');
    if (this.files.has(gfid)) fail('EEXIST');
    const file = new MemFile(gfid, mode, (mode & S_IFMT) === S_IFDIR ? dir : undefined);
    Object.assign(file.stat, { uid, gid });
    this.files.set(gfid, file);
    this.touch(file, true, true, true);
    Object.assign(file.stat, { btime: file.stat.ctime, btimeNsec: file.stat.ctimeNsec });
    this.enter(dir, name, file);
    return file;
  }

  enter(dir: MemFile, name: string, file: MemFile): void {
    dir.add(name, file);
    if (file.entries === undefined) file.nlink++;
    else {
      file.parent = dir;
      dir.nlink++;
    }
    this.touch(dir, false, true, true);
    this.touch(file, false, false, true);
  }

  /** Takes a name away; the file lives on while it has others, or is open. */
  leave(dir: MemFile, name: string): void {
    const file = this.entry(dir, name);
    dir.remove(name);
    if (file.entries === undefined) file.nlink--;
    else {
      file.parent = undefined;
      file.nlink = 0;
      dir.nlink--;
    }
    this.touch(dir, false, true, true);
    this.touch(file, false, false, true);
    this.drop(file);
  }

  drop(file: MemFile): void {
    if (file.nlink > 0 || file.opens > 0) return;
    this.files.delete(file.gfid);
    // As on a real brick, where locks hold their inode: they can be let go, and who waits gets them.
    if (file.inodeLocks.size > 0 || file.entryLocks.size > 0) this.removed.set(file.gfid, file);
  }

  rename(from: MemFile, fromName: string, to: MemFile, toName: string): MemFile {
    const file = this.entry(from, fromName);
    for (let dir: MemFile | undefined = to; dir !== undefined; dir = dir.parent)
      if (dir === file) fail('EINVAL');
    const there = to.entries?.get(toName)?.file;
    if (there === file) return file;
    if (there !== undefined) {
      if (file.entries !== undefined && there.entries === undefined) fail('ENOTDIR');
      if (file.entries === undefined && there.entries !== undefined) fail('EISDIR');
      if (there.entries !== undefined && there.entries.size > 0) fail('ENOTEMPTY');
      this.leave(to, toName);
    }
    from.remove(fromName);
    if (file.entries !== undefined) {
      from.nlink--;
      to.nlink++;
      file.parent = to;
    }
    to.add(toName, file);
    this.touch(from, false, true, true);
    this.touch(to, false, true, true);
    this.touch(file, false, false, true);
    return file;
  }
}
