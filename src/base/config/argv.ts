import type { Env } from '../../env/env.ts';
import { NacreError } from '../errors.ts';
import type { Config, ConfigLevel } from './config.ts';
import type { OptionValue } from './option.ts';
import { OPTIONS } from './options.ts';

/** What decides who we are and which configuration file is read, before anything else is (ceph_argparse_early_args). */
export interface EarlyArgs {
  /** -c, --conf: a file or a list of files to try. */
  conf?: string;
  cluster?: string;
  /** --name, -n, or client. with --id. */
  name?: string;
  /** --version, -v. */
  version?: boolean;
}

/** '--some-option=x' -> '--some_option=x'; the value stays as it is. */
function normalize(arg: string): string {
  if (!arg.startsWith('--')) return arg;
  const equals = arg.indexOf('=');
  const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
  return `--${name.replaceAll('-', '_')}${equals < 0 ? '' : arg.slice(equals)}`;
}

/** Walks over arguments, taking those that are recognised and keeping the rest in order. */
class ArgWalker {
  readonly rest: string[] = [];
  private readonly args: readonly string[];
  private at = 0;

  constructor(args: readonly string[]) {
    this.args = args;
  }

  /** False at the end and at '--', which is kept with all that follows. */
  more(): boolean {
    if (this.at >= this.args.length) return false;
    if (this.args[this.at] !== '--') return true;
    this.rest.push(...this.args.slice(this.at));
    this.at = this.args.length;
    return false;
  }

  get current(): string {
    return this.args[this.at];
  }

  /** How many arguments lie behind. */
  get position(): number {
    return this.at;
  }

  keep(): void {
    this.rest.push(this.args[this.at++]);
  }

  flag(...names: string[]): boolean {
    if (!names.includes(normalize(this.current))) return false;
    this.at++;
    return true;
  }

  /** The value of '--name value', '--name=value', '-n value'; undefined when it is another argument. */
  value(...names: string[]): string | undefined {
    const arg = normalize(this.current);
    for (const name of names) {
      if (arg === name) {
        if (this.at + 1 >= this.args.length)
          throw new NacreError('EINVAL', 'config.args', `option ${this.current} requires an argument`);
        this.at += 2;
        return this.args[this.at - 1];
      }
      if (arg.startsWith(`${name}=`)) {
        this.at++;
        return arg.slice(name.length + 1);
      }
    }
    return undefined;
  }

  /** '--flag', '--flag=true|false', '--no-flag'. */
  switch(name: string): boolean | undefined {
    const arg = normalize(this.current);
    let found: boolean | undefined;
    if (arg === `--${name}`) found = true;
    else if (arg === `--no_${name}`) found = false;
    else if (arg.startsWith(`--${name}=`)) {
      const text = arg.slice(name.length + 3);
      if (text !== 'true' && text !== 'false')
        throw new NacreError('EINVAL', 'config.args', `option --${name} takes true or false, not '${text}'`);
      found = text === 'true';
    }
    if (found !== undefined) this.at++;
    return found;
  }
}

/** One early argument; false when it is none. */
function stepEarly(walker: ArgWalker, early: EarlyArgs, type: string): boolean {
  // For clients -i is the tool's own (an input file).
  const ids = type === 'client' ? ['--id', '--user'] : ['--id', '--user', '-i'];
  if (walker.flag('--version', '-v')) {
    early.version = true;
    return true;
  }
  const conf = walker.value('--conf', '-c');
  const cluster = conf ?? walker.value('--cluster');
  const id = cluster ?? walker.value(...ids);
  const name = id ?? walker.value('--name', '-n');
  if (name === undefined) return false;
  if (conf !== undefined) early.conf = conf;
  else if (cluster !== undefined) early.cluster = cluster;
  else if (id !== undefined) early.name = `${early.name?.split('.')[0] ?? type}.${id}`;
  else early.name = name;
  return true;
}

/** Takes the early arguments out; the rest in order. */
export function takeEarlyArgs(
  args: readonly string[],
  type = 'client',
): { early: EarlyArgs; rest: string[] } {
  const early: EarlyArgs = {};
  const walker = new ArgWalker(args);
  while (walker.more()) if (!stepEarly(walker, early, type)) walker.keep();
  return { early, rest: walker.rest };
}

