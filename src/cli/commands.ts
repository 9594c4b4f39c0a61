import { Command } from 'commander';
import { CliError } from './shared/errors.ts';

export interface Subcommand {
  readonly name: string;
  readonly description: string;
  /** The command: as a `whole`, with all that there is to be told of it, or what is needed to run it. */
  load(whole: boolean): Promise<Command>;
}

/** Every subcommand; the module of each is loaded when it is called for. */
export const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: 'rados',
    description: "store, read and list objects, and benchmark a cluster, as Ceph's rados does",
    load: async whole => (await import('./rados.ts')).radosCommand(whole),
  },
  {
    name: 'rbd',
    description: "make, read, write and copy block device images, as Ceph's rbd does",
    load: async whole => (await import('./rbd.ts')).rbdCommand(whole),
  },
  {
    name: 'ceph',
    description: "ask and command a cluster, as Ceph's ceph does",
    load: async () => (await import('./ceph.ts')).cephCommand(),
  },
  {
    name: 'crush',
    description: 'compile, decompile and test CRUSH maps, as crushtool does',
    load: async () => (await import('./crush.ts')).crushCommand(),
  },
  {
    name: 'osdmap',
    description: 'show, change and test OSD maps, as osdmaptool does',
    load: async () => (await import('./osdmap.ts')).osdmapCommand(),
  },
  {
    name: 'gluster',
    description: 'list, read and copy files of GlusterFS volumes, and look into them',
    load: async () => (await import('./gluster.ts')).glusterCommand(),
  },
  {
    name: 'mount',
    description: 'mount a GlusterFS volume at a directory',
    load: async () => (await import('./mount.ts')).mountCommand(),
  },
  {
    name: 'umount',
    description: 'unmount a volume',
    load: async () => (await import('./umount.ts')).umountCommand(),
  },
  {
    name: 'vstart',
    description: 'start a cluster of our own on this machine',
    load: async () => (await import('./vstart.ts')).vstartCommand(),
  },
  {
    name: 'trace',
    description: 'run a command and show the layers that each operation went through',
    load: async () => (await import('./trace.ts')).traceCommand(),
  },
  {
    name: 'perf-msgr',
    description: 'benchmark the messenger between a server and a client',
    load: async () => (await import('./perf-msgr.ts')).perfMsgrCommand(),
  },
  {
    name: 'completion',
    description: 'print a completion script for bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completionCommand(),
  },
];

/** Errors of it and of everything under it are thrown, so that whoever runs it in this process lives on. */
function throwing(command: Command): Command {
  command.exitOverride();
  for (const each of command.commands) throwing(each as Command);
  return command;
}

/** The real command of a name. */
export async function loadCommand(name: string, whole = true): Promise<Command> {
  const found = SUBCOMMANDS.find(each => each.name === name);
  if (found === undefined) throw new CliError(`no command '${name}'; 'nacre --help' lists them`, 2);
  const command = throwing(await found.load(whole));
  // A parent makes usage lines begin with 'nacre'.
  new Command('nacre').enablePositionalOptions().addCommand(command);
  return command;
}

/** Runs one subcommand with its arguments. Rejects with what it failed with. */
export async function runCommand(name: string, args: readonly string[]): Promise<void> {
  const command = await loadCommand(name, false);
  await command.parseAsync([...args], { from: 'user' });
}
