import { CRUSH_ITEM_NONE } from '../crush/constants.ts';
import { pgText } from '../types/pg.ts';
import { dumpPgPool } from './dump.ts';
import type { OsdMap } from './osdmap.ts';
import { osdListText, poolsText, printOsdMap } from './print.ts';

/*
 * What monitors answer to commands that ask nothing but the map: text, and values for formatJson.
 */

/** `osd dump`: the map as it prints, without the empty lines, which get lost on their way through a monitor. */
export function osdDumpText(map: OsdMap): string {
  return printOsdMap(map).replace(/\n{2,}/g, '\n');
}

/** `osd pool ls detail`. */
export function osdPoolLsDetailText(map: OsdMap): string {
  return `${poolsText(map)}\n`;
}

export function osdPoolLsDetailJson(map: OsdMap): object[] {
  return map
    .sortedPools()
    .map(([id, pool]) => ({ pool_id: id, pool_name: map.poolNames.get(id) ?? '', ...dumpPgPool(pool) }));
}

/** `osd pool ls`, a name a line. */
export function osdPoolLsText(map: OsdMap): string {
  return map
    .sortedPools()
    .map(([id]) => `${map.poolNames.get(id) ?? ''}\n`)
    .join('');
}

/** `osd lspools`, 'ID NAME' a line. */
export function osdLspoolsText(map: OsdMap): string {
  return map
    .sortedPools()
    .map(([id]) => `${id} ${map.poolNames.get(id) ?? ''}\n`)
    .join('');
}

export function osdLspoolsJson(map: OsdMap): object[] {
  return map.sortedPools().map(([id]) => ({ poolnum: id, poolname: map.poolNames.get(id) ?? '' }));
}

/** Where an object of a pool is: `osd map`. */
export interface ObjectMapping {
  /** One line, as the monitor says it. */
  readonly text: string;
  readonly json: object;
}

/** '[1,0,NONE]': pg_vector_string. */
function osdsWithNone(osds: readonly number[]): string {
  return osdListText(osds).replaceAll(String(CRUSH_ITEM_NONE), 'NONE');
}

/** Undefined when there is no such pool. */
export function osdMapObject(
  map: OsdMap,
  pool: number,
  name: string,
  nspace = '',
): ObjectMapping | undefined {
  const raw = map.placement.objectToPg(pool, name, '', nspace);
  if (raw === undefined) return undefined;
  const pg = map.placement.rawPgToPg(raw)!;
  const { up, upPrimary, acting, actingPrimary } = map.placement.pgToUpActing(pg);
  const poolName = map.poolNames.get(pool) ?? '';
  const fullName = nspace === '' ? name : `${nspace}/${name}`;
  const set = (osds: readonly number[], primary: number): string => `(${osdsWithNone(osds)}, p${primary})`;
  return {
    text:
      `osdmap e${map.epoch} pool '${poolName}' (${pool}) object '${fullName}' -> pg ${pgText(raw)} (${pgText(pg)})` +
      ` -> up ${set(up, upPrimary)} acting ${set(acting, actingPrimary)}`,
    json: {
      epoch: map.epoch,
      pool: poolName,
      pool_id: pool,
      objname: fullName,
      raw_pgid: pgText(raw),
      pgid: pgText(pg),
      up,
      up_primary: upPrimary,
      acting,
      acting_primary: actingPrimary,
    },
  };
}
