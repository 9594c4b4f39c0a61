import type { Dict } from '../../../types/dict.ts';
import {
  COMMIT_HASH_INVALID,
  ERR_NO_LAYOUT,
  HASH_TYPE_DM,
  HASH_TYPE_DM_USER,
  type Layout,
  type LayoutEntry,
} from './layout.ts';

/**
 * trusted.glusterfs.dht of a directory on a brick (dht_disk_layout_merge): four big-endian words: commit hash, type of hash, first
 * and last hash of the brick's range.
 */
export const DISK_LAYOUT_LENGTH = 16;

export function encodeLayout(entry: LayoutEntry, type: number): Buffer {
  const out = Buffer.allocUnsafe(DISK_LAYOUT_LENGTH);
  out.writeUInt32BE(entry.commitHash, 0);
  out.writeUInt32BE(type, 4);
  out.writeUInt32BE(entry.start, 8);
  out.writeUInt32BE(entry.stop, 12);
  return out;
}

export interface DiskLayout {
  commitHash: number;
  type: number;
  start: number;
  stop: number;
}

/** Undefined when it is none of a kind that is known. */
export function decodeLayout(bytes: Buffer): DiskLayout | undefined {
  if (bytes.length < DISK_LAYOUT_LENGTH) return undefined;
  const type = bytes.readUInt32BE(4);
  if (type !== HASH_TYPE_DM && type !== HASH_TYPE_DM_USER) return undefined;
  return {
    commitHash: bytes.readUInt32BE(0),
    type,
    start: bytes.readUInt32BE(8),
    stop: bytes.readUInt32BE(12),
  };
}

/**
 * What `subvolume` answered a lookup of the directory with becomes its entry of the layout. `errno` 0 and no xattr among `xattrs`:
 * the directory is there and has no layout, as on a brick that was added; so it is on mkdir, too.
 */
export function mergeAnswer(
  layout: Layout,
  subvolume: number,
  errno: number,
  xattrs: Dict | undefined,
  name: string,
): void {
  const entry = layout.take(subvolume);
  if (errno !== 0) {
    entry.err = errno;
    return;
  }
  const bytes = xattrs?.bytes(name);
  if (bytes === undefined) {
    entry.err = 0;
    return;
  }
  const found = decodeLayout(bytes);
  if (found === undefined) {
    entry.err = ERR_NO_LAYOUT;
    return;
  }
  if (found.type === HASH_TYPE_DM_USER) layout.type = HASH_TYPE_DM_USER;
  entry.commitHash = found.commitHash;
  entry.start = found.start;
  entry.stop = found.stop;
  entry.err = 0;
  if (layout.commitHash === 0) layout.commitHash = found.commitHash;
  else if (layout.commitHash !== found.commitHash) layout.commitHash = COMMIT_HASH_INVALID;
}
