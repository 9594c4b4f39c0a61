import { findRoots, fullLocation } from '../crush/location.ts';
import { bucketItemWeight, type CrushMap } from '../crush/map.ts';

/** One place of a CRUSH tree that is being walked. */
export interface TreeItem {
  readonly id: number;
  /** 0 at the top. */
  readonly parent: number;
  readonly depth: number;
  /** 16.16. */
  readonly weight: number;
  /** Of a bucket, in the order of CrushTreeDumper: by class and name, backwards. */
  readonly children: readonly number[];
}

/** 'root=default,host=a': where an item is, from the top. */
export function crushLocation(crush: CrushMap, id: number): string {
  return fullLocation(crush, id)
    .reverse()
    .map(([type, name]) => `${type}=${name}`)
    .join(',');
}

/** Devices go by class and number, buckets before them by name. */
function sortKey(crush: CrushMap, id: number): string {
  if (id < 0) return `_${crush.names.name(id) ?? ''}`;
  return `${crush.itemClass(id) ?? ''}_osd.${String(id).padStart(8, '0')}`;
}

/**
 * Walks the trees of a map in the order in which Ceph prints them (crush/CrushTreeDumper.h), depth first.
 * @param wanted - which devices count; buckets that hold none of them are left out
 * @param top - a bucket to start at instead of all roots
 */
export function* walkCrush(
  crush: CrushMap,
  wanted?: (osd: number) => boolean,
  top?: number,
): IterableIterator<TreeItem> {
  const shown = (id: number, depth = 0): boolean => {
    if (id >= 0) return wanted === undefined || wanted(id);
    if (wanted === undefined) return true;
    const bucket = crush.bucket(id);
    return depth < crush.maxBuckets && bucket !== undefined && bucket.items.some(i => shown(i, depth + 1));
  };
  const stack: Omit<TreeItem, 'children'>[] = [];
  const roots = top === undefined ? findRoots(crush, 'nonshadow') : [top];
  for (const id of roots.reverse())
    if (shown(id)) stack.push({ id, parent: 0, depth: 0, weight: crush.bucket(id)?.weight ?? 0 });
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { id, depth } = item;
    const bucket = crush.bucket(id);
    const children: number[] = [];
    // A tree deeper than it has buckets goes in circles.
    if (bucket !== undefined && depth <= crush.maxBuckets) {
      const sorted = new Map<string, number>();
      for (let k = bucket.items.length - 1; k >= 0; k--)
        if (shown(bucket.items[k])) sorted.set(sortKey(crush, bucket.items[k]), k);
      for (const key of [...sorted.keys()].sort().reverse()) {
        const k = sorted.get(key)!;
        children.push(bucket.items[k]);
        stack.push({
          id: bucket.items[k],
          parent: id,
          depth: depth + 1,
          weight: bucketItemWeight(bucket, k),
        });
      }
    }
    yield { ...item, children };
  }
}
