import { NacreError } from '../../base/errors.ts';
import { formatGeneral } from '../../base/printf.ts';
import {
  MAX_PRIMARY_AFFINITY,
  OSD_EXISTS,
  OSD_IN,
  OSD_NODOWN,
  OSD_NOIN,
  OSD_NOOUT,
  OSD_NOUP,
  OSDMAP_PAUSERD,
  OSDMAP_PAUSEWR,
  osdListText,
  osdMapFlagByName,
  osdMapFlagsText,
  releaseByName,
  releaseName,
} from '../osdmap/index.ts';
import { sortedBlocklist } from '../osdmap/osdmap.ts';
import { entityAddrText, parseEntityAddr } from '../types/addr-text.ts';
import { ADDR_ANY } from '../types/entity-addr.ts';
import { type PgId, parsePgId, pgText } from '../types/pg.ts';
import { utimeFromMs, utimeText } from '../types/utime.ts';
import { isUuid, UUID_ZERO, uuidFromRandom } from '../types/uuid.ts';
import {
  COMMAND_DEPRECATED,
  CommandArgs,
  type CommandCall,
  type CommandReply,
  type CommandSpec,
  emit,
  failed,
} from './command.ts';
import type { MonCore } from './core.ts';

const FLAGS = [
  'full',
  'pause',
  'noup',
  'nodown',
  'noout',
  'noin',
  'nobackfill',
  'norebalance',
  'norecover',
  'noscrub',
  'nodeep-scrub',
  'notieragent',
  'nosnaptrim',
];
const GROUP_FLAGS: Readonly<Record<string, number>> = {
  noup: OSD_NOUP,
  nodown: OSD_NODOWN,
  noin: OSD_NOIN,
  noout: OSD_NOOUT,
};

const flagBits = (name: string): number =>
  name === 'pause' ? OSDMAP_PAUSERD | OSDMAP_PAUSEWR : name === 'full' ? 2 : osdMapFlagByName(name);
const flagText = (bits: number): string => (bits === 2 ? 'full' : osdMapFlagsText(bits));

