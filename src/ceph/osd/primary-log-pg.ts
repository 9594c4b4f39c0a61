import { Encoder } from '../../base/encoder.ts';
import { unwind, wind } from '../../base/trace.ts';
import { MOSDOpReply } from '../messages/mosdopreply.ts';
import type { Transaction } from '../object-store/transaction.ts';
import { OSDMAP_FULL } from '../osdmap/flags.ts';
import type { PgMapping } from '../osdmap/placement.ts';
import type { PgPool } from '../osdmap/pool.ts';
import { POOL_FLAG_EIO, POOL_FLAG_FULL, POOL_FLAG_FULL_QUOTA } from '../osdmap/pool-flags.ts';
import { ALL_DIRTY } from '../types/clean-regions.ts';
import { ENTITY_TYPE_MDS } from '../types/entity.ts';
import { EVERSION_ZERO, type EVersion } from '../types/eversion.ts';
import { type HObject, hobjectText } from '../types/hobject.ts';
import { encodeObjectInfo, makeObjectInfo, OBJECT_FLAG_DIRTY } from '../types/object-info.ts';
import type { PgId } from '../types/pg.ts';
import {
  PG_LOG_DELETE,
  PG_LOG_MODIFY,
  type PgLogEntry,
  type PgLogOpReturnItem,
  UNROLLBACKABLE,
} from '../types/pg-log.ts';
import {
  CEPH_OSD_FLAG_ACK,
  CEPH_OSD_FLAG_BALANCE_READS,
  CEPH_OSD_FLAG_ENFORCE_SNAPC,
  CEPH_OSD_FLAG_FULL_FORCE,
  CEPH_OSD_FLAG_FULL_TRY,
  CEPH_OSD_FLAG_LOCALIZE_READS,
  CEPH_OSD_FLAG_ONDISK,
  CEPH_OSD_FLAG_ORDERSNAP,
  CEPH_OSD_FLAG_PARALLELEXEC,
  CEPH_OSD_FLAG_RETURNVEC,
  CEPH_OSD_FLAG_SKIPRWLOCKS,
  CEPH_OSD_OP_COPY_GET,
} from '../types/rados.ts';
import type { ReqId } from '../types/reqid.ts';
import {
  emptySnapSet,
  encodeSnapSet,
  SNAP_DIR,
  SNAP_NOSNAP,
  type SnapContext,
  snapContextIsValid,
} from '../types/snap.ts';
import { utimeFromMs, utimeIsZero } from '../types/utime.ts';
import {
  EAGAIN,
  EBLOCKLISTED,
  EDQUOT,
  EINVAL,
  EIO,
  EMSGSIZE,
  ENAMETOOLONG,
  ENOENT,
  ENOSPC,
  ENXIO,
  EOLDSNAPC,
  EOVERFLOW,
  EPERM,
  resultOf,
  Suspended,
} from './errors.ts';
import {
  headKey,
  loadObjectContext,
  type ObjectContext,
  ObjectContextCache,
  OI_ATTR,
  SS_ATTR,
} from './object-context.ts';
import { OpContext } from './op-context.ts';
import type { OpRequest } from './op-request.ts';
import { copyGetOfNothing } from './ops/copy-ops.ts';
import { doOps } from './ops/do-ops.ts';
import { doPgOps } from './ops/list-ops.ts';
import { cloneOf, makeWriteable } from './ops/snap-ops.ts';
import { PG } from './pg.ts';
import type { OsdLimits, PgHost } from './pg-host.ts';
import { type RepGather, ReplicatedBackend } from './replicated-backend.ts';
import { SnapTrimmer } from './snap-trimmer.ts';
import { Notify, Watch, watchKey } from './watch.ts';

