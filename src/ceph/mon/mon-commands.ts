import { monMapText } from '../mon-client/monmap.ts';
import { dumpAddrVec } from '../osdmap/index.ts';
import { entityAddrVecText, legacyAddrText } from '../types/addr-text.ts';
import { entityTypeName } from '../types/entity.ts';
import { legacyAddr } from '../types/entity-addr.ts';
import { FEATURES_ALL } from '../types/features.ts';
import { CLOG_INFO } from '../types/log-entry.ts';
import { utimeFromMs, utimeText } from '../types/utime.ts';
import {
  COMMAND_TELL,
  type CommandCall,
  type CommandReply,
  type CommandSpec,
  emit,
  failed,
} from './command.ts';
import { CEPH_VERSION, type MonCore } from './core.ts';
import { healthJson, healthText } from './health.ts';
import { logEntryJson, logEntryText } from './log-monitor.ts';
import { countMetadata } from './osd-info-commands.ts';
import { type StatusInput, statusJson, statusText } from './status.ts';

/** Names of the mon_feature_t bits that a pacific quorum has. */
const MON_FEATURES = [
  'kraken',
  'luminous',
  'mimic',
  'osdmap-prune',
  'nautilus',
  'octopus',
  'pacific',
  'elector-pinging',
];
const ELECTION_EPOCH = 3;
const LEVELS = ['debug', 'info', 'sec', 'warn', 'error'];

/** 'T05:06:07.123456Z': monmaps are dumped with it. */
function gmtime(text: string): string {
  return text.replace('+0000', 'Z');
}

function monmapJson(core: MonCore): Record<string, unknown> {
  const { monmap } = core;
  return {
    epoch: monmap.epoch,
    fsid: monmap.fsid,
    modified: gmtime(utimeText(monmap.lastChanged)),
    created: gmtime(utimeText(monmap.created)),
    min_mon_release: 16,
    min_mon_release_name: 'pacific',
    election_strategy: monmap.strategy,
    'disallowed_leaders: ': '',
    stretch_mode: false,
    tiebreaker_mon: '',
    'removed_ranks: ': '',
    features: { persistent: MON_FEATURES, optional: [] },
    mons: monmap.ranks.map((name, rank) => {
      const { addrs, priority, weight } = monmap.mons.get(name)!;
      const legacy = legacyAddrText(legacyAddr(addrs).family === 0 ? addrs[0] : legacyAddr(addrs));
      return {
        rank,
        name,
        public_addrs: dumpAddrVec(addrs),
        addr: legacy,
        public_addr: legacy,
        priority,
        weight,
        crush_location: '{}',
      };
    }),
  };
}

function statusInput(core: MonCore): StatusInput {
  return {
    fsid: core.monmap.fsid,
    monmap: core.monmap,
    map: core.osds.map,
    stats: core.stats,
    checks: core.health(),
    electionEpoch: ELECTION_EPOCH,
    quorumSince: core.quorumSince,
    now: utimeFromMs(core.env.clock.now()),
    services: { epoch: 1, modified: utimeText(core.monmap.created) },
  };
}

