import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/** One run of an interval_set of offsets. */
export interface Interval {
  readonly start: number;
  readonly length: number;
}

/** One run of an interval_set of snap ids. */
export interface SnapInterval {
  readonly start: bigint;
  readonly length: bigint;
}

/** interval_set<u64> (include/interval_set.h): u32 count, then (u64 start, u64 length) in order. */
export function encodeIntervals(e: Encoder, set: readonly Interval[]): void {
  e.u32(set.length);
  for (let i = 0; i < set.length; i++) {
    e.u64(set[i].start);
    e.u64(set[i].length);
  }
}

export function decodeIntervals(d: Decoder): Interval[] {
  const n = d.count(16);
  const set: Interval[] = [];
  for (let i = 0; i < n; i++) set.push({ start: d.u64(), length: d.u64() });
  return set;
}

/**
 * interval_set<u64> whose last run may reach to the end of all offsets (2^64 - 1): its length is Infinity here.
 */
export function encodeOpenIntervals(e: Encoder, set: readonly Interval[]): void {
  e.u32(set.length);
  for (let i = 0; i < set.length; i++) {
    const { start, length } = set[i];
    e.u64(start);
    if (length === Number.POSITIVE_INFINITY) {
      // 2^64 - 1 - start: nothing is borrowed, as each half of the minuend is all ones.
      e.u32(0xffff_ffff - (start % 0x1_0000_0000));
      e.u32(0xffff_ffff - Math.floor(start / 0x1_0000_0000));
    } else e.u64(length);
  }
}

export function decodeOpenIntervals(d: Decoder): Interval[] {
  const n = d.count(16);
  const set: Interval[] = [];
  for (let i = 0; i < n; i++) {
    const start = d.u64();
    const low = d.u32();
    const high = d.u32();
    let length = high * 0x1_0000_0000 + low;
    if (high > 0x1f_ffff) {
      const toEnd =
        low === 0xffff_ffff - (start % 0x1_0000_0000) &&
        high === 0xffff_ffff - Math.floor(start / 0x1_0000_0000);
      if (!toEnd) d.fail(`interval of length ${length}`);
      length = Number.POSITIVE_INFINITY;
    }
    set.push({ start, length });
  }
  return set;
}

/** interval_set<snapid_t>. */
export function encodeSnapIntervals(e: Encoder, set: readonly SnapInterval[]): void {
  e.u32(set.length);
  for (let i = 0; i < set.length; i++) {
    e.u64b(set[i].start);
    e.u64b(set[i].length);
  }
}

export function decodeSnapIntervals(d: Decoder): SnapInterval[] {
  const n = d.count(16);
  const set: SnapInterval[] = [];
  for (let i = 0; i < n; i++) set.push({ start: d.u64b(), length: d.u64b() });
  return set;
}

/** '[0~4096,8192~1]'; runs of snap ids in hexadecimal. As Ceph prints interval sets. */
export function intervalsText(set: readonly (Interval | SnapInterval)[]): string {
  let text = '';
  for (const { start, length } of set) {
    const n = length === Number.POSITIVE_INFINITY ? 0xffff_ffff_ffff_ffffn - BigInt(start) : length;
    const run = typeof start === 'bigint' ? `${start.toString(16)}~${n.toString(16)}` : `${start}~${n}`;
    text += `${text === '' ? '' : ','}${run}`;
  }
  return `[${text}]`;
}
