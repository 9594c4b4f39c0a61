import { columnsOf } from '../shared/tty.ts';
import { type CommandSignature, FLAG_DEPRECATED, FLAG_HIDDEN, FLAG_OBSOLETE, syntax } from './signatures.ts';

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = ` ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Commands and what they do in two columns; only those that begin with `words`. */
export function helpText(commands: readonly CommandSignature[], words: string): string {
  const half = Math.floor(columnsOf(process.stdout) / 2);
  const hidden = FLAG_OBSOLETE | FLAG_DEPRECATED | FLAG_HIDDEN;
  const shown = commands
    .filter(({ help, flags }) => help !== '' && (flags & hidden) === 0)
    .map(command => ({ usage: syntax(command), help: command.help }))
    .filter(({ usage }) => usage.startsWith(words))
    .sort((a, b) => (a.usage < b.usage ? -1 : a.usage > b.usage ? 1 : 0));
  let text = '';
  for (const { usage, help } of shown) {
    const left = wrap(usage, half - 1);
    const right = wrap(help, half - 1);
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      const line = (left[i] ?? '').padEnd(half) + (right[i] ?? '');
      text += `${line.trimEnd()}\n`;
    }
  }
  return text;
}
