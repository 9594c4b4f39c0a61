import { Command } from 'commander';
import { addOptions } from './ceph/options.ts';
import { splitCephArgs } from './shared/ceph-args.ts';

/** What Ceph's configuration arguments would take from ours. */
const OWN_ARGUMENTS = ['-f', '-i', '-o', '-s', '-w', '-W', '-p', '-d', '-r', '-v', '--version'];

/** First words of the commands, for completion; the monitors have the full list. */
const AREAS: readonly (readonly [string, string])[] = [
  ['status', 'status of the cluster'],
  ['health', "the cluster's health; health detail"],
  ['df', 'usage of the cluster and its pools'],
  ['osd', 'OSDs, pools and CRUSH: osd tree, osd pool create ...'],
  ['mon', 'monitors: mon stat, mon dump ...'],
  ['mgr', 'managers'],
  ['pg', 'placement groups: pg stat, pg dump, pg <pgid> query ...'],
  ['auth', 'users and keys'],
  ['config', 'configuration kept by the monitors'],
  ['config-key', 'values kept by the monitors'],
  ['log', 'the cluster log'],
  ['tell', 'command a daemon: tell osd.0 version'],
  ['daemon', 'command a daemon of this machine by its admin socket'],
  ['ping', 'ask a monitor whether it is there: ping mon.a'],
  ['quorum_status', 'which monitors form the quorum'],
  ['versions', 'versions of the daemons'],
  ['features', 'features of daemons and clients'],
  ['fs', 'file systems'],
  ['injectargs', 'change configuration of a running monitor'],
];

/** `nacre ceph`: passes commands to monitors, managers, OSDs and PGs, with the arguments and output of ceph. */
export function cephCommand(): Command {
  const command = new Command('ceph')
    .description('ask and command a cluster; without words, read commands from standard input')
    .helpOption('-h, --help', "show the cluster's commands");
  addOptions(command);
  for (const [name, description] of AREAS) command.command(`${name} [words...]`).description(description);
  // The subcommands are for help and completion; which commands there are is for the daemons to say.
  command.parseAsync = async (argv, from) => {
    const args = (from?.from ?? 'node') === 'user' ? (argv ?? []) : (argv ?? process.argv).slice(2);
    // What is injected into a daemon is not our own configuration.
    const at = args.indexOf('injectargs');
    const own = at < 0 ? args : args.slice(0, at);
    const { config, rest } = splitCephArgs(own, OWN_ARGUMENTS);
    const { parseCephArgs } = await import('./ceph/options.ts');
    const { options, words } = parseCephArgs(rest);
    if (options.help) command.outputHelp();
    const { runCeph } = await import('./ceph/run.ts');
    await runCeph(config, options, at < 0 ? words : [...words, ...args.slice(at)]);
    return command;
  };
  return command;
}
