import { Command } from 'commander';
import { addOptions } from './rados/options.ts';
import { OTHER_VERBS } from './rados/unsupported.ts';
import { VERBS } from './rados/verbs.ts';
import { splitCephArgs } from './shared/ceph-args.ts';
import { CliError } from './shared/errors.ts';

/** '-f' is --format here; '-i' and '-o' are files. */
const OWN_ARGUMENTS = ['-f', '-i', '-o', '-C', '-r', '-d'];

const EXAMPLES = `
Configuration (-c, -n, --id, -k, -m, --cluster and every option of Ceph as --name) may stand anywhere.

  nacre rados -p data put greeting hello.txt
  nacre rados -p data ls --all
  nacre rados -p data bench 10 write -b 4096 -t 16 --no-cleanup`;

/** Options and verbs, for help and completion: several hundred objects, which no run needs. */
function describe(command: Command): void {
  addOptions(command);
  for (const { name, args, description } of [...VERBS, ...OTHER_VERBS])
    addOptions(command.command(`${name} ${args}`.trim().replace(/ [^<[ ].*$/, '')).description(description));
}

/** `nacre rados`: objects, pools and benchmarks, with the arguments and output of rados. */
export function radosCommand(whole: boolean): Command {
  const command = new Command('rados')
    .description('store, read and list objects, and benchmark a cluster')
    .helpOption('-h, --help', 'show this')
    .addHelpText('after', EXAMPLES);
  if (whole) describe(command);
  // The subcommands are for help and completion: options and words may be mixed in any order, which commander's
  // own subcommands do not allow.
  command.parseAsync = async (argv, options) => {
    const args = (options?.from ?? 'node') === 'user' ? (argv ?? []) : (argv ?? process.argv).slice(2);
    const { config, rest } = splitCephArgs(args, OWN_ARGUMENTS);
    if (rest.some(arg => arg === '-h' || arg === '--help')) {
      if (!whole) describe(command);
      command.outputHelp();
      return command;
    }
    if (args.length === 0) throw new CliError('-h or --help for usage');
    const { runRados } = await import('./rados/run.ts');
    await runRados(config, rest);
    return command;
  };
  return command;
}
