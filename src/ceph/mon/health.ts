import type { Config } from '../../base/config/config.ts';
import { checkHealth, dumpHealthChecks, type HealthCheck, type HealthChecks } from '../osdmap/health.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import { pgText } from '../types/pg.ts';
import {
  PG_STATE_ACTIVE,
  PG_STATE_DEGRADED,
  PG_STATE_INCONSISTENT,
  PG_STATE_UNDERSIZED,
  pgStateHas,
  pgStateText,
} from '../types/pg-state.ts';
import type { PgStats } from './pg-stats.ts';

export type HealthStatus = HealthCheck['severity'];

/** The worst of all checks. */
export function healthStatus(checks: HealthChecks): HealthStatus {
  let worst: HealthStatus = 'HEALTH_OK';
  for (const { severity } of checks.values()) {
    if (severity === 'HEALTH_ERR') return severity;
    if (severity === 'HEALTH_WARN') worst = severity;
  }
  return worst;
}

function plural(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

function fewOsds(map: OsdMap, config: Config, checks: HealthChecks): void {
  const wanted = config.get('osd_pool_default_size');
  if (map.numOsds >= wanted) return;
  checks.set('TOO_FEW_OSDS', {
    severity: 'HEALTH_WARN',
    summary: `OSD count ${map.numOsds} < osd_pool_default_size ${wanted}`,
    count: wanted - map.numOsds,
    detail: [],
  });
}

function poolsWithoutApplication(map: OsdMap, stats: PgStats, config: Config, checks: HealthChecks): void {
  if (!config.get('mon_warn_on_pool_no_app')) return;
  const sums = stats.summary(map).byPool;
  const detail: string[] = [];
  for (const [id, pool] of map.sortedPools())
    if (pool.applicationMetadata.size === 0 && (sums.get(id)?.stats.numObjects ?? 0) > 0)
      detail.push(`application not enabled on pool '${map.poolNames.get(id) ?? id}'`);
  if (detail.length === 0) return;
  detail.push(
    "use 'ceph osd pool application enable <pool-name> <app-name>', where <app-name> is 'cephfs', 'rbd', 'rgw', or freeform for custom applications.",
  );
  checks.set('POOL_APP_NOT_ENABLED', {
    severity: 'HEALTH_WARN',
    summary: `${detail.length - 1} pool(s) do not have an application enabled`,
    count: detail.length - 1,
    detail,
  });
}

function pgChecks(map: OsdMap, stats: PgStats, checks: HealthChecks): void {
  const inactive: string[] = [];
  const degraded: string[] = [];
  const damaged: string[] = [];
  let undersized = 0;
  let degradedPgs = 0;
  const { total } = stats.summary(map);
  for (const { pgid, stat } of stats.list(map)) {
    const { state, acting } = stat;
    const where = `pg ${pgText(pgid)} is`;
    const on = `acting [${acting.join(',')}]`;
    if (!pgStateHas(state, PG_STATE_ACTIVE)) {
      if (stat.reportedEpoch > 0) inactive.push(`${where} ${pgStateText(state)}, ${on}`);
      continue;
    }
    if (pgStateHas(state, PG_STATE_INCONSISTENT)) damaged.push(`${where} ${pgStateText(state)}, ${on}`);
    if (pgStateHas(state, PG_STATE_UNDERSIZED)) undersized++;
    if (pgStateHas(state, PG_STATE_DEGRADED)) degradedPgs++;
    if (pgStateHas(state, PG_STATE_UNDERSIZED) || pgStateHas(state, PG_STATE_DEGRADED))
      degraded.push(`${where} ${pgStateText(state)}, ${on}`);
  }
  if (inactive.length > 0)
    checks.set('PG_AVAILABILITY', {
      severity: 'HEALTH_WARN',
      summary: `Reduced data availability: ${plural(inactive.length, 'pg inactive', 'pgs inactive')}`,
      count: inactive.length,
      detail: inactive,
    });
  if (degraded.length > 0) {
    const { numObjectsDegraded, numObjectCopies } = total.stats;
    const parts: string[] = [];
    if (numObjectsDegraded > 0 && numObjectCopies > 0)
      parts.push(
        `${numObjectsDegraded}/${numObjectCopies} objects degraded (${((numObjectsDegraded / numObjectCopies) * 100).toFixed(3)}%)`,
      );
    if (degradedPgs > 0) parts.push(plural(degradedPgs, 'pg degraded', 'pgs degraded'));
    if (undersized > 0) parts.push(plural(undersized, 'pg undersized', 'pgs undersized'));
    checks.set('PG_DEGRADED', {
      severity: 'HEALTH_WARN',
      summary: `Degraded data redundancy: ${parts.join(', ')}`,
      count: degraded.length,
      detail: degraded,
    });
  }
  if (damaged.length > 0)
    checks.set('PG_DAMAGED', {
      severity: 'HEALTH_ERR',
      summary: `Possible data damage: ${plural(damaged.length, 'pg inconsistent', 'pgs inconsistent')}`,
      count: damaged.length,
      detail: damaged,
    });
}

/** All health checks, by code. */
export function clusterHealth(map: OsdMap, stats: PgStats, config: Config): HealthChecks {
  const checks: HealthChecks = new Map(
    checkHealth(map, {
      warnOnPoolNoRedundancy: config.get('mon_warn_on_pool_no_redundancy'),
      warnOnPoolPgNumNotPowerOfTwo: config.get('mon_warn_on_pool_pg_num_not_power_of_two'),
    }),
  );
  fewOsds(map, config, checks);
  poolsWithoutApplication(map, stats, config, checks);
  pgChecks(map, stats, checks);
  return new Map([...checks].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
}

/** `ceph health` as JSON. */
export function healthJson(checks: HealthChecks, detail: boolean): object {
  const dumped = dumpHealthChecks(checks);
  if (!detail)
    for (const [code, check] of dumped) {
      const { detail: _, ...rest } = check as { detail: unknown };
      dumped.set(code, rest);
    }
  return { status: healthStatus(checks), checks: dumped, mutes: [] };
}

/** `ceph health`, and with all details `ceph health detail`. */
export function healthText(checks: HealthChecks, detail: boolean): string {
  const summary = [...checks.values()].map(check => check.summary).join('; ');
  let out = `${healthStatus(checks)}${summary === '' ? '' : ` ${summary}`}`;
  if (!detail) return `${out}\n`;
  for (const [code, check] of checks) {
    out += `\n[${check.severity.slice(7, 10)}] ${code}: ${check.summary}`;
    for (const line of check.detail) out += `\n    ${line}`;
  }
  return `${out}\n`;
}
