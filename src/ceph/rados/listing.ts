import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { opPgnls } from '../messages/osd-op-build.ts';
import type { Objecter } from '../objecter/objecter.ts';
import { Op } from '../objecter/op.ts';
import {
  compareHObject,
  HOBJECT_MAX,
  HOBJECT_MIN,
  type HObject,
  hobjectText,
  parseHObject,
  reverseBits,
} from '../types/hobject.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import { CEPH_OSD_FLAG_IGNORE_OVERLAY, CEPH_OSD_FLAG_PGOP, CEPH_OSD_FLAG_READ } from '../types/rados.ts';
import { pgNlsResponse } from '../types/replies.ts';
import { SNAP_NOSNAP } from '../types/snap.ts';
import { Completion, type VersionKeeper } from './completion.ts';
import { dataOf } from './outputs.ts';

/** An object of a listing. */
export interface ListedObject {
  readonly oid: string;
  readonly namespace: string;
  /** '' for an object that is hashed by its name. */
  readonly locator: string;
}

const TWO32 = 0x1_0000_0000;

/**
 * A place in the listing of a pool: objects come in the order of the bit-reversed hashes of their names, which
 * stays the same when PGs split or merge. `toString` and `ObjectCursor.parse` carry it elsewhere.
 */
export class ObjectCursor {
  /** Before all objects. */
  static readonly begin = new ObjectCursor(HOBJECT_MIN);
  /** After all objects. */
  static readonly end = new ObjectCursor(HOBJECT_MAX);

  readonly hobj: HObject;

  constructor(hobj: HObject) {
    this.hobj = hobj;
  }

  /** Before the objects of a hash, and those that sort after it. */
  static atHash(pool: number, hash: number): ObjectCursor {
    return new ObjectCursor({ key: '', oid: '', snap: SNAP_NOSNAP, hash, max: false, nspace: '', pool });
  }

  /** Reads what `toString` wrote. @throws NacreError EINVAL for anything else. */
  static parse(text: string): ObjectCursor {
    const hobj = parseHObject(text);
    if (hobj === undefined) throw new NacreError('EINVAL', 'rados.list', `'${text}' is no cursor`);
    return new ObjectCursor(hobj);
  }

  get isEnd(): boolean {
    return this.hobj.max;
  }

  compare(other: ObjectCursor): number {
    return compareHObject(this.hobj, other.hobj);
  }

  toString(): string {
    return hobjectText(this.hobj);
  }

  toJSON(): string {
    return this.toString();
  }
}

/** From `start` up to, and without, `end`. */
export interface CursorRange {
  readonly start: ObjectCursor;
  readonly end: ObjectCursor;
}

/** Part `n` of `m` of a range, by hash: for listing a pool in parallel (rados_object_list_slice). */
export function sliceRange(pool: number, range: CursorRange, n: number, m: number): CursorRange {
  if (!Number.isInteger(n) || !Number.isInteger(m) || n < 0 || n >= m)
    throw new NacreError('EINVAL', 'rados.list', `part ${n} of ${m}`);
  const { start, end } = range;
  if (start.isEnd) return { start: ObjectCursor.end, end: ObjectCursor.end };
  const from = reverseBits(start.hobj.hash);
  const span = (end.isEnd ? TWO32 : reverseBits(end.hobj.hash)) - from;
  const place = (i: number): ObjectCursor => {
    const at = from + Math.floor((span * i) / m);
    return at >= TWO32 ? ObjectCursor.end : ObjectCursor.atHash(pool, reverseBits(at));
  };
  return { start: n === 0 ? start : place(n), end: n === m - 1 ? end : place(n + 1) };
}

/** One answer of a listing. */
export interface ListPage {
  readonly objects: readonly ListedObject[];
  /** Where to go on. */
  readonly next: ObjectCursor;
}

const KEEP_NONE: VersionKeeper = { lastVersion: 0 };

