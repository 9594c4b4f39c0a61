import { ERRNO } from '../../src/base/errno.ts';
import type { Fd } from '../../src/gluster/graph/fd.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import type { CreateAnswer, EntryAnswer, RemoveAnswer, StatfsAnswer } from '../../src/gluster/graph/fops.ts';
import type { Frame } from '../../src/gluster/graph/frame.ts';
import type { Loc } from '../../src/gluster/graph/loc.ts';
import { Dict } from '../../src/gluster/types/dict.ts';
import { GFID_NULL, type Gfid } from '../../src/gluster/types/gfid.ts';
import { Volume } from '../../src/gluster/volume/volume.ts';
import { Distribute } from '../../src/gluster/xlators/cluster/distribute/index.ts';
import { decodeLayout } from '../../src/gluster/xlators/cluster/distribute/layout-disk.ts';
import { dropStore, MemoryBrick } from './mem-brick.ts';
import type { MemFile } from './mem-store.ts';

const DHT = 'trusted.glusterfs.dht';
const LINKTO = `${DHT}.linkto`;
const PREOP = 'glusterfs.preop.parent.key';
const LINKFILE_MODE = 0o101000;

/** A memory brick that does for distribute what storage/posix does: checks of the parent's layout, unlinks of linkto files only, replacing. */
export class DhtBrick extends MemoryBrick {
  /** How much of its space is taken by others, 0 to 1. */
  fullness = 0;

  override create(
    frame: Frame,
    loc: Loc,
    flags: number,
    mode: number,
    umask: number,
    fd: Fd,
    xdata?: Dict,
  ): Promise<CreateAnswer> {
    const refused = this.#changed(loc, xdata);
    return refused ?? super.create(frame, loc, flags, mode, umask, fd, this.#kept(xdata));
  }

  override mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    const refused = this.#changed(loc, xdata);
    return refused ?? super.mkdir(frame, loc, mode, umask, this.#kept(xdata));
  }

  override mknod(
    frame: Frame,
    loc: Loc,
    mode: number,
    rdev: number,
    umask: number,
    xdata?: Dict,
  ): Promise<EntryAnswer> {
    // One more name for a linkto file that has the gfid already.
    const there = this.up ? this.store.files.get(xdata?.gfid('gfid-req') ?? GFID_NULL) : undefined;
    if (there !== undefined && xdata?.has(LINKTO) && this.#entry(loc) === undefined) {
      const dir = this.store.directory(loc.pargfid);
      const preparent = dir.iatt();
      this.store.enter(dir, loc.name, there);
      return Promise.resolve({ inode: loc.inode, stat: there.iatt(), preparent, postparent: dir.iatt() });
    }
    return super.mknod(frame, loc, mode, rdev, umask, xdata);
  }

  override statfs(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatfsAnswer> {
    return super.statfs(frame, loc, xdata).then(answer => {
      answer.statfs.bavail = Math.floor(answer.statfs.bavail * (1 - this.fullness));
      return answer;
    });
  }

  override unlink(frame: Frame, loc: Loc, xflags: number, xdata?: Dict): Promise<RemoveAnswer> {
    const file = this.#entry(loc);
    if (file !== undefined && xdata?.int('unlink-only-if-dht-linkto-file') === 1 && !isLinkto(file))
      return Promise.reject(new FopError(ERRNO['EBUSY'], this.name));
    if (file !== undefined && xdata?.int('dont-unlink-for-open-fd') === 1 && file.opens > 0)
      return Promise.reject(new FopError(ERRNO['EBUSY'], this.name));
    const removed = super.unlink(frame, loc, xflags, xdata);
    if (file === undefined || xdata?.int('dht-get-iatt-in-xattr') !== 1) return removed;
    return removed.then(answer => ({
      ...answer,
      xdata: new Dict().setIatt('dht-get-iatt-in-xattr', file.iatt()),
    }));
  }

  #entry(loc: Loc): MemFile | undefined {
    return this.store.files.get(loc.pargfid)?.entries?.get(loc.name)?.file;
  }

  #changed(loc: Loc, xdata: Dict | undefined): Promise<never> | undefined {
    const key = this.up ? xdata?.string(PREOP) : undefined;
    if (key === undefined) return undefined;
    const parent = this.store.files.get(loc.pargfid);
    const has = parent?.xattrs.get(key);
    const wanted = xdata?.bytes(key);
    if (parent === undefined || (has !== undefined && wanted !== undefined && has.equals(wanted)))
      return undefined;
    const failed = new Dict().setInt('glusterfs.preop.check.failed', 1);
    return Promise.reject(new FopError(ERRNO['EIO'], this.name, failed));
  }

