import type { AdminArgs, AdminRegistry } from './admin-socket-registry.ts';
import { takeConfigArgs } from './config/argv.ts';
import { normalizeKey } from './config/conf-file.ts';
import type { Config } from './config/config.ts';
import { formatOptionValue, type OptionSpec, type OptionValue, updatesAtRuntime } from './config/option.ts';
import { OPTIONS } from './config/options.ts';
import type { Context } from './context.ts';
import { NacreError } from './errors.ts';
import { cephFloat } from './format.ts';
import { VERSION } from './version.ts';

/** CEPH_ADMIN_SOCK_VERSION (common/admin_socket.h): what command '0' answers. */
const PROTOCOL_VERSION = '2';

const text = (args: AdminArgs, name: string) => (args[name] === undefined ? '' : String(args[name]));

/** How Option::dump_value writes a value: what has no JSON kind of its own goes out as text. */
function optionValue(spec: OptionSpec, value: OptionValue | undefined): unknown {
  if (value === undefined) return '';
  if (spec.type === 'float') return cephFloat(value as number);
  if (spec.type === 'int' || spec.type === 'uint' || spec.type === 'bool' || spec.type === 'str')
    return value;
  return formatOptionValue(spec, value);
}

/** One option as 'config help' shows it (common/options.cc Option::dump). */
function describe(name: string, spec: OptionSpec): Record<string, unknown> {
  return {
    name,
    type: spec.type,
    level: spec.level ?? 'advanced',
    desc: spec.desc,
    long_desc: '',
    default: spec.describedDefault ?? optionValue(spec, spec.default),
    daemon_default: optionValue(spec, spec.daemon),
    tags: [],
    services: [],
    see_also: [],
    enum_values: spec.type === 'str' ? (spec.values ?? []) : undefined,
    min: optionValue(spec, spec.min),
    max: optionValue(spec, spec.max),
    can_update_at_runtime: updatesAtRuntime(spec),
    flags: spec.flags ?? [],
  };
}

function diffOf(config: Config, only?: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, levels] of config.diff()) {
    if (only !== undefined && name !== only) continue;
    const spec = config.spec(name);
    out[name] = Object.fromEntries(
      levels.map(([level, value]) => [
        level,
        typeof value === 'boolean' || spec.type === 'int' || spec.type === 'uint' || spec.type === 'float'
          ? optionValue(spec, value)
          : formatOptionValue(spec, value),
      ]),
    );
  }
  return { diff: out };
}

/** Values that 'config set' is to keep from printing. */
function registerConfig({ config, env, log }: Context, admin: AdminRegistry): void {
  admin.register('config show', 'show the value in force of every option', () =>
    Object.fromEntries([['name', config.name.toString()], ['cluster', config.cluster], ...config.show()]),
  );
  admin.register('config get name=var,type=CephString', 'show the value of one option', args => {
    const name = normalizeKey(text(args, 'var'));
    return { [name]: config.text(name) };
  });
  admin.register(
    'config set name=var,type=CephString name=val,type=CephString,n=N',
    'set an option in the running program',
    args => {
      const value = (args['val'] as unknown[]).join(' ');
      config.set(text(args, 'var'), value);
      log.write(0, 1, `config set ${text(args, 'var')} = ${value}`);
      return { success: '' };
    },
  );
  admin.register('config unset name=var,type=CephString', 'take back what config set did', args => {
    config.unset(text(args, 'var'));
    return {};
  });
  admin.register('config diff', 'show options that were given a value, and by whom', () => diffOf(config));
  admin.register('config diff get name=var,type=CephString', 'the same of one option', args =>
    diffOf(config, normalizeKey(text(args, 'var'))),
  );
  admin.register(
    'config help name=var,type=CephString,req=false',
    'describe one option or all of them',
    args => {
      const name = normalizeKey(text(args, 'var'));
      if (name !== '') return describe(name, config.spec(name));
      return { options: Object.entries(OPTIONS).map(([each, spec]) => describe(each, spec)) };
    },
  );
  admin.register(
    'injectargs name=injected_args,type=CephString,n=N',
    'set options in the running program, as on a command line',
    args => {
      const words = (args['injected_args'] as unknown[]).flatMap(word => String(word).split(' '));
      const rest = takeConfigArgs(
        config,
        env,
        words.filter(word => word !== ''),
        'override',
      );
      if (rest.length > 0) throw new NacreError('EINVAL', 'injectargs', `no options: ${rest.join(' ')}`);
      return {};
    },
  );
}

function registerPerf({ perf }: Context, admin: AdminRegistry): void {
  const narrow = 'name=logger,type=CephString,req=false name=counter,type=CephString,req=false';
  const dump = (args: AdminArgs) => perf.dump(text(args, 'logger'), text(args, 'counter'));
  const schema = (args: AdminArgs) => perf.schema(text(args, 'logger'), text(args, 'counter'));
  admin.register(`perf dump ${narrow}`, 'show the performance counters', dump);
  admin.register(`perf schema ${narrow}`, 'describe the performance counters', schema);
  for (const old of ['1', 'perfcounters_dump']) admin.register(old, '', dump);
  for (const old of ['2', 'perfcounters_schema']) admin.register(old, '', schema);
  admin.register(`perf histogram dump ${narrow}`, 'show the performance histograms', args =>
    perf.dumpHistograms(text(args, 'logger'), text(args, 'counter')),
  );
  admin.register('perf histogram schema', 'describe the performance histograms', () =>
    perf.histogramSchema(),
  );
  admin.register(
    'perf reset name=var,type=CephString',
    'set the counters of one component, or all, to zero',
    args => {
      const name = text(args, 'var');
      return perf.reset(name) ? { success: `perf reset ${name}` } : { error: `Not find: ${name}` };
    },
  );
}

/** Adds the commands that every program answers. */
export function registerStandardCommands(ctx: Context, admin: AdminRegistry): void {
  const { log } = ctx;
  admin.register('0', '', () => PROTOCOL_VERSION);
  admin.register('version', 'show the version', () => ({
    version: VERSION,
    release: 'nacre',
    release_type: 'stable',
  }));
  admin.register('git_version', 'show the version of the source', () => ({ git_version: VERSION }));
  admin.register('help', 'list the commands', () =>
    Object.fromEntries(
      [...admin.list()].filter(({ help }) => help !== '').map(({ prefix, help }) => [prefix, help]),
    ),
  );
  admin.register('get_command_descriptions', 'list the commands for programs', () => {
    const all = [...admin.list()].map(({ signature, help }, i) => {
      const sig = signature.map(part => part);
      return [`cmd${String(i).padStart(3, '0')}`, { sig, help }] as const;
    });
    return Object.fromEntries(all);
  });
  admin.register('log dump', 'write the recent log entries to the log', () => {
    log.dump();
    return {};
  });
  admin.register('log flush', 'write out log entries that wait', async () => {
    await log.flush();
    return {};
  });
  // The file is opened anew for each batch, so a rotated file needs no more than this.
  admin.register('log reopen', 'open the log file again', async () => {
    await log.flush();
    return {};
  });
  registerConfig(ctx, admin);
  registerPerf(ctx, admin);
}
