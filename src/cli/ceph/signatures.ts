import { NacreError } from '../../base/errors.ts';
import { ARG_TYPES, type ArgType, prefixType } from './arg-types.ts';

// Flags of a command (common/cmd... MonCommand::FLAG_*).
export const FLAG_OBSOLETE = 1 << 1;
export const FLAG_DEPRECATED = 1 << 2;
export const FLAG_MGR = 1 << 3;
export const FLAG_POLL = 1 << 4;
export const FLAG_HIDDEN = 1 << 5;

/** One argument of a command, or one of the literal words that it begins with. */
export interface Arg {
  readonly type: string;
  readonly name: string;
  readonly check: ArgType;
  /** How often; 0 for any number, at least once. */
  readonly count: number;
  readonly required: boolean;
}

export interface CommandSignature {
  readonly args: readonly Arg[];
  readonly help: string;
  readonly flags: number;
}

interface Description {
  readonly sig?: readonly (string | Readonly<Record<string, unknown>>)[];
  readonly help?: string;
  readonly flags?: number;
  readonly avail?: string;
}

function argOf(part: string | Readonly<Record<string, unknown>>): Arg {
  if (typeof part === 'string')
    return { type: 'CephPrefix', name: 'prefix', check: prefixType(part), count: 1, required: true };
  const type = String(part['type']);
  const make = ARG_TYPES[type];
  if (make === undefined)
    throw new NacreError('EINVAL', 'ceph', `commands have an argument of unknown type ${type}`);
  const n = String(part['n'] ?? 1);
  const req = part['req'] ?? true;
  return {
    type,
    name: String(part['name']),
    check: make(part),
    count: n === 'N' || n === 'n' ? 0 : Number(n),
    required: req === true || req === 'true' || req === 'True',
  };
}

/** Reads what `get_command_descriptions` gives: commands by a number, each with its words and arguments. */
export function parseDescriptions(text: string): CommandSignature[] {
  const all = JSON.parse(text) as Record<string, Description>;
  const commands: CommandSignature[] = [];
  for (const [tag, { sig, help = '', flags = 0, avail }] of Object.entries(all)) {
    if (sig === undefined) throw new NacreError('EINVAL', 'ceph', `description of ${tag} has no 'sig'`);
    if (avail !== undefined && !avail.includes('cli')) continue;
    commands.push({ args: sig.map(argOf), help, flags });
  }
  return commands;
}

function brief({ type, name, check, count, required }: Arg): string {
  let text = `<${name}>`;
  if (type === 'CephBool') text = `--${name.replaceAll('_', '-')}`;
  else if (type === 'CephPrefix') text = check.text;
  else if (type === 'CephChoices') text = name === 'format' ? `--${name} {${check.text}}` : check.text;
  else if (type === 'CephOsdName') text = '<id|osd.id>';
  else if (type === 'CephName') text = '<type.id>';
  else if (type === 'CephInt') text = `<${name}:int>`;
  else if (type === 'CephFloat') text = `<${name}:float>`;
  if (count === 0) text += '...';
  return required ? text : `[${text}]`;
}

/** 'osd pool create <pool> [<pg_num:int>]'. */
export function syntax({ args }: CommandSignature): string {
  return args.map(brief).join(' ');
}

/** An argument for messages: 'pool(<poolname>)'. */
export function argText({ type, name, check, count, required }: Arg): string {
  const literal = type === 'CephPrefix' || (type === 'CephChoices' && !check.text.includes('|'));
  const text = literal ? check.text : `${name}(${check.text})${count === 0 ? '...' : ''}`;
  return required ? text : `[${text}]`;
}
