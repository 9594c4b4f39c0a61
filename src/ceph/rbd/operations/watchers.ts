import type { ImageCtx } from '../image-ctx.ts';

/** Who has an image open to write, as `rbd status` shows it. */
export interface ImageWatcher {
  /** '10.0.0.1:0/123'. */
  readonly address: string;
  /** The number of client.4123. */
  readonly clientId: number;
  readonly cookie: bigint;
}

/** Watchers of the header, ourselves included. */
export async function listImageWatchers(ctx: ImageCtx): Promise<ImageWatcher[]> {
  const watchers = await ctx.header.listWatchers(ctx.identity.headerOid);
  return watchers.map(({ name, cookie, addr }) => ({
    address: addr.replace(/^(v1|v2|any):/, ''),
    clientId: name.num,
    cookie,
  }));
}

/** Those of other clients than ours: with them an image is not removed. */
export async function listOtherWatchers(ctx: ImageCtx): Promise<ImageWatcher[]> {
  const own = Number(ctx.cluster.instanceId);
  return (await listImageWatchers(ctx)).filter(({ clientId }) => clientId !== own);
}
