import { cephFloat } from '../../base/format.ts';
import { findRule } from '../crush/index.ts';
import {
  AUTOSCALE_UNKNOWN,
  autoscaleModeByName,
  autoscaleModeName,
  type PgPool,
  POOL_FLAG_BULK,
  POOL_FLAG_CREATING,
  POOL_FLAG_HASHPSPOOL,
  POOL_FLAG_NODEEP_SCRUB,
  POOL_FLAG_NODELETE,
  POOL_FLAG_NOPGCHANGE,
  POOL_FLAG_NOSCRUB,
  POOL_FLAG_NOSIZECHANGE,
  POOL_FLAG_WRITE_FADVISE_DONTNEED,
  POOL_OPTS,
  POOL_REPLICATED,
} from '../osdmap/index.ts';
import { type CommandCall, type CommandReply, emit, failed } from './command.ts';
import type { MonCore } from './core.ts';
import { checkPgNum } from './pools.ts';

/** Flags that `osd pool set` and `get` call by name, in the order of `get all`. */
const FLAG_VARS: readonly (readonly [string, number])[] = [
  ['hashpspool', POOL_FLAG_HASHPSPOOL],
  ['nodelete', POOL_FLAG_NODELETE],
  ['nopgchange', POOL_FLAG_NOPGCHANGE],
  ['nosizechange', POOL_FLAG_NOSIZECHANGE],
  ['write_fadvise_dontneed', POOL_FLAG_WRITE_FADVISE_DONTNEED],
  ['noscrub', POOL_FLAG_NOSCRUB],
  ['nodeep-scrub', POOL_FLAG_NODEEP_SCRUB],
  ['bulk', POOL_FLAG_BULK],
];

/** Variables that exist for tiers and erasure coding only; such pools are not made here. */
const OTHER_VARS = [
  'hit_set_type',
  'hit_set_period',
  'hit_set_count',
  'hit_set_fpp',
  'target_max_objects',
  'target_max_bytes',
  'cache_target_dirty_ratio',
  'cache_target_dirty_high_ratio',
  'cache_target_full_ratio',
  'cache_min_flush_age',
  'cache_min_evict_age',
  'min_read_recency_for_promote',
  'min_write_recency_for_promote',
  'hit_set_grade_decay_rate',
  'hit_set_search_last_n',
  'erasure_code_profile',
  'allow_ec_overwrites',
];
const OPT_VARS = Object.keys(POOL_OPTS);
export const GET_VARS = [
  'size',
  'min_size',
  'pg_num',
  'pgp_num',
  'crush_rule',
  ...FLAG_VARS.map(([name]) => name),
  'use_gmt_hitset',
  'fast_read',
  'pg_autoscale_mode',
  'all',
  ...OTHER_VARS,
  ...OPT_VARS,
];
export const SET_VARS = [
  ...GET_VARS.filter(name => name !== 'all' && name !== 'erasure_code_profile'),
  'pgp_num_actual',
];

