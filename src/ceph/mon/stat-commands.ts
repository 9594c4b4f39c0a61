import { cephFloat } from '../../base/format.ts';
import { formatGeneral } from '../../base/printf.ts';
import { TextTable } from '../../base/text-table.ts';
import { formatBytes, formatSi } from '../../base/units.ts';
import { fullLocation, leavesOf, weightText, weightToFloat } from '../crush/index.ts';
import { type OsdMap, osdTreeJson, type PgPool } from '../osdmap/index.ts';
import { type CommandCall, type CommandReply, type CommandSpec, emit, failed, isPlain } from './command.ts';
import type { MonCore } from './core.ts';
import { clientRateSummary, recoveryRateSummary, recoverySummary } from './status.ts';

interface Space {
  total: number;
  avail: number;
  data: number;
  omap: number;
  meta: number;
}

const noSpace = (): Space => ({ total: 0, avail: 0, data: 0, omap: 0, meta: 0 });

function addSpace(into: Space, core: MonCore, osd: number): void {
  const statfs = core.stats.osds.get(osd)?.statfs;
  if (statfs === undefined) return;
  into.total += statfs.total;
  into.avail += statfs.available;
  into.data += statfs.allocated;
  into.omap += statfs.omapAllocated;
  into.meta += statfs.internalMetadata;
}

/** Bytes that can still be written to a pool: the OSD that fills up first decides (PGMap::get_rule_avail). */
function maxAvail(core: MonCore, map: OsdMap, pool: PgPool): number {
  const rule = map.crush.rules[pool.crushRule];
  const take = rule?.steps.find(step => map.crush.names.has(step.arg1))?.arg1;
  const osds = take === undefined ? [] : leavesOf(map.crush, take).filter(osd => map.isIn(osd));
  let weights = 0;
  for (const osd of osds) weights += map.osdWeight[osd];
  let least = Number.POSITIVE_INFINITY;
  for (const osd of osds) {
    const statfs = core.stats.osds.get(osd)?.statfs;
    if (statfs === undefined || statfs.total === 0 || map.osdWeight[osd] === 0) continue;
    const unusable = statfs.total * (1 - map.fullRatio);
    const avail = Math.max(0, statfs.available - unusable);
    least = Math.min(least, avail / (map.osdWeight[osd] / weights));
  }
  return least === Number.POSITIVE_INFINITY ? 0 : Math.floor(least / pool.size);
}

function percentText(ratio: number): string {
  const value = ratio * 100;
  return value === 0 || value < 0.01 ? '0' : value.toFixed(2);
}

