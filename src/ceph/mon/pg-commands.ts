import { TextTable } from '../../base/text-table.ts';
import { formatBytes } from '../../base/units.ts';
import { leavesOf } from '../crush/index.ts';
import { timespanText } from '../osdmap/index.ts';
import { eversionText } from '../types/eversion.ts';
import { comparePgId, type PgId, pgText } from '../types/pg.ts';
import type { PgStat } from '../types/pg-stat.ts';
import {
  PG_STATE_ACTIVE,
  PG_STATE_CLEAN,
  pgStateFromName,
  pgStateHas,
  pgStateText,
} from '../types/pg-state.ts';
import type { ObjectStatSum, OsdStat, StoreStatfs } from '../types/stats.ts';
import { utimeFromMs, utimeText } from '../types/utime.ts';
import { type CommandCall, type CommandReply, type CommandSpec, emit, failed, isPlain } from './command.ts';
import type { MonCore } from './core.ts';
import {
  clientRateSummary,
  recoveryRateSummary,
  recoverySummary,
  statesByCount,
  usedBytes,
} from './status.ts';

interface Pg {
  readonly pgid: PgId;
  readonly stat: PgStat;
}

const NOTE =
  '\n* NOTE: Omap statistics are gathered during deep scrub and may be inaccurate soon afterwards depending on utilization. ' +
  'See http://docs.ceph.com/en/latest/dev/placement-group/#omap-statistics for further details.\n';

/** object_stat_sum_t as Ceph dumps it. */
export function statSumJson(s: ObjectStatSum): object {
  return {
    num_bytes: s.numBytes,
    num_objects: s.numObjects,
    num_object_clones: s.numObjectClones,
    num_object_copies: s.numObjectCopies,
    num_objects_missing_on_primary: s.numObjectsMissingOnPrimary,
    num_objects_missing: s.numObjectsMissing,
    num_objects_degraded: s.numObjectsDegraded,
    num_objects_misplaced: s.numObjectsMisplaced,
    num_objects_unfound: s.numObjectsUnfound,
    num_objects_dirty: s.numObjectsDirty,
    num_whiteouts: s.numWhiteouts,
    num_read: s.numRd,
    num_read_kb: s.numRdKb,
    num_write: s.numWr,
    num_write_kb: s.numWrKb,
    num_scrub_errors: s.numScrubErrors,
    num_shallow_scrub_errors: s.numShallowScrubErrors,
    num_deep_scrub_errors: s.numDeepScrubErrors,
    num_objects_recovered: s.numObjectsRecovered,
    num_bytes_recovered: s.numBytesRecovered,
    num_keys_recovered: s.numKeysRecovered,
    num_objects_omap: s.numObjectsOmap,
    num_objects_hit_set_archive: s.numObjectsHitSetArchive,
    num_bytes_hit_set_archive: s.numBytesHitSetArchive,
    num_flush: s.numFlush,
    num_flush_kb: s.numFlushKb,
    num_evict: s.numEvict,
    num_evict_kb: s.numEvictKb,
    num_promote: s.numPromote,
    num_flush_mode_high: s.numFlushModeHigh,
    num_flush_mode_low: s.numFlushModeLow,
    num_evict_mode_some: s.numEvictModeSome,
    num_evict_mode_full: s.numEvictModeFull,
    num_objects_pinned: s.numObjectsPinned,
    num_legacy_snapsets: s.numLegacySnapsets,
    num_large_omap_objects: s.numLargeOmapObjects,
    num_objects_manifest: s.numObjectsManifest,
    num_omap_bytes: s.numOmapBytes,
    num_omap_keys: s.numOmapKeys,
    num_objects_repaired: s.numObjectsRepaired,
  };
}

function statfsJson(s: StoreStatfs): object {
  return {
    total: s.total,
    available: s.available,
    internally_reserved: s.internallyReserved,
    allocated: s.allocated,
    data_stored: s.dataStored,
    data_compressed: s.dataCompressed,
    data_compressed_allocated: s.dataCompressedAllocated,
    data_compressed_original: s.dataCompressedOriginal,
    omap_allocated: s.omapAllocated,
    internal_metadata: s.internalMetadata,
  };
}

