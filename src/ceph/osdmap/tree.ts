import { cephFloat } from '../../base/format.ts';
import { TextTable } from '../../base/text-table.ts';
import { DEFAULT_CHOOSE_ARGS } from '../crush/constants.ts';
import { weightText, weightToFloat } from '../crush/format.ts';
import { type TreeItem, walkCrush } from './crush-tree.ts';
import type { OsdMap } from './osdmap.ts';

/** Which OSDs a tree shows: those in any of the states; all when empty. */
export type TreeFilter = readonly ('up' | 'down' | 'in' | 'out' | 'destroyed')[];

function wantedBy(map: OsdMap, filter: TreeFilter): ((osd: number) => boolean) | undefined {
  if (filter.length === 0) return undefined;
  return osd =>
    filter.some(state => {
      if (state === 'up') return map.isUp(osd);
      if (state === 'down') return map.isDown(osd);
      if (state === 'in') return map.isIn(osd);
      return state === 'out' ? map.isOut(osd) : map.isDestroyed(osd);
    });
}

function status(map: OsdMap, osd: number): string {
  return map.isUp(osd) ? 'up' : map.isDestroyed(osd) ? 'destroyed' : 'down';
}

/** The items of the tree, and OSDs that are in the map and in no tree. */
function collect(map: OsdMap, filter: TreeFilter, top?: number): { items: TreeItem[]; stray: TreeItem[] } {
  const wanted = wantedBy(map, filter);
  const items = [...walkCrush(map.crush, wanted, top)];
  const stray: TreeItem[] = [];
  if (top === undefined) {
    const touched = new Set(items.map(i => i.id));
    for (let id = 0; id < map.maxOsd; id++)
      if (map.exists(id) && !touched.has(id) && (wanted?.(id) ?? true))
        stray.push({ id, parent: 0, depth: 0, weight: 0, children: [] });
  }
  return { items, stray };
}

/** `ceph osd tree` as text. `top`: id of the bucket to start at. */
export function osdTreeText(map: OsdMap, filter: TreeFilter = [], top?: number): string {
  const { items, stray } = collect(map, filter, top);
  const { crush } = map;
  const table = new TextTable()
    .column('ID', 'left', 'right')
    .column('CLASS', 'left', 'right')
    .column('WEIGHT', 'left', 'right')
    .column('TYPE NAME', 'left', 'left')
    .column('STATUS', 'left', 'right')
    .column('REWEIGHT', 'left', 'right')
    .column('PRI-AFF', 'left', 'right');
  for (const { id, depth, weight } of [...items, ...stray]) {
    const indent = '    '.repeat(depth);
    const bucket = crush.bucket(id);
    const name =
      id < 0 ? `${crush.types.name(bucket?.type ?? -1) ?? ''} ${crush.names.name(id) ?? ''}` : `osd.${id}`;
    const head = [id, crush.itemClass(id) ?? '', weightText(weightToFloat(weight)), indent + name];
    if (id < 0) table.row(...head);
    else if (!map.exists(id)) table.row(...head, 'DNE', 0);
    else {
      const reweight = weightText(weightToFloat(map.osdWeight[id]));
      table.row(...head, status(map, id), reweight, weightText(weightToFloat(map.affinityOf(id))));
    }
  }
  return table.toString();
}

/** Weights of an item in the weight sets of the pools, as `pool_weights`. */
function poolWeights(map: OsdMap, item: TreeItem): Map<string, object[]> {
  const found = new Map<string, object[]>();
  const position = map.crush.bucket(item.parent)?.items.indexOf(item.id) ?? -1;
  for (const [pool, args] of [...map.crush.chooseArgs].sort((a, b) => a[0] - b[0])) {
    const arg = args.get(-1 - item.parent);
    if (arg === undefined || arg.weightSet.length === 0 || position < 0) continue;
    const name = pool === DEFAULT_CHOOSE_ARGS ? '(compat)' : (map.poolNames.get(pool) ?? String(pool));
    found.set(
      name,
      arg.weightSet.map(weights => cephFloat(weightToFloat(weights[position]))),
    );
  }
  return found;
}

function nodeJson(map: OsdMap, item: TreeItem): object {
  const { crush } = map;
  const { id } = item;
  const type = id < 0 ? (crush.bucket(id)?.type ?? -1) : 0;
  return {
    id,
    device_class: crush.itemClass(id),
    name: id < 0 ? (crush.names.name(id) ?? '') : `osd.${id}`,
    type: crush.types.name(type) ?? '',
    type_id: type,
    crush_weight: id < 0 ? undefined : cephFloat(weightToFloat(item.weight)),
    depth: id < 0 ? undefined : item.depth,
    pool_weights: item.parent < 0 ? poolWeights(map, item) : undefined,
    ...(id < 0
      ? { children: item.children }
      : {
          exists: map.exists(id) ? 1 : 0,
          status: status(map, id),
          reweight: cephFloat(weightToFloat(id < map.maxOsd ? map.osdWeight[id] : 0)),
          primary_affinity: cephFloat(weightToFloat(id < map.maxOsd ? map.affinityOf(id) : 0)),
        }),
  };
}

/** `ceph osd tree` as JSON: what formatJson takes. */
export function osdTreeJson(map: OsdMap, filter: TreeFilter = [], top?: number): object {
  const { items, stray } = collect(map, filter, top);
  const nodes = items.map(i => nodeJson(map, i));
  return top === undefined ? { nodes, stray: stray.map(i => nodeJson(map, i)) } : { nodes };
}
