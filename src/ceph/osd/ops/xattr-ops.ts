import { Decoder } from '../../../base/decoder.ts';
import { Encoder } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import {
  CEPH_OSD_CMPXATTR_MODE_STRING,
  CEPH_OSD_CMPXATTR_MODE_U64,
  CEPH_OSD_CMPXATTR_OP_EQ,
  CEPH_OSD_CMPXATTR_OP_GT,
  CEPH_OSD_CMPXATTR_OP_GTE,
  CEPH_OSD_CMPXATTR_OP_LT,
  CEPH_OSD_CMPXATTR_OP_LTE,
  CEPH_OSD_CMPXATTR_OP_NE,
} from '../../types/rados.ts';
import { ECANCELED, EFBIG, EINVAL, ENAMETOOLONG, ENODATA, ENOENT } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { maybeCreate } from './object-state.ts';

const NOTHING = Buffer.alloc(0);

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Name and value of an xattr op's input; undefined when it is too short. */
function nameAndValue(op: OSDOp): { name: string; value: Buffer } | undefined {
  const { nameLen, valueLen } = op.xattr;
  const indata = asBuffer(op.indata ?? NOTHING);
  if (indata.length < nameLen + valueLen) return undefined;
  return {
    name: indata.toString('latin1', 0, nameLen),
    value: indata.subarray(nameLen, nameLen + valueLen),
  };
}

/** A user attribute's value, or a negative errno. */
export function getXattr(pg: PrimaryLogPG, ctx: OpContext, name: string): Buffer | number {
  const value = pg.store.getAttr(pg.cid, ctx.obc.oid, `_${name}`);
  if (value !== undefined) return asBuffer(value);
  return ctx.obc.exists ? ENODATA : ENOENT;
}

/** All user attributes, sorted by name. */
export function getXattrs(pg: PrimaryLogPG, ctx: OpContext): Map<string, Buffer> {
  const found: [string, Buffer][] = [];
  for (const [name, value] of pg.store.getAttrs(pg.cid, ctx.obc.oid))
    if (name.length > 1 && name.startsWith('_')) found.push([name.slice(1), asBuffer(value)]);
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function setXattr(pg: PrimaryLogPG, ctx: OpContext, name: string, value: Uint8Array): number {
  const { maxAttrSize, maxAttrName } = pg.limits;
  if (maxAttrSize > 0 && value.length > maxAttrSize) return EFBIG;
  if (name.length > maxAttrName) return ENAMETOOLONG;
  maybeCreate(pg, ctx);
  ctx.t.setAttr(pg.cid, ctx.obc.oid, `_${name}`, value);
  ctx.writes++;
  return 0;
}

export function removeXattr(pg: PrimaryLogPG, ctx: OpContext, name: string): number {
  if (!ctx.isThere) return ENOENT;
  ctx.t.removeAttr(pg.cid, ctx.obc.oid, `_${name}`);
  ctx.writes++;
  return 0;
}

export function doGetXattr(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  ctx.reads++;
  const { nameLen } = op.xattr;
  const indata = asBuffer(op.indata ?? NOTHING);
  if (indata.length < nameLen) return EINVAL;
  const value = getXattr(pg, ctx, indata.toString('latin1', 0, nameLen));
  if (typeof value === 'number') return value;
  op.outdata = value;
  op.arg = { ...op.xattr, valueLen: value.length };
  ctx.readBytes += value.length;
  return 0;
}

export function doGetXattrs(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  ctx.reads++;
  const e = new Encoder();
  const attrs = getXattrs(pg, ctx);
  e.u32(attrs.size);
  for (const [name, value] of attrs) {
    e.bin(name);
    e.blob(value);
  }
  op.outdata = e.result();
  return 0;
}

/** 1 when `given` OP `stored` holds, 0 when not, EINVAL for an OP that is none. */
function compared(cmpOp: number, order: number): number {
  switch (cmpOp) {
    case CEPH_OSD_CMPXATTR_OP_EQ:
      return order === 0 ? 1 : 0;
    case CEPH_OSD_CMPXATTR_OP_NE:
      return order !== 0 ? 1 : 0;
    case CEPH_OSD_CMPXATTR_OP_GT:
      return order > 0 ? 1 : 0;
    case CEPH_OSD_CMPXATTR_OP_GTE:
      return order >= 0 ? 1 : 0;
    case CEPH_OSD_CMPXATTR_OP_LT:
      return order < 0 ? 1 : 0;
    case CEPH_OSD_CMPXATTR_OP_LTE:
      return order <= 0 ? 1 : 0;
    default:
      return EINVAL;
  }
}

/** CMPXATTR: 1 when the comparison holds, ECANCELED when not. A missing attribute is empty, or 0. */
export function doCompareXattr(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const { nameLen, valueLen, cmpOp, cmpMode } = op.xattr;
  const indata = asBuffer(op.indata ?? NOTHING);
  if (indata.length < nameLen) return EINVAL;
  ctx.reads++;
  let stored = getXattr(pg, ctx, indata.toString('latin1', 0, nameLen));
  if (typeof stored === 'number') {
    if (stored !== ENODATA) return stored;
    stored = NOTHING;
  }
  let r: number;
  if (cmpMode === CEPH_OSD_CMPXATTR_MODE_STRING) {
    if (indata.length < nameLen + valueLen) return EINVAL;
    r = compared(cmpOp, Buffer.compare(indata.subarray(nameLen, nameLen + valueLen), stored));
  } else if (cmpMode === CEPH_OSD_CMPXATTR_MODE_U64) {
    const given = new Decoder(indata.subarray(nameLen), 'cmpxattr').u64b();
    const text = stored.toString('latin1');
    if (text !== '' && !/^\s*\d+$/.test(text)) return EINVAL;
    const have = text === '' ? 0n : BigInt(text.trim());
    r = compared(cmpOp, given < have ? -1 : given > have ? 1 : 0);
  } else return EINVAL;
  return r === 0 ? ECANCELED : r;
}

export function doSetXattr(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const { nameLen, valueLen } = op.xattr;
  if (pg.limits.maxAttrSize > 0 && valueLen > pg.limits.maxAttrSize) return EFBIG;
  if (nameLen > pg.limits.maxAttrName) return ENAMETOOLONG;
  const given = nameAndValue(op);
  return given === undefined ? EINVAL : setXattr(pg, ctx, given.name, given.value);
}

export function doRemoveXattr(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const indata = asBuffer(op.indata ?? NOTHING);
  const { nameLen } = op.xattr;
  return indata.length < nameLen ? EINVAL : removeXattr(pg, ctx, indata.toString('latin1', 0, nameLen));
}
