import { F_UNLCK, type Flock } from '../types/fs.ts';

/** The locks of an fd after one more was granted, or given up: so that another graph can be asked for the same. */
export function withLock(held: readonly Flock[], lock: Flock): readonly Flock[] {
  const end = endOf(lock);
  const kept: Flock[] = [];
  for (const other of held) {
    const otherEnd = endOf(other);
    if (other.owner !== lock.owner || otherEnd <= lock.start || other.start >= end) {
      kept.push(other);
      continue;
    }
    if (other.start < lock.start) kept.push({ ...other, len: lock.start - other.start });
    if (otherEnd > end) kept.push({ ...other, start: end, len: other.len === 0 ? 0 : otherEnd - end });
  }
  if (lock.type !== F_UNLCK) kept.push({ ...lock });
  return kept;
}

function endOf({ start, len }: Flock): number {
  return len === 0 ? Number.POSITIVE_INFINITY : start + len;
}