function osdStatJson(osd: number | undefined, s: OsdStat): object {
  const kb = (bytes: number) => Math.floor(bytes / 1024);
  const used = s.statfs.total - s.statfs.available;
  return {
    osd,
    up_from: s.upFrom,
    seq: s.seq,
    num_pgs: s.numPgs,
    num_osds: s.numOsds,
    num_per_pool_osds: s.numPerPoolOsds,
    num_per_pool_omap_osds: s.numPerPoolOmapOsds,
    kb: kb(s.statfs.total),
    kb_used: kb(used),
    kb_used_data: kb(s.statfs.allocated),
    kb_used_omap: kb(s.statfs.omapAllocated),
    kb_used_meta: kb(s.statfs.internalMetadata),
    kb_avail: kb(s.statfs.available),
    statfs: statfsJson(s.statfs),
    hb_peers: s.hbPeers,
    snap_trim_queue_len: s.snapTrimQueueLen,
    num_snap_trimming: s.numSnapTrimming,
    num_shards_repaired: s.numShardsRepaired,
    op_queue_age_hist: { histogram: s.opQueueAgeHist.h, upper_bound: 2 ** s.opQueueAgeHist.h.length },
    perf_stat: {
      commit_latency_ms: s.osPerfStat.commitLatencyNs / 1e6,
      apply_latency_ms: s.osPerfStat.applyLatencyNs / 1e6,
      commit_latency_ns: s.osPerfStat.commitLatencyNs,
      apply_latency_ns: s.osPerfStat.applyLatencyNs,
    },
    alerts: [],
    network_ping_times: [],
  };
}

/** pg_stat_t as Ceph dumps it. */
export function pgStatJson({ pgid, stat: s }: Pg): object {
  return {
    pgid: pgText(pgid),
    version: eversionText(s.version),
    reported_seq: s.reportedSeq,
    reported_epoch: s.reportedEpoch,
    state: pgStateText(s.state),
    last_fresh: utimeText(s.lastFresh),
    last_change: utimeText(s.lastChange),
    last_active: utimeText(s.lastActive),
    last_peered: utimeText(s.lastPeered),
    last_clean: utimeText(s.lastClean),
    last_became_active: utimeText(s.lastBecameActive),
    last_became_peered: utimeText(s.lastBecamePeered),
    last_unstale: utimeText(s.lastUnstale),
    last_undegraded: utimeText(s.lastUndegraded),
    last_fullsized: utimeText(s.lastFullsized),
    mapping_epoch: s.mappingEpoch,
    log_start: eversionText(s.logStart),
    ondisk_log_start: eversionText(s.ondiskLogStart),
    created: s.created,
    last_epoch_clean: s.lastEpochClean,
    parent: pgText(s.parent),
    parent_split_bits: s.parentSplitBits,
    last_scrub: eversionText(s.lastScrub),
    last_scrub_stamp: utimeText(s.lastScrubStamp),
    last_deep_scrub: eversionText(s.lastDeepScrub),
    last_deep_scrub_stamp: utimeText(s.lastDeepScrubStamp),
    last_clean_scrub_stamp: utimeText(s.lastCleanScrubStamp),
    log_size: s.logSize,
    ondisk_log_size: s.ondiskLogSize,
    stats_invalid: s.statsInvalid,
    dirty_stats_invalid: s.dirtyStatsInvalid,
    omap_stats_invalid: s.omapStatsInvalid,
    hitset_stats_invalid: s.hitsetStatsInvalid,
    hitset_bytes_stats_invalid: s.hitsetBytesStatsInvalid,
    pin_stats_invalid: s.pinStatsInvalid,
    manifest_stats_invalid: s.manifestStatsInvalid,
    snaptrimq_len: s.snaptrimqLen,
    stat_sum: statSumJson(s.stats.sum),
    up: s.up,
    acting: s.acting,
    avail_no_missing: [],
    object_location_counts: [],
    blocked_by: s.blockedBy,
    up_primary: s.upPrimary,
    acting_primary: s.actingPrimary,
    purged_snaps: s.purgedSnaps.map(({ start, length }) => ({ start, length })),
  };
}