/** '10K', '4096', '1Ti': numbers with binary suffixes, as quotas take them. */
export function iecNumber(text: string): number | undefined {
  const m = /^(\d+)\s*(?:([KMGTPE])(i?)B?|B)?$/i.exec(text.trim());
  if (m === null) return undefined;
  const power = m[2] === undefined ? 0 : 'KMGTPE'.indexOf(m[2].toUpperCase()) + 1;
  const value = Number(m[1]) * 1024 ** power;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** '10k': thousands, as counts of objects take them. */
export function siNumber(text: string): number | undefined {
  const m = /^(\d+)\s*([KMGTPE])?$/i.exec(text.trim());
  if (m === null) return undefined;
  const value = Number(m[1]) * 1000 ** (m[2] === undefined ? 0 : 'KMGTPE'.indexOf(m[2].toUpperCase()) + 1);
  return Number.isSafeInteger(value) ? value : undefined;
}

function truth(text: string): boolean | undefined {
  if (['true', '1', 'yes', 'on'].includes(text)) return true;
  return ['false', '0', 'no', 'off'].includes(text) ? false : undefined;
}

/** The value of one variable; undefined when it does not apply or is not set. */
function poolVar(core: MonCore, pool: PgPool, name: string): string | number | boolean | object | undefined {
  const flag = FLAG_VARS.find(([known]) => known === name);
  if (flag !== undefined) return pool.hasFlag(flag[1]);
  switch (name) {
    case 'size':
      return pool.size;
    case 'min_size':
      return pool.minSize;
    case 'pg_num':
      return pool.pgNum;
    case 'pgp_num':
      return pool.pgpNum;
    case 'crush_rule':
      return core.osds.map.crush.ruleNames.name(pool.crushRule) ?? String(pool.crushRule);
    case 'use_gmt_hitset':
      return pool.useGmtHitset;
    case 'fast_read':
      return pool.fastRead ? 1 : 0;
    case 'pg_autoscale_mode':
      return autoscaleModeName(pool.autoscaleMode);
    default: {
      const opt = POOL_OPTS[name];
      const value = opt === undefined ? undefined : pool.opts.get(opt.key);
      return typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? cephFloat(value) : value;
    }
  }
}

const ALL_ORDER = [
  'size',
  'min_size',
  'pg_num',
  'pgp_num',
  'crush_rule',
  ...FLAG_VARS.map(([name]) => name).filter(name => name !== 'bulk'),
  'use_gmt_hitset',
  'fast_read',
  ...OPT_VARS.filter(name => !name.startsWith('pg_') && !name.startsWith('target_')),
  'pg_autoscale_mode',
  'pg_num_min',
  'pg_num_max',
  'target_size_bytes',
  'target_size_ratio',
  'pg_autoscale_bias',
  'bulk',
];

function plainValue(value: unknown): string {
  const plain = typeof value === 'object' ? (value as { text?: string }).text : value;
  return String(plain);
}

/** What a command does with the pool that it names. */
export type OnPool = (call: CommandCall, id: number, pool: PgPool, name: string) => CommandReply;

/** `osd pool get` and `osd pool set`. */
export function poolVariables(core: MonCore): { get: OnPool; set: OnPool } {
  const { osds, ctx } = core;
  const { config } = ctx;

  const get: OnPool = (call, id, pool, name) => {
    const which = call.args.str('var');
    const wanted = which === 'all' ? ALL_ORDER : [which];
    const values: [string, unknown][] = [];
    for (const each of wanted) {
      const value = poolVar(core, pool, each);
      if (value !== undefined) values.push([each, value]);
    }
    if (which !== 'all' && values.length === 0)
      return GET_VARS.includes(which)
        ? failed('ENOENT', `option '${which}' is not set on pool '${name}'`)
        : failed('EINVAL', `unrecognized variable '${which}'`);
    const text = () =>
      values
        .map(([key, value]) => `${key}: ${key === 'use_gmt_hitset' ? Number(value) : plainValue(value)}\n`)
        .join('');
    return {
      output: emit(call, new Map<string, unknown>([['pool', name], ['pool_id', id], ...values]), text),
    };
  };
  const setPgNum = (id: number, pool: PgPool, n: number): CommandReply | undefined => {
    if (pool.hasFlag(POOL_FLAG_NOPGCHANGE))
      return failed(
        'EPERM',
        'pool pg_num change is disabled; you must unset nopgchange flag for the pool first',
      );
    if (n < pool.pgNumTarget)
      return failed(
        'ENOTSUP',
        `merging placement groups (pg_num ${pool.pgNumTarget} to ${n}) is not supported yet`,
      );
    if (n > config.get('mon_max_pool_pg_num'))
      return failed(
        'ERANGE',
        `'pg_num' must be greater than 0 and less than or equal to ${config.get('mon_max_pool_pg_num')}`,
      );
    if (n > pool.pgNum) {
      if (pool.hasFlag(POOL_FLAG_CREATING)) return failed('EBUSY', 'currently creating pgs, wait');
      checkPgNum(osds.map, config, n, pool.size, id);
    }
    const next = osds.pending.pool(id);
    next.setPgNum(n);
    next.pgNumTarget = n;
    next.setPgpNum(n);
    next.pgpNumTarget = n;
    next.lastForceOpResend = osds.pending.inc.epoch;
    next.lastForceOpResendPrenautilus = osds.pending.inc.epoch;
    next.lastForceOpResendPreluminous = osds.pending.inc.epoch;
    return undefined;
  };
  const setSize = (call: CommandCall, id: number, pool: PgPool, n: number): CommandReply | undefined => {
    if (pool.hasFlag(POOL_FLAG_NOSIZECHANGE))
      return failed(
        'EPERM',
        'pool size change is disabled; you must unset nosizechange flag for the pool first',
      );
    if (!Number.isInteger(n) || n < 1 || n > 10)
      return failed('EINVAL', 'pool size must be between 1 and 10');
    if (n === 1) {
      if (!config.get('mon_allow_pool_size_one'))
        return failed('EPERM', 'configuring pool size as 1 is disabled by default.');
      if (!call.args.bool('yes_i_really_mean_it'))
        return failed(
          'EPERM',
          'WARNING: setting pool size 1 could lead to data loss without recovery. If you are *ABSOLUTELY CERTAIN* that is what you want, pass the flag --yes-i-really-mean-it.',
        );
    }
    if (findRule(osds.map.crush, pool.crushRule, pool.type, n) === undefined)
      return failed('EINVAL', `size ${n} does not fit crush rule ${pool.crushRule}`);
    const next = osds.pending.pool(id);
    next.size = n;
    const preset = config.get('osd_pool_default_min_size');
    next.minSize = preset > 0 && preset <= n ? preset : n - Math.floor(n / 2);
    return undefined;
  };
  const setVar = (
    call: CommandCall,
    id: number,
    pool: PgPool,
    name: string,
    val: string,
  ): CommandReply | undefined => {
    const number = Number(val);
    const whole = val.trim() !== '' && Number.isSafeInteger(number);
    const integer = (): CommandReply => failed('EINVAL', `error parsing integer value '${val}'`);
    const flag = FLAG_VARS.find(([known]) => known === name);
    if (flag !== undefined) {
      const on = truth(val);
      if (on === undefined) return failed('EINVAL', "expecting value 'true', 'false', '0', or '1'");
      const next = osds.pending.pool(id);
      if (on) next.setFlag(flag[1]);
      else next.clearFlag(flag[1]);
      return undefined;
    }
    switch (name) {
      case 'size':
        return whole ? setSize(call, id, pool, number) : integer();
      case 'min_size':
        if (!whole) return integer();
        if (number < 1 || number > pool.size)
          return failed('EINVAL', `pool min_size must be between 1 and size, which is set to ${pool.size}`);
        osds.pending.pool(id).minSize = number;
        return undefined;
      case 'pg_num':
        if (!whole) return integer();
        return number === pool.pgNumTarget ? undefined : setPgNum(id, pool, number);
      case 'pgp_num':
      case 'pgp_num_actual': {
        if (!whole) return integer();
        if (number < 1 || number > pool.pgNum)
          return failed('EINVAL', `specified pgp_num ${number} > pg_num ${pool.pgNum}`);
        const next = osds.pending.pool(id);
        next.setPgpNum(number);
        next.pgpNumTarget = number;
        return undefined;
      }
      case 'crush_rule': {
        const rule = osds.map.crush.ruleNames.id(val);
        if (rule === undefined) return failed('ENOENT', `crush rule ${val} does not exist`);
        if (findRule(osds.map.crush, rule, POOL_REPLICATED, pool.size) === undefined)
          return failed('EINVAL', `crush rule ${val} type does not match pool`);
        osds.pending.pool(id).crushRule = rule;
        return undefined;
      }
      case 'use_gmt_hitset':
        osds.pending.pool(id).useGmtHitset = truth(val) ?? true;
        return undefined;
      case 'pg_autoscale_mode': {
        const mode = autoscaleModeByName(val);
        if (mode === AUTOSCALE_UNKNOWN) return failed('EINVAL', `specified invalid mode ${val}`);
        osds.pending.pool(id).autoscaleMode = mode;
        return undefined;
      }
      default: {
        const opt = POOL_OPTS[name];
        if (opt === undefined)
          return SET_VARS.includes(name)
            ? failed(
                'ENOTSUP',
                `${name} is for cache tiers and erasure-coded pools, which are not supported yet`,
              )
            : failed('EINVAL', `unrecognized variable '${name}'`);
        const next = osds.pending.pool(id);
        if (opt.kind === 'str') {
          if (val === 'unset' || val === '') next.opts.delete(opt.key);
          else next.opts.set(opt.key, val);
          return undefined;
        }
        if (opt.kind === 'double') {
          if (!Number.isFinite(number))
            return failed('EINVAL', `error parsing floating point value '${val}'`);
          if (number === 0) next.opts.delete(opt.key);
          else next.opts.set(opt.key, number);
          return undefined;
        }
        const int = iecNumber(val);
        if (int === undefined) return integer();
        if (int === 0) next.opts.delete(opt.key);
        else next.opts.set(opt.key, BigInt(int));
        return undefined;
      }
    }
  };
  const set: OnPool = (call, id, pool) => {
    const name = call.args.str('var');
    const val = call.args.str('val');
    const refused = setVar(call, id, pool, name, val);
    if (refused !== undefined) return refused;
    osds.pending.pool(id).lastChange = osds.pending.inc.epoch;
    return { status: `set pool ${id} ${name} to ${val}`, after: osds };
  };
  return { get, set };
}
