import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NACRE } from '../support/nacre.ts';
import { type CommandResult, haveRealCeph, RealCeph } from '../support/real-ceph.ts';

type Program = 'real' | 'ours';

interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

describe.skipIf(!haveRealCeph())('nacre rados beside rados', () => {
  let ceph: RealCeph;
  let dir: string;
  const file = (name: string) => join(dir, name);

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 2, store: 'memstore', conf: { osd_pool_default_size: 1 } });
    for (const pool of ['data', 'other', 'snaps', 'copy', 'bench']) await ceph.createPool(pool, 8);
    dir = mkdtempSync(join(tmpdir(), 'cli-rados-'));
    writeFileSync(file('small'), 'hello\n');
    writeFileSync(file('large'), randomBytes(9_000_001));
    writeFileSync(file('empty'), '');
  });

  afterAll(async () => {
    await ceph?.[Symbol.asyncDispose]();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });

  function run(
    program: Program,
    args: readonly string[],
    input?: string | Uint8Array,
  ): Promise<CommandResult> {
    if (program === 'real') return ceph.exec('rados', args, { input });
    return ceph.exec(process.execPath, [...NACRE, 'rados', ...args], {
      input,
    });
  }

  /** Without what differs from run to run: times, numbers of clients, ports, and the namespaces. */
  function normal({ stdout, stderr, code }: CommandResult): Result {
    const clean = (text: string) =>
      text
        .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d{4}/g, 'TIME')
        .replace(/\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d/g, 'TIME')
        .replace(/client\.\d+/g, 'client.N')
        .replace(/cookie[ =]\d+/g, 'cookie N')
        .replace(/127\.0\.0\.1:0\/\d+/g, 'ADDR')
        .replace(/\bns-(real|ours)\b/g, 'NS');
    return { stdout: clean(stdout.toString('latin1')), stderr: clean(stderr), code };
  }

  /** Both programs on one thing. */
  async function same(args: readonly string[], input?: string): Promise<Result> {
    const real = normal(await run('real', args, input));
    const ours = normal(await run('ours', args, input));
    expect(ours, args.join(' ')).toEqual(real);
    return ours;
  }

  /** Both programs, each in a namespace of its own: for what changes something. */
  async function each(args: readonly string[], input?: string): Promise<Result> {
    const real = normal(await run('real', ['-p', 'data', '-N', 'ns-real', ...args], input));
    const ours = normal(await run('ours', ['-p', 'data', '-N', 'ns-ours', ...args], input));
    expect(ours, args.join(' ')).toEqual(real);
    return ours;
  }

  /** Both programs look at what both have made: four answers, all the same. */
  async function look(args: readonly string[]): Promise<Result> {
    const answers: Result[] = [];
    for (const program of ['real', 'ours'] as const)
      for (const namespace of ['ns-real', 'ns-ours'])
        answers.push(normal(await run(program, ['-p', 'data', '-N', namespace, ...args])));
    for (const answer of answers) expect(answer, args.join(' ')).toEqual(answers[0]);
    return answers[0];
  }

  it('stores and reads data', async () => {
    for (const name of ['small', 'large', 'empty']) {
      await each(['put', name, file(name)]);
      await look(['stat', name]);
      await look(['get', name, '-']);
    }
    await each(['put', 'piped', '-'], 'through a pipe');
    expect((await look(['get', 'piped', '-'])).stdout).toBe('through a pipe');
    await each(['put', 'small', file('small'), '--offset', '10']);
    await look(['get', 'small', '-']);
    await each(['put', 'hole', file('empty'), '--offset', '100']);
    await look(['stat', 'hole']);
    await each(['put', 'pieces', file('large'), '-b', '1000000']);
    await look(['get', 'pieces', '-']);
    await each(['append', 'piped', file('small')]);
    await look(['get', 'piped', '-']);
    await each(['truncate', 'piped', '7']);
    await look(['get', 'piped', '-']);
    await each(['create', 'made']);
    await each(['touch', 'made', '1700000000']);
    await look(['stat2', 'made']);
    await each(['cp', 'large', 'copied']);
    await look(['get', 'copied', '-']);
    await each(['mapext', 'large']);
    await each(['set-alloc-hint', 'large', '8388608', '4096']);
    await each(['rm', 'made', 'copied']);
    // The order is that of the names' hashes, which a namespace is part of.
    for (const namespace of ['ns-real', 'ns-ours'])
      expect((await same(['-p', 'data', '-N', namespace, 'ls'])).stdout.split('\n')).toContain('piped');
  }, 240_000);

  it('fails in the same words and with the same codes', async () => {
    const failing: string[][] = [
      ['-p', 'data', 'get', 'missing', '-'],
      ['-p', 'data', 'stat', 'missing'],
      ['-p', 'data', 'rm', 'missing'],
      ['-p', 'data', 'truncate', 'x', 'abc'],
      ['-p', 'data', 'cp', 'missing'],
      ['-p', 'data', 'cp', 'missing', 'elsewhere'],
      ['-p', 'data', 'getxattr', 'missing', 'a'],
      ['-p', 'data', 'listxattr', 'missing'],
      ['-p', 'data', 'rmxattr', 'missing', 'a'],
      ['-p', 'data', 'listomapkeys', 'missing'],
      ['-p', 'data', 'listomapvals', 'missing'],
      ['-p', 'data', 'getomapheader', 'missing'],
      ['-p', 'data', 'getomapval', 'missing', 'k'],
      ['-p', 'data', 'rmomapkey', 'missing', 'k'],
      ['-p', 'data', 'clearomap', 'missing'],
      ['-p', 'data', 'listwatchers', 'missing'],
      ['-p', 'data', 'listsnaps', 'missing'],
      ['-p', 'data', 'mapext', 'missing'],
      ['-p', 'data', 'notify', 'missing', 'x'],
      ['-p', 'data', 'rmsnap', 'missing'],
      ['-p', 'data', 'rollback', 'missing', 'missing'],
      ['-p', 'data', 'lock', 'list', 'missing'],
      ['-p', 'data', 'lock', 'break', 'missing', 'l', 'nonsense'],
      ['-p', 'data', '-s', 'missing', 'ls'],
      ['-p', 'data', '-S', '77', 'ls'],
      ['-p', 'data', 'bench', '1', 'seq'],
      ['-p', 'data', 'bench', '1', 'seq', '-b', '4096'],
      ['-p', 'data', 'bench', 'x', 'seq'],
      ['-p', 'data', 'cleanup', '--prefix', 'not-ours'],
      ['-p', 'data', 'frobnicate'],
      ['-p', 'missing', 'ls'],
      ['-N', 'n', 'lspools'],
      ['--object-locator', 'n', 'lspools'],
      ['purge', 'data'],
      ['cppool', 'data', 'data'],
      ['cppool', 'missing', 'data'],
      ['ls'],
      ['mkpool', 'x'],
    ];
    for (const args of failing) expect((await same(args)).code, args.join(' ')).toBe(1);
    expect((await same(['-p', 'data', '--format', 'nonsense', 'ls'])).code).toBe(234);
    // The original ends with 0 here, as if it had stored something.
    for (const verb of ['put', 'append']) {
      const args = ['-p', 'data', verb, 'x', '/no/such/file'];
      const ours = normal(await run('ours', args));
      expect(ours.stderr).toBe(normal(await run('real', args)).stderr);
      expect(ours.code).toBe(1);
    }
  }, 240_000);

  it('keeps xattrs and omaps', async () => {
    await each(['create', 'attrs']);
    await each(['setxattr', 'attrs', 'b', 'value']);
    await each(['setxattr', 'attrs', 'a'], 'from standard input');
    await look(['listxattr', 'attrs']);
    await look(['getxattr', 'attrs', 'a']);
    await each(['rmxattr', 'attrs', 'b']);
    await look(['listxattr', 'attrs']);
    for (const [key, value] of [
      ['key', 'value'],
      ['long', 'x'.repeat(100)],
      ['empty', ''],
      ['odd\tkey', 'binary \u0001'],
    ])
      await each(['setomapval', 'attrs', key, value]);
    await each(['setomapheader', 'attrs', 'the header']);
    await look(['listomapkeys', 'attrs']);
    await look(['listomapvals', 'attrs']);
    await look(['getomapval', 'attrs', 'long']);
    await look(['getomapval', 'attrs', 'none']);
    await look(['getomapheader', 'attrs']);
    await each(['rmomapkey', 'attrs', 'key']);
    await each(['getomapval', 'attrs', 'long', file('value')]);
    expect(readFileSync(file('value'), 'utf8')).toBe('x'.repeat(100));
    await look(['listomapkeys', 'attrs']);
    await each(['clearomap', 'attrs']);
    await look(['listomapvals', 'attrs']);
  }, 240_000);

  it('lists pools and objects', async () => {
    await same(['lspools']);
    await same(['df']);
    await same(['df', '--format', 'json-pretty']);
    await same(['-p', 'data', 'df', '-f', 'json']);
    for (const args of [
      ['ls'],
      ['ls', '--all'],
      ['ls', '-'],
      ['ls', '-f', 'json'],
      ['ls', '--all', '-f', 'json-pretty'],
      ['-N', 'ns-real', 'ls'],
      ['-N', 'ns-real', 'ls', '-f', 'json', '--pretty-format'],
      ['--object-locator', 'key', 'put', 'located', file('small')],
      ['ls'],
    ])
      await same(['-p', 'data', ...args]);
  }, 120_000);

  it('takes locks that the other sees', async () => {
    await each(['create', 'locked']);
    await each(['lock', 'list', 'locked']);
    const options = [
      '--lock-cookie',
      'c',
      '--lock-description',
      'd',
      '--lock-tag',
      't',
      '--lock-type',
      'shared',
    ];
    await each(['lock', 'get', 'locked', 'one', ...options]);
    await each(['lock', 'get', 'locked', 'two', '--lock-duration', '60']);
    await look(['lock', 'list', 'locked']);
    const info = await look(['lock', 'info', 'locked', 'one', '--pretty-format']);
    expect(info.stdout).toContain('"type": "shared"');
    await look(['lock', 'info', 'locked', 'two', '-f', 'json']);
    expect((await each(['lock', 'get', 'locked', 'two'])).code).toBe(1);
    await each(['lock', 'get', 'locked', 'three', '--lock-type', 'odd']);
    // Each breaks the lock that the other took.
    for (const [program, namespace] of [
      ['ours', 'ns-real'],
      ['real', 'ns-ours'],
    ] as const) {
      const raw = await run('real', ['-p', 'data', '-N', namespace, 'lock', 'info', 'locked', 'two']);
      const { lockers } = JSON.parse(raw.stdout.toString()) as { lockers: { name: string }[] };
      const broken = await run(program, [
        '-p',
        'data',
        '-N',
        namespace,
        'lock',
        'break',
        'locked',
        'two',
        lockers[0].name,
      ]);
      expect(broken).toMatchObject({ code: 0, stderr: '' });
    }
    expect((await look(['lock', 'info', 'locked', 'two'])).stdout).toContain('"lockers":[]');
  }, 120_000);

  it('takes snapshots', async () => {
    const at = (...args: string[]) => same(['-p', 'snaps', ...args]);
    const real = (...args: string[]) => run('real', ['-p', 'snaps', ...args]);
    const ours = (...args: string[]) => run('ours', ['-p', 'snaps', ...args]);
    await real('put', 'o', file('small'));
    expect((await ours('mksnap', 'first')).stdout.toString()).toBe('created pool snaps snap first\n');
    await ours('put', 'o', file('large'));
    expect((await real('mksnap', 'second')).code).toBe(0);
    await real('rm', 'o');
    expect((await at('mksnap', 'second')).code).toBe(1);
    await at('lssnap');
    await at('-s', 'first', 'get', 'o', '-');
    await at('-S', '2', 'stat', 'o');
    await at('listsnaps', 'o');
    await at('listsnaps', 'o', '-f', 'json');
    await at('listsnaps', 'o', '--pretty-format');
    await at('rollback', 'o', 'first');
    expect((await at('get', 'o', '-')).stdout).toBe('hello\n');
    await at('rollback', 'o', 'none');
    expect((await ours('rmsnap', 'first')).code).toBe(0);
    await at('lssnap');
  }, 120_000);

  it('watches and notifies', async () => {
    await run('real', ['-p', 'data', 'create', 'watched']);
    for (const [watcher, notifier] of [
      ['ours', 'real'],
      ['real', 'ours'],
    ] as const) {
      let press: () => void = () => {};
      const pressed = new Promise<void>(resolve => (press = resolve));
      const watching = watchUntil(watcher, pressed);
      await waitFor(
        async () => (await run('real', ['-p', 'data', 'listwatchers', 'watched'])).stdout.length > 0,
      );
      await same(['-p', 'data', 'listwatchers', 'watched']);
      const notified = normal(await run(notifier, ['-p', 'data', 'notify', 'watched', 'hallo']));
      expect(notified.stdout).toBe(
        'reply client.N cookie N : 9 bytes\n' +
          '00000000  05 00 00 00 68 61 6c 6c  6f                       |....hallo|\n00000009\n',
      );
      press();
      const seen = await watching;
      expect(seen).toContain('NOTIFY cookie');
      expect(seen).toContain('|....hallo|');
    }
    await same(['-p', 'data', 'notify', 'watched', 'nobody listens']);
  }, 120_000);

  async function waitFor(condition: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 100; i++) {
      if (await condition()) return;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    throw new Error('it did not come about');
  }

  /** Runs a watch whose enter key is pressed later; resolves to what it printed. */
  async function watchUntil(program: Program, pressed: Promise<void>): Promise<string> {
    const { spawn } = await import('node:child_process');
    const command =
      program === 'real' ? (['rados', []] as const) : ([process.execPath, [...NACRE, 'rados']] as const);
    const child = spawn(command[0], [...command[1], '-p', 'data', 'watch', 'watched'], {
      env: { ...process.env, CEPH_CONF: ceph.conf },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', chunk => (out += chunk));
    const ended = new Promise(resolve => child.once('close', resolve));
    await pressed;
    child.stdin.end('\n');
    await ended;
    return out;
  }

  it('copies and exports pools, and imports what the other exported', async () => {
    await run('real', ['-p', 'other', 'put', 'large', file('large')]);
    await run('real', ['-p', 'other', '-N', 'space', 'put', 'inside', file('small')]);
    await run('real', ['-p', 'other', '--object-locator', 'key', 'put', 'located', file('small')]);
    await run('real', ['-p', 'other', 'setxattr', 'large', 'x', 'y']);
    await run('real', ['-p', 'other', 'setomapval', 'large', 'k', 'v']);
    await run('real', ['-p', 'other', 'setomapheader', 'large', 'h']);
    await run('real', ['-p', 'other', 'export', file('real.dump')]);
    expect((await run('ours', ['-p', 'other', 'export', file('ours.dump')])).code).toBe(0);
    expect(readFileSync(file('ours.dump')).equals(readFileSync(file('real.dump')))).toBe(true);
    await same(['-p', 'copy', 'import', '--dry-run', file('ours.dump')]);
    const first = normal(await run('ours', ['-p', 'copy', 'import', file('real.dump')]));
    expect(first).toMatchObject({ code: 0, stderr: '' });
    await same(['-p', 'copy', 'import', file('ours.dump')]);
    await same(['-p', 'copy', 'import', '--no-overwrite', file('real.dump')]);
    expect((await same(['-p', 'copy', 'get', 'large', '-'])).stdout).toBe(
      readFileSync(file('large'), 'latin1'),
    );
    await same(['-p', 'copy', 'listomapvals', 'large']);
    expect((await same(['-p', 'copy', 'getxattr', 'large', 'x'])).stdout).toBe('y');
    await same(['-p', 'copy', 'ls', '--all']);
    writeFileSync(file('broken.dump'), readFileSync(file('ours.dump')).subarray(0, 3000));
    expect((await run('ours', ['-p', 'copy', 'import', file('broken.dump')])).code).toBe(1);
    writeFileSync(file('wrong.dump'), 'this is no export of a pool');
    const wrong = await run('ours', ['-p', 'copy', 'import', file('wrong.dump')]);
    expect(wrong.stderr).toContain('Invalid magic number');
    await same(['cppool', 'other', 'copy']);
    expect((await run('ours', ['purge', 'copy', '--yes-i-really-really-mean-it'])).code).toBe(0);
    expect((await same(['-p', 'copy', 'ls', '--all'])).stdout).toBe('');
  }, 120_000);

  /** A report without its numbers. */
  const shape = (text: string) =>
    text
      .split('\n')
      .filter(line => !/^ +\d/.test(line))
      .map(line => line.replace(/-?\d+(\.\d+)?(e[+-]\d+)?/g, '#'));

  it('benchmarks: each reads, cleans up and reports as the other', async () => {
    const args = ['-p', 'bench', 'bench', '1'];
    const write = [...args, 'write', '-b', '4096', '-t', '4', '--no-cleanup'];
    for (const [writer, reader] of [
      ['real', 'ours'],
      ['ours', 'real'],
    ] as const) {
      const written = await run(writer, write);
      expect(written.code).toBe(0);
      const made = Number(/Total writes made:\s+(\d+)/.exec(written.stdout.toString())![1]);
      const { stdout } = await run('real', ['-p', 'bench', 'ls']);
      expect(stdout.toString().trim().split('\n')).toHaveLength(made + 1);
      for (const step of ['seq', 'rand']) {
        // Contents that are not what was written are complained of on standard error.
        const mine = await run(reader, [...args, step, '-t', '4']);
        const theirs = await run(writer, [...args, step, '-t', '4']);
        expect(mine).toMatchObject({ code: 0, stderr: '' });
        expect(theirs).toMatchObject({ code: 0, stderr: '' });
        expect(shape(mine.stdout.toString())).toEqual(shape(theirs.stdout.toString()));
      }
      const cleaned = await run(reader, ['-p', 'bench', 'cleanup']);
      expect(cleaned).toMatchObject({ code: 0, stderr: '' });
      expect(cleaned.stdout.toString()).toBe(`Removed ${made} objects\n`);
      expect((await same(['-p', 'bench', 'ls'])).stdout).toBe('');
    }
    const real = await run('real', [...args, 'write', '-b', '4096', '-O', '16384']);
    const ours = await run('ours', [...args, 'write', '-b', '4096', '-O', '16384']);
    expect(shape(ours.stdout.toString())).toEqual(shape(real.stdout.toString()));
    expect((await same(['-p', 'bench', 'ls'])).stdout).toBe('');
    // Without the description of the run, by the names of its objects.
    for (const [writer, cleaner] of [
      ['real', 'ours'],
      ['ours', 'real'],
    ] as const) {
      await run(writer, [...write, '--run-name', 'mine']);
      await run('real', ['-p', 'bench', 'rm', 'mine']);
      const cleaned = await run(cleaner, ['-p', 'bench', 'cleanup', '--prefix', 'benchmark_data']);
      expect(cleaned.stdout.toString()).toMatch(
        /^Warning: using slow linear search\nRemoved [1-9]\d* objects\n$/,
      );
      expect((await same(['-p', 'bench', 'ls'])).stdout).toBe('');
    }
  }, 120_000);

  it('benchmarks into omaps and xattrs, and reports as JSON', async () => {
    const args = [
      '-p',
      'bench',
      'bench',
      '1',
      'write',
      '-b',
      '1024',
      '-t',
      '2',
      '--max-objects',
      '6',
      '--no-cleanup',
    ];
    for (const to of ['--write-omap', '--write-xattr', '--write-object']) {
      const ran = await run('ours', [...args, to, '-f', 'json']);
      expect(ran.code).toBe(0);
      const text = ran.stdout.toString();
      const report = JSON.parse(text.slice(text.indexOf('{'))) as Record<string, unknown>;
      expect(report).toMatchObject({ op_size: '1024', concurrent_ios: '2', total_writes_made: '6' });
      const { stdout } = await run('real', ['-p', 'bench', 'ls']);
      const object = stdout
        .toString()
        .split('\n')
        .find(name => name.endsWith('_object0'))!;
      const size = await run('real', ['-p', 'bench', 'stat', object]);
      expect(size.stdout.toString()).toContain(to === '--write-object' ? 'size 1024' : 'size 0');
      if (to === '--write-omap')
        expect((await same(['-p', 'bench', 'listomapkeys', object])).stdout).toBe('bench-omap-key-0\n');
      if (to === '--write-xattr')
        expect((await same(['-p', 'bench', 'listxattr', object])).stdout).toBe('bench-xattr-key-0\n');
      expect((await run('real', ['-p', 'bench', 'cleanup'])).code).toBe(0);
    }
  }, 60_000);

  it('says what it does not do', async () => {
    for (const verb of ['load-gen', 'set-redirect', 'tier-flush']) {
      const { code, stderr } = await run('ours', ['-p', 'data', verb]);
      expect(code).toBe(1);
      expect(stderr).toContain('ENOTSUP');
    }
    expect((await run('ours', ['-p', 'data', '--striper', 'ls'])).stderr).toContain('ENOTSUP');
  }, 60_000);
});
