import { ERRNO } from '../../src/base/errno.ts';
import type { GraphEvent } from '../../src/gluster/graph/events.ts';
import type { Fd } from '../../src/gluster/graph/fd.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import type { FopName } from '../../src/gluster/graph/fops.ts';
import type { Frame } from '../../src/gluster/graph/frame.ts';
import type { Loc } from '../../src/gluster/graph/loc.ts';
import type { OptionTable } from '../../src/gluster/graph/option-types.ts';
import { Xlator, type XlatorSetup } from '../../src/gluster/graph/xlator.ts';
import { GFID_NULL, type Gfid } from '../../src/gluster/types/gfid.ts';
import { fail, type MemFile, MemoryStore } from './mem-store.ts';

/** A fop as the brick saw it. */
export interface BrickCall {
  readonly fop: FopName;
  readonly frame: Frame;
  /** The file; of fops that go by name, the directory. */
  readonly gfid: Gfid;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** Lets a fop go on (undefined), fail, or wait first. */
export type BrickHook = (call: BrickCall) => FopError | undefined | Promise<FopError | undefined>;

/** What is there of an fd on the brick's side. */
export interface OpenFile {
  readonly file: MemFile;
  readonly flags: number;
}

const stores = new Map<string, MemoryStore>();

/** Forgets what a directory of memory bricks holds. */
export function dropStore(directory: string): void {
  stores.delete(directory);
}

/** Under the fops: the store, the fds, what tests inject, up and down. */
export abstract class MemBrickBase extends Xlator {
  static readonly options: OptionTable = {
    directory: {
      kind: 'string',
      default: '/mem',
      description: 'Bricks of one directory hold the same files, in one graph or several.',
    },
  };
  static readonly subvolumes: readonly [number, number] = [0, 0];

  readonly store: MemoryStore;
  /** Before a fop does anything. */
  before: BrickHook | undefined = undefined;
  /** After it did: it may be answered late, or as failed although it was done. */
  after: BrickHook | undefined = undefined;
  /** When an array, each fop adds itself as it arrives. */
  calls: BrickCall[] | undefined = undefined;
  /** Open on this brick by this graph. */
  openFds = 0;
  /** Fops that were not answered yet, waiting locks included. */
  inFlight = 0;
  #up = true;
  #active = false;
  #lives = 0;

  constructor(setup: XlatorSetup) {
    super(setup);
    const directory = setup.options.string('directory');
    let store = stores.get(directory);
    if (store === undefined) {
      const { clock } = setup.host.env;
      store = new MemoryStore(() => clock.now());
      stores.set(directory, store);
    }
    this.store = store;
  }

  get up(): boolean {
    return this.#up;
  }

  /** As a server's death and return: what is under way fails, its locks go. */
  setUp(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    this.#lives++;
    if (!up) for (const file of this.store.files.values()) file.dropLocks(this);
    if (this.#active) this.notifyParents(up ? 'CHILD_UP' : 'CHILD_DOWN');
  }

  /** Another client changed something. */
  upcall(data: unknown): void {
    this.notifyParents('UPCALL', data);
  }

  override notify(event: GraphEvent): void {
    if (event === 'PARENT_UP') {
      this.#active = true;
      this.notifyParents(this.#up ? 'CHILD_UP' : 'CHILD_DOWN');
    } else if (event === 'PARENT_DOWN') this.#active = false;
  }

  override release(fd: Fd): void {
    const open = fd.ctx[this.slot] as OpenFile | undefined;
    if (open === undefined) return;
    fd.ctx[this.slot] = undefined;
    open.file.opens--;
    this.openFds--;
    this.store.drop(open.file);
  }

  protected opened(fd: Fd, file: MemFile, flags: number): void {
    fd.ctx[this.slot] = { file, flags } satisfies OpenFile;
    file.opens++;
    this.openFds++;
  }

  protected run<T>(
    fop: FopName,
    frame: Frame,
    target: Loc | Fd,
    apply: () => T | Promise<T>,
    offset = 0,
    size = 0,
  ): Promise<T> {
    const { before, after, calls } = this;
    if (before === undefined && after === undefined && calls === undefined && this.#up) {
      try {
        return Promise.resolve(apply());
      } catch (error) {
        return Promise.reject(this.#mine(error));
      }
    }
    const byName = 'name' in target && target.parent !== undefined;
    const gfid = byName
      ? (target.parent?.gfid ?? GFID_NULL)
      : 'name' in target
        ? target.gfid
        : target.inode.gfid;
    const call: BrickCall = { fop, frame, gfid, name: byName ? target.name : '', offset, size };
    calls?.push(call);
    return this.#slow(call, before, after, apply);
  }

  async #slow<T>(
    call: BrickCall,
    before: BrickHook | undefined,
    after: BrickHook | undefined,
    apply: () => T | Promise<T>,
  ): Promise<T> {
    this.inFlight++;
    const life = this.#lives;
    try {
      this.#alive(life);
      const refused = before?.(call);
      const failure = refused instanceof Promise ? await refused : refused;
      this.#alive(life);
      if (failure !== undefined) throw failure;
      const applied = apply();
      const answer = applied instanceof Promise ? await applied : applied;
      const spoilt = after?.(call);
      const late = spoilt instanceof Promise ? await spoilt : spoilt;
      this.#alive(life);
      if (late !== undefined) throw late;
      return answer;
    } catch (error) {
      throw this.#mine(error);
    } finally {
      this.inFlight--;
    }
  }

  #alive(life: number): void {
    if (!this.#up || life !== this.#lives) throw new FopError(ERRNO['ENOTCONN']);
  }

  #mine(error: unknown): unknown {
    return error instanceof FopError ? new FopError(error.errno, this.name, error.xdata) : error;
  }

  /** The file of a fop that goes by gfid. */
  protected byGfid(loc: Loc): MemFile {
    if (loc.gfid === GFID_NULL) return this.store.entry(this.store.directory(loc.pargfid), loc.name);
    const file = this.store.files.get(loc.gfid) ?? fail('ESTALE');
    return file.nlink === 0 ? fail('ENOENT') : file;
  }

  protected directory(loc: Loc): MemFile {
    return this.store.directory(loc.pargfid);
  }

  protected byFd(fd: Fd): MemFile {
    if (fd.anonymous) return this.store.files.get(fd.inode.gfid) ?? fail('ESTALE');
    return (fd.ctx[this.slot] as OpenFile | undefined)?.file ?? fail('EBADFD');
  }

  protected flagsOf(fd: Fd): number {
    return fd.anonymous ? 0o2 : ((fd.ctx[this.slot] as OpenFile | undefined)?.flags ?? 0);
  }
}
