import type { CrushMap } from '../crush/map.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import type { Locality } from './target.ts';

/** 'root=default host=a' -> type and name pairs; undefined for what is no location. */
export function parseCrushLocation(text: string): Map<string, Set<string>> {
  const where = new Map<string, Set<string>>();
  for (const pair of text.split(/[\s,;]+/)) {
    const equals = pair.indexOf('=');
    if (equals <= 0) continue;
    const type = pair.slice(0, equals);
    const names = where.get(type);
    if (names === undefined) where.set(type, new Set([pair.slice(equals + 1)]));
    else names.add(pair.slice(equals + 1));
  }
  return where;
}

function parentsOf(crush: CrushMap): Map<number, number> {
  const shadows = new Set<number>();
  for (const classes of crush.classBuckets.values()) for (const id of classes.values()) shadows.add(id);
  const parents = new Map<number, number>();
  for (const bucket of crush.buckets) {
    if (bucket === undefined || shadows.has(bucket.id)) continue;
    for (const item of bucket.items) parents.set(item, bucket.id);
  }
  return parents;
}

/**
 * How far OSDs are from us: the CRUSH type of the nearest bucket that holds both (0 would be the device itself, 1
 * the host ...), -1 for none (CrushWrapper::get_common_ancestor_distance). Without a crush_location we are on a
 * host of our own name under the default root.
 */
export function crushLocality(location: string, hostname: string): Locality {
  const where = parseCrushLocation(location.trim() === '' ? `host=${hostname} root=default` : location);
  let crush: CrushMap | undefined;
  let parents = new Map<number, number>();
  return (map: OsdMap, osd: number) => {
    if (map.crush !== crush) {
      crush = map.crush;
      parents = parentsOf(crush);
    }
    for (let at = parents.get(osd); at !== undefined; at = parents.get(at)) {
      const bucket = crush.bucket(at);
      if (bucket === undefined) return -1;
      const names = where.get(crush.types.name(bucket.type) ?? '');
      if (names?.has(crush.names.name(at) ?? '') === true) return bucket.type;
    }
    return -1;
  };
}
