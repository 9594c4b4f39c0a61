import { formatBytes, formatSi } from '../../base/units.ts';
import { type PgPool, POOL_FLAG_FULL, POOL_FLAG_FULL_QUOTA } from '../osdmap/index.ts';
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
import { GET_VARS, iecNumber, type OnPool, poolVariables, SET_VARS, siNumber } from './osd-pool-vars.ts';
import {
  addPoolSnap,
  checkRemovePool,
  createPool,
  currentPool,
  poolId,
  poolName,
  removePoolSnap,
} from './pools.ts';

const POOL = 'name=pool,type=CephPoolname';

/** Commands that make, change, show and remove pools. */
export function osdPoolCommands(core: MonCore): CommandSpec[] {
  const { osds, ctx } = core;
  const { config } = ctx;

  /** Runs with the pool that an argument names. */
  const withPool =
    (run: OnPool, arg = 'pool') =>
    (call: CommandCall): CommandReply => {
      const name = call.args.str(arg);
      const id = poolId(osds, name);
      const pool = id === undefined ? undefined : currentPool(osds, id);
      if (id === undefined || pool === undefined) return failed('ENOENT', `unrecognized pool '${name}'`);
      return run(call, id, pool, name);
    };
  const done = (status: string): CommandReply => ({ status, after: osds });

  const create = (call: CommandCall): CommandReply => {
    const { args } = call;
    const name = args.str('pool');
    if (poolId(osds, name) !== undefined) return done(`pool '${name}' already exists`);
    let profile = args.opt('erasure_code_profile');
    let rule = args.opt('rule');
    const type = args.opt('pool_type');
    // 'osd pool create NAME PGS PGS replicated RULE' leaves no place for a profile.
    if ((type ?? 'replicated') === 'replicated' && profile !== undefined && rule === undefined) {
      rule = profile;
      profile = undefined;
    }
    createPool(osds, config, {
      name,
      pgNum: args.optInt('pg_num'),
      pgpNum: args.optInt('pgp_num'),
      type,
      profile,
      rule,
      size: args.optInt('size'),
      autoscaleMode: args.opt('autoscale_mode'),
      bulk: args.bool('bulk'),
      expectedNumObjects: args.optInt('expected_num_objects'),
      pgNumMin: args.optInt('pg_num_min'),
      pgNumMax: args.optInt('pg_num_max'),
      targetSizeBytes: args.optInt('target_size_bytes'),
      targetSizeRatio: args.has('target_size_ratio') ? args.float('target_size_ratio') : undefined,
    });
    return done(`pool '${name}' created`);
  };
  const remove = (call: CommandCall): CommandReply => {
    const { args } = call;
    const name = args.str('pool');
    const id = poolId(osds, name);
    const pool = id === undefined ? undefined : currentPool(osds, id);
    if (id === undefined || pool === undefined) return done(`pool '${name}' does not exist`);
    const sure =
      args.bool('yes_i_really_really_mean_it_not_faking') ||
      (args.opt('pool2') === name && args.bool('yes_i_really_really_mean_it'));
    if (!sure)
      return failed(
        'EPERM',
        `WARNING: this will *PERMANENTLY DESTROY* all data stored in pool ${name}.  If you are *ABSOLUTELY CERTAIN* ` +
          'that is what you want, pass the pool name *twice*, followed by --yes-i-really-really-mean-it.',
      );
    checkRemovePool(config, pool, name);
    osds.pending.deletePool(id);
    return done(`pool '${name}' removed`);
  };
  const rename = (call: CommandCall): CommandReply => {
    const from = call.args.str('srcpool');
    const to = call.args.str('destpool');
    const id = poolId(osds, from);
    const taken = poolId(osds, to);
    if (id === undefined)
      return taken === undefined
        ? failed('ENOENT', `unrecognized pool '${from}'`)
        : { status: `pool '${from}' does not exist; pool '${to}' does -- assuming successful rename` };
    if (taken !== undefined) return failed('EEXIST', `pool '${to}' already exists`);
    osds.pending.renamePool(id, to);
    osds.pending.pool(id);
    return done(`pool '${from}' renamed to '${to}'`);
  };
  const variables = poolVariables(core);
  const get = withPool(variables.get);
  const set = withPool(variables.set);
  const setQuota = withPool((call, id, _pool, name) => {
    const field = call.args.str('field');
    const text = call.args.str('val');
    const value = field === 'max_bytes' ? iecNumber(text) : siNumber(text);
    if (value === undefined) return failed('EINVAL', `error parsing value '${text}'`);
    const next = osds.pending.pool(id);
    if (field === 'max_bytes') next.quotaMaxBytes = value;
    else if (field === 'max_objects') next.quotaMaxObjects = value;
    else return failed('EINVAL', `unrecognized option '${field}', should be 'max_objects' or 'max_bytes'`);
    next.lastChange = osds.pending.inc.epoch;
    return done(`set-quota ${field} = ${value} for pool ${name}`);
  });
  const getQuota = withPool((call, id, pool, name) => {
    const { stats } = core.stats.summary(osds.map).byPool.get(id) ?? { stats: undefined };
    const objects = stats?.numObjects ?? 0;
    const bytes = stats?.numBytes ?? 0;
    const { quotaMaxObjects, quotaMaxBytes } = pool;
    const text = () =>
      `quotas for pool '${name}':\n  max objects: ` +
      (quotaMaxObjects === 0
        ? 'N/A'
        : `${formatSi(quotaMaxObjects)} objects  (current num objects: ${objects} objects)`) +
      '\n  max bytes  : ' +
      (quotaMaxBytes === 0 ? 'N/A' : `${formatBytes(quotaMaxBytes)}  (current num bytes: ${bytes} bytes)`);
    const json = {
      pool_name: name,
      pool_id: id,
      quota_max_objects: quotaMaxObjects,
      current_num_objects: objects,
      quota_max_bytes: quotaMaxBytes,
      current_num_bytes: bytes,
    };
    return { output: emit(call, json, () => `${text()}\n`) };
  });

  // Snapshots of pools.
  const mksnap = withPool((call, id, pool, name) => {
    const snap = call.args.str('snap');
    if (pool.snapByName(snap) !== undefined) return done(`pool ${name} snap ${snap} already exists`);
    addPoolSnap(osds, id, snap);
    return done(`created pool ${name} snap ${snap}`);
  });
  const rmsnap = withPool((call, id, pool, name) => {
    const snap = call.args.str('snap');
    if (pool.snapByName(snap) === undefined) return done(`pool ${name} snap ${snap} does not exist`);
    removePoolSnap(osds, id, snap);
    return done(`removed pool ${name} snap ${snap}`);
  });

  // Applications.
  const enable = withPool((call, id, pool, name) => {
    const app = call.args.str('app');
    if (app === '') return failed('EINVAL', 'application name cannot be empty');
    if (pool.applicationMetadata.has(app)) return done(`enabled application '${app}' on pool '${name}'`);
    if (pool.applicationMetadata.size > 0 && !call.args.bool('yes_i_really_mean_it'))
      return failed(
        'EPERM',
        `Are you SURE? Pool '${name}' already has an enabled application; pass --yes-i-really-mean-it to proceed anyway`,
      );
    const next = osds.pending.pool(id);
    next.applicationMetadata.set(app, new Map());
    next.lastChange = osds.pending.inc.epoch;
    return done(`enabled application '${app}' on pool '${name}'`);
  });
  const disable = withPool((call, id, pool, name) => {
    const app = call.args.str('app');
    if (!call.args.bool('yes_i_really_mean_it'))
      return failed(
        'EPERM',
        'Are you SURE? Disabling an application within a pool might result in loss of application functionality; pass --yes-i-really-mean-it to proceed anyway',
      );
    if (!pool.applicationMetadata.has(app))
      return { status: `application '${app}' is not enabled on pool '${name}'` };
    osds.pending.pool(id).applicationMetadata.delete(app);
    return done(`disable application '${app}' on pool '${name}'`);
  });
  const appSet = withPool((call, id, pool, name) => {
    const app = call.args.str('app');
    const key = call.args.str('key');
    if (!pool.applicationMetadata.has(app))
      return failed('ENOENT', `application '${app}' is not enabled on pool '${name}'`);
    if (key === '') return failed('EINVAL', 'key cannot be empty');
    const value = call.args.str('value');
    osds.pending.pool(id).applicationMetadata.get(app)!.set(key, value);
    return done(`set application '${app}' key '${key}' to '${value}' on pool '${name}'`);
  });
  const appRm = withPool((call, id, pool, name) => {
    const app = call.args.str('app');
    const key = call.args.str('key');
    if (!pool.applicationMetadata.has(app))
      return failed('ENOENT', `application '${app}' is not enabled on pool '${name}'`);
    osds.pending.pool(id).applicationMetadata.get(app)!.delete(key);
    return done(`removed application '${app}' key '${key}' on pool '${name}'`);
  });
  const appsOf = (pool: PgPool) =>
    new Map([...pool.applicationMetadata].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
  const appGet = (call: CommandCall): CommandReply => {
    const { map } = osds;
    if (!call.args.has('pool')) {
      const all = map.sortedPools().map(([id, pool]) => [poolName(map, id), appsOf(pool)] as const);
      return { output: emit(call, new Map(all.sort((a, b) => (a[0] < b[0] ? -1 : 1)))) };
    }
    return withPool((_, _id, pool, name) => {
      const apps = appsOf(pool);
      const app = call.args.opt('app');
      if (app === undefined) return { output: emit(call, apps) };
      const meta = apps.get(app);
      if (meta === undefined) return failed('ENOENT', `pool '${name}' has no application '${app}'`);
      const key = call.args.opt('key');
      if (key === undefined) return { output: emit(call, meta) };
      const value = meta.get(key);
      if (value === undefined)
        return failed('ENOENT', `application '${app}' on pool '${name}' does not have key '${key}'`);
      return { output: isPlain(call) ? `${value}\n` : emit(call, { [key]: value }) };
    })(call);
  };

  const spec = (
    sig: string,
    perm: string,
    help: string,
    run: CommandSpec['run'],
    flags?: number,
  ): CommandSpec => ({
    sig,
    perm,
    help,
    run,
    flags,
    module: 'osd',
  });
  const rw = (sig: string, help: string, run: CommandSpec['run'], flags?: number) =>
    spec(sig, 'rw', help, run, flags);
  const sureSure =
    'name=pool2,type=CephPoolname,req=false name=yes_i_really_really_mean_it,type=CephBool,req=false ' +
    'name=yes_i_really_really_mean_it_not_faking,type=CephBool,req=false';
  const sure = 'name=yes_i_really_mean_it,type=CephBool,req=false';
  return [
    rw(
      `osd pool create ${POOL} name=pg_num,type=CephInt,range=0,req=false name=pgp_num,type=CephInt,range=0,req=false ` +
        'name=pool_type,type=CephChoices,strings=replicated|erasure,req=false ' +
        'name=erasure_code_profile,type=CephString,req=false,goodchars=[A-Za-z0-9-_.] ' +
        'name=rule,type=CephString,req=false name=expected_num_objects,type=CephInt,range=0,req=false ' +
        'name=size,type=CephInt,range=0,req=false name=pg_num_min,type=CephInt,range=0,req=false ' +
        'name=pg_num_max,type=CephInt,range=0,req=false ' +
        'name=autoscale_mode,type=CephChoices,strings=on|off|warn,req=false name=bulk,type=CephBool,req=false ' +
        'name=target_size_bytes,type=CephInt,range=0,req=false name=target_size_ratio,type=CephFloat,range=0.0,req=false',
      'make a pool',
      create,
    ),
    rw(
      `osd pool delete ${POOL} ${sureSure}`,
      'delete a pool with all that is in it',
      remove,
      COMMAND_DEPRECATED,
    ),
    rw(`osd pool rm ${POOL} ${sureSure}`, 'delete a pool with all that is in it', remove),
    rw(
      'osd pool rename name=srcpool,type=CephPoolname name=destpool,type=CephPoolname',
      'rename a pool',
      rename,
    ),
    spec(
      `osd pool get ${POOL} name=var,type=CephChoices,strings=${GET_VARS.join('|')}`,
      'r',
      'show a variable of a pool',
      get,
    ),
    rw(
      `osd pool set ${POOL} name=var,type=CephChoices,strings=${SET_VARS.join('|')} name=val,type=CephString ${sure}`,
      'set a variable of a pool',
      set,
    ),
    rw(
      `osd pool set-quota ${POOL} name=field,type=CephChoices,strings=max_objects|max_bytes name=val,type=CephString`,
      'limit the objects or bytes of a pool',
      setQuota,
    ),
    spec(`osd pool get-quota ${POOL}`, 'r', 'show the limits of a pool', getQuota),
    rw(`osd pool mksnap ${POOL} name=snap,type=CephString`, 'snapshot a whole pool', mksnap),
    rw(`osd pool rmsnap ${POOL} name=snap,type=CephString`, 'remove a snapshot of a whole pool', rmsnap),
    rw(
      `osd pool application enable ${POOL} name=app,type=CephString,goodchars=[A-Za-z0-9-_.] ${sure}`,
      'say what a pool is for',
      enable,
    ),
    rw(`osd pool application disable ${POOL} name=app,type=CephString ${sure}`, 'take that back', disable),
    rw(
      `osd pool application set ${POOL} name=app,type=CephString name=key,type=CephString,goodchars=[A-Za-z0-9-_.] ` +
        'name=value,type=CephString,goodchars=[A-Za-z0-9-_.=]',
      "set a key of an application's metadata on a pool",
      appSet,
    ),
    rw(
      `osd pool application rm ${POOL} name=app,type=CephString name=key,type=CephString`,
      "remove a key of an application's metadata on a pool",
      appRm,
    ),
    spec(
      'osd pool application get name=pool,type=CephPoolname,req=false name=app,type=CephString,req=false name=key,type=CephString,req=false',
      'r',
      'show the applications of pools',
      appGet,
    ),
  ];
}

/** Pools whose quota is used up become full, and others free again. True when something changed. */
export function checkQuotas(core: MonCore): boolean {
  const { osds, log } = core;
  const sums = core.stats.summary(osds.map).byPool;
  let changed = false;
  for (const [id, pool] of osds.map.pools) {
    const stats = sums.get(id)?.stats;
    if (stats === undefined) continue;
    const full =
      (pool.quotaMaxBytes > 0 && stats.numBytes >= pool.quotaMaxBytes) ||
      (pool.quotaMaxObjects > 0 && stats.numObjects >= pool.quotaMaxObjects);
    if (full === pool.hasFlag(POOL_FLAG_FULL_QUOTA)) continue;
    const next = osds.pending.pool(id);
    if (full) {
      next.setFlag(POOL_FLAG_FULL_QUOTA);
      next.setFlag(POOL_FLAG_FULL);
      log.warn(`pool '${poolName(osds.map, id)}' is full (reached quota)`);
    } else {
      next.clearFlag(POOL_FLAG_FULL_QUOTA);
      next.clearFlag(POOL_FLAG_FULL);
      log.info(`pool '${poolName(osds.map, id)}' no longer out of quota; removing NO_QUOTA flag`);
    }
    changed = true;
  }
  return changed;
}
