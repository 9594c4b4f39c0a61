import type { Timespan } from '../types/wrappers.ts';

// A Timespan that stands for a moment is the time since its sender's machine started.

export const SPAN_ZERO: Timespan = { sec: 0, nsec: 0 };

export function spanFromMs(ms: number): Timespan {
  const sec = Math.trunc(ms / 1000);
  return { sec, nsec: Math.trunc((ms - sec * 1000) * 1e6) };
}

export function spanToMs(span: Timespan): number {
  return span.sec * 1000 + span.nsec / 1e6;
}

/** '1.500000000s': as Ceph prints it, which rounds to single precision first. */
export function spanText(span: Timespan): string {
  return `${Math.fround(Math.fround(span.sec * 1e9 + span.nsec) / 1e9).toFixed(9)}s`;
}
