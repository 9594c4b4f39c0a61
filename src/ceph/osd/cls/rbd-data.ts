import { ASSERT_SNAPC_SEQ_GT_SNAPSET_SEQ, ASSERT_SNAPC_SEQ_LE_SNAPSET_SEQ } from '../../types/cls-rbd.ts';
import { EINVAL, EOPNOTSUPP, ERANGE } from '../errors.ts';
import { check, fail, mustExist, readData, reads, writes } from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

// Methods of data objects.

const copyup = writes((ctx, d) => {
  if (!ctx.exists) check(ctx.write(0, d.bytes(d.remaining)));
});

/** map<u64 offset, u64 length>, then a blob with the extents' bytes one after another. */
const sparseCopyup = writes((ctx, d) => {
  const extents = new Map<number, number>();
  for (let n = d.count(16); n > 0; n--) {
    const offset = d.u64();
    extents.set(offset, d.u64());
  }
  const data = d.blob();
  if (ctx.exists) return;
  if (extents.size === 0) check(ctx.create(true));
  let at = 0;
  for (const [offset, length] of [...extents].sort((a, b) => a[0] - b[0])) {
    if (at + length > data.length) fail(EINVAL);
    check(ctx.write(offset, data.subarray(at, at + length)));
    at += length;
  }
});

const isZero = (bytes: Buffer): boolean =>
  bytes.length === 0 || (bytes[0] === 0 && bytes.compare(bytes, 1, bytes.length, 0, bytes.length - 1) === 0);

/** Runs of steps of `step` bytes (the last may be shorter) that are not all zero: [offset, length]. */
function dataRuns(data: Buffer, step: number): [number, number][] {
  const runs: [number, number][] = [];
  let open: [number, number] | undefined;
  for (let at = 0; at < data.length; at += step) {
    const length = Math.min(step, data.length - at);
    if (isZero(data.subarray(at, at + length))) open = undefined;
    else if (open === undefined) {
      open = [at, length];
      runs.push(open);
    } else open[1] += length;
  }
  return runs;
}

const sparsify = writes((ctx, d) => {
  const step = d.u64();
  const removeEmpty = d.bool();
  mustExist(ctx);
  if (step === 0) fail(EINVAL);
  const data = Buffer.from(readData(ctx));
  if (isZero(data)) {
    if (removeEmpty) check(ctx.remove());
    else if (data.length > 0) replace(ctx, 0, data.subarray(0, 0));
    return;
  }
  const runs = dataRuns(data, step);
  if (runs[0][1] === data.length) return;
  for (const [i, [offset, length]] of runs.entries()) {
    const bytes = data.subarray(offset, offset + length);
    if (i === 0) replace(ctx, offset, bytes);
    else check(ctx.write(offset, bytes));
  }
});

/** The object has nothing but this. */
function replace(ctx: ClsContext, offset: number, data: Buffer): void {
  check(ctx.truncate(0));
  check(ctx.write(offset, data));
}

/** Whether the snap context that the writer has is newer than what the object was written with last. */
const assertSnapcSeq = reads((ctx, d) => {
  const seq = d.u64b();
  const state = d.u8();
  const newer = !ctx.exists || seq > ctx.snapSetSeq;
  if (state !== ASSERT_SNAPC_SEQ_GT_SNAPSET_SEQ && state !== ASSERT_SNAPC_SEQ_LE_SNAPSET_SEQ)
    fail(EOPNOTSUPP);
  if (newer !== (state === ASSERT_SNAPC_SEQ_GT_SNAPSET_SEQ)) fail(ERANGE);
  return Buffer.alloc(0);
});

export const dataMethods: Readonly<Record<string, ClsMethod>> = {
  copyup,
  sparse_copyup: sparseCopyup,
  sparsify,
  assert_snapc_seq: assertSnapcSeq,
};
