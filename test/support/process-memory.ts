import { readFileSync } from 'node:fs';

/** A line of /proc/PID/status, MiB: what is resident now (VmRSS), or was at the peak (VmHWM). */
export function memoryMiB(pid: number | 'self', field: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)![1]) / 1024;
}