const DURABLE = CEPH_OSD_FLAG_ACK | CEPH_OSD_FLAG_ONDISK;
const FULL_ANYWAY = CEPH_OSD_FLAG_FULL_TRY | CEPH_OSD_FLAG_FULL_FORCE;
const READ_ANYWHERE = CEPH_OSD_FLAG_BALANCE_READS | CEPH_OSD_FLAG_LOCALIZE_READS;
/** Object contexts kept for a PG. */
const CACHED_CONTEXTS = 4096;
/** Encoded sizes that fit most objects. */
const INFO_BYTES = 512;

const NO_RETURNS: readonly PgLogOpReturnItem[] = [];
const NO_REQIDS: PgLogEntry['extraReqids'] = [];
const NO_CODES: PgLogEntry['extraReqidReturnCodes'] = new Map();
const NOTHING: Buffer = Buffer.alloc(0);
const NO_REQID: ReqId = { name: { type: 0, num: 0 }, tid: 0, inc: 0 };
/** Attributes are encoded here and copied out. */
const scratch = new Encoder(INFO_BYTES);

/** The encoded form of a snap set without snapshots, which nearly all objects have. */
const EMPTY_SNAPSET = (() => {
  const e = new Encoder(64);
  encodeSnapSet(e, emptySnapSet());
  return Buffer.from(e.result());
})();

/**
 * A PG of a replicated pool at work (osd/PrimaryLogPG.h): takes clients' requests, runs their ops on objects, all
 * or none, and hands the resulting transaction to the backend.
 */
export class PrimaryLogPG extends PG {
  readonly backend: ReplicatedBackend;
  readonly trimmer: SnapTrimmer;
  private readonly contexts = new ObjectContextCache(CACHED_CONTEXTS);

  constructor(host: PgHost, pgid: PgId, pool: PgPool, mapping: PgMapping, epoch: number) {
    super(host, pgid, pool, mapping, epoch);
    this.backend = new ReplicatedBackend(this);
    this.trimmer = new SnapTrimmer(this);
  }

  get limits(): OsdLimits {
    return this.host.limits;
  }

  // Objects.

  /** The context of a head; made when it is not there. */
  headContext(hobj: HObject): ObjectContext {
    const key = headKey(hobj.oid, hobj.nspace, hobj.key);
    const known = this.contexts.get(key);
    if (known !== undefined) return known;
    const head = hobj.snap === SNAP_NOSNAP ? hobj : { ...hobj, snap: SNAP_NOSNAP };
    const obc = loadObjectContext(this.store, this.cid, head);
    this.contexts.add(key, obc);
    this.adoptWatchers(obc);
    return obc;
  }

  /** Watches that another life of this OSD, or another primary, had: their clients may come back. */
  private adoptWatchers(obc: ObjectContext): void {
    for (const { cookie, name, info } of obc.oi.watchers) {
      const watch = this.makeWatch(obc, cookie, name, info.addr, info.timeoutSeconds);
      watch.arm();
    }
  }

  private makeWatch(
    obc: ObjectContext,
    cookie: bigint,
    name: Watch['name'],
    addr: Watch['addr'],
    timeoutSeconds: number,
  ): Watch {
    const { timers } = this.host.env;
    const watch = new Watch(obc, cookie, name, addr, timeoutSeconds, timers, w => this.watchTimedOut(w));
    obc.watchers ??= new Map();
    obc.watchers.set(watch.key, watch);
    return watch;
  }

  /**
   * The object that a name at a snapshot means (find_object_context): the head, or one of its clones. ENOENT when
   * there is none; a head that does not exist is still given to those who may create it.
   */
  findContext(hobj: HObject, canCreate: boolean): ObjectContext | number {
    const head = this.headContext(hobj);
    if (hobj.snap === SNAP_NOSNAP) return head;
    if (hobj.snap === SNAP_DIR) return head.exists ? head : ENOENT;
    if (this.isRemovedSnap(hobj.snap)) return ENOENT;
    if (!head.exists && !canCreate) return ENOENT;
    if (hobj.snap > head.snapset.seq) return head.exists ? head : ENOENT;
    const clone = cloneOf(head.snapset, hobj.snap);
    if (clone === undefined) return ENOENT;
    const obc = loadObjectContext(this.store, this.cid, { ...hobj, snap: clone }, head.snapset);
    return obc.exists ? obc : ENOENT;
  }

