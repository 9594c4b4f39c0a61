import type { OSDOp } from '../../messages/osd-op.ts';
import type { EntityAddr, EntityName } from '../../types/entity.ts';
import { ADDR_BLANK } from '../../types/entity.ts';
import type { UTime } from '../../types/utime.ts';
import { CLS_METHOD_WR, type ClsContext } from '../cls/registry.ts';
import { EEXIST, EINVAL, ENOENT, EOPNOTSUPP } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { checkRange, deleteObject, maybeCreate } from './object-state.ts';
import { clearOmap, removeKeys, setHeader, setValues } from './omap-ops.ts';
import { truncate, writeAt, writeFull } from './write-ops.ts';
import { asBuffer, getXattr, getXattrs, removeXattr, setXattr } from './xattr-ops.ts';

/** The object of a request as a class's method sees it. */
class MethodContext implements ClsContext {
  output: Buffer | undefined = undefined;
  private readonly pg: PrimaryLogPG;
  private readonly ctx: OpContext;

  constructor(pg: PrimaryLogPG, ctx: OpContext) {
    this.pg = pg;
    this.ctx = ctx;
  }

  get exists(): boolean {
    return this.ctx.isThere;
  }
  get size(): number {
    return this.ctx.oi.size;
  }
  get mtime(): UTime {
    return this.ctx.oi.mtime;
  }
  get origin(): { name: EntityName; addr: EntityAddr } {
    const { request, reqid } = this.ctx;
    return { name: reqid.name, addr: request?.con.peerAddrs[0] ?? ADDR_BLANK };
  }
  get userVersion(): number {
    return this.ctx.oi.userVersion;
  }
  get snapSetSeq(): bigint {
    return this.ctx.obc.snapset.seq;
  }
  now(): number {
    return this.pg.host.env.clock.now();
  }
  random(bytes: number): Buffer {
    return this.pg.host.env.random.bytes(bytes);
  }
  create(exclusive: boolean): number {
    if (exclusive && this.ctx.isThere) return EEXIST;
    maybeCreate(this.pg, this.ctx);
    this.ctx.modify = true;
    return 0;
  }
  remove(): number {
    return deleteObject(this.pg, this.ctx);
  }
  read(offset: number, length: number): Buffer | number {
    const { obc, request } = this.ctx;
    if (!obc.exists || obc.isWhiteout) return ENOENT;
    const { size } = obc.oi;
    const end = length === 0 ? size : Math.min(size, offset + length);
    return end <= offset ? Buffer.alloc(0) : this.pg.readObject(request, obc, offset, end - offset);
  }
  write(offset: number, data: Uint8Array): number {
    return writeAt(this.pg, this.ctx, offset, data);
  }
  writeFull(data: Uint8Array): number {
    const r = checkRange(this.pg, 0, data.length);
    return r < 0 ? r : writeFull(this.pg, this.ctx, data);
  }
  truncate(size: number): number {
    return truncate(this.pg, this.ctx, size, 0);
  }
  getXattr(name: string): Buffer | number {
    return getXattr(this.pg, this.ctx, name);
  }
  getXattrs(): Map<string, Buffer> | number {
    return this.ctx.obc.exists ? getXattrs(this.pg, this.ctx) : ENOENT;
  }
  setXattr(name: string, value: Uint8Array): number {
    return setXattr(this.pg, this.ctx, name, value);
  }
  removeXattr(name: string): number {
    return removeXattr(this.pg, this.ctx, name);
  }
  omapGet(key: string): Buffer | number {
    const { obc } = this.ctx;
    if (!obc.exists) return ENOENT;
    const value = this.pg.store.omapValues(this.pg.cid, obc.oid, [key]).get(key);
    return value === undefined ? ENOENT : asBuffer(value);
  }
  omapList(after: string, prefix: string, max: number): { entries: Map<string, Buffer>; more: boolean } {
    const entries = new Map<string, Buffer>();
    const from = [prefix, after].sort()[1];
    for (const [key, value] of this.pg.store.omapIterate(this.pg.cid, this.ctx.obc.oid, from)) {
      if (key === after && prefix <= after) continue;
      if (!key.startsWith(prefix)) break;
      if (entries.size >= max) return { entries, more: true };
      entries.set(key, asBuffer(value));
    }
    return { entries, more: false };
  }
  omapSet(values: ReadonlyMap<string, Uint8Array>): number {
    return setValues(this.pg, this.ctx, values);
  }
  omapRemove(keys: readonly string[]): number {
    return removeKeys(this.pg, this.ctx, keys);
  }
  omapGetHeader(): Buffer {
    return asBuffer(this.pg.store.omapHeader(this.pg.cid, this.ctx.obc.oid));
  }
  omapSetHeader(value: Uint8Array): number {
    return setHeader(this.pg, this.ctx, value);
  }
  omapClear(): number {
    return clearOmap(this.pg, this.ctx);
  }
  setOutput(bytes: Buffer): void {
    this.output = bytes;
  }
}

/** CALL: str class, str method (lengths in the op), then the method's input. */
export function doCall(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const { classLen, methodLen, indataLen } = op.cls;
  const indata = asBuffer(op.indata ?? Buffer.alloc(0));
  if (indata.length < classLen + methodLen + indataLen) return EINVAL;
  const className = indata.toString('latin1', 0, classLen);
  const name = indata.toString('latin1', classLen, classLen + methodLen);
  const method = pg.host.classes.method(className, name);
  if (method === undefined) return EOPNOTSUPP;
  if ((method.flags & CLS_METHOD_WR) !== 0) ctx.userModify = true;
  const context = new MethodContext(pg, ctx);
  const start = classLen + methodLen;
  const r = method.run(context, indata.subarray(start, start + indataLen));
  op.outdata = context.output;
  op.length = context.output?.length ?? 0;
  return r;
}
