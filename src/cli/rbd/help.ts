import type { OptionSpec } from './args.ts';
import { VERBS } from './catalogue.ts';
import type { VerbSpec, WordSpec } from './catalogue-parts.ts';

const WIDTH = 80;
const NAME_WIDTH = 20;
const MOST_INDENT = 37;

const GLOBAL: readonly (readonly [flags: string, description: string])[] = [
  ['-c [ --conf ] arg', 'configuration file of the cluster'],
  ['--cluster arg', 'name of the cluster'],
  ['--id arg', "who we are, without 'client.'"],
  ['-n [ --name ] arg', 'who we are'],
  ['-m [ --mon_host ] arg', 'addresses of monitors'],
  ['-K [ --keyfile ] arg', 'file with the secret key'],
  ['-k [ --keyring ] arg', 'file with the keyring'],
];

/**
 * Text in a column that begins at `indent`, behind `used` characters of its first line. Breaks at blanks, or before
 * '[' where `brackets` says that units begin with one.
 */
function column(text: string, indent: number, used: number, brackets = false): string {
  let out = '';
  let offset = used;
  const flush = () => {
    if (offset >= indent && offset > 0) {
      out += '\n';
      offset = 0;
    }
    out += ' '.repeat(indent - offset);
    offset = 0;
  };
  let line = '';
  for (const char of text) {
    if (char === '\n') {
      flush();
      out += `${line}\n`;
      line = '';
      continue;
    }
    if (indent + line.length >= WIDTH) {
      const at = brackets && line.includes('[') ? line.lastIndexOf('[') : line.lastIndexOf(' ');
      flush();
      if (at >= 0) {
        out += line.slice(0, at);
        line = line.slice(brackets && line[at] === '[' ? at : at + (brackets ? 0 : 1));
      } else {
        out += line;
        line = '';
      }
      out += '\n';
    }
    line += char;
  }
  flush();
  return `${out}${line}\n`;
}

function synopsisOf({ name, kind, required }: OptionSpec): string {
  const text = kind === 'flag' ? `--${name}` : `--${name} <${name}>`;
  return required === true ? text : `[${text}]`;
}

function wordSynopsis({ name, many, optional }: WordSpec): string {
  const text = many === true ? `<${name}> [<${name}> ...]` : `<${name}>`;
  return optional === true ? `[${text}]` : text;
}

/** '-p [ --pool ] arg'. */
function flagsOf({ name, short, kind }: OptionSpec): string {
  const names = short === undefined ? `--${name}` : `-${short} [ --${name} ]`;
  return kind === 'flag' ? `${names} ` : `${names} arg`;
}

function synopsis(verb: VerbSpec, called: string): string {
  const start = `usage: rbd ${called}`;
  const options = verb.options.map(synopsisOf);
  const words = verb.words.map(wordSynopsis);
  const widest = Math.max(0, ...options.map(each => each.length), ...words.map(each => each.length));
  let indent = Math.min(start.length, MOST_INDENT) + 1;
  if (indent + widest + 2 > WIDTH) indent = WIDTH - widest - 2;
  let text = start;
  let used = start.length;
  if (options.length > 0 || words.length === 0) {
    text += column(options.map(each => `${each} `).join(''), indent, used, true).replace(/\n$/, '\n');
    used = 0;
  }
  if (words.length > 0) text += column(words.map(each => `${each} `).join(''), indent, used);
  return text;
}

/** `rbd help VERB`; `called` is the name or the alias that was asked for. */
export function verbHelp(verb: VerbSpec, called: string = verb.name): string {
  const options = verb.options.filter(each => each.old !== true);
  const names = [
    ...verb.words.map(each => `<${each.name}>`),
    ...verb.options.map(each => `${flagsOf(each)} `.trimEnd()),
  ];
  const width = Math.min(Math.max(NAME_WIDTH, ...names.map(each => each.length)) + 2, MOST_INDENT) + 1;
  let text = `${synopsis(verb, called)}\n${verb.description}\n\n`;
  const list = (heading: string, rows: readonly (readonly [string, string])[]) => {
    if (rows.length === 0) return;
    text += `${heading}\n`;
    for (const [name, description] of rows) text += `  ${name}${column(description, width, name.length + 2)}`;
    text += '\n';
  };
  list(
    'Positional arguments',
    verb.words.map(each => [`<${each.name}>`, each.description]),
  );
  list(
    'Optional arguments',
    options.map(each => [flagsOf(each), each.description]),
  );
  if (verb.features)
    text +=
      'Features:\n  (+) on in new images unless features are given\n  (*) can be turned on and off later\n' +
      '  (-) can only be turned off later\n\n';
  return text;
}

/** 'snap create (snap add)'. */
function title({ name, alias }: VerbSpec): string {
  if (alias === undefined) return name;
  const last = alias.split(' ').at(-1);
  return name.split(' ').length > 2 ? `${name} (... ${last})` : `${name} (${alias})`;
}

/** `rbd help`. */
export function generalHelp(): string {
  const titles = VERBS.map(title);
  const width = 4 + Math.min(33, Math.max(...titles.map(each => each.length))) + 1;
  let text = 'usage: rbd <command> ...\n\nImages on a Ceph cluster.\n\nPositional arguments:\n  <command>\n';
  VERBS.forEach((verb, i) => {
    text += `    ${titles[i]}${column(verb.description, width, 4 + titles[i].length)}`;
  });
  text += '\nOptional arguments:\n';
  for (const [flags, description] of GLOBAL) text += `  ${flags.padEnd(width - 2)}${description}\n`;
  return `${text}\nSee 'rbd help <command>' for help on a specific command.\n`;
}