/** Commands about space and traffic. */
export function statCommands(core: MonCore): CommandSpec[] {
  const { osds, stats } = core;

  const df = (call: CommandCall): CommandReply => {
    const { map } = osds;
    const detail = call.args.str('detail', '') === 'detail';
    const summary = stats.summary(map);
    const byClass = new Map<string, Space>();
    for (const osd of stats.osds.keys()) {
      const name = map.crush.itemClass(osd) ?? '';
      if (name === '') continue;
      const space = byClass.get(name) ?? noSpace();
      addSpace(space, core, osd);
      byClass.set(name, space);
    }
    const whole = { total: summary.space.total, avail: summary.space.available };
    const spaceJson = ({ total, avail }: { total: number; avail: number }) => ({
      total_bytes: total,
      total_avail_bytes: avail,
      total_used_bytes: total - avail,
      total_used_raw_bytes: total - avail,
      total_used_raw_ratio: cephFloat(total === 0 ? 0 : (total - avail) / total),
    });
    const classes = [...byClass].sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const pools = map.sortedPools().map(([id, pool]) => {
      const sum = summary.byPool.get(id)!;
      const s = sum.stats;
      const copies = s.numObjectCopies;
      const rate = copies > 0 ? (copies - s.numObjectsDegraded) / copies : 1;
      const used = s.numBytes * pool.size * rate;
      const avail = maxAvail(core, map, pool);
      return {
        id,
        pool,
        sum,
        name: map.poolNames.get(id) ?? '',
        used: Math.floor(used),
        avail,
        ratio: used + avail > 0 ? used / (used + avail * pool.size) : 0,
      };
    });
    const json = {
      stats: {
        ...spaceJson(whole),
        num_osds: stats.osds.size,
        num_per_pool_osds: 0,
        num_per_pool_omap_osds: 0,
      },
      stats_by_class: new Map(classes.map(([name, space]) => [name, spaceJson(space)])),
      pools: pools.map(({ id, pool, sum, name, used, avail, ratio }) => {
        const s = sum.stats;
        const more = {
          quota_objects: pool.quotaMaxObjects,
          quota_bytes: pool.quotaMaxBytes,
          dirty: s.numObjectsDirty,
          rd: s.numRd,
          rd_bytes: s.numRdKb * 1024,
          wr: s.numWr,
          wr_bytes: s.numWrKb * 1024,
          compress_bytes_used: 0,
          compress_under_bytes: 0,
          stored_raw: used,
          avail_raw: avail * pool.size,
        };
        return {
          name,
          id,
          stats: {
            stored: s.numBytes,
            ...(detail ? { stored_data: s.numBytes, stored_omap: 0 } : {}),
            objects: s.numObjects,
            kb_used: Math.ceil(used / 1024),
            bytes_used: used,
            ...(detail ? { data_bytes_used: used, omap_bytes_used: 0 } : {}),
            percent_used: cephFloat(ratio),
            max_avail: avail,
            ...(detail ? more : {}),
          },
        };
      }),
    };
    const text = () => {
      const raw = new TextTable().column('CLASS', 'left', 'left');
      for (const name of ['SIZE', 'AVAIL', 'USED', 'RAW USED', '%RAW USED'])
        raw.column(name, 'right', 'right');
      const row = (name: string, { total, avail }: { total: number; avail: number }) =>
        raw.row(
          name,
          formatBytes(total),
          formatBytes(avail),
          formatBytes(total - avail),
          formatBytes(total - avail),
          percentText(total === 0 ? 0 : (total - avail) / total),
        );
      for (const [name, space] of classes) row(name, space);
      row('TOTAL', whole);
      const t = new TextTable().column('POOL', 'left', 'left');
      const names = detail
        ? [
            'ID',
            'PGS',
            'STORED',
            '(DATA)',
            '(OMAP)',
            'OBJECTS',
            'USED',
            '(DATA)',
            '(OMAP)',
            '%USED',
            'MAX AVAIL',
            'QUOTA OBJECTS',
            'QUOTA BYTES',
            'DIRTY',
            'USED COMPR',
            'UNDER COMPR',
          ]
        : ['ID', 'PGS', 'STORED', 'OBJECTS', 'USED', '%USED', 'MAX AVAIL'];
      for (const name of names) t.column(name, 'right', 'right');
      for (const { id, pool, sum, name, used, avail, ratio } of pools) {
        const s = sum.stats;
        const head = [name, id, pool.pgNum, formatBytes(s.numBytes)];
        const tail = [percentText(ratio), formatBytes(avail)];
        if (!detail) t.row(...head, formatSi(s.numObjects), formatBytes(used), ...tail);
        else
          t.row(
            ...head,
            formatBytes(s.numBytes),
            '0 B',
            formatSi(s.numObjects),
            formatBytes(used),
            formatBytes(used),
            '0 B',
            ...tail,
            pool.quotaMaxObjects === 0 ? 'N/A' : formatSi(pool.quotaMaxObjects),
            pool.quotaMaxBytes === 0 ? 'N/A' : formatBytes(pool.quotaMaxBytes),
            'N/A',
            '0 B',
            '0 B',
          );
      }
      return `--- RAW STORAGE ---\n${raw.toString()} \n--- POOLS ---\n${t.toString()}`;
    };
    return { output: emit(call, json, text) };
  };

  const poolStats = (call: CommandCall): CommandReply => {
    const { map } = osds;
    const name = call.args.opt('pool_name');
    const only = name === undefined ? undefined : map.poolIdByName(name);
    if (name !== undefined && only === undefined) return failed('ENOENT', `unrecognized pool '${name}'`);
    const summary = stats.summary(map);
    const entries = map.sortedPools().filter(([id]) => only === undefined || id === only);
    let text = entries.length === 0 ? 'there are no pools!' : '';
    const json = entries.map(([id]) => {
      const recovery: Record<string, unknown> = {};
      const recoveryRate: Record<string, unknown> = {};
      const clientRate: Record<string, unknown> = {};
      const lines = recoverySummary(summary.byPool.get(id)!, recovery);
      const rates = stats.rates(id);
      const moved = recoveryRateSummary(rates, recoveryRate);
      const io = clientRateSummary(rates, clientRate);
      text += `pool ${map.poolNames.get(id)} id ${id}\n`;
      for (const line of lines) text += `  ${line}\n`;
      if (moved !== '') text += `  recovery io ${moved}\n`;
      if (io !== '') text += `  client io ${io}\n`;
      if (lines.length === 0 && moved === '' && io === '') text += '  nothing is going on\n';
      text += '\n';
      return {
        pool_name: map.poolNames.get(id),
        pool_id: id,
        recovery,
        recovery_rate: recoveryRate,
        client_io_rate: clientRate,
      };
    });
    return { output: emit(call, json, `${text}\n`) };
  };

  const osdDf = (call: CommandCall): CommandReply => {
    const { map } = osds;
    const tree = call.args.str('output_method', '') === 'tree';
    const filter = call.args.opt('filter');
    const { byOsd } = stats.summary(map);
    type Node = Record<string, unknown> & { id: number; name: string; type: string; children?: number[] };
    const nodes = (osdTreeJson(map) as { nodes: Node[] }).nodes;
    const fits = (node: Node): boolean => {
      if (filter === undefined || filter === '') return true;
      const osd = node.id;
      if (node.name === filter || map.crush.itemClass(osd) === filter) return true;
      return osd >= 0 && fullLocation(map.crush, osd).some(([, bucket]) => bucket === filter);
    };
    const whole = noSpace();
    for (const node of nodes) if (node.id >= 0 && fits(node)) addSpace(whole, core, node.id);
    const usedOf = (s: Space) => s.total - s.avail;
    const utilization = (s: Space) => (s.total === 0 ? 0 : (usedOf(s) / s.total) * 100);
    const average = utilization(whole);
    let minVar = -1;
    let maxVar = 0;
    let squares = 0;
    let count = 0;
    const kb = (bytes: number) => Math.floor(bytes / 1024);
    const rows = nodes
      .filter(node => (tree ? node.id < 0 || fits(node) : node.id >= 0 && fits(node)))
      .map(node => {
        const space = noSpace();
        const leaves = node.id >= 0 ? [node.id] : leavesOf(map.crush, node.id);
        for (const osd of leaves) addSpace(space, core, osd);
        const use = utilization(space);
        const variation = average > 0 ? use / average : 0;
        if (node.id >= 0) {
          minVar = minVar < 0 ? variation : Math.min(minVar, variation);
          maxVar = Math.max(maxVar, variation);
          squares += (use - average) ** 2;
          count++;
        }
        return { node, space, use, variation };
      });
    const dev = count === 0 ? 0 : Math.sqrt(squares / count);
    const json = {
      nodes: rows.map(({ node, space, use, variation }) => {
        const { exists: _e, status, reweight, primary_affinity: _p, children, ...head } = node;
        return {
          ...head,
          reweight: node.id >= 0 ? reweight : -1,
          kb: kb(space.total),
          kb_used: kb(usedOf(space)),
          kb_used_data: kb(space.data),
          kb_used_omap: kb(space.omap),
          kb_used_meta: kb(space.meta),
          kb_avail: kb(space.avail),
          utilization: cephFloat(use),
          var: cephFloat(variation),
          pgs: node.id >= 0 ? (byOsd.get(node.id) ?? 0) : 0,
          ...(node.id >= 0 ? { status } : { children }),
        };
      }),
      stray: [],
      summary: {
        total_kb: kb(whole.total),
        total_kb_used: kb(usedOf(whole)),
        total_kb_used_data: kb(whole.data),
        total_kb_used_omap: kb(whole.omap),
        total_kb_used_meta: kb(whole.meta),
        total_kb_avail: kb(whole.avail),
        average_utilization: cephFloat(average),
        min_var: cephFloat(Math.max(0, minVar)),
        max_var: cephFloat(maxVar),
        dev: cephFloat(dev),
      },
    };
    const text = () => {
      const t = new TextTable();
      for (const name of [
        'ID',
        'CLASS',
        'WEIGHT',
        'REWEIGHT',
        'SIZE',
        'RAW USE',
        'DATA',
        'OMAP',
        'META',
        'AVAIL',
        '%USE',
        'VAR',
        'PGS',
        'STATUS',
      ])
        t.column(name, 'left', 'right');
      if (tree) t.column('TYPE NAME', 'left', 'left');
      const depths = new Map<number, number>();
      for (const { node, space, use, variation } of rows) {
        const depth = depths.get(node.id) ?? 0;
        for (const child of node.children ?? []) depths.set(child, depth + 1);
        const weight =
          node.id >= 0
            ? weightToFloatOf(map, node.id)
            : weightToFloat(map.crush.bucket(node.id)?.weight ?? 0);
        t.row(
          node.id,
          map.crush.itemClass(node.id) ?? '',
          weightText(weight),
          node.id >= 0 ? weightText(weightToFloat(map.osdWeight[node.id])) : '-',
          formatBytes(space.total),
          formatBytes(usedOf(space)),
          formatBytes(space.data),
          formatBytes(space.omap),
          formatBytes(space.meta),
          formatBytes(space.avail),
          use.toFixed(2),
          variation.toFixed(2),
          node.id >= 0 ? (byOsd.get(node.id) ?? 0) : '-',
          node.id >= 0 ? String(node['status']) : '',
          tree ? `${'    '.repeat(depth)}${node.id < 0 ? `${node.type} ` : ''}${node.name}` : '',
        );
      }
      t.row(
        '',
        '',
        '',
        'TOTAL',
        formatBytes(whole.total),
        formatBytes(usedOf(whole)),
        formatBytes(whole.data),
        formatBytes(whole.omap),
        formatBytes(whole.meta),
        formatBytes(whole.avail),
        average.toFixed(2),
      );
      return `${t.toString()}MIN/MAX VAR: ${Math.max(0, minVar).toFixed(2)}/${maxVar.toFixed(2)}  STDDEV: ${formatGeneral(dev, 3)}\n`;
    };
    return { output: emit(call, json, text) };
  };

  const perf = (call: CommandCall): CommandReply => {
    const infos = [...stats.osds]
      .sort((a, b) => b[0] - a[0])
      .map(([id, { osPerfStat: p }]) => ({
        id,
        perf_stats: {
          commit_latency_ms: Math.floor(p.commitLatencyNs / 1e6),
          apply_latency_ms: Math.floor(p.applyLatencyNs / 1e6),
          commit_latency_ns: p.commitLatencyNs,
          apply_latency_ns: p.applyLatencyNs,
        },
      }));
    const text = () => {
      const t = new TextTable()
        .column('osd', 'left', 'right')
        .column('commit_latency(ms)', 'left', 'right')
        .column('apply_latency(ms)', 'left', 'right');
      for (const { id, perf_stats: p } of infos) t.row(id, p.commit_latency_ms, p.apply_latency_ms);
      return t.toString();
    };
    return { output: emit(call, { pg_ready: true, osdstats: { osd_perf_infos: infos } }, text) };
  };

  const utilization = (call: CommandCall): CommandReply => {
    const { map } = osds;
    const counts: [number, number][] = [];
    let total = 0;
    const by = new Map<number, number>();
    for (const [pool, { pgNum }] of map.pools)
      for (let seed = 0; seed < pgNum; seed++)
        for (const osd of map.placement.lookup(pool, seed).up)
          if (osd >= 0) by.set(osd, (by.get(osd) ?? 0) + 1);
    for (let osd = 0; osd < map.maxOsd; osd++)
      if (map.isIn(osd)) {
        counts.push([osd, by.get(osd) ?? 0]);
        total += by.get(osd) ?? 0;
      }
    const n = counts.length;
    if (n === 0) return { output: emit(call, {}, '') };
    const avg = Math.floor(total / n);
    const dev = Math.sqrt(counts.reduce((sum, [, pgs]) => sum + (pgs - total / n) ** 2, 0) / n);
    const expected = Math.sqrt((total / n) * (1 - 1 / n));
    const min = counts.reduce((a, b) => (b[1] < a[1] ? b : a));
    const max = counts.reduce((a, b) => (b[1] > a[1] ? b : a));
    const mean = (pgs: number) => (avg > 0 ? ` (${formatGeneral(pgs / avg, 6)} * mean)` : '');
    return {
      output: emit(
        call,
        {
          avg_pgs: avg,
          std_dev: cephFloat(dev),
          expected_baseline_std_dev: cephFloat(expected),
          min_osd: min[0],
          min_osd_pgs: min[1],
          max_osd: max[0],
          max_osd_pgs: max[1],
        },
        `avg ${avg}\nstddev ${formatGeneral(dev, 6)} (expected baseline ${formatGeneral(expected, 6)})\n` +
          `min osd.${min[0]} with ${min[1]} pgs${mean(min[1])}\nmax osd.${max[0]} with ${max[1]} pgs${mean(max[1])}\n`,
      ),
    };
  };

  // There is no manager: its map is empty.
  const mgrDump = (call: CommandCall): CommandReply => ({
    output: emit(call, {
      epoch: 1,
      active_gid: 0,
      active_name: '',
      active_addrs: { addrvec: [] },
      active_addr: ':/0',
      active_change: '0.000000',
      active_mgr_features: 0,
      available: false,
      standbys: [],
      modules: [],
      available_modules: [],
      services: {},
      always_on_modules: {},
      last_failure_osd_epoch: 0,
      active_clients: [],
    }),
  });

  const r = (module: string, sig: string, help: string, run: CommandSpec['run']): CommandSpec => ({
    sig,
    help,
    run,
    module,
    perm: 'r',
  });
  return [
    r(
      'mon',
      'df name=detail,type=CephChoices,strings=detail,req=false',
      'space of the cluster and its pools',
      df,
    ),
    r('osd', 'osd pool stats name=pool_name,type=CephPoolname,req=false', 'what goes on in pools', poolStats),
    r(
      'osd',
      'osd df name=output_method,type=CephChoices,strings=plain|tree,req=false name=filter_by,type=CephChoices,strings=class|name,req=false name=filter,type=CephString,req=false',
      'space of each OSD',
      osdDf,
    ),
    r('osd', 'osd perf', 'latency of the stores of OSDs', perf),
    r('osd', 'osd utilization', 'how evenly PGs lie on OSDs', utilization),
    r('osd', 'osd last-stat-seq name=id,type=CephOsdName', "number of an OSD's last report", call => ({
      output: `${stats.osds.get(call.args.osd('id'))?.seq ?? 0}\n`,
    })),
    r('mgr', 'mgr stat', 'which manager is active', call => ({
      output: emit(call, { epoch: 1, available: false, active_name: '', num_standby: 0 }),
    })),
    r('mgr', 'mgr dump name=epoch,type=CephInt,range=0,req=false', 'the manager map', mgrDump),
    r('mgr', 'mgr services', 'addresses of services of the manager', call => ({ output: emit(call, {}) })),
    r('mgr', 'mgr module ls', 'modules of the manager', call => ({
      output: emit(call, { always_on_modules: [], enabled_modules: [], disabled_modules: [] }),
    })),
    r('mgr', 'mgr metadata name=who,type=CephString,req=false', 'what managers say of themselves', call => ({
      output: emit(call, []),
    })),
    r('mgr', 'mgr versions', 'managers by version', call => ({ output: emit(call, {}) })),
    r('mds', 'mds stat', 'the metadata servers', call => ({
      output: isPlain(call) ? '\n' : emit(call, { fsmap: { epoch: 1, standbys: [], filesystems: [] } }),
    })),
    r('fs', 'fs ls', 'file systems', call => ({ output: emit(call, [], 'No filesystems enabled\n') })),
  ];
}

function weightToFloatOf(map: OsdMap, osd: number): number {
  for (const bucket of map.crush.buckets) {
    const at = bucket?.items.indexOf(osd) ?? -1;
    if (bucket !== undefined && at >= 0) {
      const node = (
        osdTreeJson(map) as { nodes: { id: number; crush_weight?: { text?: string } | number }[] }
      ).nodes.find(n => n.id === osd);
      const weight = node?.crush_weight;
      return typeof weight === 'number' ? weight : Number(weight?.text ?? 0);
    }
  }
  return 0;
}