/** Asks one PG for the objects from a place on. */
export async function listPage(
  objecter: Objecter,
  oloc: ObjectLocator,
  range: CursorRange,
  max: number,
  signal?: AbortSignal,
): Promise<ListPage> {
  const { start, end } = range;
  if (start.compare(end) >= 0) return { objects: [], next: end };
  const flags = CEPH_OSD_FLAG_READ | CEPH_OSD_FLAG_PGOP | CEPH_OSD_FLAG_IGNORE_OVERLAY;
  const completion = new Completion(KEEP_NONE, 'list', dataOf, false, undefined);
  const op = new Op('', oloc, flags, [opPgnls(max, start.hobj, objecter.map.epoch)], completion);
  op.target.baseSeed = start.hobj.hash;
  op.budget = -1;
  objecter.submit(op, signal);
  const { handle, entries } = pgNlsResponse.decode(
    new Decoder(await completion.promise, 'pg_nls_response_t'),
  );
  let next = new ObjectCursor(handle);
  let objects: readonly ListedObject[] = entries.map(({ oid, nspace, locator }) => ({
    oid,
    namespace: nspace,
    locator,
  }));
  // A PG answers up to its own end, which may lie beyond ours.
  if (next.isEnd || next.compare(end) >= 0) {
    objects = beforeEnd(objecter, oloc.pool, objects, end);
    next = end;
  }
  return { objects, next };
}

function beforeEnd(
  objecter: Objecter,
  pool: number,
  objects: readonly ListedObject[],
  end: ObjectCursor,
): readonly ListedObject[] {
  if (end.isEnd) return objects;
  const info = objecter.map.pools.get(pool);
  if (info === undefined) throw new NacreError('ENOENT', 'rados.list', `pool ${pool} was deleted`);
  return objects.filter(({ oid, namespace, locator }) => {
    const hash = info.hashKey(locator === '' ? oid : locator, namespace);
    const hobj = { key: locator, oid, snap: SNAP_NOSNAP, hash, max: false, nspace: namespace, pool };
    return compareHObject(hobj, end.hobj) < 0;
  });
}

export interface ListOptions {
  readonly start?: ObjectCursor;
  readonly end?: ObjectCursor;
  /** Objects that one request asks for. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

/**
 * The objects of a pool or namespace, each once; those that come or go meanwhile may or may not be among
 * them. Iterate it once; `cursor` then tells how far it has come.
 */
export class ObjectLister implements AsyncIterable<ListedObject> {
  private readonly objecter: Objecter;
  private readonly oloc: ObjectLocator;
  private readonly options: ListOptions;
  private page: readonly ListedObject[] = [];
  private at = 0;
  private pageStart: ObjectCursor;
  private next: ObjectCursor;
  private readonly end: ObjectCursor;

  constructor(objecter: Objecter, oloc: ObjectLocator, options: ListOptions) {
    this.objecter = objecter;
    this.oloc = oloc;
    this.options = options;
    this.next = options.start ?? ObjectCursor.begin;
    this.pageStart = this.next;
    this.end = options.end ?? ObjectCursor.end;
  }

  /** Before the object that comes next. */
  get cursor(): ObjectCursor {
    if (this.at === 0) return this.pageStart;
    if (this.at >= this.page.length) return this.next;
    const { oid, namespace, locator } = this.page[this.at];
    const { pool } = this.oloc;
    const info = this.objecter.map.pools.get(pool);
    const hash = info === undefined ? 0 : info.hashKey(locator === '' ? oid : locator, namespace);
    return new ObjectCursor({
      key: locator,
      oid,
      snap: SNAP_NOSNAP,
      hash,
      max: false,
      nspace: namespace,
      pool,
    });
  }

  /** Goes on elsewhere. */
  seek(cursor: ObjectCursor): void {
    this.next = cursor;
    this.pageStart = cursor;
    this.page = [];
    this.at = 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ListedObject, void, void> {
    const { pageSize = 1024, signal } = this.options;
    for (;;) {
      while (this.at < this.page.length) yield this.page[this.at++];
      if (this.next.compare(this.end) >= 0) return;
      this.pageStart = this.next;
      const range = { start: this.next, end: this.end };
      const { objects, next } = await listPage(this.objecter, this.oloc, range, pageSize, signal);
      this.page = objects;
      this.at = 0;
      this.next = next;
    }
  }
}
