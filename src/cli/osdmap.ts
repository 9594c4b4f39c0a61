import { Command, Option } from 'commander';
import type { OsdMapToolOptions } from './osdmap/run.ts';

/** Options of osdmaptool may be written with underscores ('--pg_num'), as Ceph's argument parser allows. */
function withDashes(args: readonly string[]): string[] {
  return args.map(arg => {
    if (!arg.startsWith('--')) return arg;
    const end = arg.indexOf('=');
    const name = end < 0 ? arg : arg.slice(0, end);
    return name.replaceAll('_', '-') + (end < 0 ? '' : arg.slice(end));
  });
}

const FORMATS = ['plain', 'json', 'json-pretty'];

/** An option with an optional format must not swallow the name of the map behind it. */
function withFormats(args: readonly string[]): string[] {
  return args.map((arg, i) =>
    (arg === '--tree' || arg === '--dump') && !FORMATS.includes(args[i + 1] ?? '') ? `${arg}=plain` : arg,
  );
}

/** `nacre osdmap`: shows, changes and tests OSD maps in files, with osdmaptool's options and output. */
export function osdmapCommand(): Command {
  const command = new Command('osdmap')
    .description('Shows, changes and tests OSD maps in files, as osdmaptool does')
    .argument('[mapfile...]', 'file with an encoded OSDMap')
    .option('-p, --print', 'show the map as text')
    .option('--dump [format]', 'show the map: plain, json or json-pretty')
    .option('--tree [format]', 'show the hierarchy: plain, json or json-pretty')
    .option('--health', 'show what the map says of the health of the cluster')
    .option('--createsimple <numosd>', 'make a map for so many OSDs')
    .option('--create-from-conf', 'make a map for the [osd.N] sections of the configuration (-c)')
    .option('-c, --conf <file>', 'configuration for --create-from-conf')
    .option('--clobber', 'overwrite the file if it exists')
    .option('--with-default-pool', "give a new map a pool 'rbd'")
    .option('--pg-bits <bits>', 'its pg_num: OSDs shifted by these bits [6]')
    .option('--pgp-bits <bits>', 'its pgp_num likewise [6]')
    .addOption(new Option('--osd-pg-bits <bits>').hideHelp())
    .addOption(new Option('--osd-pgp-bits <bits>').hideHelp())
    .option('--export-crush <file>', "write the map's CRUSH map to a file")
    .option('--import-crush <file>', "replace the map's CRUSH map")
    .option('--test-map-pgs', 'map all PGs and sum up by OSD')
    .option('--test-map-pgs-dump', 'the same, with the acting set of each PG')
    .option('--test-map-pgs-dump-all', 'the same, with raw, up and acting set of each PG')
    .option('--test-random', 'place by chance instead of by the map')
    .option('--test-crush', 'map each PG a hundred times and compare')
    .option('--test-map-pg <pgid>', 'map one PG')
    .option('--test-map-object <name>', 'map one object')
    .option('--pool <poolid>', 'the pool for these tests')
    .option('--pg-num <pg_num>', 'pretend that pools have so many PGs')
    .option('--range-first <first>', 'with --range-last: read the maps FIRST to LAST in the folder')
    .option('--range-last <last>')
    .option('--mark-up-in', 'mark all OSDs up and in (not kept)')
    .option('--mark-out <osd>', 'mark an OSD out (not kept)')
    .option('--mark-up <osd>', 'mark an OSD up (not kept)')
    .option('--mark-in <osd>', 'mark an OSD in (not kept)')
    .option('--clear-temp', 'drop pg_temp and primary_temp (not kept)')
    .option('--clean-temps', 'look for pg_temp entries that are pointless')
    .option('--upmap-cleanup <file>', 'write commands that drop pointless upmap entries [-]')
    .option('--upmap <file>', 'write commands that balance PGs by upmap entries [-]')
    .option('--upmap-max <count>', 'at most so many entries [10]')
    .option('--upmap-deviation <count>', 'at most so many PGs away from the mean [5]')
    .option('--upmap-pool <name...>', 'only these pools')
    .option('--upmap-active', 'go on until all is balanced')
    .option('--adjust-crush-weight <osd:weight,...>', 'change CRUSH weights (not kept)')
    .option('--save', 'keep upmap entries and CRUSH weights')
    .action(async (files: string[], options: OsdMapToolOptions) => {
      const { runOsdMapTool } = await import('./osdmap/run.ts');
      process.exitCode = await runOsdMapTool(files, options, command);
    });
  const parse = command.parseAsync.bind(command);
  command.parseAsync = (argv, how) => {
    const all = argv ?? process.argv;
    const args = how?.from === 'user' ? all : all.slice(2);
    return parse(withFormats(withDashes(args)), { from: 'user' });
  };
  return command;
}
