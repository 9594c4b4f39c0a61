import { Decoder } from '../../../base/decoder.ts';
import { Encoder, encodeToBuffer } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import { type HObject, headObject } from '../../types/hobject.ts';
import { OBJECT_FLAG_OMAP } from '../../types/object-info.ts';
import { decodeObjectLocator } from '../../types/object-locator.ts';
import { CEPH_OSD_COPY_FROM_FLAG_TRUNCATE_SEQ, CEPH_OSD_OP_COPY_FROM2 } from '../../types/rados.ts';
import {
  type ObjectCopyCursor,
  type ObjectCopyData,
  objectCopyCursor,
  objectCopyData,
} from '../../types/replies.ts';
import { SNAP_NOSNAP } from '../../types/snap.ts';
import type { CopiedObject } from '../copy-from.ts';
import { EINVAL, EOVERFLOW, ERANGE, Suspended } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { markOmap, maybeCreate, sizeWritten } from './object-state.ts';
import { getXattrs } from './xattr-ops.ts';

const NOTHING = Buffer.alloc(0);
const COPY_FROM_FLAGS = 0x3f;

/** What copy-get of an object that is not there returns beside ENOENT. */
export function copyGetOfNothing(op: OSDOp): void {
  const data: ObjectCopyData = { ...objectCopyData.zero(), size: 0 };
  op.outdata = encodeToBuffer(e => objectCopyData.encode(e, data));
}

/**
 * COPY_GET: object_copy_cursor_t, u64 most bytes -> object_copy_data_t. First the attributes, then data, then
 * omap, as much as fits; the cursor says where to go on (PrimaryLogPG::do_copy_get).
 */
export function doCopyGet(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const d = new Decoder(op.indata ?? NOTHING, 'copy-get');
  const cursor = objectCopyCursor.decode(d);
  const outMax = Number(d.u64b());
  const { obc } = ctx;
  const { oi } = ctx;
  const next = { ...cursor };
  let left = outMax > 0 ? Math.min(outMax, pg.limits.copyChunk) : pg.limits.copyChunk;
  let attrs: ReadonlyMap<string, Buffer> = new Map();
  if (!cursor.attrComplete) {
    const prefixed = new Map<string, Buffer>();
    for (const [name, value] of getXattrs(pg, ctx)) prefixed.set(`_${name}`, value);
    attrs = prefixed;
    next.attrComplete = true;
  }
  let data: Buffer = NOTHING;
  if (!next.dataComplete) {
    const length = Math.min(left, oi.size - next.dataOffset);
    if (length > 0) {
      data = pg.readObject(ctx.request, obc, next.dataOffset, length);
      next.dataOffset += data.length;
      left -= data.length;
    }
    if (next.dataOffset >= oi.size) next.dataComplete = true;
  }
  const omap = new Encoder();
  let omapHeader: Buffer = NOTHING;
  if (next.dataComplete && !next.omapComplete) {
    const entries: [string, Uint8Array][] = [];
    let more = false;
    if ((oi.flags & OBJECT_FLAG_OMAP) !== 0) {
      omapHeader = cursor.omapOffset === '' ? Buffer.from(pg.store.omapHeader(pg.cid, obc.oid)) : NOTHING;
      for (const [key, value] of pg.store.omapIterate(pg.cid, obc.oid, next.omapOffset)) {
        if (key === next.omapOffset && entries.length === 0 && cursor.omapOffset !== '') continue;
        if (left <= 0) {
          more = true;
          break;
        }
        entries.push([key, value]);
        left -= key.length + value.length + 8;
      }
    }
    if (entries.length > 0) {
      omap.u32(entries.length);
      for (const [key, value] of entries) {
        omap.bin(key);
        omap.blob(value);
      }
      next.omapOffset = entries[entries.length - 1][0];
    }
    next.omapComplete = !more;
  }
  const reply: ObjectCopyData = {
    ...objectCopyData.zero(),
    size: oi.size,
    mtime: oi.mtime,
    attrs,
    data,
    omapData: omap.result(),
    omapHeader,
    cursor: next,
    snaps: obc.hobj.snap === SNAP_NOSNAP ? [] : (obc.snapset.cloneSnaps.get(obc.hobj.snap) ?? []),
    snapSeq: obc.snapset.seq,
    truncateSeq: oi.truncateSeq,
    truncateSize: oi.truncateSize,
  };
  op.outdata = encodeToBuffer(e => objectCopyData.encode(e, reply));
  ctx.reads++;
  ctx.readBytes += op.outdata.length;
  return 0;
}

