import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import * as crush from '../../src/ceph/crush/index.ts';
import { crushCommand } from '../../src/cli/crush.ts';
import { CliError } from '../../src/cli/shared/errors.ts';
import { randomMap } from '../crush/random-map.ts';

const present = spawnSync('crushtool', ['--version']).error === undefined;

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-crush-'));
  const maps = {
    classes: randomMap({ seed: 11, alg: 'straw2', profile: 'jewel', classes: true, chooseArgs: true }),
    mixed: randomMap({ seed: 12, alg: 'mixed', profile: 'firefly' }),
    straw: randomMap({ seed: 13, alg: 'straw', profile: 'bobtail' }),
  };
  for (const [name, map] of Object.entries(maps))
    writeFileSync(
      join(dir, name),
      encodeToBuffer(e => crush.encodeCrushMap(e, map)),
    );
  writeFileSync(
    join(dir, 'bad.txt'),
    'device 0 osd.0\ntype 1 host\nhost a {\n\talg straw2\n\titem osd.1 weight 1.0\n}\n',
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Run {
  code: number;
  out: string;
  err: string;
}

/** Runs our command in this process. */
async function nacre(args: readonly string[]): Promise<Run> {
  const run: Run = { code: 0, out: '', err: '' };
  const out = vi.spyOn(process.stdout, 'write').mockImplementation(text => {
    run.out += String(text);
    return true;
  });
  const err = vi.spyOn(process.stderr, 'write').mockImplementation(text => {
    run.err += String(text);
    return true;
  });
  try {
    await crushCommand().parseAsync([...args], { from: 'user' });
  } catch (error) {
    run.code = error instanceof CliError ? error.exitCode : 1;
    if (!(error instanceof CliError) || error.message !== '') run.err += String(error);
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  return run;
}

function crushtool(args: readonly string[]): Run {
  const { status, stdout, stderr } = spawnSync('crushtool', args, { encoding: 'utf8' });
  return { code: status ?? -1, out: stdout, err: stderr };
}

describe.skipIf(!present)('nacre crush and crushtool', () => {
  /** Both with the same arguments; D/ is the folder, and a file that both write is compared. */
  async function same(line: string): Promise<void> {
    const args = (side: string) =>
      line.split(' ').map(word => word.replace(/^D\//, `${dir}/`).replace('OUT', `out-${side}`));
    const theirs = crushtool(args('theirs'));
    const ours = await nacre(args('ours'));
    const text = (out: string) =>
      out.replaceAll('nacre crush', 'crushtool').replaceAll('out-ours', 'out-theirs');
    expect(text(ours.out)).toBe(theirs.out);
    expect(ours.code).toBe(theirs.code);
    expect(ours.err === '').toBe(theirs.err === '');
    if (line.includes('OUT') && theirs.code === 0)
      expect(readFileSync(join(dir, 'out-ours'))).toEqual(readFileSync(join(dir, 'out-theirs')));
  }

  it.each([
    '-i D/classes --tree',
    '-i D/mixed --tree',
    '-i D/classes --dump',
    '-i D/mixed --dump -f json',
    '-d D/classes',
    '-d D/straw -o D/OUT',
    '-i D/straw --show-location 3',
    '-i D/straw --show-location 3000',
    '-i D/classes --bucket-tree -b default',
    '-i D/classes --check 4',
    '-i D/classes --check 400',
    '-i D/classes --test --show_statistics --rule=0 --num_rep 3',
    '-i D/classes --test --show-mappings --show-bad-mappings --max-x 40 --min-x 0 --rule 3',
    '-i D/mixed --test --show-utilization --batches 3 --num-rep 2',
    '-i D/straw --compare D/straw',
    '-i D/straw --compare D/mixed --rule 0 --num-rep 3',
    '-i D/straw --set-choose-total-tries 7 --set-straw-calc-version 0 --set_chooseleaf_vary_r 3 -o D/OUT',
    '-i D/straw --set-chooseleaf-stable 1',
    '-i D/classes --add-item 90 2.5 osd.90 --loc host new --loc root default -o D/OUT',
    '-i D/classes --update-item 0 .7 osd.0 --loc host host1-0 --loc root default -o D/OUT',
    '-i D/classes --remove-item osd.1 -o D/OUT',
    '-i D/classes --reweight-item osd.1 3 -v -o D/OUT',
    '-i D/classes --reweight -o D/OUT',
    '-i D/classes --add-bucket rack9 rack --loc root default -o D/OUT',
    '-i D/classes --move host0-0 --loc rack rack1 -o D/OUT',
    '-i D/classes --create-replicated-rule fast default host --device-class ssd -o D/OUT',
    '-i D/classes --create-simple-rule wide default osd indep -o D/OUT',
    '-i D/classes --remove-rule rule-1 -o D/OUT',
    '-i D/classes --set-subtree-class rack0 nvme --rebuild-class-roots -o D/OUT',
    '--build --num_osds 20 host straw2 4 rack straw2 2 root straw2 0 -o D/OUT',
    '--build --num_osds 7 host straw 2',
  ])('%s', line => same(line));

  it.each([
    '-i D/nothing --tree',
    '-i D/bad.txt --tree',
    '-c D/bad.txt -o D/OUT',
    '-c D/nothing -o D/OUT',
    '-i D/straw',
    '-i D/straw --tree extra',
    '-i D/straw --remove-item nobody -o D/OUT',
    '-i D/straw --remove-item default -o D/OUT',
    '-i D/straw --add-item 0 1 osd.0 --loc host nowhere -o D/OUT',
    '-i D/straw --add-bucket rack0 rack -o D/OUT',
    '-i D/straw --add-bucket new nothing -o D/OUT',
    '-i D/straw --move nobody --loc root default -o D/OUT',
    '-i D/straw --move host0-0 -o D/OUT',
    '-i D/straw --create-replicated-rule r nothing host -o D/OUT',
    '-i D/straw --create-simple-rule r default host sideways -o D/OUT',
    '-i D/straw --remove-rule nothing -o D/OUT',
    '-i D/straw --x abc --test',
    '-c D/bad.txt -d D/straw',
    '--build --num_osds 3 host straw',
    '--build --num_osds 3 host nothing 0 -o D/OUT',
  ])('refused by both: %s', line => same(line));

  it('says what is missing', async () => {
    expect((await nacre(['-i', join(dir, 'straw'), '--test', '--output-csv'])).err).toMatch(
      /ENOTSUP.*--output-csv/,
    );
    expect((await nacre(['-i', join(dir, 'straw'), '--dump', '-f', 'xml'])).err).toMatch(/ENOTSUP.*xml/);
  });

  it('applies a profile of tunables', async () => {
    const path = join(dir, 'profile');
    expect((await nacre(['-i', join(dir, 'straw'), '--tunables', 'jewel', '-o', path])).code).toBe(0);
    expect(crushtool(['-i', path, '--dump']).out).toMatch(/"profile": "jewel"/);
  });
});
