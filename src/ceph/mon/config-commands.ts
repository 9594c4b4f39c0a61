import type { Config } from '../../base/config/config.ts';
import {
  formatOptionValue,
  type OptionSpec,
  parseOptionValue,
  updatesAtRuntime,
} from '../../base/config/option.ts';
import { OPTIONS } from '../../base/config/options.ts';
import { NacreError } from '../../base/errors.ts';
import { TextTable } from '../../base/text-table.ts';
import type { Env } from '../../env/env.ts';
import { utimeText } from '../types/utime.ts';
import {
  COMMAND_DEPRECATED,
  type CommandCall,
  type CommandReply,
  type CommandSpec,
  emit,
  failed,
} from './command.ts';
import type { ConfigMonitor, ConfigValue } from './config-monitor.ts';
import type { Paxos } from './paxos.ts';
import { MonTransaction } from './store.ts';

const KEYS = 'mon_config_key';

function optionOf(name: string): OptionSpec | undefined {
  return Object.hasOwn(OPTIONS, name) ? OPTIONS[name as keyof typeof OPTIONS] : undefined;
}

function checkSection(who: string): void {
  if (who === 'global' || /^(mon|osd|mds|mgr|client)(\..+)?$/.test(who)) return;
  throw new NacreError('EINVAL', 'config', `unrecognized entity '${who}'`);
}

export interface ConfigCommandDeps {
  readonly env: Env;
  readonly config: Config;
  readonly paxos: Paxos;
  readonly options: ConfigMonitor;
  /** Text of `config generate-minimal-conf`. */
  readonly minimalConf: () => string;
}

function valueJson({ section, name, value }: ConfigValue): object {
  const option = optionOf(name);
  return {
    section,
    name,
    value,
    level: option?.level ?? 'advanced',
    can_update_at_runtime: option === undefined ? true : updatesAtRuntime(option),
    mask: '',
  };
}

function table(values: readonly ConfigValue[], indent: (section: string) => string): string {
  const t = new TextTable()
    .column('WHO', 'left', 'left')
    .column('MASK', 'left', 'left')
    .column('LEVEL', 'left', 'left')
    .column('OPTION', 'left', 'left')
    .column('VALUE', 'left', 'left')
    .column('RO', 'left', 'left');
  for (const { section, name, value } of values) {
    const option = optionOf(name);
    const fixed = option !== undefined && !updatesAtRuntime(option);
    t.row(indent(section) + section, '', option?.level ?? 'advanced', name, value, fixed ? '*' : '');
  }
  return t.toString();
}

function dumpIndent(section: string): string {
  return section === 'global' ? '' : section.includes('.') ? '    ' : '  ';
}

