import { WriteOperation } from '../../rados/write-operation.ts';
import { setAccessTimestamp, setModifyTimestamp } from '../cls/header.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { IoSettings } from './settings.ts';

/** Tells the header when the image was written or read, now and then; whether that succeeds is of no interest. */
export class ImageTimes {
  private readonly ctx: ImageCtx;
  private readonly settings: IoSettings;
  /** Monotonic milliseconds from which on the next I/O is told. */
  private modifyAt: number;
  private accessAt: number;

  constructor(ctx: ImageCtx, settings: IoSettings) {
    this.ctx = ctx;
    this.settings = settings;
    const { state, identity, context, readOnly } = ctx;
    const due = (stamp: number, interval: number): number => {
      if (interval === 0 || readOnly || identity.format === 1) return Number.POSITIVE_INFINITY;
      const { clock } = context.env;
      return clock.mono() + Math.max(0, stamp + interval * 1000 - clock.now());
    };
    this.modifyAt = due(state.modifyTimestamp, settings.mtimeInterval);
    this.accessAt = due(state.accessTimestamp, settings.atimeInterval);
  }

  written(now: number): void {
    if (now < this.modifyAt) return;
    this.modifyAt = now + this.settings.mtimeInterval * 1000;
    this.tell(setModifyTimestamp);
  }

  read(now: number): void {
    if (now < this.accessAt) return;
    this.accessAt = now + this.settings.atimeInterval * 1000;
    this.tell(setAccessTimestamp);
  }

  private tell(set: (operation: WriteOperation) => unknown): void {
    const { ctx } = this;
    const operation = new WriteOperation();
    set(operation);
    ctx.header.operate(ctx.identity.headerOid, operation).catch(() => {});
  }
}