/** Options that '--name' on the command line may stand for: the name, '--no-name' and '--default-name'. */
function optionOf(arg: string): string | undefined {
  if (!arg.startsWith('--')) return undefined;
  const name = normalize(arg).slice(2).split('=')[0];
  for (const candidate of [name, name.replace(/^no_/, ''), name.replace(/^default_/, '')])
    if (Object.hasOwn(OPTIONS, candidate)) return candidate;
  return undefined;
}

const DEBUG_FLAG: Readonly<Record<string, OptionValue>> = {
  daemonize: false,
  log_file: '',
  log_to_stderr: true,
  err_to_stderr: true,
  log_to_syslog: false,
};

/** Long and short forms that set one option. */
const ALIASES: readonly (readonly [option: string, ...names: string[]])[] = [
  ['monmap', '--monmap', '-M'],
  ['mon_host', '--mon_host', '-m'],
  ['public_addr', '--bind'],
  ['keyring', '--keyring', '-k'],
  ['client_mountpoint', '--client_mountpoint', '-r'],
];

/** What a walk over arguments finds. */
interface Sink {
  set(name: string, value: OptionValue, isDefault?: boolean): void;
  keyfile(path: string): void;
  monConfig(on: boolean): void;
}

/** One argument; false when it is none of ours. */
function step(walker: ArgWalker, sink: Sink, keep: ReadonlySet<string>): boolean {
  if (keep.has(walker.current)) return false;
  if (walker.flag('--no_mon_config')) sink.monConfig(false);
  else if (walker.flag('--mon_config')) sink.monConfig(true);
  else if (walker.flag('--foreground', '-f')) sink.set('daemonize', false);
  else if (walker.flag('-d')) for (const [name, value] of Object.entries(DEBUG_FLAG)) sink.set(name, value);
  else if (!walker.flag('--log_early')) {
    for (const [option, ...names] of ALIASES) {
      const value = walker.value(...names);
      if (value === undefined) continue;
      sink.set(option, value);
      return true;
    }
    const path = walker.value('--keyfile', '-K');
    if (path === undefined) return stepOption(walker, sink);
    sink.keyfile(path);
  }
  return true;
}

function stepOption(walker: ArgWalker, sink: Sink): boolean {
  const name = optionOf(walker.current);
  if (name === undefined) return false;
  const fallback = walker.value(`--default_${name}`);
  if (fallback !== undefined) {
    sink.set(name, fallback, true);
    return true;
  }
  const value = OPTIONS[name].type === 'bool' ? walker.switch(name) : walker.value(`--${name}`);
  if (value === undefined) return false;
  sink.set(name, value);
  return true;
}

/** Reads the key that --keyfile names; '-' is standard input. */
function readKey(env: Env, path: string): string {
  const bytes = env.fs.readFileSync(path === '-' ? '/dev/stdin' : path);
  if (bytes === undefined) throw new NacreError('ENOENT', 'config.args', `there is no key file ${path}`);
  return bytes.toString('utf8').trim();
}

/**
 * Sets every option that arguments name (common/config.cc parse_argv) and returns the rest in order: '--some-option
 * value', '--some_option=value', '--flag', '--no-flag', '--default-option value', and -m -M -k -K -r -d -f. Stops at
 * '--'. Throws EINVAL naming option and value.
 */
export function takeConfigArgs(
  config: Config,
  env: Env,
  args: readonly string[],
  level: ConfigLevel = 'cmdline',
): string[] {
  const walker = new ArgWalker(args);
  const sink: Sink = {
    set: (name, value, isDefault) => config.set(name, value, isDefault === true ? 'default' : level),
    keyfile: path => config.set('key', readKey(env, path), level),
    monConfig: on => {
      config.noMonConfig = !on;
    },
  };
  while (walker.more()) if (!step(walker, sink, new Set())) walker.keep();
  return walker.rest;
}

/**
 * Tells configuration from a tool's own arguments without reading or setting anything. `keep` are arguments that the
 * tool wants for itself although Ceph's programs have a meaning for them.
 * @returns both parts in order; '--' and what follows belong to the tool.
 */
export function splitConfigArgs(
  args: readonly string[],
  keep: readonly string[] = [],
): { config: string[]; rest: string[] } {
  const kept = new Set(keep);
  const nothing: Sink = { set() {}, keyfile() {}, monConfig() {} };
  const walker = new ArgWalker(args);
  const config: string[] = [];
  while (walker.more()) {
    const from = walker.position;
    if (!kept.has(walker.current) && (stepEarly(walker, {}, 'client') || step(walker, nothing, kept)))
      config.push(...args.slice(from, walker.position));
    else walker.keep();
  }
  return { config, rest: walker.rest };
}