/** Commands about the monitors themselves and the cluster as a whole. */
export function monCommands(core: MonCore): CommandSpec[] {
  const { ctx } = core;
  const quorumAge = () => Math.max(0, Math.floor(core.env.clock.now() / 1000) - core.quorumSince.sec);
  const quorumFeatures = { quorum_con: String(FEATURES_ALL), quorum_mon: MON_FEATURES };

  const status = (call: CommandCall): CommandReply => {
    const input = statusInput(core);
    return { output: emit(call, statusJson(input), () => statusText(input)) };
  };
  const health = (call: CommandCall): CommandReply => {
    const detail = call.args.str('detail', '') === 'detail';
    const checks = core.health();
    return { output: emit(call, healthJson(checks, detail), () => healthText(checks, detail)) };
  };
  const quorum = (call: CommandCall): CommandReply => {
    const { monmap } = core;
    return {
      output: emit(
        { ...call, format: call.format === 'plain' ? 'json' : call.format },
        {
          election_epoch: ELECTION_EPOCH,
          quorum: monmap.ranks.map((_, rank) => rank),
          quorum_names: monmap.ranks,
          quorum_leader_name: monmap.ranks[0],
          quorum_age: quorumAge(),
          features: quorumFeatures,
          monmap: monmapJson(core),
        },
      ),
    };
  };
  const monStatus = (call: CommandCall): CommandReply => ({
    output: emit(call, {
      name: core.name,
      rank: core.monmap.ranks.indexOf(core.name),
      state: 'leader',
      election_epoch: ELECTION_EPOCH,
      quorum: core.monmap.ranks.map((_, rank) => rank),
      quorum_age: quorumAge(),
      features: {
        required_con: '2449958747317026820',
        required_mon: MON_FEATURES,
        quorum_con: quorumFeatures.quorum_con,
        quorum_mon: MON_FEATURES,
      },
      outside_quorum: [],
      extra_probe_peers: [],
      sync_provider: [],
      monmap: monmapJson(core),
      feature_map: featureMap(core),
      stretch_mode: false,
    }),
  });
  const monDump = (call: CommandCall): CommandReply => {
    const epoch = call.args.int('epoch', 0);
    const { monmap } = core;
    if (epoch !== 0 && epoch !== monmap.epoch) return failed('ENOENT', `there is no map for epoch ${epoch}`);
    const json = () => ({ ...monmapJson(core), quorum: monmap.ranks.map((_, rank) => rank) });
    return {
      status: `dumped monmap epoch ${monmap.epoch}`,
      output: emit(call, json(), () => monMapText(monmap)),
    };
  };
  const monStat = (call: CommandCall): CommandReply => {
    const { monmap } = core;
    const mons = [...monmap.mons.values()].map(m => `${m.name}=${entityAddrVecText(m.addrs)}`).join(',');
    const ranks = monmap.ranks.map((_, rank) => rank).join(',');
    return {
      output: emit(
        call,
        {
          epoch: monmap.epoch,
          min_mon_release_name: 'pacific',
          num_mons: monmap.mons.size,
          leader: monmap.ranks[0],
          quorum: monmap.ranks.map((name, rank) => ({ rank, name })),
        },
        `e${monmap.epoch}: ${monmap.mons.size} mons at {${mons}} removed_ranks: {}, election epoch ` +
          `${ELECTION_EPOCH}, leader 0 ${monmap.ranks[0]}, quorum ${ranks} ${monmap.ranks.join(',')}\n`,
      ),
    };
  };
  const versionsOf = (kind: 'mon' | 'osd') =>
    countMetadata(kind === 'mon' ? [core.metadata()] : core.osds.metadata.values(), 'ceph_version');
  const versions = (call: CommandCall): CommandReply => {
    const mon = versionsOf('mon');
    const osd = versionsOf('osd');
    const overall = new Map(mon);
    for (const [version, n] of osd) overall.set(version, (overall.get(version) ?? 0) + n);
    return { output: emit(call, { mon, mgr: {}, osd, mds: {}, overall }) };
  };
  const nodeLs = (call: CommandCall): CommandReply => {
    const byHost = <T>(pairs: Iterable<readonly [string, T]>): Map<string, T[]> => {
      const out = new Map<string, T[]>();
      for (const [host, id] of pairs) out.set(host, [...(out.get(host) ?? []), id]);
      return out;
    };
    const osds: [string, number][] = [];
    for (const [id, metadata] of [...core.osds.metadata].sort((a, b) => a[0] - b[0]))
      osds.push([metadata.get('hostname') ?? '', id]);
    const all: Record<string, Map<string, unknown[]>> = {
      mon: byHost([[core.env.host.hostname, core.name]]),
      osd: byHost(osds),
      mds: new Map(),
      mgr: new Map(),
    };
    const type = call.args.str('type', 'all');
    const { mds: _, ...shown } = all;
    return { output: emit(call, type === 'all' ? shown : (all[type] ?? {})) };
  };
  const logLast = (call: CommandCall): CommandReply => {
    const level = Math.max(0, LEVELS.indexOf(call.args.str('level', 'info')));
    const entries = core.log.last(call.args.int('num', 20), level, call.args.str('channel', 'cluster'));
    return {
      output: emit(call, entries.map(logEntryJson), () => entries.map(e => `${logEntryText(e)}\n`).join('')),
    };
  };
  const logAdd = (call: CommandCall): CommandReply => {
    const { con, entityName } = call.session;
    const cut = entityName.indexOf('.');
    core.log.add({
      name: { type: con.peerType, id: entityName.slice(cut + 1) },
      rank: con.peerName,
      addrs: [...con.peerAddrs],
      stamp: utimeFromMs(core.env.clock.now()),
      seq: 0,
      prio: CLOG_INFO,
      msg: call.args.list('logtext').join(' '),
      channel: 'cluster',
    });
    return {};
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
    module: 'mon',
  });
  const r = (sig: string, help: string, run: CommandSpec['run'], flags?: number) =>
    spec(sig, 'r', help, run, flags);
  return [
    r('status', 'the state of the cluster', status),
    r('health name=detail,type=CephChoices,strings=detail,req=false', 'whether all is well', health),
    r('fsid', "the cluster's uuid", call => ({
      output: emit(call, { fsid: core.monmap.fsid }, `${core.monmap.fsid}\n`),
    })),
    spec('log name=logtext,type=CephString,n=N', 'rw', 'write a line to the cluster log', logAdd),
    r(
      'log last name=num,type=CephInt,range=1,req=false ' +
        'name=level,type=CephChoices,strings=debug|info|sec|warn|error,req=false ' +
        'name=channel,type=CephChoices,strings=*|cluster|audit|cephadm,req=false',
      'the last lines of the cluster log',
      logLast,
    ),
    r('time-sync-status', 'clocks of the monitors', call => ({
      output: emit(call, { timechecks: { epoch: ELECTION_EPOCH, round: 0, round_status: 'finished' } }),
    })),
    r('features', 'releases and features of everyone connected', call => ({
      output: emit(call, featureMap(core)),
    })),
    r('quorum_status', 'which monitors agree', quorum),
    r('node ls name=type,type=CephChoices,strings=all|osd|mon|mds|mgr,req=false', 'daemons by host', nodeLs),
    r(`mon dump name=epoch,type=CephInt,range=0,req=false`, 'the monitor map', monDump),
    r('mon stat', 'the monitors in one line', monStat),
    r('mon getmap name=epoch,type=CephInt,range=0,req=false', 'the monitor map as bytes', () => ({
      status: `got monmap epoch ${core.monmap.epoch}`,
      output: core.monmapBytes,
    })),
    r('mon metadata name=id,type=CephString,req=false', 'what monitors say of themselves', call => {
      const of = new Map<string, string>([['name', core.name], ...core.metadata()]);
      if (call.args.has('id') && call.args.str('id') !== core.name)
        return failed('ENOENT', `mon.${call.args.str('id')} does not exist`);
      return { output: emit(call, call.args.has('id') ? of : [of]) };
    }),
    r(
      'mon count-metadata name=property,type=CephString',
      'monitors by one member of their metadata',
      call => ({
        output: emit(call, countMetadata([core.metadata()], call.args.str('property'))),
      }),
    ),
    r('mon versions', 'monitors by version', call => ({ output: emit(call, versionsOf('mon')) })),
    r('versions', 'all daemons by version', versions),
    r(
      'mon feature ls name=with_value,type=CephChoices,strings=--with-value,req=false',
      'features of the monitors',
      call => {
        const text = `[${MON_FEATURES.join(',')}]`;
        return {
          output: emit(
            call,
            {
              all: { supported: MON_FEATURES, persistent: MON_FEATURES },
              monmap: { persistent: MON_FEATURES, optional: [], required: MON_FEATURES },
            },
            `all features\n\tsupported: ${text}\n\tpersistent: ${text}\n` +
              `on current monmap (epoch ${core.monmap.epoch})\n\tpersistent: ${text}\n\trequired: ${text}\n`,
          ),
        };
      },
    ),
    r('mon ok-to-stop name=ids,type=CephString,n=N', 'whether monitors can be stopped', call => {
      const ids = call.args.list('ids');
      const left = core.monmap.ranks.filter(name => !ids.includes(name));
      if (left.length > core.monmap.ranks.length / 2)
        return { status: `quorum should be preserved (${left.join(',')}) after stopping [${ids.join(',')}]` };
      return failed(
        'EBUSY',
        `not enough monitors would be available (${left.join(',')}) after stopping mons [${ids.join(',')}]`,
      );
    }),
    // For `ceph tell mon.X`.
    r('version', 'version of this monitor', call => ({
      output: emit(call, { version: CEPH_VERSION }, `${CEPH_VERSION}\n`),
    })),
    r('mon_status', 'state of this monitor', monStatus, COMMAND_TELL),
    r('sessions', 'who is connected', call => ({ output: emit(call, sessionsJson(core)) }), COMMAND_TELL),
    spec(
      'injectargs name=injected_args,type=CephString,n=N',
      'rw',
      'change options of this monitor while it runs',
      call => {
        const words = call.args.list('injected_args').flatMap(word => word.split(/[\s=]+/));
        for (let i = 0; i + 1 < words.length; i += 2)
          ctx.config.set(words[i].replace(/^--/, '').replace(/-/g, '_'), ctxValue(words[i + 1]));
        return {};
      },
      COMMAND_TELL,
    ),
  ];
}

function ctxValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function featureMap(core: MonCore): Map<string, object[]> {
  const counts = new Map<string, Map<bigint, number>>([['mon', new Map([[FEATURES_ALL, 1]])]]);
  for (const { con, authenticated } of core.sessions()) {
    if (!authenticated) continue;
    const type = entityTypeName(con.peerType);
    const of = counts.get(type) ?? new Map<bigint, number>();
    of.set(con.features.bits, (of.get(con.features.bits) ?? 0) + 1);
    counts.set(type, of);
  }
  const hex = (bits: bigint) => `0x${bits.toString(16)}`;
  return new Map(
    [...counts].map(([type, of]) => [
      type,
      [...of].map(([bits, num]) => ({ features: hex(bits), release: 'luminous', num })),
    ]),
  );
}

function sessionsJson(core: MonCore): object[] {
  return [...core.sessions()].map(session => ({
    name: session.entityName,
    addrs: dumpAddrVec(session.con.peerAddrs),
    authenticated: session.authenticated,
    global_id: session.globalId,
    caps: session.caps.text,
    con_features: session.con.features.bits,
    open: session.con.isConnected,
    subscriptions: [...session.subs.keys()],
  }));
}
