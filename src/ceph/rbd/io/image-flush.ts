import { tracing, wind } from '../../../base/trace.ts';
import type { ImageIoQueue } from './image-io.ts';
import { ImageIoRequest, IO_FLUSH } from './image-request.ts';
import type { FlushSource, IoCompletion } from './types.ts';

/** Waits for the writes before it and has the layers below make them safe. */
export class ImageFlush extends ImageIoRequest {
  readonly source: FlushSource;

  constructor(queue: ImageIoQueue, source: FlushSource, completion: IoCompletion) {
    super(queue, IO_FLUSH, 0, 0, completion);
    this.source = source;
    if (tracing()) this.span = wind('librbd.aio_flush', undefined, { source });
  }

  protected sendParts(): number {
    this.left = 1;
    this.queue.sendFlush(this.source, result => this.partFinished(result));
    return 0;
  }
}