/** The cursor of a copy that begins. */
export const COPY_START: ObjectCopyCursor = {
  attrComplete: false,
  dataOffset: 0,
  dataComplete: false,
  omapOffset: '',
  omapComplete: false,
};

/**
 * COPY_FROM, COPY_FROM2: str name, object_locator_t of the source, [u32 truncate seq, u64 truncate size]. The
 * object becomes a copy of the source, which is fetched first.
 */
export function doCopyFrom(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const { snapid, srcVersion, flags } = op.copyFrom;
  if (op.op === CEPH_OSD_OP_COPY_FROM2 && (flags & ~COPY_FROM_FLAGS) !== 0) return EINVAL;
  const d = new Decoder(op.indata ?? NOTHING, 'copy-from');
  const name = d.str();
  const locator = decodeObjectLocator(d);
  let truncate: { seq: number; size: number } | undefined;
  if (op.op === CEPH_OSD_OP_COPY_FROM2 && (flags & CEPH_OSD_COPY_FROM_FLAG_TRUNCATE_SEQ) !== 0) {
    const seq = d.u32();
    const size = d.u64b();
    truncate = {
      seq,
      size: size > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(size),
    };
  }
  const request = ctx.request!;
  const copied = request.copies?.get(ctx.opIndex) as CopiedObject | undefined;
  if (copied === undefined) {
    const raw = pg.host.map.placement.objectLocatorToPg(name, locator);
    if (raw === undefined) return -2;
    const source: HObject = {
      ...headObject(locator.pool, name, raw.seed, locator.nspace, locator.key),
      snap: snapid,
    };
    const self = ctx.obc.hobj;
    if (
      source.pool === self.pool &&
      source.oid === self.oid &&
      source.key === self.key &&
      source.nspace === self.nspace &&
      source.snap === self.snap
    )
      return EINVAL;
    const index = ctx.opIndex;
    throw new Suspended(
      pg.host.fetchObject(source, locator, srcVersion, flags).then(object => {
        request.copies ??= new Map();
        request.copies.set(index, object);
      }),
    );
  }
  if (srcVersion !== 0 && copied.userVersion !== srcVersion)
    return copied.userVersion > srcVersion ? ERANGE : EOVERFLOW;
  return install(pg, ctx, copied, truncate);
}

function install(
  pg: PrimaryLogPG,
  ctx: OpContext,
  copied: CopiedObject,
  truncate: { seq: number; size: number } | undefined,
): number {
  const { cid } = pg;
  const { oid } = ctx.obc;
  if (ctx.exists) ctx.t.remove(cid, oid);
  maybeCreate(pg, ctx, true);
  ctx.t.touch(cid, oid);
  let at = 0;
  for (const part of copied.data) {
    ctx.t.write(cid, oid, at, part);
    at += part.length;
  }
  if (at < copied.head.size) ctx.t.truncate(cid, oid, copied.head.size);
  for (const [name, value] of copied.attrs) ctx.t.setAttr(cid, oid, name, value);
  if (ctx.oi.flags & OBJECT_FLAG_OMAP) ctx.delta.omapObjects--;
  ctx.change().flags &= ~OBJECT_FLAG_OMAP;
  if (copied.omap.size > 0 || copied.omapHeader.length > 0) {
    ctx.t.omapSetHeader(cid, oid, copied.omapHeader);
    if (copied.omap.size > 0) ctx.t.omapSetKeys(cid, oid, copied.omap);
    markOmap(ctx);
  }
  sizeWritten(ctx, 0, copied.head.size, true);
  const oi = ctx.change();
  oi.truncateSeq = truncate?.seq ?? copied.head.truncateSeq;
  oi.truncateSize = truncate?.size ?? copied.head.truncateSize;
  return 0;
}
