import type { StripeLayout } from '../types.ts';
import type { IoSettings } from './settings.ts';

/**
 * When to read ahead, and how much (common/Readahead.cc): after so many reads in sequence, first as much as these read, then
 * twice as much each time, up to a limit; each time half of what was read ahead has been asked for. Ends are moved to those of
 * stripes and objects where one is near. Bytes all.
 */
export class Readahead {
  private readonly trigger: number;
  private readonly max: number;
  private readonly disableAfter: number;
  private readonly alignments: readonly number[];
  private consecutive = 0;
  private consecutiveBytes = 0;
  private last = 0;
  private position = 0;
  private triggerAt = 0;
  private size = 0;
  private total = 0;

  constructor(settings: IoSettings, layout: StripeLayout) {
    this.trigger = settings.readaheadTrigger;
    this.max = settings.readaheadMaxBytes;
    this.disableAfter = settings.readaheadDisableAfter;
    const { objectSize, stripeUnit, stripeCount } = layout;
    this.alignments = [objectSize * stripeCount, stripeUnit * stripeCount, stripeUnit];
  }

  /** Hears of a read; says what to read ahead in an image of `limit` bytes. */
  observe(offset: number, length: number, limit: number): { offset: number; length: number } | undefined {
    if (this.max === 0) return undefined;
    const before = this.total;
    this.total += length;
    if (this.disableAfter !== 0 && before > this.disableAfter) return undefined;
    if (offset === this.last) {
      this.consecutive++;
      this.consecutiveBytes += length;
    } else {
      this.consecutive = 0;
      this.consecutiveBytes = 0;
      this.triggerAt = 0;
      this.size = 0;
    }
    this.last = offset + length;
    if (this.consecutive < this.trigger || this.last < this.triggerAt) return undefined;
    return this.next(limit);
  }

  private next(limit: number): { offset: number; length: number } | undefined {
    if (this.size === 0) {
      this.size = this.consecutiveBytes;
      this.position = this.last;
    } else {
      this.size *= 2;
      this.position = Math.max(this.position, this.last);
    }
    this.size = Math.min(this.size, this.max);
    const offset = this.position;
    let length = this.aligned(offset, this.size);
    if (offset + length > limit) length = Math.max(0, limit - offset);
    this.triggerAt = offset + Math.floor(length / 2);
    this.position += length;
    return length > 0 ? { offset, length } : undefined;
  }

  private aligned(offset: number, length: number): number {
    const end = offset + length;
    for (const alignment of this.alignments) {
      const below = Math.floor(end / alignment) * alignment;
      const above = below + alignment;
      if (end - below < length / 2 && end - below < above - end) return below - offset;
      if (above - end < length / 2) return above - offset;
    }
    return length;
  }
}