  /** The parent's layout is not the new file's. */
  #kept(xdata: Dict | undefined): Dict | undefined {
    const key = xdata?.string(PREOP);
    if (xdata === undefined || key === undefined) return xdata;
    const kept = Dict.from(xdata);
    kept.delete(PREOP);
    kept.delete(key);
    return kept;
  }
}

export function isLinkto(file: MemFile): boolean {
  return (file.stat.mode & 0o177777) === LINKFILE_MODE && file.xattrs.has(LINKTO);
}

let volumes = 0;

/** A distributed volume over memory bricks; several clients may have it open. */
export class DhtVolume implements AsyncDisposable {
  readonly directories: string[];
  readonly options: Readonly<Record<string, string>>;
  readonly #clients: Volume[] = [];

  constructor(bricks: number, options: Readonly<Record<string, string>> = {}) {
    const number = volumes++;
    this.directories = Array.from({ length: bricks }, (_, i) => `/dht${number}/b${i}`);
    this.options = options;
  }

  volfile(): string {
    const names = this.directories.map((_, i) => `t-client-${i}`);
    const bricks = this.directories.map(
      (directory, i) =>
        `volume ${names[i]}\n type storage/memory\n option directory ${directory}\nend-volume\n`,
    );
    const options = Object.entries(this.options).map(([key, value]) => ` option ${key} ${value}\n`);
    return `${bricks.join('')}volume t-dht\n type cluster/distribute\n${options.join('')} subvolumes ${names.join(' ')}\nend-volume\n`;
  }

  /** One more client, with a graph of its own. */
  async client(): Promise<Volume> {
    const volume = await Volume.open('t', {
      volfile: this.volfile(),
      xlators: { 'storage/memory': DhtBrick, 'cluster/distribute': Distribute },
      uid: 0,
      gid: 0,
    });
    this.#clients.push(volume);
    return volume;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    for (const directory of this.directories) dropStore(directory);
  }
}

export function bricksOf(volume: Volume): DhtBrick[] {
  const bricks = volume.client.graph.xlators.filter(xlator => xlator instanceof DhtBrick);
  const number = (brick: DhtBrick) => Number(/\d+$/.exec(brick.name)?.[0]);
  return bricks.sort((a, b) => number(a) - number(b));
}

export function distributeOf(volume: Volume): Distribute {
  return volume.client.graph.find('t-dht') as Distribute;
}

/** The file of a path on a brick. */
export function onBrick(brick: DhtBrick, path: string): MemFile | undefined {
  let file: MemFile | undefined = brick.store.root;
  for (const name of Buffer.from(path, 'utf8').toString('latin1').split('/'))
    if (name !== '') file = file?.entries?.get(name)?.file;
  return file;
}

/** Which bricks have a path, and as what: 'b0' a file, 'b1>t-client-0' a linkto file. */
export function whereIs(volume: Volume, path: string): string[] {
  const found: string[] = [];
  bricksOf(volume).forEach((brick, i) => {
    const file = onBrick(brick, path);
    if (file === undefined) return;
    const linkto = file.xattrs.get(LINKTO)?.toString('latin1').replace('\0', '');
    found.push(isLinkto(file) ? `b${i}>${linkto}` : `b${i}`);
  });
  return found;
}

/** The ranges of a directory on all bricks, as they are on disk. */
export function layoutOf(volume: Volume, path: string) {
  return bricksOf(volume).map(brick => {
    const bytes = onBrick(brick, path)?.xattrs.get(DHT);
    return bytes === undefined ? undefined : decodeLayout(bytes);
  });
}

/** Takes a name off a brick behind all clients' backs. */
export function vanish(brick: DhtBrick, path: string): void {
  const at = path.lastIndexOf('/');
  const file = onBrick(brick, path);
  const dir = onBrick(brick, path.slice(0, at));
  if (file === undefined || dir === undefined) throw new Error(`${path} is not on ${brick.name}`);
  brick.store.leave(dir, Buffer.from(path.slice(at + 1)).toString('latin1'));
  if (file.entries !== undefined) brick.store.files.delete(file.gfid);
}

/** Leaves a linkto file there behind all clients' backs, with a gfid of its own, that points to that brick. */
export function leaveLinkto(brick: DhtBrick, path: string, target: string, gfid: Gfid): void {
  const at = path.lastIndexOf('/');
  const dir = onBrick(brick, path.slice(0, at));
  if (dir === undefined) throw new Error(`${path} has no directory on ${brick.name}`);
  const name = Buffer.from(path.slice(at + 1)).toString('latin1');
  const file = brick.store.make(dir, name, gfid, LINKFILE_MODE, 0, 0);
  file.xattrs.set(LINKTO, Buffer.from(`${target}\0`));
}
