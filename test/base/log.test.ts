import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Config } from '../../src/base/config/config.ts';
import { SUBSYSTEMS } from '../../src/base/config/subsystems.ts';
import { Log, logTime, SUBSYS_MON, SUBSYS_MONC, SUBSYS_MS } from '../../src/base/log.ts';
import { fakeEnv } from './fake-env.ts';

const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4} [0-9a-f]+ ([ -]\d|\d\d) (.*)$/;

describe('Log', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nacre-log-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('gathers up to the higher of both levels and writes up to the first', async () => {
    const env = fakeEnv();
    const config = new Config(env, { kind: 'utility' });
    config.set('debug_ms', '1/5');
    config.set('debug_mon', '20/2');
    await using log = new Log(env, config);
    expect([1, 5, 6].map(level => log.on(SUBSYS_MS, level))).toEqual([true, true, false]);
    expect([20, 21].map(level => log.on(SUBSYS_MON, level))).toEqual([true, false]);
    log.write(SUBSYS_MS, 1, 'written');
    log.write(SUBSYS_MS, 5, 'gathered');
    log.write(SUBSYS_MS, 6, 'dropped');
    log.error(SUBSYS_MONC, 'an error');
    expect(env.stderr.map(line => LINE.exec(line)?.slice(1))).toEqual([
      [' 1', 'written'],
      ['-1', 'an error'],
    ]);
    const dump = log.dumpText().split('\n');
    expect(dump.slice(0, 4).map(line => line.replace(/\d{4}-.* (?=[ -]\d |\d\d )/, ''))).toEqual([
      '--- begin dump of recent events ---',
      '    -2>  1 written',
      '    -1>  5 gathered',
      '     0> -1 an error',
    ]);
    expect(dump).toContain('   1/ 5 ms');
    expect(dump.filter(line => /^ +\d+\/ ?\d+ [a-z_]+$/.test(line))).toHaveLength(SUBSYSTEMS.length);
  });

  it('follows changes of levels and of where it goes', async () => {
    const env = fakeEnv();
    const config = new Config(env);
    await using log = new Log(env, config);
    log.error(SUBSYS_MS, 'a library says nothing');
    expect(env.stderr).toEqual([]);
    config.set('err_to_stderr', true);
    config.set('log_stderr_prefix', 'me: ');
    config.set('debug_ms', '9');
    log.write(SUBSYS_MS, 9, 'not an error');
    log.error(SUBSYS_MS, 'error');
    expect(env.stderr).toHaveLength(1);
    expect(env.stderr[0]).toMatch(/^me: .*error$/);
  });

  it('keeps the newest entries only', async () => {
    const env = fakeEnv();
    const config = new Config(env);
    config.set('log_max_recent', 5);
    await using log = new Log(env, config);
    const kept = () => [...log.dumpText().matchAll(/ 0 entry (\d+)$/gm)].map(match => Number(match[1]));
    for (let i = 0; i < 13; i++) log.write(SUBSYS_MS, 0, `entry ${i}`);
    expect(kept()).toEqual([8, 9, 10, 11, 12]);
    config.set('log_max_recent', 3);
    log.write(SUBSYS_MS, 0, 'entry 13');
    expect(kept()).toEqual([11, 12, 13]);
    config.set('log_max_recent', 4);
    log.write(SUBSYS_MS, 0, 'entry 14');
    log.write(SUBSYS_MS, 0, 'entry 15');
    expect(kept()).toEqual([12, 13, 14, 15]);
  });

  it('appends to its file in order, in batches, and goes on after the file was moved away', async () => {
    const env = { ...fakeEnv(), fs: (await import('../../src/env/node.ts')).nodeEnv.fs };
    const file = join(dir, 'a.log');
    const config = new Config(env);
    config.set('log_file', file);
    config.set('debug_ms', '1');
    const log = new Log(env, config);
    for (let i = 0; i < 1500; i++) log.write(SUBSYS_MS, 1, `entry ${i}`);
    await log.flush();
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map(line => LINE.exec(line)?.[2])).toEqual(
      Array.from({ length: 1500 }, (_, i) => `entry ${i}`),
    );
    await rename(file, `${file}.1`);
    log.write(SUBSYS_MS, 1, 'after');
    log.dump();
    await log.close();
    const text = await readFile(file, 'utf8');
    expect(text).toMatch(/ 1 after\n--- begin dump/);
    expect(text).toMatch(/--- end dump of recent events ---\n$/);
  });

  it('says once that its file cannot be written, and lives on', async () => {
    const env = { ...fakeEnv(), fs: (await import('../../src/env/node.ts')).nodeEnv.fs };
    const config = new Config(env);
    config.set('log_file', join(dir, 'no', 'such', 'dir'));
    await using log = new Log(env, config);
    for (const text of ['a', 'b']) {
      log.error(SUBSYS_MS, text);
      await log.flush();
    }
    expect(env.stderr).toHaveLength(1);
    expect(env.stderr[0]).toContain('cannot write the log');
  });

  it('prints times with their zone', () => {
    const at = Date.UTC(2026, 10, 21, 3, 28, 0, 123);
    const text = logTime(at);
    expect(text).toMatch(/^2026-11-2\dT\d\d:\d\d:00\.123[+-]\d{4}$/);
    expect(Date.parse(text)).toBe(at);
  });
});
