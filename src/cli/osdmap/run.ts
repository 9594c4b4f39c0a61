import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { formatJson } from '../../base/format.ts';
import { formatGeneral } from '../../base/printf.ts';
import { decodeCrushMap, encodeCrushMap } from '../../ceph/crush/index.ts';
import { itemWeight } from '../../ceph/crush/location.ts';
import { adjustItemWeight, weightFromFloat } from '../../ceph/crush/weights.ts';
import {
  applyIncremental,
  buildSimpleMap,
  checkHealth,
  cleanTemps,
  decodeOsdMap,
  dumpHealthChecks,
  dumpOsdMap,
  encodeOsdMap,
  OSD_IN,
  OSD_OUT,
  OSD_UP,
  type OsdMap,
  OsdMapIncremental,
  osdTreeJson,
  osdTreeText,
  printOsdMap,
} from '../../ceph/osdmap/index.ts';
import { utimeFromMs } from '../../ceph/types/utime.ts';
import { nodeEnv } from '../../env/node.ts';
import { CliError, strerror } from '../shared/errors.ts';
import { Stop } from './stop.ts';
import { testMaps } from './test-map.ts';

/** As commander parses them. */
export interface OsdMapToolOptions {
  readonly print?: boolean;
  readonly dump?: string | true;
  readonly tree?: string | true;
  readonly health?: boolean;
  readonly createsimple?: string;
  readonly createFromConf?: boolean;
  readonly conf?: string;
  readonly clobber?: boolean;
  readonly withDefaultPool?: boolean;
  readonly pgBits?: string;
  readonly pgpBits?: string;
  readonly osdPgBits?: string;
  readonly osdPgpBits?: string;
  readonly exportCrush?: string;
  readonly importCrush?: string;
  readonly testMapPgs?: boolean;
  readonly testMapPgsDump?: boolean;
  readonly testMapPgsDumpAll?: boolean;
  readonly testRandom?: boolean;
  readonly testCrush?: boolean;
  readonly testMapPg?: string;
  readonly testMapObject?: string;
  readonly pool?: string;
  readonly pgNum?: string;
  readonly rangeFirst?: string;
  readonly rangeLast?: string;
  readonly markUpIn?: boolean;
  readonly markOut?: string;
  readonly markUp?: string;
  readonly markIn?: string;
  readonly clearTemp?: boolean;
  readonly cleanTemps?: boolean;
  readonly upmapCleanup?: string;
  readonly upmap?: string;
  readonly upmapMax?: string;
  readonly upmapDeviation?: string;
  readonly upmapPool?: readonly string[];
  readonly upmapActive?: boolean;
  readonly adjustCrushWeight?: string;
  readonly save?: boolean;
}

/** Messages carry the name of the tool whose they are, so that scripts that look for them find them. */
const ME = 'osdmaptool';

const out = (text: string): void => {
  process.stdout.write(text);
};
const complain = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

function integer(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new Stop(`The option value '${text}' is invalid`);
  return Number(text);
}

function optional(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : integer(text);
}

/** "can't open F: (2) No such file or directory". */
function openError(file: string, error: unknown): string {
  const errno = (error as NodeJS.ErrnoException).errno;
  return `can't open ${file}: ${errno === undefined ? String(error) : strerror(errno)}`;
}

/** Runs the tool on its one file; returns the exit code. */
export async function runOsdMapTool(
  files: readonly string[],
  options: OsdMapToolOptions,
  command: Command,
): Promise<number> {
  try {
    if (files.length === 0) throw new Stop(`${ME}: must specify osdmap filename`, 1, true);
    if (files.length > 1) throw new Stop(`${ME}: too many arguments`, 1, true);
    await run(files[0], options);
    return 0;
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    complain(error.message);
    if (error.usage) out(command.helpInformation());
    return error.code;
  }
}

function readRange(folder: string, first: number, last: number): void {
  for (let i = first; i <= last; i++) {
    const name = `${folder}/${i}`;
    let bytes: Buffer;
    try {
      bytes = readFileSync(name);
    } catch (error) {
      throw new Stop(`unable to read ${name}: ${strerror((error as NodeJS.ErrnoException).errno ?? 5)}`);
    }
    out(`${name} got ${bytes.length} bytes\n`);
    decodeOsdMap(new Decoder(bytes));
  }
}

