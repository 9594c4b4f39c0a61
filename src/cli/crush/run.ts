import { readFileSync, writeFileSync } from 'node:fs';
import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { formatJson } from '../../base/format.ts';
import * as crush from '../../ceph/crush/index.ts';
import { CliError } from '../shared/errors.ts';
import { TextTable } from '../shared/table.ts';
import { die, ME, reasonOf } from './fail.ts';
import { modify } from './modify.ts';
import type { CrushArgs } from './options.ts';

function readMap(path: string): crush.CrushMap {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    const { errno = -5 } = error as NodeJS.ErrnoException;
    die(`${ME}: error reading '${path}': can't open ${path}: (${-errno}) ${errnoText(errno)}`);
  }
  try {
    return crush.decodeCrushMap(new Decoder(bytes));
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    die(`${ME}: unable to decode ${path}: ${error.message}`);
  }
}

function compile(args: CrushArgs, source: string): crush.CrushMap {
  let text: string;
  try {
    text = readFileSync(source, 'utf8');
  } catch {
    die(`input file ${source} not found`, 254);
  }
  try {
    return crush.compileCrush(text, {
      log: args.verbose > 0 ? line => process.stderr.write(`${line}\n`) : undefined,
    });
  } catch (error) {
    if (!(error instanceof crush.CrushCompileError)) throw error;
    die(error.text.startsWith('parse error') ? `${source}:${error.line} error: ${error.text}` : error.text);
  }
}

function build(args: CrushArgs): crush.CrushMap {
  const layers: crush.CrushLayer[] = [];
  for (let i = 0; i < args.layers.length; i += 3)
    layers.push({
      name: args.layers[i],
      alg: args.layers[i + 1],
      size: Number.parseInt(args.layers[i + 2], 10) || 0,
    });
  if (layers.length === 0) die(`${ME}: must specify at least one layer`);
  try {
    const { map, root, roots } = crush.buildCrushMap(args.devices, layers);
    if (roots.length > 1)
      process.stderr.write(
        `The crush rulesets will use the root ${root}\nand ignore the others.\n` +
          `There are ${roots.length} roots, they can be\ngrouped into a single root by appending something like:\n` +
          '  root straw 0\n\n',
      );
    return map;
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    die(reasonOf(error));
  }
}

function checkArgs(args: CrushArgs): void {
  const { layers, testOptions: shown } = args;
  const modes = Number(args.decompile) + Number(args.source !== undefined) + Number(args.build);
  const display =
    shown.showMappings ||
    shown.showBadMappings ||
    shown.showStatistics ||
    shown.showUtilization ||
    shown.showUtilizationAll ||
    shown.showChooseTries;
  if (args.test && args.check === undefined && !display && args.compare === undefined)
    process.stderr.write('WARNING: no output selected; use --output-csv or --show-X\n');
  if (modes > 1) die('cannot specify more than one of compile, decompile, and build');
  const changes =
    args.addItem ??
    args.addBucket ??
    args.move ??
    args.addRule ??
    args.removeRule ??
    args.removeItem ??
    args.reweightItem ??
    args.profile;
  const shows = args.test || args.tree || args.dump || args.bucketTree || (args.showLocation ?? -1) >= 0;
  const adjusts = args.reweight || args.reclassify || args.rebuildClassRoots;
  const tunes = Object.keys(args.tunables).length > 0 || args.subtreeClasses.size > 0;
  if (modes === 0 && !shows && !adjusts && !tunes && changes === undefined)
    if (args.check === undefined && args.compare === undefined) die('no action specified; -h for help');
  if (!args.build && layers.length > 0) die(`unrecognized arguments: [${layers.join(',')}]`);
  if (layers.length % 3 !== 0)
    die(
      `remaining args: [${layers.join(',')}]\nlayers must be specified with 3-tuples of (name, buckettype, size)`,
    );
}

