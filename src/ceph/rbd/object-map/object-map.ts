import { NacreError } from '../../../base/errors.ts';
import { SUBSYS_RBD } from '../../../base/log.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { LOCK_EXCLUSIVE } from '../../types/cls-lock.ts';
import { BitVector } from '../../types/cls-rbd-bit-vector.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import {
  clsLock,
  getFlags,
  objectMapLoad,
  objectMapResize,
  objectMapUpdate,
  setFlags,
} from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import {
  OBJECT_EXISTS,
  OBJECT_EXISTS_CLEAN,
  OBJECT_NONEXISTENT,
  OBJECT_PENDING,
  RBD_FEATURE_FAST_DIFF,
  RBD_FLAG_FAST_DIFF_INVALID,
  RBD_FLAG_OBJECT_MAP_INVALID,
  RBD_LOCK_NAME,
} from '../types.ts';
import { objectMapName } from './name.ts';
import type { ObjectMapApi } from './types.ts';

/** Objects in one update on the OSD (UpdateRequest.cc: what keeps it from taking too long). */
const UPDATE_MAX = 256 * 1024;

const codeOf = (error: unknown): string | undefined => (error instanceof NacreError ? error.code : undefined);

interface Update {
  readonly start: number;
  readonly end: number;
  readonly state: number;
  readonly current: number | undefined;
  readonly done: (result: number) => void;
}

const overlaps = (a: Update, b: Update): boolean => a.start < b.end && b.start < a.end;

/**
 * The map of an open image: what the OSD has, and here. The head's belongs to the owner of the exclusive lock, who also locks
 * the map itself; a snapshot's is only read.
 */
export class ObjectMap implements ObjectMapApi {
  private readonly ctx: ImageCtx;
  private readonly snapId: bigint;
  private readonly oid: string;
  private map = new BitVector();
  private readonly running: Update[] = [];
  private waiting: Update[] = [];
  private locked = false;
  /** Not to be believed, whatever a header says that was read before it was flagged there. Until a reload finds it valid. */
  private invalidated = false;

  constructor(ctx: ImageCtx, snapId: bigint) {
    this.ctx = ctx;
    this.snapId = snapId;
    this.oid = objectMapName(ctx.identity.id, snapId);
  }

  get length(): number {
    return this.map.size;
  }

  private get valid(): boolean {
    if (this.invalidated) return false;
    const { ctx, snapId } = this;
    const flags =
      snapId === SNAP_HEAD ? ctx.state.flags : (ctx.snap(snapId)?.flags ?? RBD_FLAG_OBJECT_MAP_INVALID);
    return (flags & RBD_FLAG_OBJECT_MAP_INVALID) === 0n;
  }

  get(objectNo: number): number {
    return objectNo < this.map.size ? this.map.get(objectNo) : OBJECT_NONEXISTENT;
  }

  objectMayExist(objectNo: number): boolean {
    return !this.valid || this.get(objectNo) !== OBJECT_NONEXISTENT;
  }

  objectMayNotExist(objectNo: number): boolean {
    if (!this.valid) return true;
    const state = this.get(objectNo);
    return state !== OBJECT_EXISTS && state !== OBJECT_EXISTS_CLEAN;
  }

  /** Locks the head's map and reads it. */
  async open(): Promise<void> {
    if (this.snapId === SNAP_HEAD) await this.lock();
    await this.load();
  }

  /** Whoever holds the exclusive lock has the right to the map: a lock left on it is nobody's. */
  private async lock(): Promise<void> {
    const { header } = this.ctx;
    for (;;) {
      const op = clsLock.lock(new WriteOperation(), {
        name: RBD_LOCK_NAME,
        type: LOCK_EXCLUSIVE,
        cookie: '',
      });
      try {
        await header.operate(this.oid, op);
        break;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') break;
        if (codeOf(error) !== 'EBUSY') throw error;
      }
      const { lockers } = await header.listLockers(this.oid, RBD_LOCK_NAME);
      for (const { client, cookie } of lockers)
        await header.breakLock(this.oid, RBD_LOCK_NAME, client, cookie).catch((error: unknown) => {
          if (codeOf(error) !== 'ENOENT') throw error;
        });
    }
    this.locked = true;
  }

