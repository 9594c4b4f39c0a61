#!/usr/bin/env node
import { Command } from 'commander';
import { VERSION } from '../base/version.ts';
import { runCommand, SUBCOMMANDS } from './commands.ts';
import { failed } from './shared/errors.ts';

/** The `nacre` command: help, version, and one module for each subcommand, loaded when it is called. */
function program(): Command {
  const nacre = new Command('nacre')
    .description('Distributed storage: clients, daemons and tools that speak Ceph and GlusterFS')
    .version(VERSION, '--version')
    .enablePositionalOptions()
    .helpCommand(false);
  for (const { name, description } of SUBCOMMANDS) {
    // A stand-in that hands everything behind its name, --help included, to the real command.
    nacre
      .command(name)
      .description(description)
      .argument('[args...]')
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .passThroughOptions()
      .action((args: string[]) => runCommand(name, args));
  }
  return nacre;
}

/** Runs a command line and returns the exit code; errors are reported on standard error. */
async function main(args: readonly string[]): Promise<number> {
  const [name] = args;
  const known = SUBCOMMANDS.some(each => each.name === name);
  try {
    // Straight to the subcommand: the same as the way through `program`, and sooner.
    if (known) await runCommand(name, args.slice(1));
    else if (name === 'complete') await (await import('./completion.ts')).complete(args.slice(1));
    else await program().parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return failed(known ? name : 'nacre', error);
  }
}

// A reader that has seen enough ('nacre ... | head') is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// Set without exiting: output that is still on its way to a pipe must get there.
process.exitCode = await main(process.argv.slice(2));