  isRemovedSnap(snap: bigint): boolean {
    const queue = this.host.map.removedSnapsQueue.get(this.pgid.pool);
    return queue?.some(({ start, length }) => snap >= start && snap < start + length) ?? false;
  }

  /** Bytes of an object; throws Suspended when they have to be fetched. */
  readObject(request: OpRequest | undefined, obc: ObjectContext, offset: number, length: number): Buffer {
    const key = request?.loaded === undefined ? '' : `${obc.hobj.snap}.${offset}.${length}`;
    const ready = key === '' ? undefined : request!.loaded!.get(key);
    const bytes = ready ?? this.store.read(this.cid, obc.oid, offset, length);
    if (!(bytes instanceof Uint8Array)) {
      const name = `${obc.hobj.snap}.${offset}.${length}`;
      throw new Suspended(
        bytes.then(got => {
          if (request === undefined) return;
          request.loaded ??= new Map();
          request.loaded.set(name, got);
        }),
      );
    }
    return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Contexts may be out of date: a replica applied something that it did not do itself. */
  forgetContexts(): void {
    this.contexts.clear();
  }

  // Requests.

  doRequest(request: OpRequest): void {
    const { m } = request;
    if (!this.isPrimary) {
      this.misdirected(request);
      return;
    }
    if (!this.isActive) {
      this.waiting.push(request);
      return;
    }
    const span = request.enqueueSpan;
    if (span === undefined) {
      this.doOp(request);
      return;
    }
    const op = wind('PrimaryLogPG.do_op', span, { object: m.oid, pg: this.cid });
    request.span = op;
    try {
      this.doOp(request);
    } finally {
      unwind(op);
    }
  }

  /** Sent to the wrong OSD: the client's map is older, or wrong. Silence makes it look again; ENXIO tells it. */
  misdirected(request: OpRequest): void {
    const { m } = request;
    const { map } = this.host;
    this.host.log(1, `misdirected ${m.describe()} e${map.epoch}`);
    if (m.osdmapEpoch < this.intervalSince) return;
    this.replyError(request, ENXIO);
  }

  /** Everything about a request that is wrong before its object is looked at. */
  private refuse(request: OpRequest): number {
    const { m } = request;
    const { limits } = this;
    if ((m.flags & CEPH_OSD_FLAG_PARALLELEXEC) !== 0) return EINVAL;
    if (!request.ready) {
      const r = request.init(this.host.classes);
      if (r < 0) return r;
    }
    const { caps } = request.session;
    if (!caps.allowAll && !this.mayDo(request)) return EPERM;
    if (this.pool.hasFlag(POOL_FLAG_EIO)) return EIO;
    if (request.pgOp) return 0;
    const { oid, oloc } = m;
    if (oid.length === 0) return EINVAL;
    if (oid.length * 3 > limits.maxNameLength && Buffer.byteLength(oid) > limits.maxNameLength)
      return ENAMETOOLONG;
    if (oloc.key.length * 3 > limits.maxNameLength && Buffer.byteLength(oloc.key) > limits.maxNameLength)
      return ENAMETOOLONG;
    if (Buffer.byteLength(oloc.nspace) > limits.maxNspaceLength) return ENAMETOOLONG;
    const { map } = this.host;
    if (map.blocklist.size + map.rangeBlocklist.size > 0 && map.isBlocklisted(request.con.peerAddrs))
      return EBLOCKLISTED;
    if (!request.mayWrite) return 0;
    if (m.snapid !== SNAP_NOSNAP) return EINVAL;
    return limits.maxWriteBytes > 0 && m.dataLength > limits.maxWriteBytes ? EMSGSIZE : 0;
  }

  private mayDo(request: OpRequest): boolean {
    const { oid, oloc } = request.m;
    return request.session.caps.isCapable({
      poolName: this.host.map.poolNames.get(this.pgid.pool) ?? '',
      nspace: oloc.nspace,
      applications: this.pool.applicationMetadata,
      object: oloc.key === '' ? oid : oloc.key,
      read: request.readsObject,
      write: request.writesObject,
      classes: request.classes,
    });
  }

  private doOp(request: OpRequest): void {
    const { m } = request;
    const refused = this.refuse(request);
    if (refused < 0) {
      this.replyError(request, refused);
      return;
    }
    if (request.pgOp) {
      this.doPgOp(request);
      return;
    }
    if ((m.flags & READ_ANYWHERE) !== 0 && request.mayWrite && !this.isPrimary) {
      this.misdirected(request);
      return;
    }
    if (request.mayWrite && this.answeredBefore(request)) return;
    const found = this.findContext(m.hobj, request.mayWrite);
    if (typeof found === 'number') {
      this.notFound(request, found);
      return;
    }
    if (this.mustWait(request, found)) {
      found.waiting ??= [];
      found.waiting.push(request);
      return;
    }
    this.start(request, found);
  }

  /** A request that was done, or is being done, under the same name. */
  private answeredBefore(request: OpRequest): boolean {
    const known = this.log.find(request.reqid);
    if (known === undefined) return false;
    if (this.host.logs(3)) this.host.log(3, `dup ${request.m.describe()}`);
    const open = this.backend.find(known.version);
    if (open !== undefined) {
      open.dups ??= [];
      open.dups.push(request);
    } else this.replyDup(request, known);
    return true;
  }

  private replyDup(
    request: OpRequest,
    known: {
      version: EVersion;
      userVersion: number;
      returnCode: number;
      opReturns: readonly PgLogOpReturnItem[];
    },
  ): void {
    const { m } = request;
    const reply = MOSDOpReply.to(m, known.returnCode, this.host.map.epoch, DURABLE, true);
    reply.setReplyVersions(known.version, known.userVersion);
    if ((m.flags & CEPH_OSD_FLAG_RETURNVEC) !== 0)
      known.opReturns.forEach((item, i) => {
        if (m.ops[i] === undefined) return;
        m.ops[i].rval = item.rval;
        m.ops[i].outdata = item.bl;
      });
    request.con.send(reply);
  }

  private notFound(request: OpRequest, result: number): void {
    const first = request.m.ops[0];
    if (first !== undefined && first.op === CEPH_OSD_OP_COPY_GET) copyGetOfNothing(first);
    this.replyError(request, result);
  }

  /** Reads wait for writes that are not committed; what comes behind something that waits waits as well. */
  private mustWait(request: OpRequest, obc: ObjectContext): boolean {
    if (obc.blocked) return true;
    if ((request.m.flags & CEPH_OSD_FLAG_SKIPRWLOCKS) !== 0) return false;
    if (obc.waiting !== undefined && obc.waiting.length > 0) return true;
    return obc.writes > 0 && !request.mayWrite;
  }

  /** Lets those run that waited for an object. */
  private wake(obc: ObjectContext): void {
    const { waiting } = obc;
    if (waiting === undefined) return;
    while (waiting.length > 0 && !obc.blocked) {
      const request = waiting[0];
      if (obc.writes > 0 && !request.mayWrite) return;
      waiting.shift();
      if (request.mayWrite && this.answeredBefore(request)) continue;
      this.start(request, obc);
    }
  }

  private start(request: OpRequest, obc: ObjectContext): void {
    const { m } = request;
    if (!request.mayWrite && (!obc.exists || (obc.isWhiteout && m.snapid !== SNAP_DIR))) {
      this.notFound(request, ENOENT);
      return;
    }
    const ctx = new OpContext(request, obc, m.ops, request.reqid);
    if (request.span === undefined) {
      this.execute(ctx);
      return;
    }
    const parent = request.span;
    const span = wind('PrimaryLogPG.execute_ctx', parent, { object: hobjectText(obc.hobj) });
    request.span = span;
    try {
      this.execute(ctx);
    } finally {
      request.span = parent;
      unwind(span);
    }
  }

  private snapContextOf(request: OpRequest): SnapContext {
    const { m } = request;
    if ((m.flags & CEPH_OSD_FLAG_ENFORCE_SNAPC) === 0 && this.pool.isPoolSnapsMode)
      return this.pool.snapContext();
    const { snapc } = m;
    if (snapc.snaps.length === 0) return snapc;
    const kept = snapc.snaps.filter(snap => !this.isRemovedSnap(snap));
    return kept.length === snapc.snaps.length ? snapc : { seq: snapc.seq, snaps: kept };
  }

  private nextVersion(): EVersion {
    return { version: this.lastUpdate.version + 1, epoch: this.host.map.epoch };
  }

  /** Runs the ops; nothing has happened to the object yet (execute_ctx). */
  private execute(ctx: OpContext): void {
    const request = ctx.request!;
    const { m } = request;
    if (request.mayWrite) {
      ctx.snapc = this.snapContextOf(request);
      if ((m.flags & CEPH_OSD_FLAG_ORDERSNAP) !== 0 && ctx.snapc.seq < ctx.obc.snapset.seq) {
        this.replyError(request, EOLDSNAPC);
        return;
      }
      ctx.atVersion = this.nextVersion();
      ctx.mtime = m.mtime;
    }
    ctx.userAtVersion = ctx.obc.oi.userVersion;
    let result: number;
    try {
      result = snapContextIsValid(ctx.snapc) ? doOps(this, ctx, ctx.ops) : EINVAL;
    } catch (error) {
      if (!(error instanceof Suspended)) throw error;
      this.suspend(ctx, error.until);
      return;
    }
    this.stats.reads += ctx.reads;
    this.stats.readBytes += ctx.readBytes;
    const changes = !ctx.t.empty || ctx.modify;
    if (request.mayWrite) {
      if (result >= 0 && changes) result = this.checkFull(ctx);
      if (result === EAGAIN) return;
      result = this.boundOutput(ctx, result, !ctx.t.empty);
      if (result < 0 || !changes) {
        this.finishUnchanged(ctx, result);
        return;
      }
      this.write(ctx, result);
      return;
    }
    this.finishRead(ctx, result);
  }

  /** The input of an op has to be fetched: the object belongs to this request until it is there. */
  private suspend(ctx: OpContext, until: Promise<void>): void {
    const { obc } = ctx;
    const { intervalSince } = this;
    obc.blocked = true;
    const again = (error?: unknown) => {
      obc.blocked = false;
      if (this.intervalSince !== intervalSince || this.removed) return;
      const request = ctx.request!;
      if (error !== undefined) this.replyError(request, resultOf(error));
      else this.start(request, obc);
      this.wake(obc);
    };
    until.then(() => again(), again);
  }

  /** Growth in a pool or cluster that is full: refused to those who asked to be told, dropped for the rest. */
  private checkFull(ctx: OpContext): number {
    const { stats } = ctx;
    if (stats === undefined || (stats.bytes <= 0 && stats.objects <= 0)) return ctx.result;
    if (!this.pool.hasFlag(POOL_FLAG_FULL) && !this.host.map.testFlag(OSDMAP_FULL)) return ctx.result;
    const { flags } = ctx.request!.m;
    if (ctx.reqid.name.type === ENTITY_TYPE_MDS || (flags & CEPH_OSD_FLAG_FULL_FORCE) !== 0)
      return ctx.result;
    if ((flags & FULL_ANYWAY) === 0) return EAGAIN;
    return this.pool.hasFlag(POOL_FLAG_FULL_QUOTA) ? EDQUOT : ENOSPC;
  }

  /** What a write may return: nothing but the outcome, unless the client understands more, and then not much. */
  private boundOutput(ctx: OpContext, result: number, changed: boolean): number {
    if (result < 0 || !changed) return result;
    if ((ctx.request!.m.flags & CEPH_OSD_FLAG_RETURNVEC) === 0) return 0;
    let r = result;
    for (const op of ctx.ops)
      if ((op.outdata?.length ?? 0) > this.limits.maxWriteReply) {
        r = EOVERFLOW;
        op.rval = EOVERFLOW;
        op.outdata = undefined;
      }
    return r;
  }

  private finishRead(ctx: OpContext, result: number): void {
    const request = ctx.request!;
    const reply = MOSDOpReply.to(request.m, result, this.host.map.epoch, DURABLE, true);
    if (result >= 0) {
      this.applyEffects(ctx, ctx.userAtVersion);
      reply.setReplyVersions(EVERSION_ZERO, ctx.obc.oi.userVersion);
    } else if (result === ENOENT) reply.setEnoentReplyVersions(this.lastUpdate, this.lastUserVersion);
    reply.trace = request.span;
    this.host.countOp(request.m, ctx.readBytes, 0);
    request.con.send(reply);
  }

  /** A write that failed, or changed nothing: answered, and remembered so that its like gets the same answer. */
  private finishUnchanged(ctx: OpContext, result: number): void {
    const request = ctx.request!;
    const { m } = request;
    if (result >= 0) this.applyEffects(ctx, ctx.userAtVersion);
    const withOutput = (m.flags & CEPH_OSD_FLAG_RETURNVEC) !== 0 || result >= 0;
    const reply = MOSDOpReply.to(m, result, this.host.map.epoch, DURABLE, withOutput);
    if (result === ENOENT) reply.setEnoentReplyVersions(this.lastUpdate, this.lastUserVersion);
    else if (result >= 0) reply.setReplyVersions(EVERSION_ZERO, ctx.obc.oi.userVersion);
    reply.trace = request.span;
    this.log.addError(ctx.reqid, {
      version: EVERSION_ZERO,
      userVersion: reply.userVersion,
      returnCode: result,
      opReturns: NO_RETURNS,
    });
    request.con.send(reply);
  }

  /** What an object's attributes become, and the log entry (finish_ctx). */
  private prepare(ctx: OpContext, t: Transaction, result: number): PgLogEntry {
    const { obc } = ctx;
    const before = obc.oi;
    const oi = ctx.change();
    if (ctx.userModify) {
      ctx.userAtVersion = Math.max(this.lastUserVersion, oi.userVersion) + 1;
      // Old clients see the PG's version where new ones see this one: it must not be below.
      if (ctx.atVersion.version > ctx.userAtVersion) ctx.userAtVersion = ctx.atVersion.version;
      oi.userVersion = ctx.userAtVersion;
    }
    if (ctx.exists) {
      if ((oi.flags & OBJECT_FLAG_DIRTY) === 0 && !ctx.undirty) {
        oi.flags |= OBJECT_FLAG_DIRTY;
        ctx.delta.dirty++;
      }
      oi.version = ctx.atVersion;
      oi.priorVersion = before.version;
      oi.lastReqid = ctx.reqid;
      if (!utimeIsZero(ctx.mtime)) {
        oi.mtime = ctx.mtime;
        oi.localMtime = utimeFromMs(this.host.env.clock.now());
      }
      scratch.reset();
      encodeObjectInfo(scratch, oi);
      t.setAttr(this.cid, obc.oid, OI_ATTR, Buffer.from(scratch.result()));
      this.encodeSnapset(ctx, t);
    }
    const entry: PgLogEntry = {
      op: ctx.exists ? PG_LOG_MODIFY : PG_LOG_DELETE,
      soid: obc.hobj,
      version: ctx.atVersion,
      priorVersion: before.version,
      revertingTo: EVERSION_ZERO,
      userVersion: ctx.userAtVersion,
      reqid: ctx.reqid,
      mtime: ctx.mtime,
      snaps: NOTHING,
      modDesc: UNROLLBACKABLE,
      extraReqids: NO_REQIDS,
      extraReqidReturnCodes: NO_CODES,
      cleanRegions: ALL_DIRTY,
      returnCode: result,
      opReturns: this.returnsOf(ctx),
    };
    return entry;
  }

  private returnsOf(ctx: OpContext): readonly PgLogOpReturnItem[] {
    const { request } = ctx;
    if (request === undefined || (request.m.flags & CEPH_OSD_FLAG_RETURNVEC) === 0) return NO_RETURNS;
    return ctx.ops.map(op => ({ rval: op.rval, bl: op.outdata ?? NOTHING }));
  }

  private encodeSnapset(ctx: OpContext, t: Transaction): void {
    const { obc, snapset } = ctx;
    if (obc.hobj.snap !== SNAP_NOSNAP) return;
    let bytes = EMPTY_SNAPSET;
    if (snapset.seq !== 0n || snapset.clones.length > 0) {
      scratch.reset();
      encodeSnapSet(scratch, snapset);
      bytes = Buffer.from(scratch.result());
    }
    t.setAttr(this.cid, obc.oid, SS_ATTR, bytes);
  }

  /** Makes the changes those of the PG, and hands them to the backend. */
  write(ctx: OpContext, result: number): void {
    const { obc, request } = ctx;
    const isHead = obc.hobj.snap === SNAP_NOSNAP;
    const made = isHead ? makeWriteable(this, ctx) : undefined;
    let { t } = ctx;
    const entries: PgLogEntry[] = [];
    if (made !== undefined) {
      entries.push(made.entry);
      t = made.t;
      t.append(ctx.t);
    }
    entries.push(this.prepare(ctx, t, result));
    let reply: MOSDOpReply | undefined;
    if (request !== undefined) {
      const { m } = request;
      const withOutput = (m.flags & CEPH_OSD_FLAG_RETURNVEC) !== 0;
      reply = MOSDOpReply.to(m, result, this.host.map.epoch, DURABLE, withOutput);
      reply.setReplyVersions(ctx.atVersion, ctx.userAtVersion);
      reply.trace = request.span;
    }
    try {
      this.backend.submit(ctx, t, entries, reply);
    } catch (error) {
      if (request !== undefined) this.replyError(request, resultOf(error));
      return;
    }
    for (let i = 0; i < entries.length; i++) this.log.add(entries[i]);
    this.lastUpdate = ctx.atVersion;
    if (ctx.userAtVersion > this.lastUserVersion) this.lastUserVersion = ctx.userAtVersion;
    if (ctx.stats !== undefined) this.stats.add(ctx.stats);
    this.stats.writes += ctx.writes;
    this.stats.writtenBytes += ctx.writtenBytes;
    obc.writes++;
    obc.exists = ctx.exists;
    obc.oi = ctx.exists ? ctx.oi : makeObjectInfo(obc.hobj);
    if (isHead) obc.snapset = ctx.exists ? ctx.snapset : emptySnapSet();
  }

  /** Everyone has it. */
  writeCommitted(rep: RepGather, _ack: number): void {
    const { ctx, reply } = rep;
    const { obc, request } = ctx;
    if (rep.version.version > this.lastComplete.version) this.lastComplete = rep.version;
    obc.writes--;
    this.applyEffects(ctx, ctx.userAtVersion);
    if (reply !== undefined && request !== undefined) {
      this.host.countOp(request.m, 0, ctx.writtenBytes);
      request.con.send(reply);
    }
    if (rep.dups !== undefined)
      for (const dup of rep.dups) {
        const known = this.log.find(dup.reqid);
        if (known !== undefined) this.replyDup(dup, known);
      }
    if (obc.waiting !== undefined && obc.waiting.length > 0) this.wake(obc);
    this.trimmer.wake();
  }

  /** Watches and notifies: they happen when the request as a whole has (do_osd_op_effects). */
  private applyEffects(ctx: OpContext, userVersion: number): void {
    const { watchConnects, watchDisconnects, notifies, notifyAcks } = ctx;
    if (watchConnects ?? watchDisconnects ?? notifies ?? notifyAcks) this.doEffects(ctx, userVersion);
  }

  private doEffects(ctx: OpContext, userVersion: number): void {
    const { obc, request, reqid } = ctx;
    for (const { key, tell } of ctx.watchDisconnects ?? []) obc.watchers?.get(key)?.remove(tell);
    if (request === undefined) return;
    const { con, session } = request;
    for (const { cookie, timeoutSeconds, willPing } of ctx.watchConnects ?? []) {
      const addr = con.peerAddrs[0];
      const known = obc.watchers?.get(watchKey(cookie, reqid.name));
      const watch = known ?? this.makeWatch(obc, cookie, reqid.name, addr, timeoutSeconds);
      watch.timeoutSeconds = timeoutSeconds;
      watch.connect(session, willPing);
    }
    for (const { cookie, notifyId, timeoutSeconds, payload } of ctx.notifies ?? []) {
      const gid = BigInt(Math.max(0, reqid.name.num));
      const notify = new Notify(con, gid, payload, cookie, notifyId, userVersion, this.host.env.timers);
      notify.start(obc.watchers?.values() ?? [], timeoutSeconds);
    }
    for (const { notifyId, cookie, reply } of ctx.notifyAcks ?? []) {
      const watch = obc.watchers?.get(watchKey(cookie, reqid.name));
      if (watch === undefined) continue;
      if (notifyId !== undefined) watch.ack(notifyId, reply);
      else for (const id of [...watch.pending.keys()]) watch.ack(id, reply);
    }
  }

  /** A watcher stayed away too long: its watch is taken out of the object (handle_watch_timeout). */
  private watchTimedOut(watch: Watch): void {
    const { obc } = watch;
    if (!this.isPrimary || !this.isActive) {
      watch.arm();
      return;
    }
    const ctx = this.simpleContext(obc);
    const oi = ctx.change();
    oi.watchers = oi.watchers.filter(w => watchKey(w.cookie, w.name) !== watch.key);
    ctx.watchDisconnects = [{ key: watch.key, tell: true }];
    this.write(ctx, 0);
  }

  /** For changes that the OSD makes by itself. */
  simpleContext(obc: ObjectContext): OpContext {
    const ctx = new OpContext(undefined, obc, [], NO_REQID);
    ctx.atVersion = this.nextVersion();
    ctx.userAtVersion = obc.oi.userVersion;
    ctx.modify = true;
    return ctx;
  }

  private doPgOp(request: OpRequest): void {
    const { m } = request;
    let result: number;
    try {
      result = doPgOps(this, request);
    } catch (error) {
      result = resultOf(error);
    }
    const reply = MOSDOpReply.to(m, result, this.host.map.epoch, DURABLE, true);
    reply.trace = request.span;
    request.con.send(reply);
  }

  replyError(request: OpRequest, result: number): void {
    const { m } = request;
    const reply = MOSDOpReply.to(
      m,
      result,
      this.host.map.epoch,
      DURABLE,
      m.ops[0]?.op === CEPH_OSD_OP_COPY_GET,
    );
    if (result === ENOENT) reply.setEnoentReplyVersions(this.lastUpdate, this.lastUserVersion);
    reply.trace = request.span;
    if (request.mayWrite && result !== EPERM && result !== ENXIO)
      this.log.addError(request.reqid, {
        version: EVERSION_ZERO,
        userVersion: 0,
        returnCode: result,
        opReturns: NO_RETURNS,
      });
    request.con.send(reply);
  }

  // Intervals.

  protected onIntervalChange(wasPrimary: boolean): void {
    const still = wasPrimary && this.isPrimary && !this.removed;
    this.backend.onIntervalChange(still);
    if (still) return;
    // Clients send again what they have no answer to.
    for (const obc of this.contexts.values())
      for (const watch of obc.watchers?.values() ?? []) watch.discard();
    this.contexts.clear();
    this.waiting = [];
    this.trimmer.stop();
  }

  protected onActivate(): void {
    this.trimmer.wake();
  }
}
