import { Decoder } from '../../../base/decoder.ts';
import { ERRNO } from '../../../base/errno.ts';
import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import { opRead, opSparseRead } from '../../messages/osd-op-build.ts';
import type { Op, OpCompletion } from '../../objecter/op.ts';
import { EMPTY } from '../../rados/bytes.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ObjectRequests } from './object-requests.ts';
import { ParentRead } from './parent-read.ts';
import { extentToFile, pruneExtents } from './striper.ts';
import type { ObjectRead } from './types.ts';

const ENOENT = -ERRNO['ENOENT'];
const EIO = -ERRNO['EIO'];

/**
 * A read of an object: from its OSD, or, where there is no such object, from the parent as far as that reaches; the rest is
 * zeros (librbd::io::ObjectReadRequest).
 */
export class ObjectReadRequest implements OpCompletion {
  private readonly layer: ObjectRequests;
  private readonly read: ObjectRead;
  private sparse = false;
  private span: Span | undefined = undefined;

  constructor(layer: ObjectRequests, read: ObjectRead) {
    this.layer = layer;
    this.read = read;
  }

  send(): void {
    const { layer, read } = this;
    const { ctx, settings } = layer;
    const { objectNo, offset, length, snapId } = read;
    if (length === 0) {
      read.into ??= EMPTY;
      read.finished(0);
      return;
    }
    if (tracing()) this.span = wind('librbd.AioRead.send', read.span, { object: objectNo, offset, length });
    const { objectMap } = ctx;
    if (objectMap !== undefined && snapId === ctx.snapId && !objectMap.objectMayExist(objectNo)) {
      this.readParent();
      return;
    }
    this.sparse = length >= settings.sparseReadThreshold;
    const op = this.sparse ? opSparseRead(offset, length) : opRead(offset, length);
    op.flags |= read.flags;
    const flags = snapId === SNAP_HEAD ? settings.headReadFlags : settings.snapReadFlags;
    const span =
      this.span === undefined
        ? undefined
        : wind('librados.IoCtx.aio_operate', this.span, { oid: layer.name(objectNo) });
    ctx.data.submitOps(layer.name(objectNo), [op], false, snapId, flags, read.into !== undefined, span, this);
    unwind(span);
  }

  opFinished(op: Op, result: number): void {
    if (result === ENOENT) {
      this.readParent();
      return;
    }
    if (result < 0) {
      this.finish(result);
      return;
    }
    const out = op.reply!.ops[0].outdata ?? EMPTY;
    if (this.sparse) this.placeSparse(out);
    else {
      this.place(out);
      this.finish(0);
    }
  }

  /** What an object has less than was asked for is zeros. */
  private place(out: Buffer): void {
    const { read } = this;
    const { length } = read;
    const n = Math.min(out.length, length);
    if (read.into === undefined) {
      if (n === length) {
        read.into = out;
        return;
      }
      read.into = Buffer.allocUnsafe(length);
    }
    if (n > 0) out.copy(read.into, 0, 0, n);
    if (n < length) {
      read.into.fill(0, n, length);
      read.extents = n === 0 ? [] : [0, n];
    }
  }

  /** map u64 offset -> u64 length, then a blob of the extents' bytes; offsets are those of the object. */
  private placeSparse(out: Buffer): void {
    const { read } = this;
    const { offset, length } = read;
    try {
      const d = new Decoder(out, 'sparse read');
      const n = d.count(16);
      const extents: number[] = [];
      let end = 0;
      let bytes = 0;
      for (let i = 0; i < n; i++) {
        const at = d.u64() - offset;
        const len = d.u64();
        if (at < end || len > length - at) d.fail(`extent ${at}~${len} in a read of ${length}`);
        end = at + len;
        bytes += len;
        if (len > 0) extents.push(at, len);
      }
      const data = d.blob();
      if (data.length < bytes) d.fail(`${data.length} bytes for extents of ${bytes}`);
      this.scatter(data, extents);
    } catch {
      this.finish(EIO);
      return;
    }
    this.finish(0);
  }

  private scatter(data: Buffer, extents: number[]): void {
    const { read } = this;
    const { length } = read;
    if (extents.length === 2 && extents[1] === length) {
      if (read.into === undefined) read.into = data;
      else data.copy(read.into, 0, 0, length);
      return;
    }
    read.extents = extents;
    read.into ??= Buffer.allocUnsafe(length);
    const { into } = read;
    let from = 0;
    let end = 0;
    for (let i = 0; i < extents.length; i += 2) {
      const at = extents[i];
      const len = extents[i + 1];
      if (at > end) into.fill(0, end, at);
      data.copy(into, at, from, from + len);
      from += len;
      end = at + len;
    }
    if (end < length) into.fill(0, end, length);
  }

  private readParent(): void {
    const { layer, read } = this;
    const { ctx } = layer;
    const { objectNo, offset, length } = read;
    const { parent } = ctx;
    const overlap = Math.min(ctx.parentAt(read.snapId)?.overlap ?? 0, parent?.sizeAt() ?? 0);
    const extents =
      overlap === 0 || parent === undefined
        ? []
        : pruneExtents(extentToFile(ctx.identity.layout, objectNo, offset, length), overlap);
    if (parent === undefined || extents.length === 0) {
      read.into = read.into === undefined ? Buffer.alloc(length) : read.into.fill(0, 0, length);
      read.extents = [];
      this.finish(0);
      return;
    }
    read.into ??= Buffer.allocUnsafe(length);
    new ParentRead(parent, extents, read.into, this.span, this).send();
  }

  parentRead(result: number, extents: number[]): void {
    const { layer, read } = this;
    if (result < 0) {
      this.finish(result);
      return;
    }
    read.extents = extents;
    if (layer.copiesOnRead(read.snapId) && layer.hasParent(read.objectNo))
      layer.copyup(read.objectNo, undefined);
    this.finish(0);
  }

  private finish(result: number): void {
    if (this.span !== undefined) unwind(this.span, result < 0 ? `errno ${-result}` : undefined);
    this.read.finished(result);
  }
}
