import { list, struct, u32, u64, type ValueOf } from './codec.ts';

/** ECUtil::HashInfo (osd/ECUtil.h), xattr 'hinfo_key' of an erasure-coded shard: its size and the crc32c of each shard. */
export const hashInfo = struct(
  'ECUtil::HashInfo',
  { version: 1, compat: 1 },
  { totalChunkSize: u64, cumulativeShardHashes: list(u32) },
);
export type HashInfo = ValueOf<typeof hashInfo>;

export const HASH_INFO_XATTR = 'hinfo_key';
