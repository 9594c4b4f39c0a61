import { NacreError } from '../../base/errors.ts';
import { fullLocation, leavesOf } from '../crush/index.ts';
import {
  dumpAddrVec,
  dumpOsd,
  dumpOsdMap,
  dumpPool,
  type OsdMap,
  osdListText,
  osdSummaryJson,
  osdSummaryText,
  osdText,
  osdTreeJson,
  osdTreeText,
  poolsText,
  printOsdMap,
  releaseName,
  type TreeFilter,
} from '../osdmap/index.ts';
import { sortedBlocklist } from '../osdmap/osdmap.ts';
import { entityAddrText } from '../types/addr-text.ts';
import { parsePgId, pgText } from '../types/pg.ts';
import { utimeFromMs, utimeText } from '../types/utime.ts';
import {
  COMMAND_DEPRECATED,
  type CommandCall,
  type CommandReply,
  type CommandSpec,
  emit,
  failed,
  isPlain,
} from './command.ts';
import type { MonCore } from './core.ts';

const EPOCH = 'name=epoch,type=CephInt,range=0,req=false';
const STATES = 'name=states,type=CephChoices,strings=up|down|in|out|destroyed,n=N,req=false';

function osdIds(map: OsdMap): number[] {
  const ids: number[] = [];
  for (let osd = 0; osd < map.maxOsd; osd++) if (map.exists(osd)) ids.push(osd);
  return ids;
}

