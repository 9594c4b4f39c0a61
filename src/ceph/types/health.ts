import { i64, list, map, since, str, struct, u8, type ValueOf } from './codec.ts';

/** health_status_t (include/health.h): the smaller the worse. */
export const HEALTH_ERR = 0;
export const HEALTH_WARN = 1;
export const HEALTH_OK = 2;

const NAMES = ['HEALTH_ERR', 'HEALTH_WARN', 'HEALTH_OK'];

export function healthName(status: number): string {
  return NAMES[status] ?? 'HEALTH_???';
}

/** health_check_t (mon/health_check.h). */
export const healthCheck = struct(
  'health_check_t',
  { version: 2, compat: 1 },
  { severity: u8, summary: str, detail: list(str), count: since(2, i64) },
);
export type HealthCheck = ValueOf<typeof healthCheck>;

/** health_check_map_t: checks by code ('OSD_DOWN'). */
export const healthCheckMap = struct(
  'health_check_map_t',
  { version: 1, compat: 1 },
  { checks: map(str, healthCheck) },
);
export type HealthCheckMap = ValueOf<typeof healthCheckMap>;

/** DaemonHealthMetric::type (mgr/DaemonHealthMetric.h). */
export const DAEMON_HEALTH_SLOW_OPS = 0;
export const DAEMON_HEALTH_PENDING_CREATING_PGS = 1;

/** DaemonHealthMetric: slow ops and pending PGs; a pair of u32 (number, oldest in seconds) for slow ops. */
export const daemonHealthMetric = struct(
  'DaemonHealthMetric',
  { version: 1, compat: 1 },
  { type: u8, value: i64 },
);
export type DaemonHealthMetric = ValueOf<typeof daemonHealthMetric>;
