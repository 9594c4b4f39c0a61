import { Command } from 'commander';
import { loadCommand, SUBCOMMANDS } from './commands.ts';
import { CliError } from './shared/errors.ts';

const SHELLS = ['bash', 'zsh', 'fish'];

/** `nacre completion SHELL`: the script to source. */
export function completionCommand(): Command {
  return new Command('completion')
    .description('print a completion script')
    .argument('<shell>', SHELLS.join(', '))
    .addHelpText(
      'after',
      `
  bash   source <(nacre completion bash)
  zsh    source <(nacre completion zsh)
  fish   nacre completion fish | source`,
    )
    .action(async (shell: string) => {
      if (!SHELLS.includes(shell))
        throw new CliError(`no completion for '${shell}': ${SHELLS.join(', ')} are there`, 2);
      const { script } = await import('@bomb.sh/tab');
      script(shell, 'nacre', 'nacre');
    });
}

/** A tree of commands as deep as the words on the command line need it; only that one module is loaded. */
async function treeFor(words: readonly string[]): Promise<Command> {
  const root = new Command('nacre').enablePositionalOptions().helpCommand(false);
  for (const { name, description } of SUBCOMMANDS) {
    const wanted = words[0] === name && words.length > 1;
    if (wanted) root.addCommand((await loadCommand(name)).description(description));
    else root.command(name).description(description);
  }
  const completion = root.commands.find(command => command.name() === 'completion')!;
  if (words[0] === 'completion')
    for (const shell of SHELLS) completion.command(shell).description(`script for ${shell}`);
  return root;
}

/** The words of the command line that stands behind `nacre trace` and its options; all words where none has begun. */
function traced(words: readonly string[]): string[] {
  const withValue = /^(--otlp|--min-ms|--layer|--depth|-o|--output)$/;
  let at = 1;
  while (at < words.length - 1 && words[at].startsWith('-')) at += withValue.test(words[at]) ? 2 : 1;
  const ownOption = at >= words.length || (at === words.length - 1 && words[at].startsWith('-'));
  return ownOption ? [...words] : words.slice(at);
}

/** What the scripts call: `nacre complete -- WORD...`, the last being what is typed. Prints candidates. */
export async function complete(args: readonly string[]): Promise<void> {
  let words = args[0] === '--' ? args.slice(1) : [...args];
  if (words[0] === 'trace' && words.length > 1) words = traced(words);
  const root = await treeFor(words);
  const { default: tab } = await import('@bomb.sh/tab/commander');
  const completer = tab(root, { completionCommandName: '__completion' });
  completer.parse([...words]);
}
