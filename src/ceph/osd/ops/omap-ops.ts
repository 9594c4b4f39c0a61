import { Decoder } from '../../../base/decoder.ts';
import { Encoder } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import { OBJECT_FLAG_OMAP } from '../../types/object-info.ts';
import {
  CEPH_OSD_CMPXATTR_OP_EQ,
  CEPH_OSD_CMPXATTR_OP_GT,
  CEPH_OSD_CMPXATTR_OP_LT,
} from '../../types/rados.ts';
import { ECANCELED, EINVAL, ENOENT } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { markOmap, maybeCreate } from './object-state.ts';
import { asBuffer } from './xattr-ops.ts';

const NOTHING = Buffer.alloc(0);

const hasOmap = (ctx: OpContext): boolean => (ctx.oi.flags & OBJECT_FLAG_OMAP) !== 0;
const input = (op: OSDOp): Decoder => new Decoder(op.indata ?? NOTHING, 'omap op');

function readMap(d: Decoder): Map<string, Buffer> {
  const map = new Map<string, Buffer>();
  for (let n = d.count(8); n > 0; n--) {
    const key = d.bin();
    map.set(key, d.blob());
  }
  return map;
}

function readKeys(d: Decoder): string[] {
  const keys: string[] = [];
  for (let n = d.count(4); n > 0; n--) keys.push(d.bin());
  return keys;
}

/**
 * OMAPGETKEYS (str start after, u64 max), OMAPGETVALS (and str prefix): u32 count, entries, u8 whether there
 * are more.
 */
export function doGetKeys(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp, values: boolean): number {
  const d = input(op);
  const after = d.bin();
  const max = Math.min(Number(d.u64b()), pg.limits.maxOmapEntries);
  const prefix = values ? d.bin() : '';
  ctx.reads++;
  const e = new Encoder();
  let n = 0;
  let more = false;
  if (hasOmap(ctx)) {
    const from = [prefix, after].sort()[1];
    for (const [key, value] of pg.store.omapIterate(pg.cid, ctx.obc.oid, from)) {
      // Upper bound: the key itself is not wanted again.
      if (key === after && prefix <= after) continue;
      if (!key.startsWith(prefix)) break;
      if (n >= max || e.length >= pg.limits.maxOmapBytes) {
        more = true;
        break;
      }
      e.bin(key);
      if (values) e.blob(value);
      n++;
    }
  }
  const out = new Encoder(e.length + 16);
  out.u32(n);
  out.ref(e.result());
  out.bool(more);
  op.outdata = out.result();
  ctx.readBytes += op.outdata.length;
  return 0;
}

export function doGetHeader(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  ctx.reads++;
  op.outdata = hasOmap(ctx) ? asBuffer(pg.store.omapHeader(pg.cid, ctx.obc.oid)) : NOTHING;
  return 0;
}

/** OMAPGETVALSBYKEYS: set of keys -> map of those that are there. */
export function doGetValuesByKeys(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const keys = readKeys(input(op)).sort();
  ctx.reads++;
  const e = new Encoder();
  const found = hasOmap(ctx) ? pg.store.omapValues(pg.cid, ctx.obc.oid, keys) : new Map<string, Uint8Array>();
  e.u32(found.size);
  for (const [key, value] of found) {
    e.bin(key);
    e.blob(value);
  }
  op.outdata = e.result();
  return 0;
}

/** OMAP_CMP: map of key -> (value, s32 comparison). The stored value OP the given one. */
export function doCompareOmap(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  if (!ctx.isThere) return ENOENT;
  ctx.reads++;
  const d = input(op);
  const assertions: { key: string; value: Buffer; cmp: number }[] = [];
  for (let n = d.count(12); n > 0; n--) assertions.push({ key: d.bin(), value: d.blob(), cmp: d.i32() });
  const keys = assertions.map(({ key }) => key);
  const have = hasOmap(ctx) ? pg.store.omapValues(pg.cid, ctx.obc.oid, keys) : new Map<string, Uint8Array>();
  for (const { key, value, cmp } of assertions) {
    const order = Buffer.compare(have.get(key) ?? NOTHING, value);
    if (cmp === CEPH_OSD_CMPXATTR_OP_EQ) {
      if (order !== 0) return ECANCELED;
    } else if (cmp === CEPH_OSD_CMPXATTR_OP_LT) {
      if (order >= 0) return ECANCELED;
    } else if (cmp === CEPH_OSD_CMPXATTR_OP_GT) {
      if (order <= 0) return ECANCELED;
    } else return EINVAL;
  }
  return 0;
}

export function setValues(pg: PrimaryLogPG, ctx: OpContext, values: ReadonlyMap<string, Uint8Array>): number {
  maybeCreate(pg, ctx);
  ctx.t.omapSetKeys(pg.cid, ctx.obc.oid, values);
  markOmap(ctx);
  ctx.writes++;
  return 0;
}

export function setHeader(pg: PrimaryLogPG, ctx: OpContext, header: Uint8Array): number {
  maybeCreate(pg, ctx);
  ctx.t.omapSetHeader(pg.cid, ctx.obc.oid, header);
  markOmap(ctx);
  ctx.writes++;
  return 0;
}

export function removeKeys(pg: PrimaryLogPG, ctx: OpContext, keys: readonly string[]): number {
  if (!ctx.isThere) return ENOENT;
  if (!hasOmap(ctx)) return 0;
  ctx.t.omapRemoveKeys(pg.cid, ctx.obc.oid, keys);
  ctx.writes++;
  return 0;
}

export function clearOmap(pg: PrimaryLogPG, ctx: OpContext): number {
  if (!ctx.isThere) return ENOENT;
  if (!hasOmap(ctx)) return 0;
  ctx.t.omapClear(pg.cid, ctx.obc.oid);
  ctx.change().flags &= ~OBJECT_FLAG_OMAP;
  ctx.delta.omapObjects--;
  ctx.writes++;
  return 0;
}

export function doSetValues(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  return setValues(pg, ctx, readMap(input(op)));
}

export function doSetHeader(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  return setHeader(pg, ctx, op.indata ?? NOTHING);
}

export function doRemoveKeys(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  if (!ctx.isThere) return ENOENT;
  return removeKeys(pg, ctx, readKeys(input(op)));
}

/** OMAPRMKEYRANGE: str first, str end. */
export function doRemoveKeyRange(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  if (!ctx.isThere) return ENOENT;
  const d = input(op);
  const first = d.bin();
  const end = d.bin();
  if (!hasOmap(ctx)) return 0;
  ctx.t.omapRemoveKeyRange(pg.cid, ctx.obc.oid, first, end);
  ctx.writes++;
  return 0;
}