  private async load(): Promise<void> {
    const { ctx, snapId } = this;
    const wanted = objectCount(ctx.identity.layout, ctx.sizeAt(snapId) ?? 0);
    if (this.invalidated) this.invalidated = await this.flagged();
    let map: BitVector;
    try {
      map = (await objectMapLoad(ctx.header, this.oid)).clone();
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'ENOENT' && code !== 'EINVAL' && code !== 'EIO' && code !== 'EBADMSG') throw error;
      await this.invalidate(`cannot be read (${code})`);
      map = new BitVector(wanted);
    }
    if (map.size < wanted) {
      await this.invalidate(`has ${map.size} objects of ${wanted}`);
      const had = map.size;
      map.resize(wanted);
      map.fill(OBJECT_NONEXISTENT, had, wanted);
      if (snapId === SNAP_HEAD)
        await ctx.header
          .operate(this.oid, objectMapResize(this.guarded(), wanted, OBJECT_NONEXISTENT))
          .catch(() => {}); // it is flagged, and a rebuild makes it anew
    }
    this.map = map;
  }

  /** What the header says now. */
  private async flagged(): Promise<boolean> {
    const { header, identity } = this.ctx;
    const flags = await getFlags(header, identity.headerOid, this.snapId);
    return (flags & RBD_FLAG_OBJECT_MAP_INVALID) !== 0n;
  }

  async reload(): Promise<void> {
    await this.load();
  }

  /** Fails with EBUSY when somebody took the map from us. */
  private guarded(): WriteOperation {
    return clsLock.assertLocked(new WriteOperation(), RBD_LOCK_NAME, LOCK_EXCLUSIVE, '');
  }

  /** Says in the header that the map is not to be believed. */
  private async invalidate(why: string): Promise<void> {
    const { ctx, snapId } = this;
    const { log } = ctx.context;
    if (!this.valid) return;
    log.error(SUBSYS_RBD, `object map ${this.oid} ${why}: it is invalid from now on`);
    this.invalidated = true;
    if (ctx.readOnly) return;
    let flags = RBD_FLAG_OBJECT_MAP_INVALID;
    if (ctx.has(RBD_FEATURE_FAST_DIFF)) flags |= RBD_FLAG_FAST_DIFF_INVALID;
    await ctx.header.operate(ctx.identity.headerOid, setFlags(new WriteOperation(), flags, flags, snapId));
    if (snapId === SNAP_HEAD) ctx.state = { ...ctx.state, flags: ctx.state.flags | flags };
    // A refresh under way may have read the header before.
    ctx.refreshNeeded = true;
  }

  update(
    start: number,
    end: number,
    state: number,
    current: number | undefined,
    done: (result: number) => void,
  ): boolean {
    const update = { start, end: Math.min(end, this.map.size), state, current, done };
    if (this.running.some(one => overlaps(one, update)) || this.waiting.some(one => overlaps(one, update))) {
      this.waiting.push(update);
      return true;
    }
    if (!this.required(update)) return false;
    this.send(update);
    return true;
  }

  /** Whether any of the objects is not so already. Only what was pending becomes nonexistent, and only what was there pending. */
  private required({ start, end, state, current }: Update): boolean {
    for (let i = start; i < end; i++) {
      const is = this.map.get(i);
      if (is === state) continue;
      if (state === OBJECT_PENDING && is === OBJECT_NONEXISTENT) continue;
      if (state === OBJECT_NONEXISTENT && is !== OBJECT_PENDING) continue;
      if (current === undefined || matches(is, current)) return true;
    }
    return false;
  }

  private send(update: Update): void {
    this.running.push(update);
    this.write(update).then(
      () => this.sent(update),
      (error: unknown) =>
        this.invalidate(`cannot be updated (${(error as Error).message})`).then(
          () => this.sent(update),
          // The flag cannot be set either: then we are not to write (blocklisted, most likely).
          (failure: unknown) => this.sent(update, failure instanceof NacreError ? failure.errno : -5),
        ),
    );
  }

  private async write({ start, end, state, current }: Update): Promise<void> {
    for (let at = start; at < end; at += UPDATE_MAX) {
      const op = objectMapUpdate(this.guarded(), at, Math.min(end, at + UPDATE_MAX), state, current);
      await this.ctx.header.operate(this.oid, op);
    }
  }

  private sent(update: Update, result = 0): void {
    this.running.splice(this.running.indexOf(update), 1);
    const { start, state, current } = update;
    const end = Math.min(update.end, this.map.size);
    for (let i = start; i < end; i++)
      if (current === undefined || matches(this.map.get(i), current)) this.map.set(i, state);
    update.done(result);
    if (this.waiting.length === 0) return;
    const before = this.waiting;
    this.waiting = [];
    for (const next of before)
      if (this.running.some(one => overlaps(one, next)) || this.waiting.some(one => overlaps(one, next)))
        this.waiting.push(next);
      else if (this.required(next)) this.send(next);
      else next.done(Math.min(result, 0));
  }

  async close(): Promise<void> {
    if (!this.locked) return;
    this.locked = false;
    try {
      await this.ctx.header.operate(this.oid, clsLock.unlock(new WriteOperation(), RBD_LOCK_NAME, ''));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** Whether an object is in a state: clean ones exist too. */
function matches(is: number, state: number): boolean {
  return is === state || (state === OBJECT_EXISTS && is === OBJECT_EXISTS_CLEAN);
}

/** The map of what the handle looks at. */
export async function openObjectMap(ctx: ImageCtx): Promise<ObjectMap> {
  const map = new ObjectMap(ctx, ctx.snapId);
  await map.open();
  return map;
}