function readMap(file: string): OsdMap {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new Stop(`${ME}: couldn't open ${file}: ${openError(file, error)}`, 255);
  }
  try {
    return decodeOsdMap(new Decoder(bytes));
  } catch (error) {
    throw new Stop(`${ME}: error decoding osdmap '${file}': ${(error as Error).message}`, 255);
  }
}

async function createMap(file: string, o: OsdMapToolOptions): Promise<OsdMap> {
  if (o.clobber !== true && existsSync(file))
    throw new Stop(`${ME}: ${file} exists, --clobber to overwrite`, 255);
  const created = utimeFromMs(nodeEnv.clock.now());
  const pgBits = optional(o.pgBits ?? o.osdPgBits, 6);
  const pgpBits = optional(o.pgpBits ?? o.osdPgpBits, 6);
  const defaultPool = o.withDefaultPool === true;
  if (o.createFromConf === true) {
    const { osdsOfConf } = await import('./from-conf.ts');
    return buildSimpleMap({ created, pgBits, pgpBits, defaultPool, ...(await osdsOfConf(o.conf)) });
  }
  const numOsds = integer(o.createsimple!);
  if (numOsds < 1) throw new Stop(`${ME}: osd count must be > 0`);
  return buildSimpleMap({ numOsds, created, pgBits, pgpBits, defaultPool });
}

async function run(file: string, o: OsdMapToolOptions): Promise<void> {
  if (o.rangeFirst !== undefined && o.rangeLast !== undefined)
    return readRange(file, integer(o.rangeFirst), integer(o.rangeLast));
  // Before anything is read, so that a slip in them is told first.
  for (const number of [o.pool, o.pgNum, o.markOut, o.markUp, o.markIn, o.createsimple]) optional(number, 0);
  complain(`${ME}: osdmap file '${file}'`);
  const create = o.createsimple !== undefined || o.createFromConf === true;
  let map = create ? await createMap(file, o) : readMap(file);
  let modified = create;

  markOsds(map, o);
  if (o.adjustCrushWeight !== undefined) {
    map = adjustWeights(map, o.adjustCrushWeight, o.save === true);
    modified ||= o.save === true;
  }
  if (o.clearTemp === true) {
    out('clearing pg/primary temp\n');
    map.pgTemp.clear();
    map.primaryTemp.clear();
    map.placementChanged();
  }
  if (o.cleanTemps === true) {
    out('cleaning pg temps\n');
    const inc = emptyIncremental(map);
    cleanTemps(map, applyIncremental(map, inc), inc);
  }
  if (o.upmap !== undefined)
    throw new CliError('--upmap: balancing by upmap entries is not there; the balancer of a manager does it');
  if (o.upmapCleanup !== undefined) {
    const { upmapCleanup } = await import('./upmap-cleanup.ts');
    map = upmapCleanup(map, o.upmapCleanup);
  }
  if (o.importCrush !== undefined) {
    map = importCrush(map, o.importCrush);
    modified = true;
  }
  if (o.exportCrush !== undefined) {
    writeFileSync(
      o.exportCrush,
      encodeToBuffer(e => encodeCrushMap(e, map.crush)),
    );
    out(`${ME}: exported crush map to ${o.exportCrush}\n`);
  }
  const tested = testMaps(map, o, ME);
  const acts =
    tested ||
    modified ||
    o.print === true ||
    [o.dump, o.tree, o.exportCrush, o.adjustCrushWeight, o.upmapCleanup].some(x => x !== undefined) ||
    o.health === true;
  if (!acts) throw new Stop(`${ME}: no action specified?`, 1, true);
  if (modified) {
    map.epoch++;
    map.crc = undefined;
  }
  show(map, o);
  if (modified) {
    out(`${ME}: writing epoch ${map.epoch} to ${file}\n`);
    try {
      writeFileSync(file, encodeOsdMap(map));
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).errno ?? 5;
      throw new Stop(`${ME}: error writing to '${file}': ${strerror(errno)}`);
    }
  }
}

