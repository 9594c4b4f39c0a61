import { Command } from 'commander';
import { mountCommandLine } from './gluster/mount-run.ts';

/** `nacre mount`: a GlusterFS volume at a directory. */
export function mountCommand(): Command {
  return new Command('mount')
    .description('mount a GlusterFS volume at a directory')
    .argument('<volume>', 'SERVER[,SERVER...]:/VOLUME[/DIR]; with -o volfile=FILE any name')
    .argument('<directory>', 'where')
    .option(
      '-o <options>',
      "mount.glusterfs's options, separated by commas",
      (text, before: string[]) => [...before, text],
      [],
    )
    .option('-f, --foreground', 'stay, and end when it is unmounted or told to')
    .option('-v, --verbose', 'tell what goes on')
    .addHelpText(
      'after',
      `
Options of -o: acl, ro, backup-volfile-servers=S:S, log-level=L, log-file=F, direct-io-mode=yes|no, fopen-keep-cache=yes|no,
kernel-writeback-cache=yes|no, attribute-timeout=S, entry-timeout=S, negative-timeout=S, gid-timeout=S, lru-limit=N, lookup-ahead=N,
background-qlen=N, congestion-threshold=N, xlator-option=LAYER.OPTION=VALUE, server-port=N, volfile=FILE, dump-fuse=FILE,
selinux, capability, allow_other, and those of mount(8).

Examples:
  nacre mount node01:/vg0 /mnt
  nacre mount node01,node02:/vg0/projects /mnt -o acl,log-level=WARNING
  nacre trace mount -f node01:/vg0 /mnt         every operation on its way through the layers`,
    )
    .action(mountCommandLine);
}