const listText = (osds: readonly number[]): string => `[${osds.join(',')}]`;

function dumpTable(pgs: readonly Pg[]): string {
  const t = new TextTable().column('PG_STAT', 'left', 'left');
  for (const name of [
    'OBJECTS',
    'MISSING_ON_PRIMARY',
    'DEGRADED',
    'MISPLACED',
    'UNFOUND',
    'BYTES',
    'OMAP_BYTES*',
    'OMAP_KEYS*',
    'LOG',
    'DISK_LOG',
    'STATE',
    'STATE_STAMP',
    'VERSION',
    'REPORTED',
    'UP',
    'UP_PRIMARY',
    'ACTING',
    'ACTING_PRIMARY',
    'LAST_SCRUB',
    'SCRUB_STAMP',
    'LAST_DEEP_SCRUB',
    'DEEP_SCRUB_STAMP',
    'SNAPTRIMQ_LEN',
  ])
    t.column(name, 'left', 'right');
  for (const { pgid, stat: s } of pgs) {
    const o = s.stats.sum;
    t.row(
      pgText(pgid),
      o.numObjects,
      o.numObjectsMissingOnPrimary,
      o.numObjectsDegraded,
      o.numObjectsMisplaced,
      o.numObjectsUnfound,
      o.numBytes,
      o.numOmapBytes,
      o.numOmapKeys,
      s.logSize,
      s.ondiskLogSize,
      pgStateText(s.state),
      utimeText(s.lastChange),
      eversionText(s.version),
      `${s.reportedEpoch}:${s.reportedSeq}`,
      listText(s.up),
      s.upPrimary,
      listText(s.acting),
      s.actingPrimary,
      eversionText(s.lastScrub),
      utimeText(s.lastScrubStamp),
      eversionText(s.lastDeepScrub),
      utimeText(s.lastDeepScrubStamp),
      s.snaptrimqLen,
    );
  }
  return t.toString();
}

function lsTable(pgs: readonly Pg[], now: { sec: number; nsec: number }): string {
  const t = new TextTable().column('PG', 'left', 'left');
  for (const name of [
    'OBJECTS',
    'DEGRADED',
    'MISPLACED',
    'UNFOUND',
    'BYTES',
    'OMAP_BYTES*',
    'OMAP_KEYS*',
    'LOG',
    'STATE',
    'SINCE',
    'VERSION',
    'REPORTED',
    'UP',
    'ACTING',
    'SCRUB_STAMP',
    'DEEP_SCRUB_STAMP',
  ])
    t.column(name, 'left', 'right');
  for (const { pgid, stat: s } of pgs) {
    const o = s.stats.sum;
    t.row(
      pgText(pgid),
      o.numObjects,
      o.numObjectsDegraded,
      o.numObjectsMisplaced,
      o.numObjectsUnfound,
      o.numBytes,
      o.numOmapBytes,
      o.numOmapKeys,
      s.logSize,
      pgStateText(s.state),
      timespanText(s.lastChange, now),
      eversionText(s.version),
      `${s.reportedEpoch}:${s.reportedSeq}`,
      `${listText(s.up)}p${s.upPrimary}`,
      `${listText(s.acting)}p${s.actingPrimary}`,
      utimeText(s.lastScrubStamp),
      utimeText(s.lastDeepScrubStamp),
    );
  }
  return t.toString() + NOTE;
}

