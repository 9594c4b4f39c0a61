import type { Config } from '../../base/config/config.ts';
import { NacreError } from '../../base/errors.ts';
import { findRule } from '../crush/index.ts';
import {
  autoscaleModeByName,
  type IncrementalBuilder,
  type OsdMap,
  type PgPool,
  POOL_FLAG_BULK,
  POOL_FLAG_NODELETE,
  POOL_FLAG_NOPGCHANGE,
  POOL_FLAG_NOSIZECHANGE,
  POOL_FLAG_POOL_SNAPS,
  POOL_FLAG_SELFMANAGED_SNAPS,
  POOL_OPTS,
  POOL_REPLICATED,
} from '../osdmap/index.ts';
import type { SnapInterval } from '../types/interval-set.ts';
import type { OsdMonitor } from './osd-monitor.ts';

/** A pool with the changes of the pending epoch, to look at. */
export function currentPool(osds: OsdMonitor, id: number): PgPool | undefined {
  if (osds.hasPending) {
    const { inc } = osds.pending;
    if (inc.oldPools.includes(id)) return undefined;
    const pending = inc.newPools.get(id);
    if (pending !== undefined) return pending;
  }
  return osds.map.pools.get(id);
}

/** The id of a pool by name, those of the pending epoch included. */
export function poolId(osds: OsdMonitor, name: string): number | undefined {
  if (osds.hasPending) {
    const { inc } = osds.pending;
    for (const [id, pending] of inc.newPoolNames) if (pending === name) return id;
    const id = osds.map.poolIdByName(name);
    return id === undefined || inc.oldPools.includes(id) || inc.newPoolNames.has(id) ? undefined : id;
  }
  return osds.map.poolIdByName(name);
}

export function poolName(map: OsdMap, id: number): string {
  return map.poolNames.get(id) ?? String(id);
}

export interface NewPool {
  readonly name: string;
  readonly pgNum?: number;
  readonly pgpNum?: number;
  readonly type?: string;
  readonly profile?: string;
  readonly rule?: string;
  readonly ruleId?: number;
  readonly size?: number;
  readonly autoscaleMode?: string;
  readonly bulk?: boolean;
  readonly expectedNumObjects?: number;
  readonly pgNumMin?: number;
  readonly pgNumMax?: number;
  readonly targetSizeBytes?: number;
  readonly targetSizeRatio?: number;
}

function refuse(code: string, message: string): never {
  throw new NacreError(code, 'osd pool create', message);
}

function ruleFor(map: OsdMap, config: Config, wanted: NewPool): number {
  const { crush } = map;
  if (wanted.rule !== undefined && wanted.rule !== '') {
    const id = crush.ruleNames.id(wanted.rule);
    if (id === undefined) refuse('ENOENT', `specified rule ${wanted.rule} doesn't exist`);
    if (crush.rules[id]?.type !== POOL_REPLICATED)
      refuse('EINVAL', `crush rule ${wanted.rule} type does not match pool`);
    return id;
  }
  if (wanted.ruleId !== undefined && wanted.ruleId > 0) return wanted.ruleId;
  const preset = config.get('osd_pool_default_crush_rule');
  if (preset >= 0) return preset;
  const id = crush.rules.findIndex(rule => rule?.type === POOL_REPLICATED);
  if (id < 0) refuse('ENOENT', 'no suitable CRUSH rule exists, check osd_pool_default_crush_rule');
  return id;
}

/** PGs that each OSD would have: mon_max_pg_per_osd is checked against it. */
function checkPgNum(map: OsdMap, config: Config, pgNum: number, size: number, except = -1): void {
  const limit = config.get('mon_max_pg_per_osd') * Math.max(1, map.numInOsds);
  let total = pgNum * size;
  for (const [id, pool] of map.pools) if (id !== except) total += pool.pgNumTarget * pool.size;
  if (total > limit)
    throw new NacreError(
      'ERANGE',
      'osd pool',
      `pg_num ${pgNum} size ${size} would mean ${total} total pgs, which exceeds max ${limit} ` +
        `(mon_max_pg_per_osd ${config.get('mon_max_pg_per_osd')} * num_in_osds ${Math.max(1, map.numInOsds)})`,
    );
}

