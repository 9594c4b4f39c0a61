// Placements a second of CPU: our mapper and `crushtool --test`, on the same maps and inputs, in turns.
// Run after `npm run build`. Columns: crushtool; the mapper alone; `nacre crush --test` with the same arguments.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeToBuffer } from '../src/base/encoder.ts';
import * as crush from '../src/ceph/crush/index.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const INPUTS = Number(process.env.INPUTS ?? 200_000);
const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const dir = mkdtempSync(join(tmpdir(), 'nacre-bench-'));

/** CPU seconds of a command, user and system, from the shell that runs it. */
function cpuOf(command, args) {
  const script = '"$@" >/dev/null 2>/dev/null; times';
  const out = execFileSync('bash', ['-c', script, 'bash', command, ...args], { encoding: 'utf8' });
  const [user, system] = out.trim().split('\n')[1].split(' ');
  const seconds = text => Number(/(\d+)m/.exec(text)[1]) * 60 + Number(/m([\d.]+)s/.exec(text)[1]);
  return seconds(user) + seconds(system);
}

/** CPU seconds for the inputs alone: what more of them costs than one. */
function cpuForInputs(command, args) {
  const one = cpuOf(command, [...args, '--min-x', '0', '--max-x', '0']);
  return cpuOf(command, [...args, '--min-x', '0', '--max-x', String(INPUTS)]) - one;
}

function median(list) {
  return [...list].sort((a, b) => a - b)[list.length >> 1];
}

function makeCase(name, devices, layers, indep = false) {
  const { map, root } = crush.buildCrushMap(
    devices,
    layers.map(([type, alg, size]) => ({ name: type, alg, size })),
  );
  let rule = 0;
  if (indep)
    rule = crush.addSimpleRule(map, {
      name: 'indep',
      root,
      failureDomain: layers[0][0],
      mode: 'indep',
      type: 3,
    });
  map.finalize();
  const path = join(dir, name.replaceAll(/\W/g, '-'));
  writeFileSync(
    path,
    encodeToBuffer(e => crush.encodeCrushMap(e, map)),
  );
  return { name, map, rule, path, replicas: indep ? 6 : 3 };
}

const kinds = ['straw', 'list', 'tree', 'uniform'];
const cases = [
  makeCase('straw2, 100 devices', 100, [
    ['host', 'straw2', 5],
    ['rack', 'straw2', 4],
    ['root', 'straw2', 0],
  ]),
  makeCase('straw2, 1000 devices', 1000, [
    ['host', 'straw2', 10],
    ['rack', 'straw2', 10],
    ['root', 'straw2', 0],
  ]),
  makeCase(
    'straw2, 1000 devices, 6 indep',
    1000,
    [
      ['host', 'straw2', 10],
      ['root', 'straw2', 0],
    ],
    true,
  ),
  ...kinds.map(alg =>
    makeCase(`${alg}, 100 devices`, 100, [
      ['host', alg, 5],
      ['rack', alg, 4],
      ['root', alg === 'uniform' ? 'straw2' : alg, 0],
    ]),
  ),
];

function mapperCpu({ map, rule, replicas }) {
  const mapper = new crush.CrushMapper(map);
  const weights = new Uint32Array(map.maxDevices).fill(0x10000);
  for (let x = 0; x < 20_000; x++) mapper.doRule(rule, x, replicas, weights);
  const before = process.cpuUsage();
  for (let x = 0; x < INPUTS; x++) mapper.doRule(rule, x, replicas, weights);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

if (spawnSync('crushtool', ['--version']).error !== undefined) throw new Error('crushtool is not installed');
console.log(
  `${INPUTS} inputs, medians of ${ROUNDS} rounds; 1000 placements a second of CPU, (ratio to crushtool)`,
);
console.log(
  `${'map'.padEnd(32)}${'crushtool'.padStart(10)}${'mapper'.padStart(17)}${'nacre crush'.padStart(17)}`,
);
for (const each of cases) {
  const args = ['-i', each.path, '--test', '--show-statistics', '--rule', String(each.rule)];
  args.push('--num-rep', String(each.replicas));
  const theirs = [];
  const mapper = [];
  const command = [];
  for (let i = 0; i < ROUNDS; i++) {
    theirs.push(cpuForInputs('crushtool', args));
    mapper.push(mapperCpu(each));
    command.push(cpuForInputs(process.execPath, [main, 'crush', ...args]));
  }
  const rate = list => INPUTS / median(list) / 1000;
  const cell = list => `${rate(list).toFixed(0)} (${(rate(list) / rate(theirs)).toFixed(2)})`.padStart(17);
  console.log(
    `${each.name.padEnd(32)}${rate(theirs).toFixed(0).padStart(10)}${cell(mapper)}${cell(command)}`,
  );
}
rmSync(dir, { recursive: true, force: true });