function emptyIncremental(map: OsdMap): OsdMapIncremental {
  const inc = new OsdMapIncremental(map.epoch + 1);
  inc.fsid = map.fsid;
  return inc;
}

function markOsds(map: OsdMap, o: OsdMapToolOptions): void {
  if (o.markUpIn === true) {
    out('marking all OSDs up and in\n');
    for (let osd = 0; osd < map.maxOsd; osd++) {
      map.setState(osd, map.osdState[osd] | OSD_UP);
      map.setWeight(osd, OSD_IN);
      if (itemWeight(map.crush, osd) === 0) adjustItemWeight(map.crush, osd, 0x10000);
    }
    map.setCrush(map.crush);
  }
  const has = (text: string | undefined): text is string =>
    text !== undefined && integer(text) >= 0 && integer(text) < map.maxOsd;
  if (has(o.markOut)) {
    const osd = integer(o.markOut);
    out(`marking OSD@${osd} as out\n`);
    map.setState(osd, map.osdState[osd] | OSD_UP);
    map.setWeight(osd, OSD_OUT);
  }
  if (has(o.markUp)) {
    const osd = integer(o.markUp);
    out(`marking OSD@${osd} as up\n`);
    map.setState(osd, map.osdState[osd] | OSD_UP);
  }
  if (has(o.markIn)) {
    const osd = integer(o.markIn);
    out(`marking OSD@${osd} as in\n`);
    map.setWeight(osd, OSD_IN);
  }
}

function adjustWeights(map: OsdMap, list: string, save: boolean): OsdMap {
  let current = map;
  for (const part of list.split(',').filter(text => text !== '')) {
    const at = part.indexOf(':');
    if (at < 0) throw new Stop(`${ME}: use ':' as separator of osd id and its weight`, 1, true);
    const osd = integer(part.slice(0, at));
    const weight = Number.parseFloat(part.slice(at + 1));
    if (Number.isNaN(weight)) throw new Stop(`${ME}: '${part}' has no weight`);
    adjustItemWeight(current.crush, osd, weightFromFloat(weight));
    current.setCrush(current.crush);
    out(`Adjusted osd.${osd} CRUSH weight to ${formatGeneral(weight)}\n`);
    if (save) current = applyIncremental(current, emptyIncremental(current));
  }
  return current;
}

function importCrush(map: OsdMap, file: string): OsdMap {
  const inc = emptyIncremental(map);
  try {
    inc.crush = readFileSync(file);
  } catch (error) {
    throw new Stop(`${ME}: error reading crush map from ${file}: ${openError(file, error)}`);
  }
  const { maxDevices } = decodeCrushMap(new Decoder(inc.crush, 'CrushWrapper'));
  if (maxDevices > map.maxOsd)
    throw new Stop(`${ME}: crushmap max_devices ${maxDevices} > osdmap max_osd ${map.maxOsd}`);
  const next = applyIncremental(map, inc);
  out(`${ME}: imported ${inc.crush.length} byte crush map from ${file}\n`);
  return next;
}

/** Formats that Ceph's tools do not know are JSON to them. */
function isPlain(format: string | true): boolean {
  if (format === true || format === 'plain' || format === '') return true;
  if (['xml', 'xml-pretty', 'table', 'table-kv', 'html', 'html-pretty'].includes(format))
    throw new CliError(`format '${format}' is not there: plain, json and json-pretty are`);
  return false;
}

function show(map: OsdMap, o: OsdMapToolOptions): void {
  if (o.health === true) out(`${formatJson(dumpHealthChecks(checkHealth(map)), true)}\n`);
  if (o.dump !== undefined && !isPlain(o.dump)) {
    const pretty = o.dump === 'json-pretty';
    out(`${formatJson(dumpOsdMap(map), pretty)}${pretty ? '\n' : ''}`);
  } else if (o.print === true || o.dump !== undefined) out(printOsdMap(map));
  if (o.tree === undefined) return;
  if (isPlain(o.tree)) out(osdTreeText(map));
  else {
    const pretty = o.tree === 'json-pretty';
    out(`${formatJson(osdTreeJson(map), pretty)}${pretty ? '\n' : ''}\n`);
  }
}
