import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminSocket } from '../../src/base/admin-socket.ts';
import { adminSocketCommand } from '../../src/base/admin-socket-client.ts';
import { OPTIONS } from '../../src/base/config/options.ts';
import { createContext, type OwnedContext } from '../../src/base/context.ts';
import { SUBSYS_MS } from '../../src/base/log.ts';
import { PerfCountersBuilder } from '../../src/base/perf-counters.ts';
import { nodeEnv } from '../../src/env/node.ts';

const have = ['ceph', 'rados'].every(tool => spawnSync('which', [tool]).status === 0);
const run = promisify(execFile);

type Json = Record<string, unknown>;

describe.skipIf(!have)('the admin socket', () => {
  let dir: string;
  let path: string;
  let ctx: OwnedContext;
  let socket: AdminSocket;
  let real: ChildProcess;
  let realPath: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-asok-'));
    path = join(dir, 'ours.asok');
    realPath = join(dir, 'theirs.asok');
    const confText = `[global]\nlog_file = ${join(dir, 'log')}\nms_max_backoff = 7\n`;
    ctx = createContext({ env: nodeEnv, confText, ignoreEnvironment: true });
    socket = await AdminSocket.listen(ctx, path);
    // A client of the C++ kind that waits for a monitor that is not there: its socket answers meanwhile.
    const args = [
      '--no-mon-config',
      '--auth-client-required',
      'none',
      '-m',
      '127.0.0.1:1',
      '--conf',
      '/dev/null',
    ];
    real = spawn('rados', [...args, '--admin-socket', realPath, 'lspools'], { stdio: 'ignore' });
    for (let i = 0; i < 100; i++) {
      const up = await adminSocketCommand(nodeEnv, realPath, '0').catch(() => undefined);
      if (up !== undefined) break;
      await sleep(100);
    }
  });
  afterAll(async () => {
    real.kill('SIGKILL');
    await socket.close();
    await ctx.close();
    rmSync(dir, { recursive: true });
  });

  /** What `ceph daemon PATH ...` prints. It runs beside us, as we have to answer it. */
  async function daemon(at: string, ...words: string[]): Promise<string> {
    return (await run('ceph', ['daemon', at, ...words], { maxBuffer: 1 << 26 })).stdout;
  }
  const ask = async (...words: string[]) => JSON.parse(await daemon(path, ...words)) as Json;

  it('answers every command of ceph daemon that a C++ client answers', async () => {
    const theirs = JSON.parse(await daemon(realPath, 'help')) as Json;
    const ours = await ask('help');
    const memory = ['dump_mempools'];
    expect(Object.keys(ours)).toEqual(
      expect.arrayContaining(Object.keys(theirs).filter(name => !memory.includes(name))),
    );
  });

  it('describes its commands as a C++ client does', async () => {
    const signatures = (descriptions: Json) =>
      Object.values(descriptions).map(each =>
        JSON.stringify((each as Json)['sig'], (_, value) =>
          value !== null && typeof value === 'object' && !Array.isArray(value)
            ? Object.fromEntries(Object.entries(value).sort())
            : value,
        ),
      );
    const ours = new Set(signatures(await ask('get_command_descriptions')));
    const theirs = signatures(JSON.parse(await daemon(realPath, 'get_command_descriptions')));
    // Commands for tests of the C++ code, and one that takes less than ours.
    const without = /"(abort|assert|dump_mempools|leak_some_memory)"|^\["perf","schema"\]/;
    expect(theirs.filter(each => !without.test(each) && !ours.has(each))).toEqual([]);
  });

  it('configures a running program', async () => {
    expect(await ask('config', 'get', 'ms_max_backoff')).toEqual({ ms_max_backoff: '7.000000' });
    expect(await ask('config', 'set', 'ms_max_backoff', '3')).toEqual({ success: '' });
    expect(ctx.config.get('ms_max_backoff')).toBe(3);
    expect(await ask('config', 'diff', 'get', 'ms_max_backoff')).toEqual({
      diff: { ms_max_backoff: { default: 15, file: 7, override: 3, final: 3 } },
    });
    expect(((await ask('config', 'diff'))['diff'] as Json)['log_file']).toMatchObject({
      default: '',
      final: join(dir, 'log'),
    });
    expect(await ask('config', 'show')).toMatchObject({
      name: 'client.admin',
      cluster: 'ceph',
      ms_max_backoff: '3.000000',
    });
    expect(await ask('config', 'unset', 'ms_max_backoff')).toEqual({});
    expect(await daemon(path, 'config', 'set', 'ms_max_backoff', 'soon')).toMatch(
      /^ERROR: \(22\) Invalid argument\n/,
    );
    expect(await daemon(path, 'config', 'get', 'nosuch')).toMatch(
      /^ERROR: \(2\) No such file or directory\n/,
    );
    expect(ctx.config.get('ms_max_backoff')).toBe(7);
  });

  it('shows counters, and what layers registered', async () => {
    const b = new PerfCountersBuilder('objecter');
    const ops = b.u64Counter('op', 'Operations');
    const latency = b.timeAvg('op_latency', 'Latency');
    const counters = b.build();
    using _ = ctx.perf.add(counters);
    using _r = ctx.admin.register('objecter_requests', 'show operations in flight', () => ({
      ops: [{ tid: 7 }],
    }));
    counters.inc(ops, 3);
    counters.tinc(latency, 1.5);
    expect(await ask('perf', 'dump')).toEqual({
      objecter: { op: 3, op_latency: { avgcount: 1, sum: 0.0015, avgtime: 0.0015 } },
    });
    expect(await ask('perf', 'dump', 'objecter', 'op')).toEqual({ objecter: { op: 3 } });
    const theirs = JSON.parse(await daemon(realPath, 'perf', 'schema')) as Record<
      string,
      Record<string, Json>
    >;
    const { objecter } = (await ask('perf', 'schema')) as Record<string, Record<string, Json>>;
    const kind = ({ type, metric_type, value_type }: Json) => ({ type, metric_type, value_type });
    const worker = theirs['AsyncMessenger::Worker-0'];
    expect(kind(objecter['op'])).toEqual(kind(worker['msgr_recv_messages']));
    expect(kind(objecter['op_latency'])).toEqual(kind(worker['msgr_handle_ack_lat']));
    expect(Object.keys(objecter['op'])).toEqual(Object.keys(worker['msgr_recv_messages']));
    expect(await ask('objecter_requests')).toEqual({ ops: [{ tid: 7 }] });
    expect(await ask('perf', 'reset', 'all')).toEqual({ success: 'perf reset all' });
    expect(counters.get(ops)).toBe(0);
  });

  it('dumps and flushes the log', async () => {
    ctx.config.set('debug_ms', '0/20');
    ctx.log.write(SUBSYS_MS, 20, 'only in memory');
    expect(await ask('log', 'flush')).toEqual({});
    expect(await ask('log', 'dump')).toEqual({});
    const text = readFileSync(join(dir, 'log'), 'utf8');
    expect(text).toMatch(/--- begin dump of recent events ---\n(.*\n)* +-?\d+> \S+ \S+ 20 only in memory\n/);
  });

  it('tells versions', async () => {
    expect(Object.keys(await ask('version'))).toEqual(['version', 'release', 'release_type']);
    expect(Object.keys(await ask('git_version'))).toEqual(['git_version']);
  });

  it('describes every option as the C++ client describes it', async () => {
    const theirs = JSON.parse(await daemon(realPath, 'config', 'help')) as { options: Json[] };
    const ours = JSON.parse((await adminSocketCommand(nodeEnv, path, 'config help')).toString()) as {
      options: Json[];
    };
    const known = new Map(theirs.options.map(option => [option['name'], option]));
    // Descriptions and cross references are our own; paths are those of the machine's C++ installation.
    const facts = ({ desc, long_desc, see_also, tags, services, ...rest }: Json) => rest;
    const local = ['erasure_code_dir', 'plugin_dir', 'osd_class_dir'];
    const compared = ours.options.filter(
      ({ name }) => !local.includes(name as string) && !/^debug_/.test(name as string),
    );
    expect(compared.map(facts)).toEqual(compared.map(({ name }) => facts(known.get(name) ?? { name })));
    expect(compared.length + local.length).toBe(
      Object.keys(OPTIONS).filter(name => !name.startsWith('debug_')).length,
    );
  });

  it('asks C++ daemons as well', async () => {
    const answer = await adminSocketCommand(nodeEnv, realPath, {
      prefix: 'config get',
      var: 'ms_type',
      format: 'json',
    });
    expect(JSON.parse(answer.toString())).toEqual({ ms_type: 'async+posix' });
    const refused = await adminSocketCommand(nodeEnv, realPath, { prefix: 'config get', var: 'nosuch' });
    expect(refused.toString()).toMatch(/^ERROR: \(2\)/);
  });
});