/** Adds a pool with the defaults of the configuration; its id. @throws NacreError */
export function createPool(osds: OsdMonitor, config: Config, wanted: NewPool): number {
  const { map } = osds;
  const type =
    wanted.type === undefined || wanted.type === '' ? config.get('osd_pool_default_type') : wanted.type;
  if (type === 'erasure')
    throw new NacreError(
      'ENOTSUP',
      'osd pool create',
      'erasure-coded pools are not supported by this monitor yet',
    );
  if (type !== 'replicated') refuse('EINVAL', `unknown pool type '${type}'`);
  if (wanted.name === '') refuse('EINVAL', 'a pool needs a name');
  const size =
    wanted.size !== undefined && wanted.size > 0 ? wanted.size : config.get('osd_pool_default_size');
  if (size < 1 || size > 10) refuse('EINVAL', 'pool size must be between 1 and 10');
  if (size === 1 && !config.get('mon_allow_pool_size_one'))
    refuse('EPERM', 'configuring pool size as 1 is disabled by default.');
  const pgNum = wanted.pgNum || config.get('osd_pool_default_pg_num');
  const preset = wanted.pgNum ? 0 : Math.min(pgNum, config.get('osd_pool_default_pgp_num'));
  const pgpNum = wanted.pgpNum || preset || pgNum;
  const most = config.get('mon_max_pool_pg_num');
  if (pgNum > most) refuse('ERANGE', `'pg_num' must be greater than 0 and less than or equal to ${most}`);
  if (pgpNum > pgNum)
    refuse(
      'ERANGE',
      `'pgp_num' must be greater than 0 and lower or equal than 'pg_num', which in this case is ${pgNum}`,
    );
  checkPgNum(map, config, pgNum, size);
  const crushRule = ruleFor(map, config, wanted);
  if (findRule(map.crush, crushRule, POOL_REPLICATED, size) === undefined)
    refuse('EINVAL', `pool size ${size} does not fit crush rule ${crushRule}`);
  const minSize = config.get('osd_pool_default_min_size');
  let flags = 0;
  if (config.get('osd_pool_default_flag_nodelete')) flags |= POOL_FLAG_NODELETE;
  if (config.get('osd_pool_default_flag_nopgchange')) flags |= POOL_FLAG_NOPGCHANGE;
  if (config.get('osd_pool_default_flag_nosizechange')) flags |= POOL_FLAG_NOSIZECHANGE;
  if (wanted.bulk === true || config.get('osd_pool_default_flag_bulk')) flags |= POOL_FLAG_BULK;
  const mode = wanted.autoscaleMode ?? config.get('osd_pool_default_pg_autoscale_mode');
  const id = osds.pending.createPool(wanted.name, {
    size,
    minSize: minSize > 0 && minSize <= size ? minSize : size - Math.floor(size / 2),
    pgNum,
    pgpNum,
    crushRule,
    flags,
    autoscaleMode: autoscaleModeByName(mode),
    expectedNumObjects: wanted.expectedNumObjects ?? 0,
    creating: true,
  });
  const pool = osds.pending.pool(id);
  const opt = (name: keyof typeof POOL_OPTS, value: number | undefined, kind: 'int' | 'double') => {
    if (value === undefined || value === 0) return;
    pool.opts.set(POOL_OPTS[name].key, kind === 'int' ? BigInt(value) : value);
  };
  opt('pg_num_min', wanted.pgNumMin, 'int');
  opt('pg_num_max', wanted.pgNumMax, 'int');
  opt('target_size_bytes', wanted.targetSizeBytes, 'int');
  opt('target_size_ratio', wanted.targetSizeRatio, 'double');
  return id;
}

export { checkPgNum };

/** @throws NacreError EPERM, EBUSY when the pool may not go */
export function checkRemovePool(config: Config, pool: PgPool, name: string): void {
  const no = (message: string): never => {
    throw new NacreError('EPERM', 'osd pool rm', message);
  };
  if (pool.tierOf >= 0) throw new NacreError('EBUSY', 'osd pool rm', `pool '${name}' is a tier`);
  if (pool.tiers.length > 0) throw new NacreError('EBUSY', 'osd pool rm', `pool '${name}' has tiers`);
  if (!config.get('mon_allow_pool_delete'))
    no(
      'pool deletion is disabled; you must first set the mon_allow_pool_delete config option to true before you can destroy a pool',
    );
  if (pool.hasFlag(POOL_FLAG_NODELETE))
    no('pool deletion is disabled; you must unset nodelete flag for the pool first');
}

