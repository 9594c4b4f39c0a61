// Runs the tests: `npm test`. With arguments it is `vitest run` with them; without, everything, in two lanes at once.
//
// Suites of real daemons wait for them most of their time, so that one lane leaves the processors idle; but those of
// GlusterFS share glusterd's one port, and those that kill daemons are not to be beside others of their kind. The first
// lane has the unit tests and the suites of Ceph, two files at a time; the second the others, one file at a time.
//
// A file that failed runs once more from the start, with new daemons on a machine that is quiet by then: on a busy one a daemon
// now and then misses a deadline (elections, heartbeats), and what uses real sockets and clocks may be late. The report says which.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const LANES = [
  ['unit', 'interop'],
  ['gluster', 'faults'],
];
/** With more files than that it is not a deadline that was missed. */
const MOST_AGAIN = 4;

/** Runs vitest; true if nothing failed. `shared`: others write to the terminal at the same time. */
function vitest(args, { shared = false } = {}) {
  const color = shared && process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const child = spawn(process.execPath, [VITEST, 'run', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...color },
    stdio: shared ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  });
  child.stdout?.on('data', data => process.stdout.write(data));
  child.stderr?.on('data', data => process.stderr.write(data));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve(code === 0));
  });
}

/** The files with tests that failed, of a report of vitest's; none where it did not get as far as a report. */
function failedFiles(report) {
  let results = [];
  try {
    results = JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {}
  return results.filter(({ status }) => status === 'failed').map(({ name }) => relative(ROOT, name));
}

async function everything(reports) {
  const outcomes = await Promise.all(
    LANES.map(async (projects, lane) => {
      const report = join(reports, `${lane}.json`);
      const args = projects.flatMap(project => ['--project', project]);
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
      const passed = await vitest([...args, ...reporters], { shared: true });
      return { passed, again: passed ? [] : failedFiles(report) };
    }),
  );
  if (outcomes.every(({ passed }) => passed)) return true;
  // An error outside of any test fails a lane in which each file passed.
  if (outcomes.some(({ passed, again }) => !passed && again.length === 0)) return false;
  const again = outcomes.flatMap(outcome => outcome.again);
  if (again.length > MOST_AGAIN) return false;
  console.log(`\nOnce more, one at a time: ${again.join(', ')}\n`);
  return vitest(['--no-file-parallelism', ...again]);
}

const args = process.argv.slice(2);
let passed;
if (args.length > 0) passed = await vitest(args);
else {
  const reports = mkdtempSync(join(tmpdir(), 'nacre-test-'));
  try {
    passed = await everything(reports);
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}
process.exit(passed ? 0 : 1);
