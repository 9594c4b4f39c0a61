import { NacreError } from '../../base/errors.ts';
import { isAddressList, isAuthAddressList, isInternetAddress } from './option-addresses.ts';
import type { OptionSpec, Options, OptionTable } from './option-types.ts';
import {
  parseBool,
  parseByteSize,
  parseDouble,
  parseInteger,
  parsePercent,
  parsePercentOrSize,
  parseTime,
} from './option-values.ts';

/** A value as a volfile or a command line gives it. */
export interface GivenOption {
  readonly value: string;
  /** Line of the volfile; undefined when it comes from elsewhere. */
  readonly line?: number;
}

/** Where options belong, for messages. */
export interface OptionScope {
  readonly name: string;
  readonly type: string;
  /** Names of all volumes of the graph, for options which name one. */
  readonly volumes?: ReadonlySet<string>;
}

type Parsed = boolean | number | string;

function range(value: number, spec: OptionSpec): string | undefined {
  const { min, max } = spec;
  if ((min === undefined || value >= min) && (max === undefined || value <= max)) return undefined;
  if (max === undefined) return `is smaller than the minimum of ${min}`;
  if (min === undefined) return `is greater than the maximum of ${max}`;
  return `is out of range [${min} - ${max}]`;
}

function listOf(text: string, check: (value: string) => boolean): boolean {
  const entries = text.split(',').filter(entry => entry !== '');
  return (
    entries.length > 0 &&
    entries.every(entry => {
      const [key, value] = entry.split(':').filter(part => part !== '');
      return key !== undefined && value !== undefined && check(value);
    })
  );
}

function isBlockSize(text: string, spec: OptionSpec): boolean {
  const bytes = parseByteSize(text);
  return bytes !== undefined && bytes >= (spec.min ?? 0) && bytes % 512 === 0;
}

/** The value of a text, or why it is none. */
function parse(text: string, spec: OptionSpec, scope: OptionScope): { value: Parsed } | { why: string } {
  const number = (value: number | undefined, what: string): { value: Parsed } | { why: string } => {
    if (value === undefined) return { why: `is no valid ${what}` };
    const why = range(value, spec);
    return why === undefined ? { value } : { why };
  };
  const good = (ok: boolean, why: string): { value: Parsed } | { why: string } =>
    ok ? { value: text } : { why };
  switch (spec.kind) {
    case 'any':
      return { value: text };
    case 'string': {
      const { values } = spec;
      return good(
        values === undefined || values.includes(text),
        `is not valid (possible are ${values?.join(', ')})`,
      );
    }
    case 'bool': {
      const value = parseBool(text);
      return value === undefined ? { why: 'is no valid boolean' } : { value };
    }
    case 'int':
      return number(parseInteger(text), 'number');
    case 'size':
      return number(parseByteSize(text), 'size');
    case 'time':
      return number(parseTime(text), 'time');
    case 'double':
      return number(parseDouble(text), 'number');
    case 'percent': {
      const value = parsePercent(text);
      if (value === undefined) return { why: 'is no valid percentage' };
      return value <= 100 ? { value } : { why: 'is out of range [0 - 100]' };
    }
    case 'percent-or-size':
      return parsePercentage(text, spec);
    case 'xlator':
      return good(scope.volumes?.has(text) ?? true, 'is no volume of this graph');
    case 'path':
      if (text.includes('../')) return { why: 'is an invalid path' };
      return good(text.startsWith('/'), 'is not an absolute path');
    case 'address':
      return good(isInternetAddress(text), 'is no valid address');
    case 'address-list':
      return good(isAddressList(text), 'is no valid list of addresses');
    case 'auth-address':
      return good(isAuthAddressList(text), 'is no valid list of addresses for authentication');
    case 'priority-list':
      return good(
        listOf(text, value => parseInteger(value) !== undefined),
        'is no valid list of priorities',
      );
    case 'size-list':
      return good(
        isBlockSize(text, spec) || listOf(text, value => isBlockSize(value, spec)),
        'is no valid list of sizes',
      );
  }
}

function parsePercentage(text: string, spec: OptionSpec): { value: Parsed } | { why: string } {
  const found = parsePercentOrSize(text);
  if (found === undefined) return { why: 'is neither a percentage nor a size' };
  if (found.percent) return found.value <= 100 ? found : { why: 'is out of range [0 - 100]' };
  if (/\.[0-9]*[1-9]/.test(text)) return { why: 'is a size with a fraction' };
  const why = range(found.value, spec);
  return why === undefined ? found : { why };
}

