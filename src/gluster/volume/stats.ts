import { inoHigh, inoLow } from '../types/gfid.ts';
import type { Iatt } from '../types/iatt.ts';
import * as ia from '../types/iatt.ts';

/** What kind of file it is, as `fs.Stats` and `fs.Dirent` tell it. */
abstract class Kind {
  protected abstract readonly kind: number;

  isFile(): boolean {
    return this.kind === ia.IA_IFREG;
  }
  isDirectory(): boolean {
    return this.kind === ia.IA_IFDIR;
  }
  isSymbolicLink(): boolean {
    return this.kind === ia.IA_IFLNK;
  }
  isBlockDevice(): boolean {
    return this.kind === ia.IA_IFBLK;
  }
  isCharacterDevice(): boolean {
    return this.kind === ia.IA_IFCHR;
  }
  isFIFO(): boolean {
    return this.kind === ia.IA_IFIFO;
  }
  isSocket(): boolean {
    return this.kind === ia.IA_IFSOCK;
  }
}

/** As `fs.Stats`. `ino` loses bits over 2^53, as there; ask for bigint to have them all. */
export class Stats extends Kind {
  protected readonly kind: number;
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;

  constructor(iatt: Iatt) {
    super();
    this.kind = iatt.type;
    this.dev = iatt.dev;
    this.ino = inoHigh(iatt.gfid) * 2 ** 32 + inoLow(iatt.gfid);
    this.mode = iatt.mode;
    this.nlink = iatt.nlink;
    this.uid = iatt.uid;
    this.gid = iatt.gid;
    this.rdev = iatt.rdev;
    this.size = iatt.size;
    this.blksize = iatt.blksize;
    this.blocks = iatt.blocks;
    this.atimeMs = ms(iatt.atime, iatt.atimeNsec);
    this.mtimeMs = ms(iatt.mtime, iatt.mtimeNsec);
    this.ctimeMs = ms(iatt.ctime, iatt.ctimeNsec);
    this.birthtimeMs = hasBirth(iatt) ? ms(iatt.btime, iatt.btimeNsec) : this.ctimeMs;
  }

  get atime(): Date {
    return new Date(this.atimeMs);
  }
  get mtime(): Date {
    return new Date(this.mtimeMs);
  }
  get ctime(): Date {
    return new Date(this.ctimeMs);
  }
  get birthtime(): Date {
    return new Date(this.birthtimeMs);
  }
}

/** As `fs.BigIntStats`. */
export class BigIntStats extends Kind {
  protected readonly kind: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;

  constructor(iatt: Iatt) {
    super();
    this.kind = iatt.type;
    this.dev = BigInt(iatt.dev);
    this.ino = (BigInt(inoHigh(iatt.gfid)) << 32n) | BigInt(inoLow(iatt.gfid));
    this.mode = BigInt(iatt.mode);
    this.nlink = BigInt(iatt.nlink);
    this.uid = BigInt(iatt.uid);
    this.gid = BigInt(iatt.gid);
    this.rdev = BigInt(iatt.rdev);
    this.size = BigInt(iatt.size);
    this.blksize = BigInt(iatt.blksize);
    this.blocks = BigInt(iatt.blocks);
    this.atimeNs = ns(iatt.atime, iatt.atimeNsec);
    this.mtimeNs = ns(iatt.mtime, iatt.mtimeNsec);
    this.ctimeNs = ns(iatt.ctime, iatt.ctimeNsec);
    this.birthtimeNs = hasBirth(iatt) ? ns(iatt.btime, iatt.btimeNsec) : this.ctimeNs;
  }

  get atimeMs(): bigint {
    return this.atimeNs / 1_000_000n;
  }
  get mtimeMs(): bigint {
    return this.mtimeNs / 1_000_000n;
  }
  get ctimeMs(): bigint {
    return this.ctimeNs / 1_000_000n;
  }
  get birthtimeMs(): bigint {
    return this.birthtimeNs / 1_000_000n;
  }
  get atime(): Date {
    return new Date(Number(this.atimeMs));
  }
  get mtime(): Date {
    return new Date(Number(this.mtimeMs));
  }
  get ctime(): Date {
    return new Date(Number(this.ctimeMs));
  }
  get birthtime(): Date {
    return new Date(Number(this.birthtimeMs));
  }
}

/** As `fs.Dirent`. */
export class Dirent<Name extends string | Buffer = string> extends Kind {
  protected readonly kind: number;
  readonly name: Name;
  /** Path of the directory that it was read from. */
  readonly parentPath: string;
  /** Attributes, where the listing brought them along (it nearly always does). */
  readonly stats: Stats | undefined;

  constructor(name: Name, parentPath: string, kind: number, stats?: Stats) {
    super();
    this.name = name;
    this.parentPath = parentPath;
    this.kind = kind;
    this.stats = stats;
  }
}

function hasBirth(iatt: Iatt): boolean {
  return (iatt.flags & ia.IATT_BTIME) !== 0;
}

function ms(seconds: number, nsec: number): number {
  return seconds * 1000 + nsec / 1e6;
}

function ns(seconds: number, nsec: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nsec);
}
