import { ArgumentError, type ArgValue } from './arg-types.ts';
import {
  type Arg,
  argText,
  type CommandSignature,
  FLAG_DEPRECATED,
  FLAG_HIDDEN,
  FLAG_OBSOLETE,
  syntax,
} from './signatures.ts';

/** Arguments of a command by name; `prefix` has its literal words. */
export type CommandArgs = Map<string, ArgValue | ArgValue[]>;

/** What words came to: the command, or the lines that tell what is wrong with them. */
export type Matched =
  | { readonly args: CommandArgs; readonly command: CommandSignature }
  | { readonly problem: readonly string[] };

/** How many times an argument may still be filled, after `seen` times. */
function wants(arg: Arg, seen: number): boolean {
  return arg.count === 0 || seen < arg.count;
}

function values(arg: Arg, word: string, keyword: boolean, partial: boolean): ArgValue[] {
  // A list may be given at once, but a string may have commas of its own.
  const split = arg.count === 0 && (keyword || arg.type !== 'CephString');
  return (split ? word.split(',') : [word]).map(part => arg.check.valid(part, partial));
}

/** How many of the required arguments the words fit, from the first one. */
function countMatches(words: readonly string[], args: readonly Arg[], partial: boolean): number {
  let at = 0;
  let matches = 0;
  for (const arg of args) {
    for (let seen = 0; wants(arg, seen); ) {
      if (at >= words.length) return matches;
      const last = at === words.length - 1;
      try {
        values(arg, words[at], false, partial && last);
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        if (arg.required) return matches;
        break;
      }
      at++;
      seen++;
    }
    if (arg.required) matches++;
  }
  return matches;
}

const SURE = new Set([
  '--yes-i-really-mean-it',
  '--yes-i-really-really-mean-it',
  '--yes-i-really-really-mean-it-not-faking',
  '--force',
]);

/** Words of one command line on their way into the arguments of one command. */
class Assignment {
  private readonly words: string[];
  private readonly byName: ReadonlyMap<string, Arg>;
  private readonly injecting: boolean;
  readonly args: CommandArgs = new Map();
  matches = 0;
  /** What an optional argument did not want, unless a later one did. */
  refused: string | undefined;

  constructor(words: readonly string[], signature: readonly Arg[]) {
    this.words = [...words];
    this.byName = new Map(signature.filter(arg => arg.type !== 'CephPrefix').map(arg => [arg.name, arg]));
    this.injecting = words[0] === 'injectargs';
  }

  get left(): readonly string[] {
    return this.words;
  }

  private store(arg: Arg, found: ArgValue[]): void {
    const before = this.args.get(arg.name);
    if (arg.count === 0) this.args.set(arg.name, [...((before as ArgValue[] | undefined) ?? []), ...found]);
    else if (arg.type === 'CephPrefix' && before !== undefined)
      this.args.set(arg.name, `${before} ${found[0]}`);
    else this.args.set(arg.name, found[0]);
    this.matches++;
  }

  /** '--name=value', '--name value' or '--flag' in front; true when it was one. */
  private keyword(): boolean {
    const [word] = this.words;
    const match = /^--([a-zA-Z_][\w-]*)(?:=(.*))?$/s.exec(word);
    if (match === null) return false;
    const arg = this.byName.get(match[1].replaceAll('-', '_'));
    if (arg === undefined) return false;
    let value: string | undefined = match[2];
    let used = 1;
    if (value === undefined && arg.type === 'CephBool') value = 'true';
    else if (value === undefined) {
      value = this.words[1];
      used = 2;
    }
    if (value === undefined) return false;
    this.words.splice(0, used);
    this.store(arg, values(arg, value, true, false));
    return true;
  }

  /** Fills one argument. @throws ArgumentError when it cannot be and must be. */
  fill(arg: Arg): void {
    for (let seen = 0; wants(arg, seen); ) {
      if (this.words.length === 0) {
        if (!arg.required || (this.args.has(arg.name) && arg.type !== 'CephPrefix')) return;
        if (arg.count === 0 && seen > 0) return;
        throw new ArgumentError(
          'missing',
          arg.count === 0
            ? `saw ${seen} of ${argText(arg)}, expected at least 1`
            : `missing required parameter ${argText(arg)}`,
        );
      }
      if (this.keyword()) continue;
      const [word] = this.words;
      const literal = arg.type === 'CephChoices' || SURE.has(word) || this.injecting;
      if (word.startsWith('--') && !literal)
        throw new ArgumentError('value', `Unexpected argument '${word}'`);
      try {
        this.store(arg, values(arg, word, false, false));
      } catch (error) {
        // Whatever it is, it may be what the next argument wants.
        if (!(error instanceof ArgumentError) || (arg.required && (arg.count !== 0 || seen === 0)))
          throw error;
        this.refused = `${word} not valid:  ${error.message}`;
        return;
      }
      this.words.shift();
      this.refused = undefined;
      seen++;
    }
  }
}

function assign(words: readonly string[], { args }: CommandSignature): CommandArgs {
  const assignment = new Assignment(words, args);
  for (const arg of args) assignment.fill(arg);
  const required = args.filter(arg => arg.required).length;
  if (assignment.matches < required) throw new ArgumentError('few', 'not enough arguments given');
  if (assignment.left.length > 0) {
    const unused = assignment.left.map(word => `'${word}'`).join(', ');
    throw new ArgumentError('value', `unused arguments: [${unused}]`, assignment.refused);
  }
  return assignment.args;
}

/** The commands that fit the words best, and equally well. */
function closest(words: readonly string[], commands: readonly CommandSignature[]): CommandSignature[] {
  let best = 0;
  let found: CommandSignature[] = [];
  for (const command of commands) {
    if ((command.flags & FLAG_OBSOLETE) !== 0) continue;
    let score = countMatches(words, command.args, true);
    // Words in full are better than beginnings of words.
    if (score >= Math.floor(best) && score === countMatches(words, command.args, false)) score += 0.5;
    if (score < best) continue;
    if (score > best) found = [];
    best = score;
    found.push(command);
  }
  return found;
}

const SHOWN = 10;

/** Finds the command that words mean and its arguments, as `ceph` does. */
export function matchCommand(words: readonly string[], commands: readonly CommandSignature[]): Matched {
  const candidates = closest(words, commands);
  const required = ({ args }: CommandSignature) => args.filter(arg => arg.required).length;
  const sorted = [...candidates].sort((a, b) => required(a) - required(b));
  for (const command of sorted) {
    try {
      return { args: assign(words, command), command };
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      if (error.kind === 'prefix' || error.kind === 'few') continue;
      if (error.kind === 'missing' && candidates.length > 1) break;
      const lines = [`Invalid command: ${error.message}`, `${syntax(command)} :  ${command.help}`];
      return { problem: error.before === undefined ? lines : [error.before, ...lines] };
    }
  }
  const shown = candidates
    .filter(({ flags }) => (flags & (FLAG_DEPRECATED | FLAG_HIDDEN)) === 0)
    .slice(0, SHOWN);
  return { problem: [`no valid command found; ${shown.length} closest matches:`, ...shown.map(syntax)] };
}
