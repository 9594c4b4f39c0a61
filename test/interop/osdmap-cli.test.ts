import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { decodeOsdMap, encodeOsdMap } from '../../src/ceph/osdmap/index.ts';
import { NACRE } from '../support/nacre.ts';
import { randomOsdMap } from '../support/osdmaps.ts';

const TOOL = 'osdmaptool';
const present = spawnSync(TOOL, ['--help']).error === undefined;
// Found from here, as the commands run in a folder of their own.

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-osdmap-cli-'));
  writeFileSync(join(dir, 'orig'), encodeOsdMap(randomOsdMap(17, 64)));
  writeFileSync(join(dir, 'junk'), Buffer.alloc(100, 7));
  writeFileSync(
    join(dir, 'conf'),
    '[osd]\nrack = r1\n[osd.0]\nhost = a\n[osd.10]\nhost = b\nrow = x\n[osd.2]\n[client]\nhost = c\n',
  );
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Runs a command on its own copy of the map, and returns what it said and what it left in the files. */
function outcome(
  command: string,
  before: readonly string[],
  args: readonly string[],
  given: boolean,
): Outcome & { files: (Buffer | undefined)[] } {
  const files = ['map', 'out'].map(name => join(dir, name));
  for (const file of files) rmSync(file, { force: true });
  if (given) copyFileSync(join(dir, 'orig'), files[0]);
  const run = spawnSync(command, [...before, ...args], { cwd: dir, timeout: 30_000, maxBuffer: 1 << 26 });
  return {
    code: run.status,
    stdout: run.stdout.toString(),
    stderr: run.stderr.toString(),
    files: files.map(file => (existsSync(file) ? readFileSync(file) : undefined)),
  };
}

const real = (args: readonly string[], given: boolean) => outcome(TOOL, [], args, given);
const ours = (args: readonly string[], given: boolean) =>
  outcome(process.execPath, [...NACRE, 'osdmap'], args, given);

/** Without what is the usage text, which is each tool's own. */
const words = (text: string): string => text.replace(/^( usage: |Usage: )[\s\S]*/m, '<usage>\n');

/** The original's log, which it writes to standard error too. */
const withoutLog = (text: string): string => text.replace(/^\d{4}-\d\d-\d\dT.*\n\n?/gm, '');

/** A new map has the time in it when it was made. */
function timeless(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const map = decodeOsdMap(new Decoder(bytes));
  map.created = map.modified = { sec: 0, nsec: 0 };
  return encodeOsdMap(map).toString('hex');
}