/** Commands that change the state of OSDs, flags, and exceptions for PGs. */
export function osdStateCommands(core: MonCore): CommandSpec[] {
  const { osds, env } = core;
  const done = (status: string): CommandReply => ({ status, after: osds });

  /** OSD ids of 'ids': numbers, 'osd.N', 'any' and 'all'. */
  const idsOf = (call: CommandCall): number[] => {
    const ids: number[] = [];
    for (const word of call.args.list('ids')) {
      if (word === 'any' || word === 'all' || word === '*') {
        for (let osd = 0; osd < osds.map.maxOsd; osd++) if (osds.map.exists(osd)) ids.push(osd);
        continue;
      }
      const m = /^(?:osd\.)?(\d{1,9})$/.exec(word);
      if (m === null)
        throw new NacreError(
          'EINVAL',
          call.prefix,
          `Expected option value to be integer, got '${word}'invalid osd id-1`,
        );
      ids.push(Number(m[1]));
    }
    return ids;
  };
  /** Runs on each OSD that exists; what it returns is put together. */
  const each =
    (run: (osd: number, call: CommandCall) => string) =>
    (call: CommandCall): CommandReply => {
      let status = '';
      for (const osd of idsOf(call))
        status += osds.map.exists(osd) ? `${run(osd, call)} ` : `osd.${osd} does not exist. `;
      return done(status);
    };
  const one = (call: CommandCall): number => {
    const osd = call.args.osd('id');
    if (!osds.map.exists(osd)) throw new NacreError('ENOENT', call.prefix, `osd.${osd} does not exist`);
    return osd;
  };

  const out = each(osd => {
    if (osds.map.isOut(osd)) return `osd.${osd} is already out.`;
    osds.pending.markOut(osd);
    return `marked out osd.${osd}.`;
  });
  const into = each(osd => {
    if (osds.map.isIn(osd)) return `osd.${osd} is already in.`;
    osds.pending.markIn(osd);
    return `marked in osd.${osd}.`;
  });
  const down = each((osd, call) => {
    if (osds.map.isDown(osd)) return `osd.${osd} is already down.`;
    osds.pending.markDown(osd);
    if (call.args.bool('definitely_dead')) {
      const { pending, map } = osds;
      pending.inc.newXinfo.set(osd, { ...map.osdXinfo[osd], deadEpoch: map.epoch });
    }
    return `marked down osd.${osd}.`;
  });
  const rm = (call: CommandCall): CommandReply => {
    let status = '';
    for (const osd of idsOf(call)) {
      if (!osds.map.exists(osd)) {
        status += `osd.${osd} does not exist. `;
        continue;
      }
      if (osds.map.isUp(osd))
        return failed('EBUSY', `${status}osd.${osd} is still up; must be down before removal. `);
      osds.pending.inc.newState.set(osd, osds.map.osdState[osd]);
      osds.pending.inc.newUuid.set(osd, UUID_ZERO);
      osds.metadata.delete(osd);
      status += `${status === '' ? '' : ', '}removed osd.${osd}`;
    }
    return done(status);
  };
  const weightOf = (call: CommandCall): number => {
    const weight = call.args.float('weight');
    if (weight < 0 || weight > 1)
      throw new NacreError(
        'EINVAL',
        call.prefix,
        `unable to parse weight value '${weight}': it must be in [0..1]`,
      );
    return weight;
  };
  const reweight = (call: CommandCall): CommandReply => {
    const osd = one(call);
    const weight = weightOf(call);
    const fixed = Math.floor(weight * OSD_IN);
    osds.pending.inc.newWeight.set(osd, fixed);
    return done(`reweighted osd.${osd} to ${formatGeneral(weight, 6)} (${fixed.toString(16)})`);
  };
  const affinity = (call: CommandCall): CommandReply => {
    const osd = one(call);
    const weight = weightOf(call);
    const fixed = Math.floor(weight * MAX_PRIMARY_AFFINITY);
    osds.pending.inc.newPrimaryAffinity.set(osd, fixed);
    return done(`set osd.${osd} primary-affinity to ${formatGeneral(weight, 6)} (${fixed.toString(16)})`);
  };

  const set = (call: CommandCall): CommandReply => {
    const key = call.args.str('key');
    const bits = flagBits(key);
    if (bits === 0) return failed('EINVAL', `unrecognized flag '${key}'`);
    osds.pending.setFlag(bits);
    return done(`${flagText(bits)} is set`);
  };
  const unset = (call: CommandCall): CommandReply => {
    const key = call.args.str('key');
    const bits = flagBits(key);
    if (bits === 0) return failed('EINVAL', `unrecognized flag '${key}'`);
    osds.pending.clearFlag(bits);
    return done(`${flagText(bits)} is unset`);
  };
  const group =
    (on: boolean) =>
    (call: CommandCall): CommandReply => {
      let bits = 0;
      for (const name of call.args.str('flags').split(',')) {
        if (GROUP_FLAGS[name] === undefined)
          return failed('EINVAL', `unrecognized flag '${name}', must be one of {noup,nodown,noin,noout}`);
        bits |= GROUP_FLAGS[name];
      }
      for (const word of call.args.list('who')) {
        const m = /^(?:osd\.)?(\d{1,9})$/.exec(word);
        const osd = m === null ? -1 : Number(m[1]);
        if (osds.map.exists(osd)) {
          osds.pending.setState(osd, bits, on);
          continue;
        }
        const item = osds.map.crush.names.id(word);
        if (item === undefined || item >= 0)
          return failed('EINVAL', `unable to parse osd id or crush node or device class: '${word}'.`);
        const { inc } = osds.pending;
        const before = inc.newCrushNodeFlags.get(item) ?? osds.map.crushNodeFlags.get(item) ?? 0;
        inc.newCrushNodeFlags.set(item, on ? before | bits : before & ~bits);
      }
      return done('');
    };

  const create = (call: CommandCall): CommandReply => {
    const given = call.args.opt('uuid');
    const { pending, map } = osds;
    if (given !== undefined && !isUuid(given)) return failed('EINVAL', `invalid uuid value '${given}'`);
    const uuid = given ?? uuidFromRandom(env.random.bytes(16));
    const known = map.osdByUuid(uuid);
    let id = known;
    if (id === undefined) {
      id = call.args.has('id') ? call.args.osd('id') : pending.nextOsd();
      if ((pending.state(id) & OSD_EXISTS) !== 0)
        return failed('EEXIST', `osd.${id} already exists with another uuid`);
      pending.createOsd(id, uuid);
    }
    const output = emit(call, { osdid: id }, `${id}\n`);
    return { output, after: osds };
  };
  const lost = (call: CommandCall): CommandReply => {
    const osd = one(call);
    if (!call.args.bool('yes_i_really_mean_it'))
      return failed(
        'EPERM',
        'are you SURE?  this might mean real, permanent data loss.  pass --yes-i-really-mean-it if you really do.',
      );
    if (osds.map.isUp(osd)) return failed('EBUSY', `osd.${osd} is not down or doesn't exist`);
    const downAt = osds.map.osdInfo[osd].downAt;
    osds.pending.inc.newLost.set(osd, downAt);
    return done(`marked osd lost in epoch ${downAt}`);
  };
  const setMaxOsd = (call: CommandCall): CommandReply => {
    const n = call.args.int('newmax');
    for (let osd = n; osd < osds.map.maxOsd; osd++)
      if (osds.map.exists(osd))
        return failed(
          'EBUSY',
          `cannot shrink max_osd to ${n} because osd.${osd} (and possibly others) still in use`,
        );
    osds.pending.inc.newMaxOsd = n;
    return done(`set new max_osd = ${n}`);
  };
  const ratio =
    (name: string, apply: (value: number) => void) =>
    (call: CommandCall): CommandReply => {
      const value = call.args.float('ratio');
      if (value < 0 || value > 1) return failed('EINVAL', 'ratio must be in [0..1]');
      apply(Math.fround(value));
      return done(`osd ${name} ${formatGeneral(value, 6)}`);
    };
  const minCompat = (call: CommandCall): CommandReply => {
    const version = call.args.str('version');
    const release = releaseByName(version);
    if (release === 0) return failed('EINVAL', `version ${version} is not recognized`);
    osds.pending.inc.newRequireMinCompatClient = release;
    return done(`set require_min_compat_client to ${releaseName(release)}`);
  };
  const requireRelease = (call: CommandCall): CommandReply => {
    const release = releaseByName(call.args.str('release'));
    if (release < osds.map.requireOsdRelease)
      return failed('EPERM', `require_osd_release cannot be lowered once it has been set`);
    osds.pending.inc.newRequireOsdRelease = release;
    return done('');
  };

  // The blocklist.
  const addrOf = (call: CommandCall) => {
    const text = call.args.str('addr');
    const addr = parseEntityAddr(text, ADDR_ANY);
    if (addr === undefined || addr.ip === '')
      throw new NacreError('EINVAL', call.prefix, `unable to parse address ${text}`);
    return { ...addr, type: ADDR_ANY };
  };
  const blocklist =
    (verb: string) =>
    (call: CommandCall): CommandReply => {
      if (call.args.has('range')) return failed('ENOTSUP', 'blocklisting of ranges is not supported yet');
      const op = call.args.str(verb);
      const addr = addrOf(call);
      const text = entityAddrText(addr);
      if (op === 'add') {
        const seconds = call.args.float('expire', core.ctx.config.get('mon_osd_blocklist_default_expire'));
        const until = utimeFromMs(env.clock.now() + seconds * 1000);
        osds.pending.blocklist(addr, until);
        return done(`blocklisting ${text} until ${utimeText(until)} (${formatGeneral(seconds, 6)} sec)`);
      }
      if (op !== 'rm') return failed('EINVAL', `'${op}' is neither add nor rm`);
      const listed = osds.map.isBlocklisted([addr]) || osds.pending.inc.newBlocklist.size > 0;
      if (!listed) return { status: `${text} isn't blocklisted` };
      osds.pending.unblocklist(addr);
      return done(`un-blocklisting ${text}`);
    };
  const clear = (): CommandReply => {
    for (const { addr } of sortedBlocklist(osds.map.blocklist)) osds.pending.unblocklist(addr);
    return done(' removed all blocklist entries');
  };

  // Exceptions for PGs.
  const pgOf = (call: CommandCall): PgId => {
    const text = call.args.str('pgid');
    const pg = parsePgId(text);
    const pool = pg === undefined ? undefined : osds.map.pools.get(pg.pool);
    if (pg === undefined) throw new NacreError('EINVAL', call.prefix, `invalid pgid '${text}'`);
    if (pool === undefined || pg.seed >= pool.pgNum)
      throw new NacreError('ENOENT', call.prefix, `pg '${text}' does not exist`);
    return pg;
  };
  const osdsOf = (call: CommandCall, name = 'id'): number[] => {
    const ids = call.args.list(name).map(word => Number(word.replace(/^osd\./, '')));
    for (const osd of ids)
      if (!osds.map.exists(osd)) throw new NacreError('ENOENT', call.prefix, `osd.${osd} does not exist`);
    return ids;
  };
  const pgTemp = (call: CommandCall): CommandReply => {
    const pg = pgOf(call);
    const ids = osdsOf(call);
    osds.pending.inc.newPgTemp.set(pg.pool, pg.seed, ids);
    return done(
      ids.length === 0
        ? `done cleaning up pg_temp of ${pgText(pg)}`
        : `set ${pgText(pg)} pg_temp mapping to ${osdListText(ids)}`,
    );
  };
  const primaryTemp = (call: CommandCall): CommandReply => {
    const pg = pgOf(call);
    const text = call.args.str('id');
    const osd = text === '-1' ? -1 : call.args.osd('id');
    if (osd >= 0 && !osds.map.exists(osd)) return failed('ENOENT', `osd.${osd} does not exist`);
    osds.pending.inc.newPrimaryTemp.set(pg.pool, pg.seed, osd);
    return done(`set ${pgText(pg)} primary_temp mapping to ${osd}`);
  };
  const upmap = (call: CommandCall): CommandReply => {
    const pg = pgOf(call);
    const ids = osdsOf(call);
    const { size } = osds.map.pools.get(pg.pool)!;
    if (ids.length > size) return failed('EINVAL', `num of osds (${ids.length}) > pool size (${size})`);
    if (new Set(ids).size !== ids.length) return failed('EINVAL', 'an osd is named twice');
    osds.pending.inc.newPgUpmap.set(pg.pool, pg.seed, ids);
    return done(`set ${pgText(pg)} pg_upmap mapping to ${osdListText(ids)}`);
  };
  const upmapItems = (call: CommandCall): CommandReply => {
    const pg = pgOf(call);
    const ids = osdsOf(call);
    if (ids.length % 2 !== 0) return failed('EINVAL', 'you must specify pairs of osds');
    const items: [number, number][] = [];
    for (let i = 0; i < ids.length; i += 2) if (ids[i] !== ids[i + 1]) items.push([ids[i], ids[i + 1]]);
    if (items.length === 0) return failed('EINVAL', 'no valid items specified');
    osds.pending.inc.newPgUpmapItems.set(pg.pool, pg.seed, items);
    const text = items.map(([from, to]) => `${from}->${to}`).join(',');
    return done(`set ${pgText(pg)} pg_upmap_items mapping to [${text}]`);
  };
  const rmUpmap = (call: CommandCall): CommandReply => {
    const pg = pgOf(call);
    const { inc } = osds.pending;
    inc.newPgUpmap.delete(pg.pool, pg.seed);
    if (osds.map.pgUpmap.has(pg.pool, pg.seed)) inc.oldPgUpmap = [...inc.oldPgUpmap, pg];
    return done(`clear ${pgText(pg)} pg_upmap mapping`);
  };
  const rmUpmapItems = (call: CommandCall): CommandReply => {
    const pg = pgOf(call);
    const { inc } = osds.pending;
    inc.newPgUpmapItems.delete(pg.pool, pg.seed);
    if (osds.map.pgUpmapItems.has(pg.pool, pg.seed)) inc.oldPgUpmapItems = [...inc.oldPgUpmapItems, pg];
    return done(`clear ${pgText(pg)} pg_upmap_items mapping`);
  };
  const profileSet = (call: CommandCall): CommandReply => {
    const name = call.args.str('name');
    const profile = new Map<string, string>();
    for (const word of call.args.list('profile')) {
      const cut = word.indexOf('=');
      profile.set(cut < 0 ? word : word.slice(0, cut), cut < 0 ? '' : word.slice(cut + 1));
    }
    if (!profile.has('plugin')) profile.set('plugin', 'jerasure');
    const known = osds.map.erasureCodeProfiles.get(name);
    if (known !== undefined && !call.args.bool('force')) {
      const same = known.size === profile.size && [...known].every(([k, v]) => profile.get(k) === v);
      return same ? {} : failed('EPERM', `will not override erasure code profile ${name}`);
    }
    osds.pending.setProfile(name, profile);
    return done('');
  };
  const profileRm = (call: CommandCall): CommandReply => {
    const name = call.args.str('name');
    if (!osds.map.erasureCodeProfiles.has(name))
      return { status: `erasure-code-profile ${name} does not exist` };
    for (const [id, pool] of osds.map.pools)
      if (pool.erasureCodeProfile === name)
        return failed(
          'EBUSY',
          `${osds.map.poolNames.get(id)} pool(s) are using the erasure code profile '${name}'`,
        );
    osds.pending.removeProfile(name);
    return done('');
  };

  const rw = (sig: string, help: string, run: CommandSpec['run'], flags?: number): CommandSpec => ({
    sig,
    help,
    run,
    flags,
    module: 'osd',
    perm: 'rw',
  });
  const IDS = 'name=ids,type=CephString,n=N';
  const ID = 'name=id,type=CephOsdName';
  const PG = 'name=pgid,type=CephPgid';
  const SURE = 'name=yes_i_really_mean_it,type=CephBool,req=false';
  const WEIGHT = 'name=weight,type=CephFloat,range=0.0|1.0';
  const RATIO = 'name=ratio,type=CephFloat,range=0.0|1.0';
  const ADDR = 'name=addr,type=CephEntityAddr name=expire,type=CephFloat,range=0.0,req=false';
  return [
    rw(`osd down ${IDS} name=definitely_dead,type=CephBool,req=false`, 'mark OSDs down', down),
    rw(`osd out ${IDS}`, 'mark OSDs out', out),
    rw(`osd in ${IDS}`, 'mark OSDs in', into),
    rw(`osd rm ${IDS}`, 'forget OSDs that are down', rm, COMMAND_DEPRECATED),
    rw(`osd reweight ${ID} ${WEIGHT}`, 'use an OSD less than its size says', reweight),
    rw(`osd primary-affinity ${ID} ${WEIGHT}`, 'how willing an OSD is to lead PGs', affinity),
    rw(
      `osd set name=key,type=CephChoices,strings=${[...FLAGS, 'pglog_hardlimit'].join('|')} ${SURE}`,
      'set a flag of the whole cluster',
      set,
    ),
    rw(
      `osd unset name=key,type=CephChoices,strings=${FLAGS.join('|')}`,
      'clear a flag of the whole cluster',
      unset,
    ),
    rw('osd pause', 'stop all I/O', call => set(withKey(call, 'pause'))),
    rw('osd unpause', 'let I/O go on', call => unset(withKey(call, 'pause'))),
    rw(
      'osd set-group name=flags,type=CephString name=who,type=CephString,n=N',
      'set flags of some OSDs',
      group(true),
    ),
    rw(
      'osd unset-group name=flags,type=CephString name=who,type=CephString,n=N',
      'clear flags of some OSDs',
      group(false),
    ),
    rw(
      `osd create name=uuid,type=CephUUID,req=false ${ID},req=false`,
      'make room for an OSD',
      create,
      COMMAND_DEPRECATED,
    ),
    rw(`osd new name=uuid,type=CephUUID,req=true ${ID},req=false`, 'make room for an OSD', create),
    rw(`osd lost ${ID} ${SURE}`, 'say that what an OSD had is gone for good', lost),
    rw('osd setmaxosd name=newmax,type=CephInt,range=0', 'set the upper bound of OSD ids', setMaxOsd),
    rw(
      `osd set-full-ratio ${RATIO}`,
      'share of its space at which an OSD is full',
      ratio('set-full-ratio', v => {
        osds.pending.inc.newFullRatio = v;
      }),
    ),
    rw(
      `osd set-backfillfull-ratio ${RATIO}`,
      'share of its space at which an OSD takes no backfill',
      ratio('set-backfillfull-ratio', v => {
        osds.pending.inc.newBackfillfullRatio = v;
      }),
    ),
    rw(
      `osd set-nearfull-ratio ${RATIO}`,
      'share of its space at which an OSD is nearly full',
      ratio('set-nearfull-ratio', v => {
        osds.pending.inc.newNearfullRatio = v;
      }),
    ),
    rw(
      `osd set-require-min-compat-client name=version,type=CephString ${SURE}`,
      'oldest release that clients may have',
      minCompat,
    ),
    rw(
      `osd require-osd-release name=release,type=CephChoices,strings=luminous|mimic|nautilus|octopus|pacific ${SURE}`,
      'oldest release that OSDs may have',
      requireRelease,
    ),
    rw(
      `osd blocklist name=range,type=CephString,goodchars=[range],req=false name=blocklistop,type=CephChoices,strings=add|rm ${ADDR}`,
      'keep a client from I/O',
      blocklist('blocklistop'),
    ),
    rw('osd blocklist clear', 'let everyone do I/O again', clear),
    rw(
      `osd blacklist name=blacklistop,type=CephChoices,strings=add|rm ${ADDR}`,
      'keep a client from I/O',
      blocklist('blacklistop'),
      COMMAND_DEPRECATED,
    ),
    rw('osd blacklist clear', 'let everyone do I/O again', clear, COMMAND_DEPRECATED),
    rw(`osd pg-temp ${PG} ${ID},n=N,req=false`, 'who acts for a PG for the time being', pgTemp),
    rw(`osd primary-temp ${PG} ${ID}`, 'who leads a PG for the time being', primaryTemp),
    rw(`osd pg-upmap ${PG} ${ID},n=N`, 'place a PG on these OSDs', upmap),
    rw(`osd rm-pg-upmap ${PG}`, 'take that back', rmUpmap),
    rw(`osd pg-upmap-items ${PG} ${ID},n=N`, 'replace OSDs of a PG: pairs of from and to', upmapItems),
    rw(`osd rm-pg-upmap-items ${PG}`, 'take that back', rmUpmapItems),
    rw(
      'osd erasure-code-profile set name=name,type=CephString,goodchars=[A-Za-z0-9-_.] name=profile,type=CephString,n=N,req=false name=force,type=CephBool,req=false',
      'make a profile',
      profileSet,
    ),
    rw(
      'osd erasure-code-profile rm name=name,type=CephString,goodchars=[A-Za-z0-9-_.]',
      'remove a profile',
      profileRm,
    ),
  ];
}

function withKey(call: CommandCall, key: string): CommandCall {
  return { ...call, args: new CommandArgs(call.prefix, { key }) };
}
