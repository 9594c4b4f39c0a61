import { NacreError } from '../../base/errors.ts';
import type { CrushBucket, CrushMap } from './map.ts';

/** Ids below this would make the map's array larger than any cluster needs. */
const MAX_BUCKETS = 1 << 22;

/** The highest free bucket id. */
export function nextBucketId(map: CrushMap): number {
  let at = 0;
  while (at < map.maxBuckets && map.buckets[at] !== undefined) at++;
  return -1 - at;
}

/**
 * Puts a bucket into the map (crush_add_bucket). The array of buckets doubles when it is full, as the count is
 * part of what is encoded.
 * @param id - 0 for the next free one
 * @returns its id
 * @throws NacreError EEXIST, ENOSPC
 */
export function placeBucket(map: CrushMap, id: number, bucket: CrushBucket): number {
  const at = -1 - (id === 0 ? nextBucketId(map) : id);
  if (at < 0)
    throw new NacreError('EINVAL', 'crush.add_bucket', `bucket id ${id}: ids of buckets are negative`);
  if (at >= MAX_BUCKETS)
    throw new NacreError('ENOSPC', 'crush.add_bucket', `bucket id ${id} is below -${MAX_BUCKETS}`);
  let size = map.maxBuckets;
  while (at >= size) size = size === 0 ? 8 : size * 2;
  while (map.buckets.length < size) map.buckets.push(undefined);
  if (map.buckets[at] !== undefined)
    throw new NacreError('EEXIST', 'crush.add_bucket', `there is a bucket with id ${-1 - at}`);
  bucket.id = -1 - at;
  map.buckets[at] = bucket;
  return bucket.id;
}