function showTree(map: crush.CrushMap): void {
  const table = new TextTable().column('ID', 'left', 'right').column('CLASS', 'left', 'right');
  table.column('WEIGHT', 'left', 'right');
  for (const name of crush.treeArgsNames(map)) table.column(name, 'left', 'right');
  table.column('TYPE NAME', 'left');
  for (const item of crush.crushTree(map, true)) {
    const weights = crush.treeArgsWeights(map, item);
    table.row(
      item.id,
      map.itemClass(item.id) ?? '',
      crush.weightText(crush.weightToFloat(item.weight)),
      ...weights.map(weight => (weight === undefined ? '' : crush.weightText(weight))),
      '    '.repeat(item.depth) + crush.treeItemText(map, item.id),
    );
  }
  process.stdout.write(table.toString());
}

function display(map: crush.CrushMap, args: CrushArgs): void {
  const write = (text: string) => process.stdout.write(text);
  if (args.showLocation !== undefined && args.showLocation >= 0) {
    const location = new Map(crush.fullLocation(map, args.showLocation));
    for (const type of [...location.keys()].sort()) write(`${type}\t${location.get(type)}\n`);
  }
  if (args.tree) showTree(map);
  if (args.bucketTree) {
    const id = map.names.id(args.bucketName);
    if (args.bucketName === '') process.stderr.write(': error bucket_name is empty\n');
    else if (id !== undefined)
      for (const osd of [...new Set(crush.leavesOf(map, id))].sort((a, b) => a - b)) write(`osd.${osd}\n`);
  }
  if (args.dump) {
    if (['xml', 'xml-pretty', 'table', 'table-kv', 'html', 'html-pretty'].includes(args.format))
      throw new NacreError('ENOTSUP', 'crush', `the format '${args.format}' is not provided`);
    const pretty = args.format !== 'json';
    write(`${formatJson(crush.dumpCrush(map), pretty)}${pretty ? '\n\n' : '\n'}`);
  }
  if (args.decompile) {
    const text = crush.decompileCrush(map);
    if (args.outfile === '') write(text);
    else writeOut(args.outfile, text);
  }
}

function writeOut(path: string, data: string | Uint8Array): void {
  try {
    writeFileSync(path, data);
  } catch (error) {
    const { errno = -5 } = error as NodeJS.ErrnoException;
    die(`${ME}: error writing '${path}': (${-errno}) ${errnoText(errno)}`);
  }
}

function test(map: crush.CrushMap, args: CrushArgs): void {
  const { testOptions: options } = args;
  const output = {
    out: (text: string) => void process.stdout.write(text),
    err: (text: string) => void process.stderr.write(text),
  };
  if (args.check !== undefined) {
    for (const line of crush.overlappedRules(map)) output.out(`${line}\n`);
    const problem = args.check >= 0 ? crush.checkNames(map, args.check) : undefined;
    if (problem !== undefined) {
      output.out(`${problem}\n`);
      throw new CliError('', 1);
    }
  }
  if (args.test) {
    if (options.showUtilization || options.showUtilizationAll) options.showStatistics = true;
    crush.testCrush(map, options, output);
  }
  if (args.compare !== undefined && !crush.compareCrush(map, readMap(args.compare), options, output))
    throw new CliError('', 1);
}

/**
 * Does what the arguments ask, in crushtool's order: input, tunables, changes, display and test, output.
 * @throws CliError with crushtool's exit code
 */
export function runCrush(args: CrushArgs): void {
  checkArgs(args);
  let map = args.infile === '' ? new crush.CrushMap() : readMap(args.infile);
  let modified = false;
  if (args.source !== undefined) map = compile(args, args.source);
  if (args.build) map = build(args);
  if (args.source !== undefined || args.build) modified = true;
  if (modify(map, args)) modified = true;
  display(map, args);
  test(map, args);
  if (!modified) return;
  map.finalize();
  if (args.outfile === '') {
    process.stdout.write(`${ME} successfully built or modified map.  Use '-o <file>' to write it out.\n`);
    return;
  }
  writeOut(
    args.outfile,
    encodeToBuffer(e => crush.encodeCrushMap(e, map)),
  );
  if (args.verbose > 0) process.stdout.write(`wrote crush map to ${args.outfile}\n`);
}
