import { cephFloat } from '../../base/format.ts';
import { formatBytes, formatSi } from '../../base/units.ts';
import type { MonMap } from '../mon-client/monmap.ts';
import { dumpHealthChecks, type HealthChecks } from '../osdmap/health.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import { osdSummaryJson, osdSummaryText, timespanText } from '../osdmap/print.ts';
import { pgStateText } from '../types/pg-state.ts';
import type { UTime } from '../types/utime.ts';
import { healthStatus } from './health.ts';
import type { PgStats, PgSummary, PoolSum, Rates } from './pg-stats.ts';

const percent = (part: number, whole: number): string => ((part / whole) * 100).toFixed(3);

/** Objects that are not where they should be, as text and as members of a JSON object. */
export function recoverySummary(sum: PoolSum, into: Record<string, unknown>): string[] {
  const { stats } = sum;
  const lines: string[] = [];
  const add = (what: string, n: number, of: number) => {
    if (n === 0 || of === 0) return;
    into[`${what}_objects`] = n;
    into[`${what}_total`] = of;
    into[`${what}_ratio`] = cephFloat(n / of);
    lines.push(`${n}/${of} objects ${what} (${percent(n, of)}%)`);
  };
  add('degraded', stats.numObjectsDegraded, stats.numObjectCopies);
  add('misplaced', stats.numObjectsMisplaced, stats.numObjectCopies);
  add('unfound', stats.numObjectsUnfound, stats.numObjects);
  return lines;
}

/** '1.2 MiB/s rd, 4 op/s wr'. */
export function clientRateSummary(rates: Rates | undefined, into: Record<string, unknown>): string {
  if (rates === undefined) return '';
  const parts: string[] = [];
  const add = (name: string, value: number, text: string) => {
    if (value === 0) return;
    into[name] = value;
    parts.push(text);
  };
  add('read_bytes_sec', rates.readBytes, `${formatBytes(rates.readBytes)}/s rd`);
  add('write_bytes_sec', rates.writeBytes, `${formatBytes(rates.writeBytes)}/s wr`);
  if (rates.readOps > 0 || rates.writeOps > 0) {
    into['read_op_per_sec'] = rates.readOps;
    into['write_op_per_sec'] = rates.writeOps;
    parts.push(`${formatSi(rates.readOps)} op/s rd`, `${formatSi(rates.writeOps)} op/s wr`);
  }
  return parts.join(', ');
}

export function recoveryRateSummary(rates: Rates | undefined, into: Record<string, unknown>): string {
  if (rates === undefined || rates.recoveredObjects + rates.recoveredBytes + rates.recoveredKeys === 0)
    return '';
  into['recovering_objects_per_sec'] = rates.recoveredObjects;
  into['recovering_bytes_per_sec'] = rates.recoveredBytes;
  into['recovering_keys_per_sec'] = rates.recoveredKeys;
  const keys = rates.recoveredKeys > 0 ? `, ${formatSi(rates.recoveredKeys)} keys/s` : '';
  const objects = rates.recoveredObjects > 0 ? `, ${formatSi(rates.recoveredObjects)} objects/s` : '';
  return `${formatBytes(rates.recoveredBytes)}/s${keys}${objects}`;
}

/** States by how many PGs are in them, most first. */
export function statesByCount(summary: PgSummary): [number, number][] {
  return [...summary.byState]
    .map(([state, n]): [number, number] => [n, state])
    .sort((a, b) => b[0] - a[0] || b[1] - a[1]);
}

export function usedBytes(summary: PgSummary): number {
  return summary.space.total - summary.space.available;
}

export interface StatusInput {
  readonly fsid: string;
  readonly monmap: MonMap;
  readonly map: OsdMap;
  readonly stats: PgStats;
  readonly checks: HealthChecks;
  readonly electionEpoch: number;
  /** Since when there is a quorum. */
  readonly quorumSince: UTime;
  readonly now: UTime;
  readonly services: { readonly epoch: number; readonly modified: string };
}

