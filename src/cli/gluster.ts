import { Command, Option } from 'commander';
import type { Volume } from '../gluster/volume/volume.ts';
import { getfattr, stat } from './gluster/attributes.ts';
import { copy } from './gluster/copy.ts';
import { showLayout } from './gluster/layout.ts';
import { diskUsage, list, tree } from './gluster/list.ts';
import { openVolume, type VolumeFlags, wantVolumePath, withVolumeFlags } from './gluster/open.ts';
import { top } from './gluster/top.ts';
import { CliError } from './shared/errors.ts';

function level(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new CliError(`'${text}': a number from 1 on is wanted`, 2);
  return Number(text);
}

/** `nacre gluster`: looks into and works on GlusterFS volumes without mounting them. */
export function glusterCommand(): Command {
  const gluster = new Command('gluster').description(
    'look into and work on GlusterFS volumes, without a mount',
  );
  const verb = (name: string, description: string) =>
    withVolumeFlags(gluster.command(name).description(description));
  const PATH = 'SERVER:/VOLUME/PATH, or gluster://SERVER/VOLUME/PATH';

  verb('ls', 'list a directory')
    .argument('<path>', PATH)
    .option('-l, --long', 'permissions, owner, size, time')
    .option('-a, --all', 'names that begin with a dot too')
    .option('-R, --recursive', 'what is in directories too')
    .option('--human', 'sizes with units')
    .option('--json', 'a JSON object a line')
    .action(on(list));
  verb('tree', 'draw a directory and all below it')
    .argument('<path>', PATH)
    .option('-a, --all', 'names that begin with a dot too')
    .option('-L, --level <n>', 'how deep', level)
    .action(on(tree));
  verb('du', 'what directories take up, in KiB')
    .argument('<path>', PATH)
    .option('-s, --summarize', 'only the sum')
    .option('--human', 'sizes with units')
    .option('-b, --bytes', 'sizes of files in bytes, not the room they take')
    .action(on(diskUsage));
  verb('cat', 'print files')
    .argument('<path...>', PATH)
    .action(async (paths: string[], flags: VolumeFlags) => {
      await copy([...paths, '-'], { ...flags, quiet: true });
    });
  verb('cp', 'copy to, from and between volumes; - is standard input or output')
    .argument('<path...>', `sources and a destination: files of this machine, or ${PATH}`)
    .option('-r, --recursive', 'directories with all in them')
    .option('-p, --preserve', 'times and permissions too')
    .option('-q, --quiet', 'no progress')
    .option('--parallel <n>', 'files at once', level, 8)
    .action(copy);
  verb('getfattr', 'extended attributes')
    .argument('<path>', PATH)
    .option('-n, --name <name>', 'only this one; virtual ones of the volume too')
    .option('-d, --dump', 'values too')
    .addOption(new Option('-e, --encoding <how>', 'of values').choices(['text', 'hex', 'base64']))
    .option('-m, --match <pattern>', "names that match; '-' for all", '^user\\.')
    .action(on(getfattr));
  verb('stat', 'attributes of a file, and on which bricks it is')
    .argument('<path>', PATH)
    .option('--json', 'as JSON')
    .action(on(stat));
  verb('layout', 'which bricks have which names of a directory, and where a file lies')
    .argument('<path>', PATH)
    .option('--json', 'as JSON')
    .action(on(showLayout));
  gluster
    .command('top')
    .description('what a mount is doing, fop by fop')
    .argument('<directory>', 'where the volume is mounted')
    .option('-i, --interval <seconds>', 'between two looks', level, 1)
    .option('-c, --count <n>', 'so many looks, then end', level)
    .option('--layer <name>', 'of this layer, in place of the top one')
    .action(top);
  verb('volfile', 'the volfile that the server hands out')
    .argument('<volume>', PATH)
    .action(on(async volume => void process.stdout.write(volume.client.graph.volfile)));
  verb('statedump', 'all state of the layers')
    .argument('<volume>', PATH)
    .action(on(async volume => void process.stdout.write(volume.statedump())));
  return gluster;
}

/** A verb on one path of a volume that is open for its time. */
function on<F extends object>(work: (volume: Volume, path: string, flags: F) => Promise<void>) {
  return async (text: string, flags: F & VolumeFlags): Promise<void> => {
    const spec = wantVolumePath(text, flags);
    await using volume = await openVolume(spec, flags);
    await work(volume, spec.path, flags);
  };
}
