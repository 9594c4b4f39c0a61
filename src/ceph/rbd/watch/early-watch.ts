import type { NacreError } from '../../../base/errors.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import type { Notification, Watch } from '../../rados/watch.ts';

/**
 * A watch on a header that nobody has read yet: who reads before he watches misses what is announced between. What comes
 * before there is an image is acknowledged, and remembered.
 */
export class EarlyWatch {
  watch!: Watch;
  /** Something was announced. */
  heard = false;
  failure: NacreError | undefined;
  onNotify: ((notification: Notification) => unknown) | undefined;
  onError: ((error: NacreError) => void) | undefined;

  static async begin(io: IoCtx, headerOid: string): Promise<EarlyWatch> {
    const early = new EarlyWatch();
    early.watch = await io.watch(headerOid, {
      onNotify: notification => {
        if (early.onNotify !== undefined) return early.onNotify(notification);
        early.heard = true;
        return undefined;
      },
      onError: error => {
        if (early.onError === undefined) early.failure = error;
        else early.onError(error);
      },
    });
    return early;
  }

  /** For an image that could not be opened. */
  async end(): Promise<void> {
    await this.watch.unwatch().catch(() => {}); // the OSD forgets it by itself
  }
}
