import { Encoder } from '../../../base/encoder.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { MAX_OBJECT_MAP_OBJECT_COUNT } from '../../types/cls-rbd-features.ts';
import { setSize } from '../cls/header.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import { refreshImage } from '../open/refresh.ts';
import { type Progress, RBD_FEATURE_OBJECT_MAP } from '../types.ts';
import { flushObjects, withWritesBlocked } from './copy-object-write.ts';
import { invoke, rbdError } from './invoke.ts';
import { resizeObjectMap } from './object-map-change.ts';
import { trim } from './trim.ts';

/** Where rbd_obj_header_ondisk (rbd_types.h) has the size of an image of format 1: a u64. */
const OLD_HEADER_SIZE_AT = 80;

export interface ResizeOptions {
  /** EINVAL when it would and must not. */
  readonly allowShrink?: boolean;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Gives an image another size, in bytes. What is behind a smaller one is lost. */
export async function resizeImage(ctx: ImageCtx, size: number, options: ResizeOptions = {}): Promise<void> {
  const { allowShrink = true, onProgress, signal } = options;
  if (!Number.isSafeInteger(size) || size < 0) throw rbdError('EINVAL', 'resize', `${size} is no size`);
  await invoke(ctx, {
    name: 'resize',
    local: cancel => executeResize(ctx, size, allowShrink, onProgress, cancel),
    remote: watcher => watcher.notifyResize(size, allowShrink, onProgress),
    signal,
  });
}

async function writeSize(ctx: ImageCtx, size: number): Promise<void> {
  const op = new WriteOperation();
  if (ctx.identity.format === 1) {
    const e = new Encoder(8);
    e.u64(size);
    op.write(OLD_HEADER_SIZE_AT, e.result());
  } else setSize(op, size);
  await ctx.header.operate(ctx.identity.headerOid, op);
}

/** Here, by whoever may. */
export async function executeResize(
  ctx: ImageCtx,
  size: number,
  allowShrink: boolean,
  onProgress?: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const { layout, name } = ctx.identity;
  const objects = objectCount(layout, size);
  if (ctx.has(RBD_FEATURE_OBJECT_MAP) && objects > MAX_OBJECT_MAP_OBJECT_COUNT)
    throw rbdError('EINVAL', 'resize', `an object map cannot have ${objects} objects`);
  const original = ctx.state.size;
  if (size < original && !allowShrink)
    throw rbdError('EINVAL', 'resize', `'${name}' has ${original} bytes and must not shrink to ${size}`);
  if (size === original) return;
  if (size > original) {
    await withWritesBlocked(ctx, async () => {
      await resizeObjectMap(ctx, objects);
      await writeSize(ctx, size);
      await refreshImage(ctx);
    });
    return;
  }
  // From here on nobody writes behind the new end; what is there goes while I/O goes on.
  await withWritesBlocked(ctx, async () => {
    ctx.state = { ...ctx.state, size };
  });
  try {
    await flushObjects(ctx);
    ctx.io.objects.invalidate();
    await trim(ctx, original, size, signal, onProgress);
  } catch (error) {
    ctx.state = { ...ctx.state, size: original };
    throw error;
  }
  await withWritesBlocked(ctx, async () => {
    await writeSize(ctx, size);
    await resizeObjectMap(ctx, objects);
    await refreshImage(ctx);
  });
}