/** Names with a `*` stand for many (`auth.addr.*.allow`). */
function matches(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  if (!pattern.includes('*')) return false;
  const parts = pattern.split('*').map(part => part.replace(/[.\\^$+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

function findSpec(table: OptionTable, name: string): readonly [string, OptionSpec] | undefined {
  if (Object.hasOwn(table, name)) return [name, table[name]];
  for (const [key, spec] of Object.entries(table)) {
    if (matches(key, name)) return [name, spec];
    if (spec.aliases?.some(alias => matches(alias, name))) return [key, spec];
  }
  return undefined;
}

/** The options of one xlator: checked, with defaults. */
export class XlatorOptions implements Options {
  private readonly table: OptionTable;
  private readonly scope: OptionScope;
  private readonly given: ReadonlyMap<string, string>;
  private readonly parsed: ReadonlyMap<string, Parsed>;
  /** What was given and is in no table, for a warning. */
  readonly unknown: readonly string[];

  private constructor(
    table: OptionTable,
    scope: OptionScope,
    given: ReadonlyMap<string, string>,
    parsed: ReadonlyMap<string, Parsed>,
    unknown: readonly string[],
  ) {
    this.table = table;
    this.scope = scope;
    this.given = given;
    this.parsed = parsed;
    this.unknown = unknown;
  }

  /** Throws EINVAL that names the volume, the option, its value and line. */
  static read(
    table: OptionTable,
    given: Iterable<readonly [name: string, GivenOption]>,
    scope: OptionScope,
  ): XlatorOptions {
    const texts = new Map<string, string>();
    const parsed = new Map<string, Parsed>();
    const unknown: string[] = [];
    for (const [name, spec] of Object.entries(table))
      if (spec.default !== undefined) {
        const result = parse(spec.default, spec, scope);
        parsed.set(name, 'value' in result ? result.value : spec.default);
      }
    for (const [name, { value, line }] of given) {
      const found = findSpec(table, name);
      if (found === undefined) {
        unknown.push(name);
        texts.set(name, value);
        continue;
      }
      const result = parse(value, found[1], scope);
      if ('why' in result)
        throw new NacreError(
          'EINVAL',
          'gluster.graph',
          `${line === undefined ? '' : `line ${line}: `}volume '${scope.name}' (${scope.type}): ` +
            `option ${name}: '${value}' ${result.why}`,
        );
      texts.set(found[0], value);
      parsed.set(found[0], result.value);
    }
    return new XlatorOptions(table, scope, texts, parsed, unknown);
  }

  private spec(name: string): OptionSpec | undefined {
    const found = findSpec(this.table, name);
    if (found === undefined && !this.given.has(name))
      throw new NacreError(
        'EINVAL',
        'gluster.options',
        `'${name}' is no option of ${this.scope.type} (volume '${this.scope.name}')`,
      );
    return found?.[1];
  }

  text(name: string): string | undefined {
    const spec = this.spec(name);
    return this.given.get(name) ?? spec?.default;
  }

  bool(name: string): boolean {
    const value = this.parsed.get(name);
    if (typeof value === 'boolean') return value;
    this.spec(name);
    return false;
  }

  number(name: string): number {
    const value = this.parsed.get(name);
    if (typeof value === 'number') return value;
    this.spec(name);
    return 0;
  }

  string(name: string): string {
    return this.text(name) ?? '';
  }

  isSet(name: string): boolean {
    this.spec(name);
    return this.given.has(name);
  }

  *entries(): Iterable<readonly [name: string, text: string]> {
    for (const [name, spec] of Object.entries(this.table)) {
      const text = this.given.get(name) ?? spec.default;
      if (text !== undefined) yield [name, text];
    }
    for (const [name, text] of this.given) if (!Object.hasOwn(this.table, name)) yield [name, text];
  }
}

/** Options from plain texts, for layers that are made without a volfile. */
export function optionsOf(table: OptionTable, texts: Readonly<Record<string, string>> = {}): XlatorOptions {
  const given = Object.entries(texts).map(([name, value]) => [name, { value }] as const);
  return XlatorOptions.read(table, given, { name: '', type: '' });
}
