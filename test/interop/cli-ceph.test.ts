import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NACRE } from '../support/nacre.ts';
import { type CommandResult, haveRealCeph, RealCeph } from '../support/real-ceph.ts';

const CEPH = [...NACRE, 'ceph'];

interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

describe.skipIf(!haveRealCeph())('nacre ceph beside ceph', () => {
  let ceph: RealCeph;
  let dir: string;
  const file = (name: string) => join(dir, name);

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 2, store: 'memstore' });
    await ceph.createPool('data', 8);
    dir = mkdtempSync(join(tmpdir(), 'cli-ceph-'));
    await settled();
  });

  afterAll(async () => {
    await ceph?.[Symbol.asyncDispose]();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });

  /** Waits until the map of a new cluster no longer changes by itself. */
  async function settled(): Promise<void> {
    const epoch = async () => (await ceph.ceph(['osd', 'stat', '-f', 'json'])).stdout.toString();
    for (let before = '', same = 0; same < 3; ) {
      await new Promise(resolve => setTimeout(resolve, 500));
      const now = await epoch();
      same = now === before ? same + 1 : 0;
      before = now;
    }
  }

  const real = (args: readonly string[], input?: string) => ceph.exec('ceph', args, { input });
  const ours = (args: readonly string[], input?: string) =>
    ceph.exec(process.execPath, [...CEPH, ...args], { input });

  /** Without ages and the time of the day. */
  function normal({ stdout, stderr, code }: CommandResult): Result {
    const clean = (text: string) =>
      text
        .replace(/\((age|since) [^)]*\)/g, '($1)')
        .replace(/("[a-z_]*age": ?)\d+/g, '$1N')
        .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d{4}/g, 'TIME')
        .replaceAll('/usr/bin/ceph tell', 'ceph tell');
    return { stdout: clean(stdout.toString()), stderr: clean(stderr), code };
  }

  async function same(args: readonly string[], input?: string): Promise<Result> {
    const theirs = normal(await real(args, input));
    const mine = normal(await ours(args, input));
    expect(mine, args.join(' ')).toEqual(theirs);
    return mine;
  }

  it('prints what the daemons answer', async () => {
    const good: string[][] = [
      ['-s'],
      ['osd', 'crush', 'dump', '--format', 'json-pretty'],
      ['health'],
      ['health', 'detail'],
      ['osd', 'tree'],
      ['osd', 'tree', '-f', 'json'],
      ['osd', 'dump'],
      ['osd', 'ls'],
      ['osd', 'pool', 'ls', 'detail'],
      ['osd', 'pool', 'get', 'data', 'size'],
      ['osd', 'pool', 'get', 'data', 'all'],
      ['osd', 'find', '1'],
      ['osd', 'find', 'osd.1'],
      ['osd', 'crush', 'rule', 'dump'],
      ['osd', 'map', 'data', 'object'],
      ['osd', 'blocklist', 'ls'],
      ['osd', 'metadata', '0'],
      ['osd', 'erasure-code-profile', 'get', 'default'],
      ['mon', 'dump'],
      ['quorum_status', '-f', 'json'],
      ['auth', 'get', 'client.admin'],
      ['auth', 'print-key', 'client.admin'],
      ['versions'],
      ['features'],
      ['log', 'last', '2'],
      ['config', 'help', 'osd_max_backfills'],
      ['tell', 'osd.0', 'version'],
      ['tell', 'osd.*', 'version'],
      ['tell', 'mon.a', 'version'],
      ['tell', 'mon.*', 'version'],
      ['tell', 'osd.0', 'injectargs', '--osd-max-backfills', '3'],
      ['tell', 'osd.0', 'config', 'get', 'osd_max_backfills'],
      ['--format', 'json', 'osd', 'crush', 'rule', 'ls'],
    ];
    // The first time tells what has changed.
    await real(['tell', 'osd.0', 'injectargs', '--osd-max-backfills', '3']);
    for (const args of good) expect((await same(args)).code, args.join(' ')).toBe(0);
  }, 300_000);

  it('changes things', async () => {
    const pairs: [string[], string[]][] = [
      [
        ['osd', 'pool', 'create', 'a', '4'],
        ['osd', 'pool', 'create', 'b', '4'],
      ],
      [
        ['osd', 'pool', 'set', 'a', 'size', '2'],
        ['osd', 'pool', 'set', 'b', 'size', '2'],
      ],
      [
        ['osd', 'pool', 'rename', 'a', 'a2'],
        ['osd', 'pool', 'rename', 'b', 'b2'],
      ],
      [
        ['osd', 'pool', 'delete', 'a2', 'a2', '--yes-i-really-really-mean-it'],
        ['osd', 'pool', 'delete', 'b2', 'b2', '--yes-i-really-really-mean-it'],
      ],
    ];
    for (const [theirs, mine] of pairs) {
      const left = normal(await real(theirs));
      const right = normal(await ours(mine));
      expect(right.code, right.stderr).toBe(0);
      expect(right.stderr.replace(/\bb(2?)\b/g, 'a$1').replace(/pool \d+/, 'pool N')).toBe(
        left.stderr.replace(/pool \d+/, 'pool N'),
      );
    }
    await same(['osd', 'set', 'noout']);
    await same(['osd', 'unset', 'noout']);
    await same(['config', 'set', 'osd', 'osd_max_backfills', '2']);
    await same(['config', 'get', 'osd.0', 'osd_max_backfills']);
    await same(['config', 'rm', 'osd', 'osd_max_backfills']);
    await same(['osd', 'pool', 'set', 'data', '--var', 'min_size', '--val', '1']);
    await same(['osd', 'pool', 'application', 'enable', 'data', 'app', '--yes-i-really-mean-it']);
  }, 120_000);

  it('reads and writes files', async () => {
    writeFileSync(file('value'), 'from a file');
    expect((await ours(['config-key', 'set', 'k', '-i', file('value')])).code).toBe(0);
    expect((await same(['config-key', 'get', 'k'])).stdout).toBe('from a file');
    await same(['config-key', 'set', 'k', '-i', '-'], 'from standard input');
    expect((await same(['config-key', 'get', 'k'])).stdout).toBe('from standard input');
    await real(['osd', 'getcrushmap', '-o', file('real.map')]);
    await ours(['osd', 'getcrushmap', '-o', file('ours.map')]);
    expect(readFileSync(file('ours.map')).equals(readFileSync(file('real.map')))).toBe(true);
    expect((await ours(['config-key', 'set', 'k', '-i', '/no/such/file'])).code).toBe(1);
  }, 60_000);

  it('refuses in the same words and with the same codes', async () => {
    const bad: string[][] = [
      ['foo', 'bar'],
      ['osd', 'pool', 'create'],
      ['osd', 'pool', 'create', 'zz', '99999999999'],
      ['osd', 'pool', 'get', 'none', 'size'],
      ['osd', 'pool', 'set', 'data', 'size', 'abc'],
      ['osd', 'pool', 'delete', 'data'],
      ['osd', 'dump', '--frob'],
      ['osd', 'dump', 'abc'],
      ['osd', 'metadata', '99'],
      ['osd', 'crush', 'reweight', 'osd.0', 'abc'],
      ['osd', 'tree', 'up', 'sideways'],
      ['auth', 'get', 'client.none'],
      ['config', 'set', 'osd', 'no_such_option', '1'],
      ['tell'],
      ['tell', 'osd.0'],
      ['tell', 'osd.17', 'version'],
      ['tell', 'nobody', 'version'],
      ['tell', 'osd.0', 'frobnicate'],
      ['ping'],
      ['osd', 'reweight', '0', '1.5'],
    ];
    for (const args of bad) expect((await same(args)).code, args.join(' ')).not.toBe(0);
  }, 200_000);

  it('does not wait for a manager that is not there', async () => {
    for (const args of [
      ['osd', 'df'],
      ['pg', 'dump'],
      ['tell', 'mgr', 'version'],
    ]) {
      const { code, stderr } = await ours(args);
      expect(code).toBe(6);
      expect(stderr).toContain('no manager is active');
    }
  }, 60_000);

  it('asks PGs', async () => {
    const pools = (await real(['osd', 'lspools', '-f', 'json'])).stdout.toString();
    const [{ poolnum }] = JSON.parse(pools) as { poolnum: number }[];
    for (const args of [
      ['pg', `${poolnum}.1`, 'query'],
      ['tell', `${poolnum}.1`, 'query'],
    ]) {
      const mine = await ours(args);
      expect(mine.code, mine.stderr).toBe(0);
      expect(JSON.parse(mine.stdout.toString())).toMatchObject({ state: 'active+clean' });
    }
  }, 60_000);

  it('reads commands from standard input', async () => {
    const lines = 'health\nosd ls\nnonsense\n\nosd pool get "data" size\ntell osd.0 version\n';
    const mine = await same([], lines);
    expect(mine.stdout).toContain('0\n1\n');
    // Not a way out where nobody types.
    expect((await same([], 'osd ls\nquit\nhealth\n')).stderr).toContain('no valid command found');
  }, 60_000);

  it('pings monitors', async () => {
    const { stdout, code } = await ours(['ping', 'mon.a']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout.toString())).toMatchObject({ mon_status: { name: 'a' } });
  }, 60_000);

  it('says why it cannot connect', async () => {
    const late = await ours(['--connect-timeout', '1', '-m', '127.0.0.1:1', '-s']);
    expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('interrupted or timed out') });
    const refused = await ours(['-n', 'client.nobody', '-s']);
    expect(refused.code).toBe((await real(['-n', 'client.nobody', '-s'])).code);
    expect(refused.stderr).toContain('[errno 13] RADOS permission denied');
  }, 60_000);

  it('shows the cluster log as it is written', async () => {
    const child = spawn(process.execPath, [...CEPH, '-w'], {
      env: { ...process.env, CEPH_CONF: ceph.conf },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    const until = (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (out.includes(text)) resolve();
        };
        child.stdout.on('data', look);
        child.once('close', () => reject(new Error(`ended before '${text}': ${out}`)));
        look();
      });
    child.stdout.on('data', chunk => (out += chunk));
    await until('health:');
    // A line that is written before the subscription has arrived is not seen, so it is written until it is.
    const seen = until('said to everyone');
    let done = false;
    void seen.then(() => (done = true));
    while (!done) await real(['log', 'said to everyone']);
    await seen;
    expect(out).toMatch(/\n\d{4}-\d\d-\d\dT[\d:.]+\+\d{4} client\.admin \[INF\] said to everyone\n/);
    const ended = new Promise(resolve => child.once('close', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  }, 60_000);

  it('lists commands', async () => {
    const { stdout, code } = await ours(['-h', 'osd', 'pool', 'create']);
    expect(code).toBe(0);
    expect(stdout.toString()).toContain('osd pool create <pool>');
    expect(stdout.toString()).not.toContain('osd pool delete');
  }, 60_000);
});
