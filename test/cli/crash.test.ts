import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const src = join(import.meta.dirname, '..', '..', 'src');
const tsx = join(dirname(createRequire(import.meta.url).resolve('tsx/package.json')), 'dist', 'cli.mjs');

describe('a command that crashes', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-crash-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Runs a program that opens a context, gathers a message and then does `crash`. */
  function run(crash: string, ...args: string[]) {
    const program = join(dir, 'program.mts');
    writeFileSync(
      program,
      `import { openContext } from '${src}/cli/shared/context.ts';
import { SUBSYS_MS } from '${src}/base/log.ts';
const ctx = await openContext({ args: ${JSON.stringify(['--conf', '/dev/null', '--debug-ms', '0/20', ...args])} });
ctx.log.write(SUBSYS_MS, 20, 'what went before');
${crash}
`,
    );
    return spawnSync(process.execPath, [tsx, program], { encoding: 'utf8', timeout: 20_000 });
  }

  const DUMP =
    /--- begin dump of recent events ---\n(.*\n)*? +-1> \S+ \S+ 20 what went before\n +0> \S+ \S+ -1 \*\*\* /;

  it.each([
    ['uncaught exception', "setTimeout(() => { throw new Error('boom'); }, 1);"],
    ['unhandled rejection', "void Promise.reject(new Error('boom'));"],
  ])('by an %s leaves its recent log entries in the log file', (what, crash) => {
    const log = join(dir, 'log');
    const result = run(crash, '--log-file', log);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(`${what}: Error: boom`);
    const text = readFileSync(log, 'utf8');
    expect(text).toMatch(DUMP);
    expect(text).toContain(`*** ${what} *** Error: boom`);
  });

  it('writes them to standard error without a log file, and not at all when told so', () => {
    expect(run("throw new Error('boom');").stderr).toMatch(DUMP);
    expect(run("throw new Error('boom');", '--no-fatal-signal-handlers').stderr).not.toContain('begin dump');
  });
});
