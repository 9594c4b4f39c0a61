import { NacreError } from '../../../base/errors.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { METADATA_CONF_PREFIX } from '../open/image-config.ts';
import { validateOverride } from './config.ts';
import { invokeHere } from './invoke.ts';

// Notes on an image, by key, in its header. Those that begin with conf_ are settings of the image.

function refuseOld(ctx: ImageCtx): void {
  if (ctx.identity.format === 1)
    throw new NacreError('EINVAL', 'rbd.metadata', 'images of format 1 have no metadata');
}

/** ENOENT. */
export async function getMetadata(ctx: ImageCtx, key: string): Promise<string> {
  refuseOld(ctx);
  return cls.metadataGet(ctx.header, ctx.identity.headerOid, key);
}

/** By key, sorted. */
export async function listMetadata(ctx: ImageCtx): Promise<Map<string, string>> {
  if (ctx.identity.format === 1) return new Map();
  return cls.metadataListAll(ctx.header, ctx.identity.headerOid);
}

/** EROFS for a handle that is read-only; EINVAL for a setting that images do not have, or no value of it. */
export async function setMetadata(ctx: ImageCtx, key: string, value: string): Promise<void> {
  refuseOld(ctx);
  if (key.startsWith(METADATA_CONF_PREFIX))
    validateOverride(key.slice(METADATA_CONF_PREFIX.length), value, 'image');
  await invokeHere(ctx, 'metadata_set', async () => {
    const op = cls.metadataSet(new WriteOperation(), new Map([[key, value]]));
    await ctx.header.operate(ctx.identity.headerOid, op);
  });
}

/** ENOENT. */
export async function removeMetadata(ctx: ImageCtx, key: string): Promise<void> {
  if (ctx.readOnly)
    throw new NacreError('EROFS', 'rbd.metadata_remove', `'${ctx.identity.name}' is open read-only`);
  await getMetadata(ctx, key);
  await invokeHere(ctx, 'metadata_remove', async () => {
    await ctx.header.operate(ctx.identity.headerOid, cls.metadataRemove(new WriteOperation(), key));
  });
}
