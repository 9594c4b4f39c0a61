import { encodeToBuffer } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import { OBJECT_FLAG_DIRTY } from '../../types/object-info.ts';
import {
  CEPH_OSD_OP_APPEND,
  CEPH_OSD_OP_ASSERT_VER,
  CEPH_OSD_OP_CALL,
  CEPH_OSD_OP_CHECKSUM,
  CEPH_OSD_OP_CMPEXT,
  CEPH_OSD_OP_CMPXATTR,
  CEPH_OSD_OP_COPY_FROM,
  CEPH_OSD_OP_COPY_FROM2,
  CEPH_OSD_OP_COPY_GET,
  CEPH_OSD_OP_CREATE,
  CEPH_OSD_OP_DELETE,
  CEPH_OSD_OP_FLAG_FAILOK,
  CEPH_OSD_OP_GETXATTR,
  CEPH_OSD_OP_GETXATTRS,
  CEPH_OSD_OP_ISDIRTY,
  CEPH_OSD_OP_LIST_SNAPS,
  CEPH_OSD_OP_LIST_WATCHERS,
  CEPH_OSD_OP_MAPEXT,
  CEPH_OSD_OP_MODE_WR,
  CEPH_OSD_OP_NOTIFY,
  CEPH_OSD_OP_NOTIFY_ACK,
  CEPH_OSD_OP_OMAP_CMP,
  CEPH_OSD_OP_OMAPCLEAR,
  CEPH_OSD_OP_OMAPGETHEADER,
  CEPH_OSD_OP_OMAPGETKEYS,
  CEPH_OSD_OP_OMAPGETVALS,
  CEPH_OSD_OP_OMAPGETVALSBYKEYS,
  CEPH_OSD_OP_OMAPRMKEYRANGE,
  CEPH_OSD_OP_OMAPRMKEYS,
  CEPH_OSD_OP_OMAPSETHEADER,
  CEPH_OSD_OP_OMAPSETVALS,
  CEPH_OSD_OP_READ,
  CEPH_OSD_OP_RMXATTR,
  CEPH_OSD_OP_ROLLBACK,
  CEPH_OSD_OP_SETALLOCHINT,
  CEPH_OSD_OP_SETXATTR,
  CEPH_OSD_OP_SPARSE_READ,
  CEPH_OSD_OP_STAT,
  CEPH_OSD_OP_SYNC_READ,
  CEPH_OSD_OP_TRIMTRUNC,
  CEPH_OSD_OP_TRUNCATE,
  CEPH_OSD_OP_UNDIRTY,
  CEPH_OSD_OP_WATCH,
  CEPH_OSD_OP_WRITE,
  CEPH_OSD_OP_WRITEFULL,
  CEPH_OSD_OP_WRITESAME,
  CEPH_OSD_OP_ZERO,
  opUsesExtent,
} from '../../types/rados.ts';
import { EOPNOTSUPP, resultOf, Suspended } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { doCall } from './call.ts';
import { doChecksum } from './checksum.ts';
import { doCopyFrom, doCopyGet } from './copy-ops.ts';
import { deleteObject } from './object-state.ts';
import {
  clearOmap,
  doCompareOmap,
  doGetHeader,
  doGetKeys,
  doGetValuesByKeys,
  doRemoveKeyRange,
  doRemoveKeys,
  doSetHeader,
  doSetValues,
} from './omap-ops.ts';
import { doAssertVersion, doCompareExtent, doMapExt, doRead, doSparseRead, doStat } from './read-ops.ts';
import { doListSnaps, doRollback } from './snap-ops.ts';
import { doListWatchers, doNotify, doNotifyAck, doWatch } from './watch-ops.ts';
import {
  doAppend,
  doCreate,
  doSetAllocHint,
  doTruncate,
  doWrite,
  doWriteFull,
  doWriteSame,
  doZero,
} from './write-ops.ts';
import { doCompareXattr, doGetXattr, doGetXattrs, doRemoveXattr, doSetXattr } from './xattr-ops.ts';

/** Whether users see a new version of the object after the op; class methods say so themselves. */
function isUserModify(op: number): boolean {
  switch (op) {
    case CEPH_OSD_OP_WATCH:
    case CEPH_OSD_OP_UNDIRTY:
      return false;
    default:
      return (op & CEPH_OSD_OP_MODE_WR) !== 0;
  }
}

function run(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  switch (op.op) {
    case CEPH_OSD_OP_READ:
    case CEPH_OSD_OP_SYNC_READ:
      return doRead(pg, ctx, op);
    case CEPH_OSD_OP_WRITE:
      return doWrite(pg, ctx, op);
    case CEPH_OSD_OP_WRITEFULL:
      return doWriteFull(pg, ctx, op);
    case CEPH_OSD_OP_SETALLOCHINT:
      return doSetAllocHint(pg, ctx, op);
    case CEPH_OSD_OP_STAT:
      return doStat(ctx, op);
    case CEPH_OSD_OP_SPARSE_READ:
      return doSparseRead(pg, ctx, op);
    case CEPH_OSD_OP_MAPEXT:
      return doMapExt(pg, ctx, op);
    case CEPH_OSD_OP_CHECKSUM:
      return doChecksum(pg, ctx, op);
    case CEPH_OSD_OP_CMPEXT:
      return doCompareExtent(pg, ctx, op);
    case CEPH_OSD_OP_ASSERT_VER:
      return doAssertVersion(ctx, op);
    case CEPH_OSD_OP_APPEND:
      return doAppend(pg, ctx, op);
    case CEPH_OSD_OP_WRITESAME:
      return doWriteSame(pg, ctx, op);
    case CEPH_OSD_OP_ZERO:
      return doZero(pg, ctx, op);
    case CEPH_OSD_OP_TRUNCATE:
      return doTruncate(pg, ctx, op, false);
    case CEPH_OSD_OP_TRIMTRUNC:
      return doTruncate(pg, ctx, op, true);
    case CEPH_OSD_OP_CREATE:
      return doCreate(pg, ctx, op);
    case CEPH_OSD_OP_DELETE:
      return deleteObject(pg, ctx);
    case CEPH_OSD_OP_CALL:
      return doCall(pg, ctx, op);
    default:
      return runRare(pg, ctx, op);
  }
}

