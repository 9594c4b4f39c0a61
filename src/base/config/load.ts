import type { Env } from '../../env/env.ts';
import { NacreError } from '../errors.ts';
import { type EarlyArgs, takeConfigArgs, takeEarlyArgs } from './argv.ts';
import { parseConfFile } from './conf-file.ts';
import { Config, type ProgramKind } from './config.ts';
import type { OptionValue } from './option.ts';

/** Where a configuration file is looked for when nobody says (common/config.cc CEPH_CONF_FILE_DEFAULT). */
const DEFAULT_FILES = '$data_dir/config, /etc/ceph/$cluster.conf, $home/.ceph/$cluster.conf, $cluster.conf';

export interface LoadOptions {
  /** 'client.admin', 'osd.3'. Arguments (--name, --id) beat it. */
  readonly name?: string;
  readonly cluster?: string;
  readonly kind?: ProgramKind;
  /** File or list of files to try; null: read none. Arguments (-c) beat it, it beats $CEPH_CONF. */
  readonly conf?: string | null;
  /** Content of a configuration file, in place of a file. */
  readonly confText?: string;
  /** Command line, as 'process.argv.slice(2)'. What is not ours comes back in `rest`. */
  readonly args?: readonly string[];
  /** Options from code; they beat everything but what is set later. */
  readonly overrides?: Readonly<Record<string, OptionValue>>;
  /** Leave CEPH_ARGS, CEPH_CONF, CEPH_KEYRING and CEPH_LIB alone. */
  readonly ignoreEnvironment?: boolean;
}

export interface Loaded {
  readonly config: Config;
  readonly early: EarlyArgs;
  /** Arguments that are no configuration, in order. */
  readonly rest: string[];
  /** Things worth telling the user that stopped nothing: settings that do not parse, odd section names. */
  readonly warnings: string[];
}

/** Splits as get_str_list does: at commas, semicolons, '=' and white space. */
export function splitList(text: string): string[] {
  return text.split(/[;,=\s]+/).filter(part => part !== '');
}

function splitArgs(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(' ').filter(part => part !== '');
}

/** The cluster that a file is named after: '/etc/ceph/site.conf' -> 'site'. */
function clusterOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const end = name.indexOf('.conf');
  return end < 0 ? 'ceph' : name.slice(0, end);
}

/**
 * Reads the configuration of a program as Ceph's programs do: the first file of the search list that exists, the
 * environment, the arguments, then what the code sets. Throws ENOENT when a file that was asked for does not exist,
 * EINVAL when one does not parse or an argument is wrong.
 */
export function loadConfig(env: Env, options: LoadOptions = {}): Loaded {
  const variable = (name: string) => (options.ignoreEnvironment === true ? undefined : env.host.env(name));
  const environment = splitArgs(variable('CEPH_ARGS'));
  const type = options.name?.split('.')[0] ?? 'client';
  const { early } = takeEarlyArgs([...environment, ...(options.args ?? [])], type);
  const cluster = early.cluster ?? options.cluster;
  const config = new Config(env, {
    name: early.name ?? options.name,
    cluster,
    kind: options.kind,
  });
  const warnings: string[] = [];
  const asked = early.conf ?? (options.confText === undefined ? options.conf : undefined);
  if (options.confText !== undefined && early.conf === undefined)
    config.file = parseConfFile(options.confText, 'configuration');
  else if (asked !== null) readFirst(env, config, asked ?? variable('CEPH_CONF'), cluster === undefined);
  if (config.file !== undefined) warnings.push(...applyFile(config));

  const keyring = variable('CEPH_KEYRING');
  if (keyring !== undefined) config.set('keyring', keyring, 'env');
  const lib = variable('CEPH_LIB');
  if (lib !== undefined)
    for (const name of ['erasure_code_dir', 'plugin_dir', 'osd_class_dir']) config.set(name, lib, 'env');
  takeConfigArgs(config, env, takeEarlyArgs(environment, type).rest, 'env');
  const rest = takeConfigArgs(config, env, takeEarlyArgs(options.args ?? [], type).rest, 'cmdline');
  for (const [name, value] of Object.entries(options.overrides ?? {})) config.set(name, value, 'override');
  return { config, early, rest, warnings };
}

/** Reads the first file of a list that exists. A list that somebody gave must have one. */
function readFirst(env: Env, config: Config, list: string | undefined, nameCluster: boolean): void {
  const dataDir = config.kind === 'daemon' && config.has(`${config.name.type}_data`);
  const candidates = splitList(list ?? DEFAULT_FILES)
    .filter(path => dataDir || !path.includes('$data_dir'))
    .map(path => config.expand(path));
  for (const path of candidates) {
    const bytes = env.fs.readFileSync(path);
    if (bytes === undefined) continue;
    if (nameCluster) config.cluster = clusterOf(path);
    config.filePath = path;
    const text = bytes.toString('utf8');
    if (Buffer.from(text).length !== bytes.length || text.includes('\ufffd'))
      throw new NacreError('EINVAL', 'config.parse', `${path} is not UTF-8`);
    config.file = parseConfFile(text, path);
    return;
  }
  if (list !== undefined)
    throw new NacreError('ENOENT', 'config.open', `no configuration file in ${candidates.join(', ')}`);
}

function applyFile(config: Config): string[] {
  const warnings: string[] = [];
  for (const [section] of config.file!)
    if (/^(mds|mon|osd)[^.]/.test(section))
      warnings.push(
        `section [${section}] is never read; name it with a period: [${section.slice(0, 3)}.${section.slice(3)}]`,
      );
  for (const section of [...config.sections].reverse())
    for (const [key, value] of config.file!.get(section) ?? []) {
      if (!config.has(key)) continue;
      try {
        config.set(key, value, 'file');
      } catch (error) {
        if (!(error instanceof NacreError)) throw error;
        warnings.push(error.message);
      }
    }
  return warnings;
}

/** Keyring files to look into, in order, variables replaced: the first that exists holds our key. */
export function keyringPaths(config: Config): string[] {
  return splitList(config.get('keyring'));
}