/** What a manager answers about PGs; here the monitor has the reports itself. */
export function pgCommands(core: MonCore): CommandSpec[] {
  const { stats, osds } = core;
  const all = (): Pg[] => [...stats.list(osds.map)].sort((a, b) => comparePgId(a.pgid, b.pgid));
  const now = () => utimeFromMs(core.env.clock.now());

  const stat = (call: CommandCall): CommandReply => {
    const s = stats.summary(osds.map);
    const states = statesByCount(s);
    const json: Record<string, unknown> = {
      num_pg_by_state: states.map(([num, state]) => ({ name: pgStateText(state), num })),
      num_pgs: s.numPgs,
      num_bytes: s.total.stats.numBytes,
      total_bytes: s.space.total,
      total_avail_bytes: s.space.available,
      total_used_bytes: usedBytes(s),
      total_used_raw_bytes: usedBytes(s),
    };
    const rates = stats.rates();
    const io = clientRateSummary(rates, json);
    const recovery = recoveryRateSummary(rates, json);
    const missing = recoverySummary(s.total, json);
    const text =
      `${s.numPgs} pgs: ${states.map(([n, state]) => `${n} ${pgStateText(state)}`).join(', ')}; ` +
      `${formatBytes(s.total.stats.numBytes)} data, ${formatBytes(usedBytes(s))} used, ${formatBytes(s.space.available)} / ${formatBytes(s.space.total)} avail` +
      `${io === '' ? '' : `; ${io}`}${missing.length === 0 ? '' : `; ${missing.join('; ')}`}${recovery === '' ? '' : `; ${recovery}, recovering`}\n`;
    return { output: emit(call, { pg_ready: true, pg_summary: json }, text) };
  };

  const sumJson = () => {
    const s = stats.summary(osds.map);
    return {
      stat_sum: statSumJson(s.total.stats),
      store_stats: statfsJson({ ...s.space, total: 0, available: 0 }),
      log_size: s.total.logSize,
      ondisk_log_size: s.total.ondiskLogSize,
      up: s.total.up,
      acting: s.total.acting,
      num_store_stats: 0,
    };
  };
  const dump = (call: CommandCall): CommandReply => {
    const wanted = call.args.list('dumpcontents');
    const what = new Set(wanted.length === 0 ? ['all'] : wanted);
    const has = (part: string) => what.has('all') || what.has(part);
    const only = what.has('sum') || what.has('summary');
    const pgs = has('pgs') || what.has('pgs_brief') ? all() : [];
    if (what.has('pgs_brief')) {
      const json = pgs.map(({ pgid, stat: s }) => ({
        pgid: pgText(pgid),
        state: pgStateText(s.state),
        up: s.up,
        acting: s.acting,
        up_primary: s.upPrimary,
        acting_primary: s.actingPrimary,
      }));
      const t = new TextTable()
        .column('PG_STAT', 'left', 'left')
        .column('STATE', 'left', 'right')
        .column('UP', 'left', 'right')
        .column('UP_PRIMARY', 'left', 'right')
        .column('ACTING', 'left', 'right')
        .column('ACTING_PRIMARY', 'left', 'right');
      for (const p of json)
        t.row(p.pgid, p.state, listText(p.up), p.up_primary, listText(p.acting), p.acting_primary);
      return {
        status: 'dumped pgs_brief',
        output: emit(call, { pg_ready: true, pg_stats: json }, t.toString()),
      };
    }
    const s = stats.summary(osds.map);
    const json: Record<string, unknown> = {
      version: stats.version,
      stamp: utimeText(now()),
      last_osdmap_epoch: osds.map.epoch,
      last_pg_scan: 0,
      pg_stats_sum: sumJson(),
      osd_stats_sum: {
        num_osds: stats.osds.size,
        kb: Math.floor(s.space.total / 1024),
        kb_used: Math.floor(usedBytes(s) / 1024),
        kb_avail: Math.floor(s.space.available / 1024),
        statfs: statfsJson(s.space),
      },
    };
    if (has('pgs')) json['pg_stats'] = pgs.map(pgStatJson);
    if (has('pools'))
      json['pool_stats'] = [...s.byPool].map(([poolid, sum]) => ({
        poolid,
        num_pg: sum.numPgs,
        stat_sum: statSumJson(sum.stats),
        log_size: sum.logSize,
        ondisk_log_size: sum.ondiskLogSize,
        up: sum.up,
        acting: sum.acting,
        num_store_stats: 0,
      }));
    if (has('osds'))
      json['osd_stats'] = [...stats.osds].sort((a, b) => a[0] - b[0]).map(([osd, o]) => osdStatJson(osd, o));
    const text = () => {
      let out = `version ${stats.version}\nstamp ${utimeText(now())}\nlast_osdmap_epoch ${osds.map.epoch}\nlast_pg_scan 0\n`;
      if (has('pgs') && !only) out += `${dumpTable(pgs)}\n`;
      const o = s.total.stats;
      const t = new TextTable().column('PG_STAT', 'left', 'left');
      for (const name of [
        'OBJECTS',
        'MISSING_ON_PRIMARY',
        'DEGRADED',
        'MISPLACED',
        'UNFOUND',
        'BYTES',
        'OMAP_BYTES*',
        'OMAP_KEYS*',
        'LOG',
        'DISK_LOG',
      ])
        t.column(name, 'left', 'right');
      t.row(
        'sum',
        o.numObjects,
        o.numObjectsMissingOnPrimary,
        o.numObjectsDegraded,
        o.numObjectsMisplaced,
        o.numObjectsUnfound,
        o.numBytes,
        o.numOmapBytes,
        o.numOmapKeys,
        s.total.logSize,
        s.total.ondiskLogSize,
      );
      out += t.toString();
      const space = new TextTable()
        .column('OSD_STAT', 'left', 'left')
        .column('USED', 'left', 'left')
        .column('AVAIL', 'left', 'left')
        .column('USED_RAW', 'left', 'left')
        .column('TOTAL', 'left', 'left');
      if (has('osds') && !only)
        for (const [osd, { statfs: f }] of [...stats.osds].sort((a, b) => a[0] - b[0]))
          space.row(
            osd,
            formatBytes(f.total - f.available),
            formatBytes(f.available),
            formatBytes(f.total - f.available),
            formatBytes(f.total),
          );
      space.row(
        'sum',
        formatBytes(usedBytes(s)),
        formatBytes(s.space.available),
        formatBytes(usedBytes(s)),
        formatBytes(s.space.total),
      );
      return out + space.toString() + NOTE;
    };
    return {
      status: `dumped ${[...what].join(',')}`,
      output: emit(call, { pg_ready: true, pg_map: json }, text),
    };
  };

  const ls = (call: CommandCall): CommandReply => {
    const { args } = call;
    const { map } = osds;
    let pgs = all();
    let pool = args.optInt('pool');
    if (args.has('poolstr')) {
      pool = map.poolIdByName(args.str('poolstr'));
      if (pool === undefined) return failed('ENOENT', `pool ${args.str('poolstr')} does not exist`);
    }
    if (pool !== undefined) pgs = pgs.filter(({ pgid }) => pgid.pool === pool);
    const states: number[] = [];
    for (const word of args.list('states').flatMap(w => w.split(',')))
      for (const part of word.split('+')) {
        const bit = pgStateFromName(part);
        if (bit === undefined)
          return part === 'all' ? { output: '' } : failed('EINVAL', `'${part}' is not a valid pg state`);
        states.push(bit);
      }
    if (states.length > 0)
      pgs = pgs.filter(({ stat: s }) =>
        states.every(bit => (bit === 0 ? s.state === 0 : pgStateHas(s.state, bit))),
      );
    if (args.has('osd')) {
      const osd = args.osd('osd');
      if (!map.exists(osd)) return failed('ENOENT', `osd ${osd} is not in the osdmap`);
      const primary = call.prefix === 'pg ls-by-primary';
      pgs = pgs.filter(({ stat: s }) =>
        primary ? s.actingPrimary === osd : s.acting.includes(osd) || s.up.includes(osd),
      );
    }
    return {
      output: emit(call, { pg_ready: true, pg_stats: pgs.map(pgStatJson) }, () => lsTable(pgs, now())),
    };
  };
  const stuck = (call: CommandCall): CommandReply => {
    const threshold = call.args.int('threshold', 60);
    const wanted = call.args.list('stuckops');
    const before = core.env.clock.now() / 1000 - threshold;
    const pgs = all().filter(({ stat: s }) => {
      if ((wanted.length === 0 || wanted.includes('inactive')) && !pgStateHas(s.state, PG_STATE_ACTIVE))
        return s.lastActive.sec < before;
      return (
        (wanted.length === 0 || wanted.includes('unclean')) &&
        !pgStateHas(s.state, PG_STATE_CLEAN) &&
        s.lastClean.sec < before
      );
    });
    return {
      status: 'ok',
      output: emit(call, { pg_ready: true, stuck_pg_stats: pgs.map(pgStatJson) }, () =>
        pgs.length === 0 ? '' : dumpTable(pgs),
      ),
    };
  };
  const okToStop = (call: CommandCall): CommandReply => {
    const ids = call.args.list('ids').flatMap(w => {
      const m = /^(?:osd\.)?(\d+)$/.exec(w);
      return m === null ? leavesOf(osds.map.crush, osds.map.crush.names.id(w) ?? 0) : [Number(m[1])];
    });
    const degraded: string[] = [];
    const bad: string[] = [];
    let fine = 0;
    for (const { pgid, stat: s } of all()) {
      const left = s.acting.filter(osd => !ids.includes(osd));
      if (left.length === s.acting.length) continue;
      const pool = osds.map.pools.get(pgid.pool)!;
      if (left.length >= pool.minSize && pgStateHas(s.state, PG_STATE_ACTIVE)) {
        fine++;
        degraded.push(pgText(pgid));
      } else bad.push(pgText(pgid));
    }
    const json = {
      ok_to_stop: bad.length === 0,
      osds: ids,
      num_ok_pgs: fine,
      num_not_ok_pgs: bad.length,
      bad_become_inactive: bad.length > 0 ? bad : undefined,
      ok_become_degraded: degraded,
    };
    const output = emit(isPlain(call) ? { ...call, format: 'json' } : call, json);
    if (bad.length === 0) return { output };
    return {
      ...failed(
        'EBUSY',
        `unsafe to stop osd(s) at this time (${bad.length} PGs are or would become offline)`,
      ),
      output,
    };
  };

  const r = (module: string, sig: string, help: string, run: CommandSpec['run']): CommandSpec => ({
    sig,
    help,
    run,
    module,
    perm: 'r',
  });
  const STATES = 'name=states,type=CephString,n=N,req=false';
  const POOL = 'name=pool,type=CephInt,req=false';
  return [
    r('pg', 'pg stat', 'PGs by state, in one line', stat),
    r(
      'pg',
      'pg dump name=dumpcontents,type=CephChoices,strings=all|summary|sum|delta|pools|osds|pgs|pgs_brief,n=N,req=false',
      'what is known of every PG',
      dump,
    ),
    r(
      'pg',
      'pg dump_json name=dumpcontents,type=CephChoices,strings=all|summary|sum|pools|osds|pgs,n=N,req=false',
      'the same as JSON',
      call => dump(isPlain(call) ? { ...call, format: 'json' } : call),
    ),
    r('pg', `pg ls ${POOL} ${STATES}`, 'PGs, by pool and state', ls),
    r('pg', `pg ls-by-pool name=poolstr,type=CephString ${STATES}`, 'PGs of a pool', ls),
    r('pg', `pg ls-by-osd name=osd,type=CephOsdName ${POOL} ${STATES}`, 'PGs that an OSD has', ls),
    r('pg', `pg ls-by-primary name=osd,type=CephOsdName ${POOL} ${STATES}`, 'PGs that an OSD leads', ls),
    r(
      'pg',
      'pg dump_stuck name=stuckops,type=CephChoices,strings=inactive|unclean|stale|undersized|degraded,n=N,req=false name=threshold,type=CephInt,req=false',
      'PGs that are not as they should be for long',
      stuck,
    ),
    r(
      'osd',
      'osd ok-to-stop name=ids,type=CephString,n=N name=max,type=CephInt,range=0,req=false',
      'whether OSDs can be stopped without making PGs inactive',
      okToStop,
    ),
  ];
}
