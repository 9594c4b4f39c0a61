import type { CrushMap, CrushRule } from './map.ts';
import { crushTree } from './tree.ts';

/**
 * Rules that would serve the same pools, from the days when pools named a set of rules (crushtool --check):
 * a line for each range of sizes that more than one covers.
 */
export function overlappedRules(map: CrushMap): string[] {
  const sets = new Map<number, { rule: CrushRule; name: string }[]>();
  map.rules.forEach((rule, id) => {
    if (rule === undefined || rule.minSize > rule.maxSize) return;
    const key = rule.ruleset * 256 + rule.type;
    const list = sets.get(key) ?? [];
    list.push({ rule, name: map.ruleNames.name(id) ?? `rule${id}` });
    sets.set(key, list);
  });
  const lines: string[] = [];
  for (const key of [...sets.keys()].sort((a, b) => a - b)) {
    let last = '';
    for (let size = 0; size < 256; size++) {
      const covering = sets.get(key)!.filter(({ rule }) => rule.minSize <= size && size <= rule.maxSize);
      const names = [...new Set(covering.map(({ name }) => name))].sort().join(', ');
      if (names !== last && new Set(covering.map(({ name }) => name)).size > 1)
        lines.push(`overlapped rules in ruleset ${Math.floor(key / 256)}: ${names}`);
      last = names;
    }
  }
  return lines;
}

/**
 * The first item that has no name, has a type without one, or is a device from `maxId` on (0 for no limit), as a
 * line; undefined when all are well (CrushTester::check_name_maps).
 */
export function checkNames(map: CrushMap, maxId: number): string | undefined {
  for (const { id } of crushTree(map)) {
    const bucket = map.bucket(id);
    if (id < 0 && !map.names.has(id)) return `unknown item name: item#${id}`;
    if (id >= 0 && maxId > 0 && id >= maxId) return `item id too large: item#${id}`;
    if (!map.types.has(id < 0 ? (bucket?.type ?? -1) : 0)) return `unknown type name: item#${id}`;
  }
  return map.types.has(0) ? undefined : 'unknown type name: item#0';
}
