import type { Env } from '../../env/env.ts';
import { NacreError } from '../errors.ts';
import { type ConfFile, normalizeKey } from './conf-file.ts';
import { EntityId } from './entity-id.ts';
import { expandVariables } from './metavariables.ts';
import {
  formatOptionValue,
  type OptionSpec,
  type OptionValue,
  parseOptionValue,
  updatesAtRuntime,
} from './option.ts';
import { OPTIONS, type OptionName, type ValueOf } from './options.ts';

/** Where a value came from; a later one here beats an earlier one (CONF_* in common/config.h). */
export const CONFIG_LEVELS = ['default', 'mon', 'file', 'env', 'cmdline', 'override'] as const;
export type ConfigLevel = (typeof CONFIG_LEVELS)[number];

/** Hears of changes; `changed` holds those of its keys that have a new value. */
export type ConfigObserver = (config: Config, changed: ReadonlySet<string>) => void;

export interface ConfigIdentity {
  /** 'client.admin', 'osd.3'. */
  readonly name?: string;
  /** Cluster name, $cluster; 'ceph' unless a configuration file's name says otherwise. */
  readonly cluster?: string;
  /** Whose defaults count. By default 'library' for a client and 'daemon' for everything else. */
  readonly kind?: ProgramKind;
}

/** A daemon and a command have some other defaults than a library, which logs nothing on standard error. */
export type ProgramKind = 'library' | 'utility' | 'daemon';

type Levels = (OptionValue | undefined)[];

const FINAL = CONFIG_LEVELS.length;

/**
 * All settings of a program. Each option may have a value on each level; the highest level counts, and strings
 * have their $variables replaced when they are read.
 */
export class Config {
  readonly name: EntityId;
  readonly kind: ProgramKind;
  /** Set by whoever reads the configuration file, once its name is known. */
  cluster: string;
  /** Parsed configuration file, when there was one. */
  file: ConfFile | undefined;
  /** The path that it was read from. */
  filePath: string | undefined;
  /** Set by --no-mon-config: take nothing from the monitors. */
  noMonConfig = false;
  private readonly env: Env;
  private readonly values = new Map<string, Levels>();
  private readonly cache = new Map<string, OptionValue>();
  private readonly defaults = new Map<string, OptionValue>();
  private readonly observers: { keys: ReadonlySet<string>; notify: ConfigObserver }[] = [];
  private readonly changed = new Set<string>();
  private batches = 0;
  private running = false;

  constructor(env: Env, identity: ConfigIdentity = {}) {
    this.env = env;
    this.name = EntityId.parse(identity.name ?? 'client.admin');
    this.cluster = identity.cluster ?? 'ceph';
    this.kind = identity.kind ?? (this.name.type === 'client' ? 'library' : 'daemon');
    // The same as common/common_init.cc and global/global_init.cc do; daemons keep their keyring with their data.
    if (this.kind === 'library') {
      this.defaults.set('log_to_stderr', false);
      this.defaults.set('err_to_stderr', false);
    }
    if (this.name.type !== 'client' && this.has(`${this.name.type}_data`))
      this.defaults.set('keyring', `$${this.name.type}_data/keyring`);
  }

  /** The option's entry in the table. Throws ENOENT when there is none of that name. */
  spec(name: string): OptionSpec {
    const spec = this.has(name) ? OPTIONS[name] : undefined;
    if (spec === undefined) throw new NacreError('ENOENT', 'config', `there is no option '${name}'`);
    return spec;
  }

  has(name: string): boolean {
    return Object.hasOwn(OPTIONS, name);
  }

  /** The value in force. */
  get<N extends OptionName>(name: N): ValueOf<N>;
  get(name: string): OptionValue;
  get(name: string): OptionValue {
    let value = this.cache.get(name);
    if (value === undefined) {
      const spec = this.spec(name);
      value = this.raw(name, spec);
      if (spec.type === 'str' && (value as string).includes('$')) value = this.expand(value as string, name);
      this.cache.set(name, value);
    }
    return value;
  }

