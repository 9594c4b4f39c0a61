import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { FlushSource, ImageIo, IoCompletion, ObjectLayer } from './types.ts';

/** Until there is I/O: an image whose header can be worked on. What moves data throws ENOTSUP. */
export function createImageIo(ctx: ImageCtx): ImageIo {
  const missing = (): never => {
    throw new NacreError('ENOTSUP', 'rbd.io', `I/O on '${ctx.identity.name}' is not there yet`);
  };
  const objects: ObjectLayer = {
    read: missing,
    write: missing,
    flush: (_source: FlushSource, done: (result: number) => void) => done(0),
    invalidate: () => {},
    close: () => {},
  };
  const request = { offset: 0, length: 0, data: undefined, extents: undefined, mismatch: -1 };
  let blocks = 0;
  return {
    read: missing,
    write: missing,
    discard: missing,
    writeZeroes: missing,
    writeSame: missing,
    compareAndWrite: missing,
    flush: (completion: IoCompletion) => completion.ioFinished(request, 0),
    flushAsync: async () => {},
    blockWrites: async () => {
      blocks++;
    },
    unblockWrites: () => {
      blocks--;
    },
    get writesBlocked() {
      return blocks > 0;
    },
    requireLock: () => {},
    shutDown: async () => {},
    objects,
    inFlight: 0,
  };
}
