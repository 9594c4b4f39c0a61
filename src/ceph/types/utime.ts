import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/** utime_t (include/utime.h), a moment or a duration: u32 seconds, u32 nanoseconds. */
export interface UTime {
  readonly sec: number;
  readonly nsec: number;
}

export const UTIME_ZERO: UTime = { sec: 0, nsec: 0 };

export function encodeUTime(e: Encoder, t: UTime): void {
  e.u32(t.sec);
  e.u32(t.nsec);
}

export function decodeUTime(d: Decoder): UTime {
  return { sec: d.u32(), nsec: d.u32() };
}

/** From milliseconds since 1970 (or of a duration); below zero gives zero. */
export function utimeFromMs(ms: number): UTime {
  if (ms <= 0) return UTIME_ZERO;
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.min(999_999_999, Math.round((ms - sec * 1000) * 1e6)) };
}

/** Milliseconds, with a fraction. */
export function utimeToMs(t: UTime): number {
  return t.sec * 1000 + t.nsec / 1e6;
}

export function utimeFromSeconds(seconds: number): UTime {
  return utimeFromMs(seconds * 1000);
}

export function utimeIsZero(t: UTime): boolean {
  return t.sec === 0 && t.nsec === 0;
}

export function compareUTime(a: UTime, b: UTime): number {
  return a.sec !== b.sec ? (a.sec < b.sec ? -1 : 1) : a.nsec < b.nsec ? -1 : a.nsec > b.nsec ? 1 : 0;
}

const TEN_YEARS = 60 * 60 * 24 * 365 * 10;

/**
 * As Ceph prints it: '2021-03-04T05:06:07.123456+0000', and small values, which are durations, as seconds
 * ('12.345678'). Always in UTC.
 */
export function utimeText(t: UTime): string {
  const micros = String(Math.floor(t.nsec / 1000)).padStart(6, '0');
  if (t.sec < TEN_YEARS) return `${t.sec}.${micros}`;
  return `${new Date(t.sec * 1000).toISOString().slice(0, 19)}.${micros}+0000`;
}