function withSnap(snaps: readonly SnapInterval[], snap: bigint): SnapInterval[] {
  const all = [...snaps, { start: snap, length: 1n }].sort((a, b) =>
    a.start < b.start ? -1 : a.start > b.start ? 1 : 0,
  );
  const out: SnapInterval[] = [];
  for (const { start, length } of all) {
    const last = out.at(-1);
    if (last !== undefined && start <= last.start + last.length) {
      const more = start + length - (last.start + last.length);
      if (more > 0n) out[out.length - 1] = { start: last.start, length: last.length + more };
    } else out.push({ start, length });
  }
  return out;
}

function markRemoved(builder: IncrementalBuilder, id: number, snap: bigint): void {
  builder.inc.newRemovedSnaps.set(id, withSnap(builder.inc.newRemovedSnaps.get(id) ?? [], snap));
}

/** Makes a snapshot of the whole pool. @throws NacreError EINVAL when it has self-managed ones */
export function addPoolSnap(osds: OsdMonitor, id: number, name: string): void {
  const { pending } = osds;
  const now = currentPool(osds, id)!;
  if (now.isUnmanagedSnapsMode)
    throw new NacreError(
      'EINVAL',
      'osd pool mksnap',
      `pool ${poolName(osds.map, id)} is in unmanaged snaps mode`,
    );
  const pool = pending.pool(id);
  const snapid = pool.snapSeq + 1n;
  pool.setFlag(POOL_FLAG_POOL_SNAPS);
  pool.snapSeq = snapid;
  pool.snaps.set(snapid, { snapid, stamp: pending.inc.modified, name });
  pool.snapEpoch = pending.inc.epoch;
}

/** Removes a snapshot of the whole pool by name. */
export function removePoolSnap(osds: OsdMonitor, id: number, name: string): void {
  const { pending } = osds;
  const pool = pending.pool(id);
  const snap = pool.snapByName(name);
  if (snap === undefined) return;
  pool.snaps.delete(snap);
  pool.snapSeq += 1n;
  pool.snapEpoch = pending.inc.epoch;
  markRemoved(pending, id, snap);
}

/** A new self-managed snapshot id. @throws NacreError EINVAL when the pool has snapshots of its own */
export function addSelfManagedSnap(osds: OsdMonitor, id: number): bigint {
  const now = currentPool(osds, id)!;
  if (now.isPoolSnapsMode)
    throw new NacreError(
      'EINVAL',
      'selfmanaged_snap_create',
      `pool ${poolName(osds.map, id)} has pool snapshots`,
    );
  const { pending } = osds;
  const pool = pending.pool(id);
  if (pool.snapSeq === 0n) pool.snapSeq = 1n;
  pool.setFlag(POOL_FLAG_SELFMANAGED_SNAPS);
  pool.snapSeq += 1n;
  pool.snapEpoch = pending.inc.epoch;
  return pool.snapSeq;
}

/** @throws NacreError EINVAL (pool snapshots), ENOENT (never given) */
export function removeSelfManagedSnap(osds: OsdMonitor, id: number, snap: bigint): void {
  const now = currentPool(osds, id)!;
  if (now.isPoolSnapsMode)
    throw new NacreError(
      'EINVAL',
      'selfmanaged_snap_remove',
      `pool ${poolName(osds.map, id)} has pool snapshots`,
    );
  if (snap > now.snapSeq || snap === 0n)
    throw new NacreError('ENOENT', 'selfmanaged_snap_remove', `snapshot ${snap} was never made`);
  const contains = (intervals: readonly SnapInterval[] | undefined) =>
    intervals?.some(({ start, length }) => snap >= start && snap < start + length) === true;
  if (contains(osds.map.removedSnapsQueue.get(id))) return;
  const { pending } = osds;
  if (contains(pending.inc.newRemovedSnaps.get(id))) return;
  const pool = pending.pool(id);
  pool.setFlag(POOL_FLAG_SELFMANAGED_SNAPS);
  pool.snapSeq += 1n;
  pool.snapEpoch = pending.inc.epoch;
  markRemoved(pending, id, snap);
}
