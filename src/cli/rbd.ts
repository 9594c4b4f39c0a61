import { Command } from 'commander';
import { splitCephArgs } from './shared/ceph-args.ts';

/** Letters that are ours though Ceph's programs have a meaning for them too. */
const OWN_ARGUMENTS = ['-p', '-s', '-l', '-a', '-f', '-d', '-r', '-i'];

const EXAMPLES = `
Configuration (-c, -n, --id, -k, -m, --cluster and every option of Ceph as --name) may stand anywhere.
'nacre rbd help <command>' tells of one command, 'nacre rbd help' lists all.

  nacre rbd create rbd/disk --size 10G
  nacre rbd export rbd/disk@monday disk.img
  nacre rbd bench rbd/disk --io-type write --io-pattern rand --io-total 64M`;

/** A subcommand for each verb. */
async function addVerbs(command: Command): Promise<void> {
  const { VERBS } = await import('./rbd/catalogue.ts');
  const groups = new Map<string, Command>([['', command]]);
  for (const verb of VERBS)
    for (const name of verb.alias === undefined ? [verb.name] : [verb.name, verb.alias]) {
      const words = name.split(' ');
      let at = command;
      words.forEach((word, i) => {
        const path = words.slice(0, i + 1).join(' ');
        const next = groups.get(path) ?? at.command(word);
        groups.set(path, next);
        at = next;
      });
      at.description(verb.description);
      for (const { name: option, short, kind, description } of verb.options) {
        const flags = `${short === undefined ? '' : `-${short}, `}--${option}`;
        at.option(kind === 'flag' ? flags : `${flags} <value>`, description);
      }
    }
  command.command('help').description('help on a command');
}

/**
 * `nacre rbd`: images, with the arguments and output of rbd. Its subcommands are for completion only: options and words may be
 * mixed in any order, which commander's own subcommands do not allow.
 */
export async function rbdCommand(whole: boolean): Promise<Command> {
  const command = new Command('rbd').description('images on a Ceph cluster').addHelpText('after', EXAMPLES);
  if (whole) await addVerbs(command);
  command.parseAsync = async (argv, options) => {
    const args = (options?.from ?? 'node') === 'user' ? (argv ?? []) : (argv ?? process.argv).slice(2);
    const { config, rest } = splitCephArgs(args, OWN_ARGUMENTS);
    if (rest[0] === 'nbd') {
      const { nbdCommand } = await import('./rbd/nbd.ts');
      const own = [...args];
      own.splice(own.indexOf('nbd'), 1);
      await nbdCommand().parseAsync(own, { from: 'user' });
      return command;
    }
    const { runRbd } = await import('./rbd/run.ts');
    await runRbd(config, rest);
    return command;
  };
  return command;
}