describe.skipIf(!present)('nacre osdmap against osdmaptool', () => {
  it.each<[string]>([
    ['--print map'],
    ['map -p'],
    ['--dump plain map'],
    ['--dump json map'],
    ['--dump json-pretty map'],
    ['--dump=json-pretty map'],
    ['--tree=plain map'],
    ['--tree=json map'],
    ['--tree=json-pretty map'],
    ['map --tree'],
    ['map --dump'],
    ['--health map'],
    ['--print --tree=plain --health map'],
    ['--test-map-pgs map'],
    ['--test-map-pgs-dump map'],
    ['--test-map-pgs-dump-all map'],
    ['--test-map-pgs-dump --pool 1 map'],
    ['--test_map_pgs_dump --pool 1 --pg_num 77 map'],
    ['--test-map-pgs --pool 9999 map'],
    ['--test-map-pgs --pool x map'],
    ['--test-map-pgs --mark-up-in map'],
    ['--test-map-pgs-dump --mark-out 0 map'],
    ['--test-map-pgs-dump --mark-up 1 --mark-out 2 map'],
    ['--test-map-object foo map'],
    ['--test-map-object foo --pool 2 map'],
    ['--test-map-object foo --pool 9999 map'],
    ['--test-map-pg 1.5 map'],
    ['--test-map-pg 7.0 map'],
    ['--test-map-pg nonsense map'],
    ['--clear-temp --print map'],
    ['--clean-temps --print map'],
    ['--clear-temp map'],
    ['--upmap-cleanup - map'],
    ['--upmap-cleanup out map'],
    ['--upmap-cleanup - --print map'],
    ['--export-crush out map'],
    ['--import-crush nowhere map'],
    ['--adjust-crush-weight 0:5 --tree=plain map'],
    ['--adjust-crush-weight 0:5,1:2.5 --save map'],
    ['--mark-up-in map'],
    ['map'],
    ['nowhere'],
    ['junk --print'],
    ['map map --print'],
    ['--createsimple 3 map'],
    ['--createsimple 0 new'],
    ['--createsimple x new'],
    ['--range-first 1 --range-last 2 .'],
  ])('%s', line => {
    const args = line.split(' ');
    const theirs = real(args, true);
    const mine = ours(args, true);
    expect(words(mine.stdout)).toBe(words(theirs.stdout));
    expect(mine.code).toBe(theirs.code);
    // Ours says what is wrong with bytes that are no map.
    expect(mine.stderr.replace(/^(osdmaptool: error decoding osdmap 'junk').*/m, '$1')).toBe(
      withoutLog(theirs.stderr),
    );
    expect(mine.files).toEqual(theirs.files);
  });

  it.each<[string]>([
    ['--createsimple 3 map'],
    ['--createsimple 12 --with-default-pool map'],
    ['--createsimple 5 --with-default-pool --pg-bits 4 --pgp-bits 2 map'],
    ['--createsimple 5 --with-default-pool --pg_bits 3 map --test-map-pgs --mark-up-in'],
    ['--create-from-conf -c conf map'],
    ['--create-from-conf -c conf --with-default-pool map'],
  ])('%s', line => {
    const args = line.split(' ');
    const theirs = real(args, false);
    const mine = ours(args, false);
    expect(mine.stdout).toBe(theirs.stdout);
    expect(mine.code).toBe(theirs.code);
    expect(mine.stderr).toBe(theirs.stderr);
    expect(timeless(mine.files[0])).toBe(timeless(theirs.files[0]));
  });

  it.each([1, 2, 4, 5, 9, 12, 14, 15])('finds the same pointless upmap entries in random map %i', seed => {
    const before = readFileSync(join(dir, 'orig'));
    writeFileSync(join(dir, 'orig'), encodeOsdMap(randomOsdMap(seed, 256)));
    const args = ['--upmap-cleanup', '-', 'map'];
    expect(ours(args, true).stdout).toBe(real(args, true).stdout);
    writeFileSync(join(dir, 'orig'), before);
  });

  it('reads what it has written itself', () => {
    expect(ours(['--createsimple', '3', '--with-default-pool', 'map'], false).code).toBe(0);
    const crush = spawnSync(TOOL, [join(dir, 'map'), '--export-crush', join(dir, 'crush')]);
    expect(crush.status).toBe(0);
    const imported = spawnSync(
      process.execPath,
      [...NACRE, 'osdmap', '--import-crush', join(dir, 'crush'), join(dir, 'map')],
      { encoding: 'utf8' },
    );
    expect(imported.stdout).toMatch(
      /^osdmaptool: imported 497 byte crush map from .*\nosdmaptool: writing epoch 3 to .*\n$/,
    );
  });

  it('marks in what it is told to, where the original loses its way', () => {
    const { stdout, code } = ours(['--mark-in', '2', '--print', 'map'], true);
    expect(code).toBe(0);
    expect(stdout).toContain('marking OSD@2 as in\n');
    expect(stdout).toMatch(/^osd\.2 .* in {2}weight 1 /m);
  });

  it('says that it does not balance', () => {
    const { code, stderr } = ours(['--upmap', 'out', 'map'], true);
    expect(code).toBe(1);
    expect(stderr).toMatch(/--upmap: balancing by upmap entries is not there/);
  });
});
