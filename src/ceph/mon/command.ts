import { parseSignature, type SignaturePart } from '../../base/admin-socket-registry.ts';
import { ERRNO } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { formatJson } from '../../base/format.ts';
import type { PaxosService } from './paxos-service.ts';
import type { MonSession } from './session.ts';

/** What a command answers. Without anything it succeeded in silence. */
export interface CommandReply {
  /** 0 or a negative errno. */
  readonly code?: number;
  /** What the user is told (on standard error by `ceph`). */
  readonly status?: string;
  readonly output?: string | Buffer;
  /** The answer goes out once what is pending there is committed. */
  readonly after?: PaxosService;
}

/** The arguments of a command: JSON from a client, so nothing in it is sure. */
export class CommandArgs {
  readonly values: Readonly<Record<string, unknown>>;
  private readonly prefix: string;

  constructor(prefix: string, values: Readonly<Record<string, unknown>>) {
    this.prefix = prefix;
    this.values = values;
  }

  has(name: string): boolean {
    return this.values[name] !== undefined && this.values[name] !== null;
  }

  private wrong(name: string, what: string): never {
    throw new NacreError('EINVAL', this.prefix, `argument ${name}: ${what}`);
  }

  /** @throws NacreError EINVAL when it is missing and has no default */
  str(name: string, otherwise?: string): string {
    const value = this.values[name];
    if (value === undefined || value === null) return otherwise ?? this.wrong(name, 'is missing');
    if (typeof value === 'object')
      return Array.isArray(value) ? value.join(' ') : this.wrong(name, 'no string');
    return String(value);
  }

  opt(name: string): string | undefined {
    return this.has(name) ? this.str(name) : undefined;
  }

  float(name: string, otherwise?: number): number {
    const value = this.values[name];
    if (value === undefined || value === null) return otherwise ?? this.wrong(name, 'is missing');
    const number = Number(value);
    if (String(value).trim() === '' || !Number.isFinite(number))
      this.wrong(name, `'${String(value)}' is no number`);
    return number;
  }

  int(name: string, otherwise?: number): number {
    const number = this.float(name, otherwise);
    if (!Number.isSafeInteger(number)) this.wrong(name, `'${number}' is no whole number`);
    return number;
  }

  optInt(name: string): number | undefined {
    return this.has(name) ? this.int(name) : undefined;
  }

  /** Flags come as booleans, from old clients as '--yes-i-mean-it' or 'true'. */
  bool(name: string): boolean {
    const value = this.values[name];
    if (value === undefined || value === null || value === false) return false;
    return value !== 'false' && value !== '0';
  }

  list(name: string): string[] {
    const value = this.values[name];
    if (value === undefined || value === null) return [];
    return (Array.isArray(value) ? value : [value]).map(String);
  }

  /** '3' or 'osd.3'. */
  osd(name: string): number {
    const text = this.str(name);
    const m = /^(?:osd\.)?(\d{1,9})$/.exec(text);
    return m === null ? this.wrong(name, `'${text}' is no OSD`) : Number(m[1]);
  }

  /** 'type=name' words as a map: where something is in the hierarchy. */
  location(name: string): Map<string, string> {
    const loc = new Map<string, string>();
    for (const word of this.list(name)) {
      const cut = word.indexOf('=');
      if (cut <= 0 || cut === word.length - 1) this.wrong(name, `'${word}' is not TYPE=NAME`);
      loc.set(word.slice(0, cut), word.slice(cut + 1));
    }
    return loc;
  }

  /** As the capabilities compare them. */
  asText(): Map<string, string> {
    const out = new Map<string, string>();
    for (const [key, value] of Object.entries(this.values))
      if (key !== 'prefix' && value !== null && value !== undefined)
        out.set(key, Array.isArray(value) ? value.join(' ') : String(value));
    return out;
  }
}

/** One command on its way through. */
export interface CommandCall {
  readonly prefix: string;
  readonly args: CommandArgs;
  readonly session: MonSession;
  /** What `-i` gave. */
  readonly input: Buffer;
  /** 'plain', 'json', 'json-pretty'. */
  readonly format: string;
}

/** A value in the format asked for, or the plain text. Without one, plain is pretty JSON. */
export function emit(call: CommandCall, value: unknown, plain?: string | (() => string)): string {
  if (call.format === 'json') return `${formatJson(value)}\n`;
  if (call.format === 'json-pretty') return `${formatJson(value, true)}\n`;
  if (plain === undefined) return `${formatJson(value, true)}\n`;
  return typeof plain === 'string' ? plain : plain();
}

export function isPlain(call: CommandCall): boolean {
  return call.format === 'plain';
}

export function failed(code: string, status: string): CommandReply {
  return { code: -ERRNO[code], status };
}

/** Command flags as clients are told of them (MonCommand::FLAG_*). */
export const COMMAND_DEPRECATED = 4;
export const COMMAND_HIDDEN = 32;
/** For `ceph tell mon.X` only: NOFORWARD and HIDDEN. */
export const COMMAND_TELL = 33;

export interface CommandSpec {
  /** 'osd pool get name=pool,type=CephPoolname name=var,type=CephString': Ceph's command description format. */
  readonly sig: string;
  readonly help: string;
  /** Service that capabilities are asked for: 'osd'. */
  readonly module: string;
  /** 'r', 'rw', 'rx' ... */
  readonly perm: string;
  readonly flags?: number;
  run(call: CommandCall): CommandReply | Promise<CommandReply>;
}

export interface Command extends CommandSpec {
  readonly prefix: string;
  readonly signature: readonly SignaturePart[];
}

/** All commands by prefix, and their descriptions as clients want them. */
export class CommandTable {
  private readonly all: Command[] = [];
  private readonly byPrefix = new Map<string, Command>();
  private described: string | undefined;

  add(specs: readonly CommandSpec[]): void {
    for (const spec of specs) {
      const signature = parseSignature(spec.sig);
      const prefix = signature.filter(part => typeof part === 'string').join(' ');
      const command = { ...spec, run: spec.run, prefix, signature };
      this.all.push(command);
      // Of two signatures of one name the same code takes both.
      if (!this.byPrefix.has(prefix)) this.byPrefix.set(prefix, command);
    }
    this.described = undefined;
  }

  get(prefix: string): Command | undefined {
    return this.byPrefix.get(prefix);
  }

  *list(): IterableIterator<Command> {
    yield* this.all;
  }

  /** The answer to get_command_descriptions. */
  describe(): string {
    this.described ??= formatJson(
      new Map(
        this.all.map(({ signature, help, module, perm, flags }, i) => [
          `cmd${String(i).padStart(3, '0')}`,
          { sig: signature, help, module, perm, flags: flags ?? 0 },
        ]),
      ),
    );
    return this.described;
  }
}
