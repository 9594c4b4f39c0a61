import type { Context } from '../../base/context.ts';
import { VERSION } from '../../base/version.ts';
import type { Env } from '../../env/env.ts';
import type { MonMap } from '../mon-client/monmap.ts';
import type { HealthChecks } from '../osdmap/health.ts';
import type { UTime } from '../types/utime.ts';
import type { AuthMonitor } from './auth-monitor.ts';
import type { CommandTable } from './command.ts';
import type { ConfigMonitor } from './config-monitor.ts';
import type { CreatingPgs } from './creating-pgs.ts';
import type { ClusterLog } from './log-monitor.ts';
import type { OsdMonitor } from './osd-monitor.ts';
import type { Paxos } from './paxos.ts';
import type { PgStats } from './pg-stats.ts';
import type { MonSession } from './session.ts';

/** The version that we say to be of: peers tell releases apart by it. */
export const CEPH_VERSION = `ceph version 16.2.15 (nacre ${VERSION}) pacific (stable)`;

/** What commands see of the monitor. */
export interface MonCore {
  readonly ctx: Context;
  readonly env: Env;
  readonly name: string;
  readonly monmap: MonMap;
  readonly monmapBytes: Buffer;
  readonly paxos: Paxos;
  readonly osds: OsdMonitor;
  readonly auth: AuthMonitor;
  readonly options: ConfigMonitor;
  readonly stats: PgStats;
  readonly creating: CreatingPgs;
  readonly log: ClusterLog;
  readonly commands: CommandTable;
  readonly quorumSince: UTime;
  sessions(): Iterable<MonSession>;
  health(): HealthChecks;
  /** What `mon metadata` shows. */
  metadata(): ReadonlyMap<string, string>;
}