/** Counts values of one member of many daemons' metadata, in the order of the values. */
export function countMetadata(
  all: Iterable<ReadonlyMap<string, string>>,
  property: string,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const metadata of all) {
    const value = metadata.get(property) ?? 'unknown';
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return new Map([...counts].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
}

/** Commands that only look at the OSD map. */
export function osdInfoCommands(core: MonCore): CommandSpec[] {
  const { osds } = core;
  const mapOf = (call: CommandCall) => osds.mapOf(call.args.optInt('epoch'));
  const existing = (call: CommandCall): number => {
    const id = call.args.osd('id');
    if (!osds.map.exists(id)) throw new NacreError('ENOENT', call.prefix, `osd.${id} does not exist`);
    return id;
  };
  const filterOf = (call: CommandCall): TreeFilter | CommandReply => {
    const states = call.args.list('states') as unknown as TreeFilter;
    const one = (names: readonly string[]) => states.filter(s => names.includes(s)).length > 1;
    if (one(['up', 'down', 'destroyed']))
      return failed('EINVAL', "can specify only one of 'up', 'down' and 'destroyed'");
    if (one(['in', 'out'])) return failed('EINVAL', "cannot specify both 'in' and 'out'");
    return states;
  };
  const tree = (call: CommandCall): CommandReply => {
    const filter = filterOf(call);
    if (!Array.isArray(filter)) return filter as CommandReply;
    const map = mapOf(call);
    let top: number | undefined;
    if (call.args.has('bucket')) {
      const name = call.args.str('bucket');
      top = map.crush.names.id(name);
      if (top === undefined) return failed('ENOENT', `bucket '${name}' does not exist`);
      if (top >= 0) return failed('EINVAL', `'${name}' is not a bucket`);
    }
    return { output: emit(call, osdTreeJson(map, filter, top), () => osdTreeText(map, filter, top)) };
  };
  const find = (call: CommandCall): CommandReply => {
    const id = existing(call);
    const { map } = osds;
    const metadata = osds.metadata.get(id);
    return {
      output: emit(call, {
        osd: id,
        addrs: dumpAddrVec(map.clientAddrs[id]),
        osd_fsid: map.osdUuid[id],
        host: metadata?.get('hostname'),
        crush_location: new Map(fullLocation(map.crush, id).sort((a, b) => (a[0] < b[0] ? -1 : 1))),
      }),
    };
  };
  const metadataJson = (id: number): Map<string, string | number> =>
    new Map<string, string | number>([
      ['id', id],
      ...[...(osds.metadata.get(id) ?? new Map<string, string>())].sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    ]);
  const metadata = (call: CommandCall): CommandReply => {
    if (call.args.has('id')) return { output: emit(call, metadataJson(existing(call))) };
    return { output: emit(call, osdIds(osds.map).map(metadataJson)) };
  };
  const info = (call: CommandCall): CommandReply => {
    const { map } = osds;
    if (call.args.has('id')) {
      const id = existing(call);
      return { output: emit(call, dumpOsd(map, id), () => `${osdText(map, id)}\n`) };
    }
    const ids = osdIds(map);
    return {
      output: emit(
        call,
        ids.map(id => dumpOsd(map, id)),
        () => ids.map(id => `${osdText(map, id)}\n`).join(''),
      ),
    };
  };
  const objectMap = (call: CommandCall): CommandReply => {
    const { map } = osds;
    const poolName = call.args.str('pool');
    const pool = map.poolIdByName(poolName);
    if (pool === undefined) return failed('ENOENT', `pool ${poolName} does not exist`);
    const object = call.args.str('object');
    const nspace = call.args.str('nspace', '');
    const raw = map.placement.objectToPg(pool, object, '', nspace)!;
    const pg = map.placement.rawPgToPg(raw)!;
    const { up, upPrimary, acting, actingPrimary } = map.placement.pgToUpActing(pg);
    const name = nspace === '' ? object : `${nspace}/${object}`;
    return {
      output: emit(
        call,
        {
          epoch: map.epoch,
          pool: poolName,
          pool_id: pool,
          objname: name,
          raw_pgid: pgText(raw),
          pgid: pgText(pg),
          up,
          up_primary: upPrimary,
          acting,
          acting_primary: actingPrimary,
        },
        `osdmap e${map.epoch} pool '${poolName}' (${pool}) object '${name}' -> pg ${pgText(raw)} (${pgText(pg)}) -> ` +
          `up (${osdListText(up)}, p${upPrimary}) acting (${osdListText(acting)}, p${actingPrimary})\n`,
      ),
    };
  };
  const pgMap = (call: CommandCall): CommandReply => {
    const { map } = osds;
    const text = call.args.str('pgid');
    const raw = parsePgId(text);
    if (raw === undefined) return failed('EINVAL', `invalid pgid ${text}`);
    const pg = map.placement.rawPgToPg(raw);
    if (pg === undefined) return failed('ENOENT', `pool '${raw.pool}' does not exist`);
    const { up, acting } = map.placement.pgToUpActing(pg);
    return {
      output: emit(
        call,
        { epoch: map.epoch, raw_pgid: pgText(raw), pgid: pgText(pg), up, acting },
        `osdmap e${map.epoch} pg ${pgText(raw)} (${pgText(pg)}) -> up ${osdListText(up)} acting ${osdListText(acting)}\n`,
      ),
    };
  };
  const lspools = (call: CommandCall): CommandReply => {
    const pools = osds.map
      .sortedPools()
      .map(([id]) => ({ poolnum: id, poolname: osds.map.poolNames.get(id) ?? '' }));
    return { output: emit(call, pools, () => pools.map(p => `${p.poolnum} ${p.poolname}\n`).join('')) };
  };
  const poolLs = (call: CommandCall): CommandReply => {
    const { map } = osds;
    const pools = map.sortedPools();
    if (call.args.str('detail', '') !== 'detail') {
      const names = pools.map(([id]) => map.poolNames.get(id) ?? '');
      return { output: emit(call, names, () => names.map(name => `${name}\n`).join('')) };
    }
    const json = () =>
      pools.map(([id, pool]) => {
        const { pool: _, ...rest } = dumpPool(map, id, pool) as { pool: number };
        return { pool_id: id, ...rest };
      });
    return { output: isPlain(call) ? `${poolsText(map)}\n` : emit(call, json()) };
  };
  const blocklistLs = (call: CommandCall): CommandReply => {
    const entries = sortedBlocklist(osds.map.blocklist).map(({ addr, until }) => ({
      addr: entityAddrText(addr),
      until: utimeText(until),
    }));
    return {
      status: `listed ${entries.length} entries`,
      output: emit(call, entries, () => entries.map(e => `${e.addr} ${e.until}\n`).join('')),
    };
  };
  const ls = (call: CommandCall): CommandReply => {
    const ids = osdIds(mapOf(call));
    return { output: emit(call, ids, () => ids.map(id => `${id}\n`).join('')) };
  };
  const lsTree = (call: CommandCall): CommandReply => {
    const map = mapOf(call);
    const name = call.args.str('name');
    const id = map.crush.names.id(name);
    if (id === undefined) return failed('ENOENT', `node ${name} does not exist`);
    const ids = leavesOf(map.crush, id)
      .filter(osd => map.exists(osd))
      .sort((a, b) => a - b);
    return { output: emit(call, ids, () => ids.map(osd => `${osd}\n`).join('')) };
  };
  const dump = (call: CommandCall): CommandReply => {
    const map = mapOf(call);
    return { output: emit(call, dumpOsdMap(map), () => printOsdMap(map)) };
  };
  const getmap = (call: CommandCall): CommandReply => {
    const epoch = call.args.int('epoch', 0) || osds.epoch;
    const full = osds.fullMap(epoch);
    if (full === undefined) return failed('ENOENT', `there is no map for epoch ${epoch}`);
    return { status: `got osdmap epoch ${epoch}`, output: full };
  };
  const versions = (call: CommandCall, property: string): CommandReply => ({
    output: emit(call, countMetadata(osds.metadata.values(), property)),
  });
  const profileGet = (call: CommandCall): CommandReply => {
    const name = call.args.str('name');
    const profile = osds.map.erasureCodeProfiles.get(name);
    if (profile === undefined) return failed('ENOENT', `unknown erasure code profile '${name}'`);
    const sorted = [...profile].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    return { output: emit(call, new Map(sorted), () => sorted.map(([k, v]) => `${k}=${v}\n`).join('')) };
  };
  const profileLs = (call: CommandCall): CommandReply => {
    const names = [...osds.map.erasureCodeProfiles.keys()].sort();
    return { output: emit(call, names, () => names.map(name => `${name}\n`).join('')) };
  };

  const r = (sig: string, help: string, run: CommandSpec['run'], flags?: number): CommandSpec => ({
    sig,
    help,
    run,
    flags,
    module: 'osd',
    perm: 'r',
  });
  return [
    r('osd stat', 'how many OSDs there are, up and in', call => ({
      output: emit(call, osdSummaryJson(osds.map), () =>
        osdSummaryText(osds.map, utimeFromMs(core.env.clock.now())),
      ),
    })),
    r(`osd dump ${EPOCH}`, 'the OSD map', dump),
    r('osd info name=id,type=CephOsdName,req=false', 'what the map says of one OSD or all', info),
    r(`osd tree ${EPOCH} ${STATES}`, 'the hierarchy with the state of each OSD', tree),
    r(`osd tree-from ${EPOCH} name=bucket,type=CephString ${STATES}`, 'the hierarchy below a bucket', tree),
    r(`osd ls ${EPOCH}`, 'ids of all OSDs', ls),
    r(`osd getmap ${EPOCH}`, 'the OSD map as bytes', getmap),
    r('osd getmaxosd', 'upper bound of OSD ids', call => ({
      output: emit(
        call,
        { epoch: osds.map.epoch, max_osd: osds.map.maxOsd },
        `max_osd = ${osds.map.maxOsd} in epoch ${osds.map.epoch}\n`,
      ),
    })),
    r(`osd ls-tree ${EPOCH} name=name,type=CephString,req=true`, 'ids of the OSDs below a bucket', lsTree),
    r('osd find name=id,type=CephOsdName', 'where an OSD is', find),
    r(
      'osd metadata name=id,type=CephOsdName,req=false',
      'what OSDs said of themselves when they booted',
      metadata,
    ),
    r('osd count-metadata name=property,type=CephString', 'OSDs by one member of their metadata', call =>
      versions(call, call.args.str('property')),
    ),
    r('osd versions', 'OSDs by version', call => versions(call, 'ceph_version')),
    r(
      'osd map name=pool,type=CephPoolname name=object,type=CephObjectname name=nspace,type=CephString,req=false',
      'which PG and OSDs an object belongs to',
      objectMap,
    ),
    { ...r('pg map name=pgid,type=CephPgid', 'which OSDs a PG belongs to', pgMap), module: 'pg' },
    r('osd lspools', 'pools with their ids', lspools, COMMAND_DEPRECATED),
    r('osd pool ls name=detail,type=CephChoices,strings=detail,req=false', 'names of all pools', poolLs),
    r('osd blocklist ls', 'who may do no I/O', blocklistLs),
    r('osd blacklist ls', 'who may do no I/O', blocklistLs, COMMAND_DEPRECATED),
    r('osd get-require-min-compat-client', 'oldest release that clients may have', () => ({
      output: `${releaseName(osds.map.requireMinCompatClient)}\n`,
    })),
    r('osd erasure-code-profile ls', 'names of all profiles', profileLs),
    r(
      'osd erasure-code-profile get name=name,type=CephString,goodchars=[A-Za-z0-9-_.]',
      'what a profile holds',
      profileGet,
    ),
  ];
}
