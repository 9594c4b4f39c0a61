import { NacreError } from '../../base/errors.ts';
import type { VolfileVolume } from './volfile.ts';
import type { XlatorClass } from './xlator.ts';

/** Which volume is the top: the one that is asked for, or the last. */
export function topName(volumes: readonly VolfileVolume[], topVolume: string | undefined): string {
  if (topVolume === undefined) return volumes.at(-1)!.name;
  if (volumes.some(({ name }) => name === topVolume)) return topVolume;
  throw new NacreError('EINVAL', 'gluster.graph', `the volfile has no volume '${topVolume}'`);
}

/** What the top needs, in the order of definition; volumes below are always defined before, so there are no cycles. */
export function reachable(volumes: readonly VolfileVolume[], top: string): VolfileVolume[] {
  const needed = new Set([top]);
  for (const volume of [...volumes].reverse())
    if (needed.has(volume.name)) for (const name of volume.subvolumes) needed.add(name);
  return volumes.filter(({ name }) => needed.has(name));
}

/** glusterd's largest graphs have a few thousand layers, some twenty above each other, and one way to each. */
const MAX_LAYERS = 10_000;
const MAX_DEPTH = 128;
const MAX_WAYS = 100_000;

/** Refuses what would take for ever to notify and to wind through: a volfile is what a server sent. */
export function checkShape(volumes: readonly VolfileVolume[]): void {
  const fail = (what: string): never => {
    throw new NacreError('EINVAL', 'gluster.graph', what);
  };
  if (volumes.length > MAX_LAYERS) fail(`a graph of ${volumes.length} layers, over ${MAX_LAYERS}`);
  const ways = new Map<string, number>();
  const depths = new Map<string, number>();
  let total = 0;
  for (const { name, subvolumes, line } of [...volumes].reverse()) {
    const here = ways.get(name) ?? 1;
    const depth = depths.get(name) ?? 1;
    total += here;
    if (depth > MAX_DEPTH) fail(`line ${line}: volume '${name}' lies over ${MAX_DEPTH} layers deep`);
    if (total > MAX_WAYS) fail(`line ${line}: over ${MAX_WAYS} ways lead down to volume '${name}'`);
    for (const child of subvolumes) {
      ways.set(child, (ways.get(child) ?? 0) + here);
      depths.set(child, Math.max(depths.get(child) ?? 0, depth + 1));
    }
  }
}

/** Throws unless there are as many subvolumes as the type takes. */
export function checkSubvolumes(volume: VolfileVolume, type: XlatorClass): void {
  const count = volume.subvolumes.length;
  const [least, most] = type.subvolumes ?? [1, 1];
  if (count >= least && count <= most) return;
  const wanted =
    least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  throw new NacreError(
    'EINVAL',
    'gluster.graph',
    `line ${volume.line}: volume '${volume.name}' (${volume.type}) takes ${wanted} subvolumes, and has ${count}`,
  );
}

/** Options that were given besides the volfile: 'VOLUME.KEY', where VOLUME may have a `*`. */
export function* commandLineOptions(
  given: Readonly<Record<string, string>> | undefined,
  volume: string,
): Iterable<readonly [string, string]> {
  for (const [name, value] of Object.entries(given ?? {})) {
    const dot = name.indexOf('.');
    const pattern = name.slice(0, dot);
    const escaped = pattern.replace(/[.\\^$+?()[\]{}|]/g, '\\$&').replaceAll('*', '.*');
    if (dot > 0 && new RegExp(`^${escaped}$`).test(volume)) yield [name.slice(dot + 1), value];
  }
}

/** Whether two volfiles make the same layers, options aside. */
export function sameShape(a: readonly VolfileVolume[], b: readonly VolfileVolume[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      ({ name, type, subvolumes }, i) =>
        name === b[i].name && type === b[i].type && subvolumes.join('\0') === b[i].subvolumes.join('\0'),
    )
  );
}