function runRare(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  switch (op.op) {
    case CEPH_OSD_OP_GETXATTR:
      return doGetXattr(pg, ctx, op);
    case CEPH_OSD_OP_GETXATTRS:
      return doGetXattrs(pg, ctx, op);
    case CEPH_OSD_OP_CMPXATTR:
      return doCompareXattr(pg, ctx, op);
    case CEPH_OSD_OP_SETXATTR:
      return doSetXattr(pg, ctx, op);
    case CEPH_OSD_OP_RMXATTR:
      return doRemoveXattr(pg, ctx, op);
    case CEPH_OSD_OP_OMAPGETKEYS:
      return doGetKeys(pg, ctx, op, false);
    case CEPH_OSD_OP_OMAPGETVALS:
      return doGetKeys(pg, ctx, op, true);
    case CEPH_OSD_OP_OMAPGETHEADER:
      return doGetHeader(pg, ctx, op);
    case CEPH_OSD_OP_OMAPGETVALSBYKEYS:
      return doGetValuesByKeys(pg, ctx, op);
    case CEPH_OSD_OP_OMAP_CMP:
      return doCompareOmap(pg, ctx, op);
    case CEPH_OSD_OP_OMAPSETVALS:
      return doSetValues(pg, ctx, op);
    case CEPH_OSD_OP_OMAPSETHEADER:
      return doSetHeader(pg, ctx, op);
    case CEPH_OSD_OP_OMAPCLEAR:
      return clearOmap(pg, ctx);
    case CEPH_OSD_OP_OMAPRMKEYS:
      return doRemoveKeys(pg, ctx, op);
    case CEPH_OSD_OP_OMAPRMKEYRANGE:
      return doRemoveKeyRange(pg, ctx, op);
    case CEPH_OSD_OP_WATCH:
      return doWatch(pg, ctx, op);
    case CEPH_OSD_OP_NOTIFY:
      return doNotify(pg, ctx, op);
    case CEPH_OSD_OP_NOTIFY_ACK:
      return doNotifyAck(ctx, op);
    case CEPH_OSD_OP_LIST_WATCHERS:
      return doListWatchers(ctx, op);
    case CEPH_OSD_OP_LIST_SNAPS:
      return doListSnaps(ctx, op);
    case CEPH_OSD_OP_ROLLBACK:
      return doRollback(pg, ctx, op);
    case CEPH_OSD_OP_COPY_GET:
      return doCopyGet(pg, ctx, op);
    case CEPH_OSD_OP_COPY_FROM:
    case CEPH_OSD_OP_COPY_FROM2:
      return doCopyFrom(pg, ctx, op);
    case CEPH_OSD_OP_ISDIRTY: {
      const dirty = (ctx.oi.flags & OBJECT_FLAG_DIRTY) !== 0;
      op.outdata = encodeToBuffer(e => e.bool(dirty));
      return 0;
    }
    case CEPH_OSD_OP_UNDIRTY:
      if ((ctx.oi.flags & OBJECT_FLAG_DIRTY) === 0) return 0;
      ctx.change().flags &= ~OBJECT_FLAG_DIRTY;
      ctx.delta.dirty--;
      ctx.undirty = true;
      ctx.modify = true;
      return 0;
    default:
      return EOPNOTSUPP;
  }
}

/**
 * Runs a request's ops one after the other until one fails (PrimaryLogPG::do_osd_ops). Each op's own result is in
 * its rval; the result of all is that of the last one that ran.
 */
export function doOps(pg: PrimaryLogPG, ctx: OpContext, ops: readonly OSDOp[]): number {
  let result = 0;
  for (let i = 0; i < ops.length; i++) {
    const op = ops[i];
    ctx.opIndex = i;
    if (isUserModify(op.op)) ctx.userModify = true;
    // What file systems send for "never truncated".
    if (op.truncateSeq === 1 && op.truncateSize >= Number.MAX_SAFE_INTEGER && opUsesExtent(op.op)) {
      op.truncateSize = 0;
      op.truncateSeq = 0;
    }
    op.raw = undefined;
    try {
      result = run(pg, ctx, op);
    } catch (error) {
      if (error instanceof Suspended) throw error;
      result = resultOf(error);
    }
    op.rval = result;
    if (result < 0) {
      if ((op.flags & CEPH_OSD_OP_FLAG_FAILOK) === 0) break;
      result = 0;
    }
  }
  ctx.result = result;
  return result;
}