  getNumber(name: string): number {
    return this.typed(name, 'number') as number;
  }

  getString(name: string): string {
    return this.typed(name, 'string') as string;
  }

  getBool(name: string): boolean {
    return this.typed(name, 'boolean') as boolean;
  }

  private typed(name: string, type: string): OptionValue {
    const value = this.get(name);
    const is = typeof value;
    if (is !== type) throw new NacreError('EINVAL', 'config', `option ${name} is no ${type}`);
    return value;
  }

  /** The value in force as text, as Ceph prints it. */
  text(name: string): string {
    return formatOptionValue(this.spec(name), this.get(name));
  }

  private defaultOf(name: string, spec: OptionSpec): OptionValue {
    const own = this.kind === 'daemon' ? spec.daemon : undefined;
    return this.defaults.get(name) ?? own ?? spec.default;
  }

  private raw(name: string, spec: OptionSpec): OptionValue {
    const levels = this.values.get(name);
    if (levels !== undefined)
      for (let level = FINAL - 1; level >= 0; level--) {
        const value = levels[level];
        if (value !== undefined) return value;
      }
    return this.defaultOf(name, spec);
  }

  /**
   * Replaces $variables: $cluster $type $id $num $name $host $pid $cctid $home $data_dir and every option, in
   * both forms ($name, ${name}). What is none of them stays as it is; a circle ends at the option that closes it.
   */
  expand(text: string, of?: string): string {
    return expandVariables(
      text,
      name => {
        switch (name) {
          case 'type':
            return this.name.type;
          case 'id':
          case 'num':
            return this.name.id;
          case 'name':
            return this.name.toString();
          case 'cluster':
            return this.cluster;
          case 'host':
            return this.rawText('host') || this.env.host.hostname.split('.')[0];
          case 'pid':
          case 'cctid':
            return String(this.env.host.pid);
          case 'home':
            return this.env.host.env('HOME') ?? '';
          default:
            return undefined;
        }
      },
      name => {
        // Only daemons have a data directory.
        const dataDir = name === 'data_dir' && this.kind === 'daemon';
        const option = dataDir ? `${this.name.type}_data` : name;
        return this.has(option) ? { option, text: this.rawText(option) } : undefined;
      },
      of,
    );
  }

  private rawText(name: string): string {
    const spec = this.spec(name);
    return formatOptionValue(spec, this.raw(name, spec));
  }

  /**
   * Gives an option a value on a level. Throws EINVAL with option, text and reason; ENOENT for an unknown option;
   * EPERM for one that cannot change any more once the program runs.
   */
  set(name: string, value: OptionValue, level: ConfigLevel = 'override'): void {
    const key = normalizeKey(name).replaceAll('-', '_');
    const spec = this.spec(key);
    const parsed = parseOptionValue(key, spec, typeof value === 'string' ? value : String(value));
    if (this.running && !updatesAtRuntime(spec) && !this.observed(key)) {
      if (parsed === this.raw(key, spec)) return;
      throw new NacreError('EPERM', 'config.set', `option ${key} cannot change while the program runs`);
    }
    this.store(key, spec, parsed, level);
  }

  /** Takes a value back; what the levels below say counts again. False when there was none. */
  unset(name: string, level: ConfigLevel = 'override'): boolean {
    const key = normalizeKey(name).replaceAll('-', '_');
    const spec = this.spec(key);
    if (this.values.get(key)?.[CONFIG_LEVELS.indexOf(level)] === undefined) return false;
    this.store(key, spec, undefined, level);
    return true;
  }

