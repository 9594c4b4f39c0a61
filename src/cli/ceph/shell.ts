import { createInterface } from 'node:readline';
import { ArgumentError } from './arg-types.ts';
import { parseCephArgs } from './options.ts';
import { errorLine } from './output.ts';
import { type CephSession, type Outcome, runCommandWords } from './run.ts';
import type { CommandSignature } from './signatures.ts';
import { findTarget, type Target } from './target.ts';

/** Words of a line as a shell splits it, quotes and backslashes included; undefined when a quote is left open. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < line.length; i++) {
    const char = line[i];
    if (quote !== '') {
      if (char === quote) quote = '';
      else if (char === '\\' && quote === '"' && i + 1 < line.length && '"\\'.includes(line[i + 1]))
        word += line[++i];
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + (char === '\\' && i + 1 < line.length ? line[++i] : char);
  }
  if (quote !== '') return undefined;
  return word === undefined ? words : [...words, word];
}

const ENDS = new Set(['q', 'Q', 'quit', 'exit']);

async function runLine(s: CephSession, line: string, sigs: readonly CommandSignature[]): Promise<void> {
  const split = splitWords(line);
  if (split === undefined) {
    process.stderr.write('No closing quotation\n');
    return;
  }
  const { words } = parseCephArgs(split);
  if (words[0] === 'tell') {
    process.stderr.write("Can not use 'tell' in interactive mode.\n");
    return;
  }
  let target: Target;
  try {
    ({ target } = findTarget(words));
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    process.stderr.write(`error handling command target: ${error.message}\n`);
    return;
  }
  const { errno, output, status } = await runCommandWords(s, target, words, sigs);
  if (errno !== 0) {
    process.stderr.write(errorLine(errno, status));
    return;
  }
  if (status !== '') process.stderr.write(`${status}\n`);
  if (output.length > 0) process.stdout.write(`${output.toString()}\n`);
}

/** Runs commands, one a line, until the end of the input; on a terminal until 'quit', too. */
export async function interactive(s: CephSession, sigs: readonly CommandSignature[]): Promise<Outcome> {
  const terminal = process.stdin.isTTY === true;
  const input = createInterface({
    input: process.stdin,
    output: terminal ? process.stdout : undefined,
    prompt: 'ceph> ',
  });
  let ended = false;
  if (terminal) input.prompt();
  for await (const line of input) {
    const text = line.trim();
    ended = terminal && ENDS.has(text);
    if (ended) break;
    if (text !== '') await runLine(s, text, sigs);
    if (terminal) input.prompt();
  }
  input.close();
  return { errno: 0, output: Buffer.from(terminal && !ended ? '\n' : ''), status: '' };
}
