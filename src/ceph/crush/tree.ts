import { weightToFloat } from './format.ts';
import { findRoots } from './location.ts';
import { bucketItemWeight, type CrushMap, sortedKeys } from './map.ts';

/** An item at its place in the tree. */
export interface CrushTreeItem {
  readonly id: number;
  /** 0 for a root. */
  readonly parent: number;
  readonly depth: number;
  /** 16.16 fixed point. */
  readonly weight: number;
}

/** What the items of a bucket are sorted by: class, then name (devices by number). */
function sortKey(map: CrushMap, id: number): string {
  if (id < 0) return `_${map.names.name(id) ?? ''}`;
  return `${map.itemClass(id) ?? ''}_osd.${String(id).padStart(8, '0')}`;
}

/**
 * Every item of the map in the order of `ceph osd tree` (CrushTreeDumper): roots ascending, each item's own
 * before the next.
 */
export function* crushTree(map: CrushMap, shadows = false): Generator<CrushTreeItem> {
  for (const root of findRoots(map, shadows ? 'all' : 'nonshadow')) {
    const stack: CrushTreeItem[] = [{ id: root, parent: 0, depth: 0, weight: map.bucket(root)?.weight ?? 0 }];
    for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
      yield item;
      const bucket = map.bucket(item.id);
      if (bucket === undefined) continue;
      const children = new Map<string, CrushTreeItem>();
      // Of items with the same key the first counts.
      for (let i = bucket.items.length - 1; i >= 0; i--) {
        const id = bucket.items[i];
        children.set(sortKey(map, id), {
          id,
          parent: bucket.id,
          depth: item.depth + 1,
          weight: bucketItemWeight(bucket, i),
        });
      }
      for (const key of [...children.keys()].sort().reverse()) stack.push(children.get(key)!);
    }
  }
}

/** 'host a' or 'osd.3'. */
export function treeItemText(map: CrushMap, id: number): string {
  if (id >= 0) return `osd.${id}`;
  const type = map.bucket(id)?.type;
  return `${type === undefined ? '' : (map.types.name(type) ?? '')} ${map.names.name(id) ?? ''}`;
}

/** The weights that the first weight set of each of `treeArgsNames` gives an item; undefined where there is none. */
export function treeArgsWeights(map: CrushMap, item: CrushTreeItem): (number | undefined)[] {
  return sortedKeys(map.chooseArgs).map(pool => {
    const parent = map.bucket(item.parent);
    const weights = map.chooseArgs.get(pool)!.get(-1 - item.parent)?.weightSet[0];
    if (parent === undefined || weights === undefined) return undefined;
    const weight = weights[parent.items.indexOf(item.id)];
    return weight === undefined ? undefined : weightToFloat(weight);
  });
}

/** Column headings of the choose_args: '(compat)' for the default ones, else the pool's number. */
export function treeArgsNames(map: CrushMap): string[] {
  return sortedKeys(map.chooseArgs).map(pool => (pool === -1 ? '(compat)' : String(pool)));
}