  private store(name: string, spec: OptionSpec, value: OptionValue | undefined, level: ConfigLevel): void {
    let levels = this.values.get(name);
    if (levels === undefined) this.values.set(name, (levels = []));
    const before = this.raw(name, spec);
    levels[CONFIG_LEVELS.indexOf(level)] = value;
    if (levels.every(entry => entry === undefined)) this.values.delete(name);
    if (this.raw(name, spec) === before) return;
    this.cache.clear();
    this.changed.add(name);
    if (this.batches === 0) this.notify();
  }

  /** Observers hear of all changes that `change` makes at once, after it. */
  batch<T>(change: () => T): T {
    this.batches++;
    try {
      return change();
    } finally {
      if (--this.batches === 0) this.notify();
    }
  }

  private notify(): void {
    while (this.changed.size > 0) {
      const changed = new Set(this.changed);
      this.changed.clear();
      for (const { keys, notify } of [...this.observers]) {
        const mine = new Set([...changed].filter(name => keys.has(name)));
        if (mine.size > 0) notify(this, mine);
      }
    }
  }

  private observed(name: string): boolean {
    return this.observers.some(({ keys }) => keys.has(name));
  }

  /** Calls back whenever one of the keys has a new value, until disposed. Not called for what is set already. */
  addObserver(keys: Iterable<OptionName>, notify: ConfigObserver): Disposable {
    const observer = { keys: new Set<string>(keys), notify };
    for (const key of observer.keys) this.spec(key);
    this.observers.push(observer);
    return {
      [Symbol.dispose]: () => {
        const at = this.observers.indexOf(observer);
        if (at >= 0) this.observers.splice(at, 1);
      },
    };
  }

  /** From now on options that are only read at the start refuse to change. */
  started(): void {
    this.running = true;
  }

  /**
   * Takes what the monitors have for us: the whole set, so what is missing from it is taken back. Returns what
   * was not taken and why.
   */
  applyMonConfig(settings: ReadonlyMap<string, string>): Map<string, string> {
    const ignored = new Map<string, string>();
    this.batch(() => {
      for (const [name, text] of settings) {
        const key = normalizeKey(name);
        if (!this.has(key)) ignored.set(name, 'unknown option');
        else if (this.spec(key).flags?.includes('no_mon_update')) ignored.set(name, 'not set centrally');
        else {
          try {
            this.set(key, text, 'mon');
          } catch (error) {
            if (!(error instanceof NacreError)) throw error;
            ignored.set(name, error.message);
          }
        }
      }
      for (const name of [...this.values.keys()])
        if (!settings.has(name) && this.values.get(name)![1] !== undefined)
          this.store(name, this.spec(name), undefined, 'mon');
    });
    return ignored;
  }

  /** Every option with the value in force as text, by name. */
  *show(): Generator<[name: string, value: string]> {
    for (const name of Object.keys(OPTIONS)) yield [name, this.text(name)];
  }

  /** Options that were given a value anywhere: the value on each level, the default and the final one. */
  *diff(): Generator<[name: string, levels: [level: ConfigLevel | 'final', value: OptionValue][]]> {
    for (const name of [...this.values.keys()].sort()) {
      const spec = this.spec(name);
      const levels = this.values.get(name)!;
      const entries: [ConfigLevel | 'final', OptionValue][] = [];
      CONFIG_LEVELS.forEach((level, i) => {
        const value = levels[i] ?? (i === 0 ? this.defaultOf(name, spec) : undefined);
        if (value !== undefined) entries.push([level, value]);
      });
      entries.push(['final', this.get(name)]);
      yield [name, entries];
    }
  }

  /** Sections of the configuration file that are ours, the strongest first. */
  get sections(): string[] {
    return [this.name.toString(), this.name.type, 'global'];
  }

  /** A key of the configuration file, options or not, in these sections; undefined when none has it. */
  lookup(key: string, sections: readonly string[] = this.sections): string | undefined {
    const wanted = normalizeKey(key);
    for (const section of sections) {
      const value = this.file?.get(section)?.get(wanted);
      if (value !== undefined) return this.expand(value);
    }
    return undefined;
  }
}
