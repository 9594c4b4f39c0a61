import { hostname } from 'node:os';
import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { IoCtx } from '../../ceph/rados/index.ts';

// Names and contents of benchmark objects, the same as those of `rados bench` (common/obj_bencher.cc), so that each
// program reads and cleans up what the other wrote.

/** Object that describes the last run, unless --run-name names another. */
export const LAST_RUN = 'benchmark_last_metadata';
export const BENCH_PREFIX = 'benchmark_data';

/** 'benchmark_data_HOST_PID'; gethostname into 30 bytes. */
export function objectPrefix(pid: number): string {
  return `${BENCH_PREFIX}_${hostname().slice(0, 29)}_${pid}`;
}

/**
 * What a run leaves behind for those that read or remove its objects:
 *   u64 object size, s32 number of operations, s32 pid, u64 operation size
 */
export interface BenchMetadata {
  readonly objectSize: number;
  readonly numOps: number;
  readonly pid: number;
  readonly opSize: number;
}

export function encodeMetadata({ objectSize, numOps, pid, opSize }: BenchMetadata): Buffer {
  return encodeToBuffer(e => {
    e.u64(objectSize);
    e.i32(numOps);
    e.i32(pid);
    e.u64(opSize);
  });
}

/** @throws NacreError ENOENT when there was no run of that name. */
export async function readMetadata(io: IoCtx, runName: string): Promise<BenchMetadata> {
  const data = await io.read(runName, { length: 24 });
  if (data.length === 0) throw new NacreError('ENOENT', 'bench', `'${runName}' is empty`);
  const d = new Decoder(data, 'benchmark metadata');
  const objectSize = d.u64();
  const numOps = d.i32();
  const pid = d.i32();
  const opSize = d.remaining > 0 ? d.u64() : objectSize;
  return { objectSize, numOps, pid, opSize };
}

export function objectsOf({ objectSize, opSize, numOps }: BenchMetadata): number {
  const perObject = Math.max(1, Math.floor(objectSize / opSize));
  return Math.ceil(numOps / perObject);
}

const FILL = 0x7a; // 'z'
const DIGITS_AT = "I'm the ".length;
const DIGITS = 16;

/** Contents of an operation: "I'm the %16dth op!" and a zero byte, then 'z' to the end. */
export function makeContents(size: number): Buffer {
  const contents = Buffer.alloc(size, FILL);
  if (size === 0) return contents;
  // As snprintf does it: what is too long is cut, and a zero byte comes last.
  const text = `I'm the ${' '.repeat(DIGITS)}th op!`.slice(0, size - 1);
  contents.write(text, 'latin1');
  contents[text.length] = 0;
  return contents;
}

/** Puts the number of an operation into its contents. */
export function numberContents(contents: Buffer, op: number): void {
  const last = DIGITS_AT + DIGITS - 1;
  const end = contents.length - 2; // the zero byte is behind it
  let n = op;
  if (end >= last) {
    for (let at = last; at >= DIGITS_AT; at--) {
      if (n === 0 && at !== last) contents[at] = 0x20;
      else {
        contents[at] = 0x30 + (n % 10);
        n = Math.floor(n / 10);
      }
    }
    return;
  }
  const text = String(op)
    .padStart(DIGITS)
    .slice(0, Math.max(0, end - DIGITS_AT + 1));
  if (text !== '') contents.write(text, DIGITS_AT, 'latin1');
}
