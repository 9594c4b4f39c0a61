import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSION } from '../../base/version.ts';
import { CliError } from '../shared/errors.ts';
import { parseArgs } from './args.ts';
import { findVerb } from './catalogue.ts';
import type { VerbSpec } from './catalogue-parts.ts';
import { ToolError } from './errors.ts';
import { generalHelp, verbHelp } from './help.ts';
import { print, Session } from './session.ts';

/** Flags, which take no value, of all verbs: what is not among them does, when the verb is looked for. */
function wordsOf(args: readonly string[], isFlag: (arg: string) => boolean): string[] {
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (arg === '--') return [...words, ...args.slice(at + 1)];
    if (!arg.startsWith('-') || arg === '-') words.push(arg);
    else if (!arg.includes('=') && !isFlag(arg)) at++;
  }
  return words;
}

const FLAGS = new Set(
  [
    'all a long l pretty-format no-progress image-shared thick-provision new-format flatten whole-object exact',
    'merge-snapshots allow-shrink force skip-quiesce ignore-quiesce-error descendants',
  ].flatMap(line => line.split(' ')),
);

const isFlag = (arg: string) => FLAGS.has(arg.replace(/^--?/, ''));

function unknown(words: readonly string[]): ToolError {
  print(generalHelp());
  return new ToolError(`error: unknown option '${words.join(' ')}'\n`);
}

/** The arguments without the words that name the verb. */
function behind(args: readonly string[], verb: readonly string[]): string[] {
  let left = verb.length;
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (left > 0 && arg === '--') {
      rest.push('--', ...args.slice(at + 1 + left));
      return rest;
    }
    if (left > 0 && (!arg.startsWith('-') || arg === '-')) {
      left--;
      continue;
    }
    rest.push(arg);
    if (left > 0 && !arg.includes('=') && !isFlag(arg) && at + 1 < args.length) rest.push(args[++at]);
  }
  return rest;
}

/** Runs a verb; Ctrl-C ends what it does, lets go of locks and watches, and the exit code says so. */
async function runVerb(config: readonly string[], verb: VerbSpec, rest: readonly string[]): Promise<void> {
  const most = verb.words.some(word => word.many) ? Number.POSITIVE_INFINITY : verb.words.length;
  // What is missing altogether says so, whatever its arguments.
  const handler = await verb.load();
  const session = new Session(config, parseArgs(rest, verb.options, most));
  let interrupted: (code: number) => void = () => {};
  const interruption = new Promise<number>(resolve => {
    interrupted = resolve;
  });
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const onSignal = (signal: (typeof signals)[number]) => {
    for (const each of signals) process.removeListener(each, onSignal);
    session.interrupt();
    if (process.stderr.isTTY) process.stderr.write('\n');
    interrupted(128 + constants.signals[signal]);
  };
  for (const each of signals) process.on(each, onSignal);
  try {
    const work = handler(session).then(() => 0);
    const code = await Promise.race([work, interruption]);
    if (code === 0) return;
    // A second Ctrl-C ends it at once. The work fails with the abort and closes what it opened, or the cluster is closed under it: neither is news.
    const ended = work.catch(() => {});
    const closed = Promise.race([ended, sleep(5000)]).then(() => session[Symbol.asyncDispose]());
    await Promise.race([closed.catch(() => {}), sleep(7000)]);
    process.exit(code);
  } finally {
    for (const each of signals) process.removeListener(each, onSignal);
    await session[Symbol.asyncDispose]();
  }
}

async function run(config: readonly string[], args: readonly string[]): Promise<void> {
  if (config.includes('--version') || config.includes('-v')) {
    print(`nacre version ${VERSION}\n`);
    return;
  }
  const words = wordsOf(args, isFlag);
  const askedFor = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined);
  if (words.length === 0 || askedFor.includes('-h') || askedFor.includes('--help')) {
    print(generalHelp());
    return;
  }
  if (words[0] === 'help') {
    const found = findVerb(words.slice(1));
    if (words.length > 1 && found === undefined) throw unknown(words.slice(1));
    print(
      found === undefined ? generalHelp() : verbHelp(found.verb, words.slice(1, 1 + found.length).join(' ')),
    );
    return;
  }
  const found = findVerb(words);
  if (found === undefined) throw unknown(words);
  await runVerb(config, found.verb, behind(args, words.slice(0, found.length)));
}

/** Runs `rbd` with its configuration and the rest of its arguments. Rejects with a CliError of its exit code. */
export async function runRbd(config: readonly string[], args: readonly string[]): Promise<void> {
  try {
    await run(config, args);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    if (error.message !== '') process.stderr.write(`${error.message}\n`);
    throw new CliError('', error.exitCode);
  }
}