/** Commands about options and about the store of keys and values. */
export function configCommands(deps: ConfigCommandDeps): CommandSpec[] {
  const { options, paxos, config } = deps;
  const set = (call: CommandCall): CommandReply => {
    const who = call.args.str('who');
    const name = call.args.str('name').replace(/[\s-]+/g, '_');
    checkSection(who);
    const option = optionOf(name);
    const force = call.args.bool('force');
    let value = call.args.str('value');
    if (option === undefined) {
      if (!force) return failed('EINVAL', `unrecognized config option '${name}'`);
    } else {
      if (option.flags?.includes('no_mon_update') && !force)
        return failed('EINVAL', `${name} is special and cannot be stored by the mon`);
      try {
        value = formatOptionValue(option, parseOptionValue(name, option, value));
      } catch (error) {
        return failed('EINVAL', `error parsing value: ${(error as Error).message}`);
      }
    }
    options.set(who, name, value);
    return { after: options };
  };
  const rm = (call: CommandCall): CommandReply => {
    const who = call.args.str('who');
    checkSection(who);
    options.set(who, call.args.str('name').replace(/[\s-]+/g, '_'), undefined);
    return { after: options };
  };
  const get = (call: CommandCall): CommandReply => {
    const who = call.args.str('who');
    if (!/^(mon|osd|mds|mgr|client)(\..*)?$/.test(who))
      return failed('EINVAL', `unrecognized entity '${who}'`);
    const found = options.forEntity(who);
    const key = call.args.opt('key')?.replace(/[\s-]+/g, '_');
    if (key === undefined) {
      const values = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      const json = new Map(
        values.map(each => {
          const { value, section, can_update_at_runtime } = valueJson(each) as Record<string, unknown>;
          return [each.name, { value, section, mask: {}, can_update_at_runtime }];
        }),
      );
      return { output: emit(call, json, () => table(values, () => '')) };
    }
    if (key === 'fsid') return { output: `${config.get('fsid')}\n` };
    const option = optionOf(key);
    const value = found.get(key)?.value;
    if (value !== undefined) return { output: `${value}\n` };
    if (option === undefined) return failed('ENOENT', `unrecognized key '${key}'`);
    return { output: `${formatOptionValue(option, option.daemon ?? option.default)}\n` };
  };
  const dump = (call: CommandCall): CommandReply => {
    const all = options.all();
    return { output: emit(call, all.map(valueJson), () => table(all, dumpIndent)) };
  };
  const help = (call: CommandCall): CommandReply => {
    const key = call.args.str('key');
    const option = optionOf(key);
    if (option === undefined) return failed('ENOENT', `configuration option '${key}' not recognized`);
    const value = formatOptionValue(option, option.default);
    const json = {
      name: key,
      type: option.type,
      level: option.level ?? 'advanced',
      desc: option.desc,
      long_desc: '',
      default: option.default,
      daemon_default: option.daemon ?? '',
      tags: [],
      services: [],
      see_also: [],
      min: option.min ?? '',
      max: option.max ?? '',
      can_update_at_runtime: updatesAtRuntime(option),
      flags: option.flags ?? [],
    };
    const text = () =>
      `${key} - ${option.desc}\n  (${option.type}, ${option.level ?? 'advanced'})\n  Default: ${value}\n` +
      (option.min === undefined ? '' : `  Minimum: ${option.min}\n`) +
      (option.max === undefined ? '' : `  Maximum: ${option.max}\n`) +
      `  Can update at runtime: ${updatesAtRuntime(option)}\n`;
    return { output: emit(call, json, text) };
  };
  const log = (call: CommandCall): CommandReply => {
    const history = options.history(call.args.int('num', 10));
    const json = history.map(({ version, stamp, name, changes }) => ({
      version,
      timestamp: utimeText(stamp),
      name,
      changes: changes.map(({ key, before, after }) => ({
        name: key,
        previous_value: before,
        new_value: after,
      })),
    }));
    const text = () =>
      history
        .map(
          ({ version, stamp, changes }) =>
            `--- ${version} --- ${utimeText(stamp)} ---\n${changes
              .map(
                ({ key, before, after }) =>
                  (before === undefined ? '' : `- ${key} = ${before}\n`) +
                  (after === undefined ? '' : `+ ${key} = ${after}\n`),
              )
              .join('')}`,
        )
        .join('');
    return { output: emit(call, json, text) };
  };

  // Keys and values.
  const { store } = paxos;
  const change = (tx: MonTransaction, status: string): Promise<CommandReply> =>
    new Promise(resolve => {
      paxos.propose(tx, () => resolve({ status }));
    });
  const keySet = (call: CommandCall): Promise<CommandReply> => {
    const key = call.args.str('key');
    const tx = new MonTransaction();
    tx.put(KEYS, key, call.args.has('val') ? Buffer.from(call.args.str('val')) : call.input);
    return change(tx, `set ${key}`);
  };
  const keyRm = (call: CommandCall): CommandReply | Promise<CommandReply> => {
    const key = call.args.str('key');
    const tx = new MonTransaction();
    tx.erase(KEYS, key);
    return change(tx, 'key deleted');
  };
  const keyGet = (call: CommandCall): CommandReply => {
    const key = call.args.str('key');
    const value = store.get(KEYS, key);
    return value === undefined ? failed('ENOENT', '') : { output: value };
  };
  const keyExists = (call: CommandCall): CommandReply => {
    const key = call.args.str('key');
    return store.get(KEYS, key) === undefined
      ? failed('ENOENT', `key '${key}' doesn't exist`)
      : { status: `key '${key}' exists` };
  };
  const keyLs = (call: CommandCall): CommandReply => ({ output: emit(call, store.keys(KEYS)) });
  const keyDump = (call: CommandCall): CommandReply => {
    const begin = call.args.str('key', '');
    const found = store.keys(KEYS).filter(key => key.startsWith(begin));
    return { output: emit(call, new Map(found.map(key => [key, store.get(KEYS, key)!.toString('utf8')]))) };
  };

  const spec = (
    module: string,
    sig: string,
    perm: string,
    helpText: string,
    run: CommandSpec['run'],
    flags?: number,
  ): CommandSpec => ({ sig, perm, help: helpText, run, flags, module });
  const KEY = 'name=key,type=CephString';
  const conf = (sig: string, perm: string, text: string, run: CommandSpec['run']) =>
    spec('config', sig, perm, text, run);
  const keys = (sig: string, perm: string, text: string, run: CommandSpec['run'], flags?: number) =>
    spec('config-key', sig, perm, text, run, flags);
  return [
    conf(
      'config set name=who,type=CephString name=name,type=CephString name=value,type=CephString name=force,type=CephBool,req=false',
      'rw',
      'set an option for an entity, a kind of them or all',
      set,
    ),
    conf('config rm name=who,type=CephString name=name,type=CephString', 'rw', 'take an option back', rm),
    conf(
      'config get name=who,type=CephString name=key,type=CephString,req=False',
      'r',
      'options of an entity',
      get,
    ),
    spec('mon', 'config dump', 'r', 'all options that are set', dump),
    conf(`config help ${KEY}`, 'r', 'what an option means', help),
    conf('config ls', 'r', 'names of all options', call => ({
      output: emit(call, Object.keys(OPTIONS), () => `${Object.keys(OPTIONS).join('\n')}\n`),
    })),
    conf('config log name=num,type=CephInt,req=False', 'r', 'the last changes of options', log),
    conf('config generate-minimal-conf', 'r', 'a configuration file that finds the monitors', () => ({
      output: deps.minimalConf(),
    })),
    keys(`config-key get ${KEY}`, 'r', 'the value of a key', keyGet),
    keys(`config-key set ${KEY} name=val,type=CephString,req=false`, 'rw', 'set a key', keySet),
    keys(
      `config-key put ${KEY} name=val,type=CephString,req=false`,
      'rw',
      'set a key',
      keySet,
      COMMAND_DEPRECATED,
    ),
    keys(`config-key del ${KEY}`, 'rw', 'remove a key', keyRm, COMMAND_DEPRECATED),
    keys(`config-key rm ${KEY}`, 'rw', 'remove a key', keyRm),
    keys(`config-key exists ${KEY}`, 'r', 'whether there is such a key', keyExists),
    keys('config-key list', 'r', 'all keys', keyLs, COMMAND_DEPRECATED),
    keys('config-key ls', 'r', 'all keys', keyLs),
    keys(`config-key dump name=key,type=CephString,req=false`, 'r', 'keys with their values', keyDump),
  ];
}
