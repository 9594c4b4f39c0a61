import { NacreError } from '../../base/errors.ts';
import { bucketAlgFromName, RULE_TYPE_REPLICATED } from './constants.ts';
import { addBucket } from './edit.ts';
import { findRoots } from './location.ts';
import { CrushMap } from './map.ts';
import { setItemName } from './names.ts';
import { addSimpleRule } from './rules.ts';

/** One level of buckets above the devices. */
export interface CrushLayer {
  /** Type, and name of the buckets before their number. */
  readonly name: string;
  /** 'straw2' and its kin. */
  readonly alg: string;
  /** Items a bucket; 0 for one bucket with all. */
  readonly size: number;
}

export interface BuiltMap {
  readonly map: CrushMap;
  /** Name of the bucket that the rule takes. */
  readonly root: string;
  /** All roots; those beyond the first are in no rule. */
  readonly roots: readonly number[];
}

/** Puts the items of one level into buckets of the next; these with their weights. */
function buildLayer(
  map: CrushMap,
  layer: CrushLayer,
  type: number,
  items: readonly number[],
  weights: readonly number[],
): { items: number[]; weights: number[] } {
  const alg = bucketAlgFromName(layer.alg);
  if (alg === undefined) throw new NacreError('EINVAL', 'crush.build', `unknown bucket type '${layer.alg}'`);
  const next: { items: number[]; weights: number[] } = { items: [], weights: [] };
  const step = layer.size === 0 ? Math.max(1, items.length) : layer.size;
  for (let i = 0; i < items.length; i += step) {
    const held = weights.slice(i, i + step);
    const id = addBucket(map, { alg, type, items: items.slice(i, i + step), weights: held });
    setItemName(map, id, layer.size === 0 ? layer.name : `${layer.name}${next.items.length}`);
    next.items.push(id);
    next.weights.push(held.reduce((sum, weight) => sum + weight, 0));
  }
  return next;
}

/**
 * A map of equal devices in layers of buckets, from the lowest, and one replicated rule over the lowest type
 * (crushtool --build).
 * @throws NacreError EINVAL
 */
export function buildCrushMap(devices: number, layers: readonly CrushLayer[]): BuiltMap {
  const top = layers.at(-1);
  if (top === undefined) throw new NacreError('EINVAL', 'crush.build', 'must specify at least one layer');
  const map = new CrushMap();
  map.maxDevices = devices;
  map.types.set(0, 'osd');
  let items = Array.from({ length: devices }, (_, i) => i);
  let weights: number[] = new Array(devices).fill(0x10000);
  for (const id of items) setItemName(map, id, `osd.${id}`);
  layers.forEach((layer, i) => {
    if (!(layer.size >= 0)) throw new NacreError('EINVAL', 'crush.build', `layer size ${layer.size}`);
    map.types.set(i + 1, layer.name);
    ({ items, weights } = buildLayer(map, layer, i + 1, items, weights));
  });
  const root = top.size === 0 ? top.name : `${top.name}0`;
  addSimpleRule(map, {
    name: 'replicated_rule',
    root,
    failureDomain: layers[0].name,
    mode: 'firstn',
    type: RULE_TYPE_REPLICATED,
  });
  return { map, root, roots: findRoots(map) };
}
