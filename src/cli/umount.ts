import { Command } from 'commander';
import { unmount } from '../fuse/index.ts';

/** `nacre umount`: takes mounts away, also those that a dead process left. */
export function umountCommand(): Command {
  return new Command('umount')
    .description('unmount a volume')
    .argument('<directory...>', 'where it is mounted')
    .option('-l, --lazy', 'take the name away at once, and the rest when no file is open any more')
    .action(async (directories: string[], { lazy = false }: { lazy?: boolean }) => {
      for (const directory of directories) await unmount(directory, { lazy });
    });
}
