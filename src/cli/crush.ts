import { Command } from 'commander';

/** Options for help and completion; what they mean is read by crush/options.ts, several of them take several values. */
const OPTIONS: readonly (readonly [string, string])[] = [
  ['-i, --infn <file>', 'read the map from here; - is standard input'],
  ['-o, --outfn <file>', 'write the map, or with -d its text, here'],
  ['-c, --compile <text>', 'make a map of its text'],
  ['-d, --decompile <map>', 'write the text of a map'],
  ['-v, --verbose', 'tell what is defined while compiling'],
  ['--build', 'make a map of layers of buckets, given as NAME KIND SIZE each, the lowest first'],
  ['--num-osds <n>', 'devices for --build'],
  ['--tunables <profile>', 'legacy, argonaut, bobtail, firefly, hammer, jewel, optimal or default'],
  ['--set-choose-local-tries <n>', 'retries in the same bucket'],
  ['--set-choose-local-fallback-tries <n>', 'retries by a permutation of the bucket'],
  ['--set-choose-total-tries <n>', 'retries from the top'],
  ['--set-chooseleaf-descend-once <0|1>', 'whether a leaf that is refused goes back to the top'],
  ['--set-chooseleaf-vary-r <n>', "whether the leaf's draw depends on the bucket's"],
  ['--set-chooseleaf-stable <0|1>', 'whether leaves keep their place when others go'],
  ['--set-straw-calc-version <0|1>', 'how the lengths of straws are computed'],
  ['--set-allowed-bucket-algs <mask>', 'kinds of buckets that new ones may have'],
  ['--add-item <id...>', 'ID WEIGHT NAME: add a device or bucket at --loc'],
  ['--update-item <id...>', 'ID WEIGHT NAME: add it or move it to --loc'],
  ['--remove-item <name>', 'take an item out of the map'],
  ['--reweight-item <name...>', 'NAME WEIGHT: give an item another weight'],
  ['--add-bucket <name...>', 'NAME TYPE: add a bucket at --loc'],
  ['--move <name>', 'move an item to --loc'],
  ['--loc <type...>', 'TYPE NAME: a bucket of the location; may be repeated'],
  ['--reweight', 'recompute the weights of all buckets'],
  ['--rebuild-class-roots', 'build the trees of the device classes anew'],
  ['--create-simple-rule <name...>', 'NAME ROOT TYPE firstn|indep: add a rule'],
  ['--create-replicated-rule <name...>', 'NAME ROOT TYPE: add a rule for replicated pools'],
  ['--device-class <class>', 'only devices of this class, for a new rule'],
  ['--remove-rule <name>', 'remove a rule'],
  ['--set-subtree-class <bucket...>', 'BUCKET CLASS: the class of all devices below a bucket'],
  ['--reclassify', 'turn trees for kinds of devices into device classes'],
  ['--reclassify-root <root...>', 'ROOT CLASS: all devices below the root are of the class'],
  ['--reclassify-bucket <match...>', 'MATCH CLASS PARENT: merge buckets PREFIX% or %SUFFIX'],
  ['--show-location <id>', 'the buckets around a device'],
  ['--tree', 'draw the tree, with those of the device classes'],
  ['--bucket-tree', 'the devices below --bucket-name'],
  ['-b, --bucket-name <name>', 'bucket for --bucket-tree'],
  ['--dump', 'write the map as JSON'],
  ['-f, --format <format>', 'json or json-pretty, for --dump'],
  ['--check <max-id>', 'look for items without names and rules that overlap'],
  ['-t, --test', 'place a range of inputs'],
  ['--x <x>', 'one input'],
  ['--min-x <x>', 'first input; 0'],
  ['--max-x <x>', 'last input; 1023'],
  ['--rule <r>', 'one rule'],
  ['--min-rule <r>', 'first rule'],
  ['--max-rule <r>', 'last rule'],
  ['--ruleset <rs>', 'rules of this set'],
  ['--num-rep <n>', 'size of the results'],
  ['--min-rep <n>', 'smallest size of the results'],
  ['--max-rep <n>', 'largest size of the results'],
  ['--pool-id <n>', 'hash inputs as those of a pool'],
  ['--batches <n>', 'place in rounds'],
  ['-w, --weight <device...>', 'DEVICE WEIGHT: how far a device is in, 0 to 1; may be repeated'],
  ['--mark-down-ratio <r>', 'share of devices that are down'],
  ['--mark-down-bucket-ratio <r>', 'share of buckets in which they are'],
  ['-s, --simulate', 'random placements instead'],
  ['--show-mappings', 'each placement'],
  ['--show-bad-mappings', 'placements that came out too small'],
  ['--show-statistics', 'sizes of the results'],
  ['--show-utilization', 'placements by device'],
  ['--show-utilization-all', 'placements by device, those with none as well'],
  ['--show-choose-tries', 'how many retries choices took'],
  ['--compare <map>', 'place by two maps and count what differs'],
];

/** `nacre crush`: makes, shows, changes and tests CRUSH maps, with the arguments and output of crushtool. */
export function crushCommand(): Command {
  const command = new Command('crush')
    .description('make, show, change and test CRUSH maps')
    .argument('[layers...]', 'for --build')
    .helpOption('-h, --help', 'show this');
  for (const [flags, description] of OPTIONS) command.option(flags, description);
  command.parseAsync = async (argv, options) => {
    const args = (options?.from ?? 'node') === 'user' ? (argv ?? []) : (argv ?? process.argv).slice(2);
    if (args.some(arg => arg === '-h' || arg === '--help')) {
      command.outputHelp();
      return command;
    }
    const { parseCrushArgs } = await import('./crush/options.ts');
    const { runCrush } = await import('./crush/run.ts');
    if (args.length === 0) {
      const { CliError } = await import('./shared/errors.ts');
      throw new CliError('-h or --help for usage');
    }
    runCrush(parseCrushArgs(args));
    return command;
  };
  return command;
}
