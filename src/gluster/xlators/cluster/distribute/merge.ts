import { DICT_PTR, Dict, type DictValue } from '../../../types/dict.ts';
import { QUOTA_SIZE } from './names.ts';

const STIME = /^trusted\.glusterfs\..*\.stime$/;

/** Adds one more brick's attributes of a directory to those of others (`dht_aggregate_xattr`): the last one counts, but for sums. */
export function aggregate(to: Dict | undefined, from: Dict | undefined): Dict | undefined {
  if (from === undefined) return to;
  if (to === undefined) return Dict.from(from);
  for (const [key, value] of from.entries) {
    if (key === QUOTA_SIZE) to.set(key, addQuota(to.get(key), value));
    else if (STIME.test(key)) to.set(key, earlier(to.get(key), value));
    else if (key === 'replica.split-brain-status') mergeSplitBrain(to, key, value);
    else to.set(key, value);
  }
  return to;
}

function bytesOf(value: DictValue | undefined): Buffer | undefined {
  return value !== undefined && Buffer.isBuffer(value.value) ? value.value : undefined;
}

/** Quota accounts (quota_meta_t): bytes, files and directories as big-endian 64-bit numbers; directories are on all bricks. */
function addQuota(old: DictValue | undefined, value: DictValue): DictValue {
  const b = bytesOf(value);
  if (b === undefined || b.length < 8) return old ?? value;
  const a = bytesOf(old) ?? Buffer.alloc(24);
  const out = Buffer.alloc(24);
  a.copy(out);
  out.writeBigInt64BE(out.readBigInt64BE(0) + b.readBigInt64BE(0), 0);
  if (b.length >= 16) out.writeBigInt64BE(out.readBigInt64BE(8) + b.readBigInt64BE(8), 8);
  if (b.length >= 24) {
    if (b.readBigInt64BE(16) > out.readBigInt64BE(16)) b.copy(out, 16, 16, 24);
  } else if (b.length >= 16) out.writeBigInt64BE(0n, 16);
  return { type: DICT_PTR, value: out };
}

/** How far geo-replication is: the brick that is furthest behind counts (two big-endian words: seconds, nanoseconds). */
function earlier(old: DictValue | undefined, value: DictValue): DictValue {
  const a = bytesOf(old);
  const b = bytesOf(value);
  if (old === undefined || a === undefined || a.length < 8) return value;
  if (b === undefined || b.length < 8) return old;
  return Buffer.compare(a.subarray(0, 8), b.subarray(0, 8)) <= 0 ? old : value;
}

/** A directory's metadata may be in split brain on some replica sets only: their choices are put together. */
function mergeSplitBrain(to: Dict, key: string, value: DictValue): void {
  const old = to.string(key);
  const text = new Dict([[key, value]]).string(key) ?? '';
  if (old === undefined || old.includes('not')) {
    to.set(key, value);
    return;
  }
  if (!old.includes('metadata-split-brain:yes') || !old.includes('data-split-brain:no')) return;
  if (text.includes('not') || !text.includes('yes') || text === old) return;
  const choices = [old, text].map(t => t.split('Choices:')[1] ?? '');
  to.setString(key, `data-split-brain:no    metadata-split-brain:yes   Choices:${choices.join(',')}`);
}