function pgmapJson(map: OsdMap, stats: PgStats): object {
  const summary = stats.summary(map);
  const json: Record<string, unknown> = {
    pgs_by_state: statesByCount(summary).map(([count, state]) => ({ state_name: pgStateText(state), count })),
    num_pgs: summary.numPgs,
    num_pools: map.pools.size,
    num_objects: summary.total.stats.numObjects,
    data_bytes: summary.total.stats.numBytes,
    bytes_used: usedBytes(summary),
    bytes_avail: summary.space.available,
    bytes_total: summary.space.total,
  };
  if (summary.unknown > 0)
    json['unknown_pgs_ratio'] = cephFloat(Math.fround(summary.unknown / summary.numPgs));
  const inactive = summary.numPgs - summary.active - summary.unknown;
  if (inactive > 0) json['inactive_pgs_ratio'] = cephFloat(Math.fround(inactive / summary.numPgs));
  recoverySummary(summary.total, json);
  const rates = stats.rates();
  recoveryRateSummary(rates, json);
  clientRateSummary(rates, json);
  return json;
}

function pgmapText(map: OsdMap, stats: PgStats): string {
  const summary = stats.summary(map);
  const { total, space } = summary;
  const lines: string[] = [];
  if (summary.unknown > 0) lines.push(`${percent(summary.unknown, summary.numPgs)}% pgs unknown`);
  const inactive = summary.numPgs - summary.active - summary.unknown;
  if (inactive > 0) lines.push(`${percent(inactive, summary.numPgs)}% pgs not active`);
  lines.push(...recoverySummary(total, {}));
  const states = statesByCount(summary);
  const width = Math.max(1, ...states.map(([n]) => String(n).length));
  for (const [n, state] of states) lines.push(`${String(n).padEnd(width)} ${pgStateText(state)}`);
  let out =
    `    pools:   ${map.pools.size} pools, ${summary.numPgs} pgs\n` +
    `    objects: ${formatSi(total.stats.numObjects)} objects, ${formatBytes(total.stats.numBytes)}\n` +
    `    usage:   ${formatBytes(usedBytes(summary))} used, ${formatBytes(space.available)} / ${formatBytes(space.total)} avail\n` +
    `    pgs:     ${lines.join('\n             ')}\n`;
  const rates = stats.rates();
  const client = clientRateSummary(rates, {});
  const recovery = recoveryRateSummary(rates, {});
  if (client !== '' || recovery !== '') {
    out += ' \n  io:\n';
    if (client !== '') out += `    client:   ${client}\n`;
    if (recovery !== '') out += `    recovery: ${recovery}\n`;
  }
  return out;
}

/** `ceph status -f json` (Monitor::get_cluster_status). */
export function statusJson(s: StatusInput): object {
  return {
    fsid: s.fsid,
    health: { status: healthStatus(s.checks), checks: dumpHealthChecks(s.checks), mutes: [] },
    election_epoch: s.electionEpoch,
    quorum: s.monmap.ranks.map((_, rank) => rank),
    quorum_names: s.monmap.ranks,
    quorum_age: Math.max(0, s.now.sec - s.quorumSince.sec),
    monmap: { epoch: s.monmap.epoch, min_mon_release_name: 'pacific', num_mons: s.monmap.mons.size },
    osdmap: osdSummaryJson(s.map),
    pgmap: pgmapJson(s.map, s.stats),
    fsmap: { epoch: 1, by_rank: [], 'up:standby': 0 },
    mgrmap: { available: false, num_standbys: 0, modules: [], services: {} },
    servicemap: { epoch: s.services.epoch, modified: s.services.modified, services: {} },
    progress_events: {},
  };
}

/** `ceph -s`: the sections cluster, services, data and io. */
export function statusText(s: StatusInput): string {
  let out = `  cluster:\n    id:     ${s.fsid}\n    health: ${healthStatus(s.checks)}\n`;
  for (const { summary } of s.checks.values()) out += `            ${summary}\n`;
  out += ' \n  services:\n';
  out += `    mon: ${s.monmap.mons.size} daemons, quorum ${s.monmap.ranks.join(',')} (age ${timespanText(s.quorumSince, s.now)})\n`;
  out += '    mgr: no daemons active\n';
  out += `    osd: ${osdSummaryText(s.map, s.now, '         ', false)}`;
  out += ' \n  data:\n';
  return `${out}${pgmapText(s.map, s.stats)} \n`;
}
