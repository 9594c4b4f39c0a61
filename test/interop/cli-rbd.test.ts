import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
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

describe.skipIf(!haveRealCeph())('nacre rbd beside rbd', () => {
  let ceph: RealCeph;
  let dir: string;
  const file = (name: string) => join(dir, name);

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1, store: 'memstore', conf: { osd_pool_default_size: 1 } });
    // Each program works in a pool of its own; names and what is done there are the same.
    for (const pool of ['rbd', 'real', 'ours']) await ceph.createPool(pool, 8);
    dir = mkdtempSync(join(tmpdir(), 'cli-rbd-'));
    const fd = openSync(file('sparse'), 'w');
    ftruncateSync(fd, 12 << 20);
    writeSync(fd, randomBytes(100_000), 0, 100_000, 5_000_000);
    writeSync(fd, Buffer.alloc(4096, 7), 0, 4096, (12 << 20) - 4096);
    closeSync(fd);
  });

  afterAll(async () => {
    await ceph?.[Symbol.asyncDispose]();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });

  const run = (program: Program, args: readonly string[], input?: Uint8Array): Promise<CommandResult> =>
    program === 'real'
      ? ceph.exec('rbd', args, { input })
      : ceph.exec(process.execPath, [...NACRE, 'rbd', ...args], { input });

  /** Without ids, times, and the log lines of librbd; of a bar only its end. */
  function normal({ stdout, stderr, code }: CommandResult): Result {
    const clean = (text: string) =>
      text
        .replace(/(rbd_data\.|\bid: |"id":\s?"|<id>|trash )[0-9a-f]{8,}/g, '$1ID')
        .replace(/^[0-9a-f]{8,}( +)/gm, 'ID$1')
        .replace(/(\[?"?snapshot_id"?:\s?|"id":\s?|^ +)\d+\b/gm, '$1N')
        .replace(/\b[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, 'TIME')
        .replace(/client\.\d+/g, 'client.N')
        .replace(/127\.0\.0\.1:0\/\d+/g, 'ADDR')
        .replace(/\b(real|ours)\b/g, 'POOL')
        // Columns are as wide as what differs.
        .replace(/ {2,}/g, '  ')
        .replace(/[ \t]+$/gm, '');
    const quiet = stderr
      .replace(/\d{4}-\d\d-\d\dT\S+ \S+ -1 librbd.*\n\n?/g, '')
      .replace(/[^\n]*\r(?=[^\n\r]*\n)/g, '')
      // How far it was when it failed is a matter of who counts what as work.
      .replace(/: \d+% complete\.\.\.failed/g, ': N% complete...failed');
    return { stdout: clean(stdout.toString('latin1')), stderr: clean(quiet), code };
  }

  /** Both programs with the same words; POOL stands for each one's own pool. */
  async function each(args: readonly string[], input?: Uint8Array): Promise<Result> {
    const withPool = (program: Program) => args.map(arg => arg.replaceAll('POOL', program));
    const [real, ours] = await Promise.all([
      run('real', withPool('real'), input),
      run('ours', withPool('ours'), input),
    ]);
    expect(normal(ours), args.join(' ')).toEqual(normal(real));
    return normal(ours);
  }

  /** Both programs look at what either has made: four answers, all the same. */
  async function look(args: readonly string[]): Promise<Result> {
    const answers = await Promise.all(
      (['real', 'ours'] as const).flatMap(program =>
        ['real', 'ours'].map(async pool =>
          normal(
            await run(
              program,
              args.map(arg => arg.replaceAll('POOL', pool)),
            ),
          ),
        ),
      ),
    );
    for (const answer of answers) expect(answer, args.join(' ')).toEqual(answers[0]);
    return answers[0];
  }

  const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

  it('makes, shows, resizes, renames and removes images', async () => {
    await each(['create', 'POOL/disk', '--size', '16M']);
    await each(['create', 'POOL/striped', '-s', '8M', '--stripe-unit', '64K', '--stripe-count', '4']);
    await each(['create', 'POOL/plain', '-s', '1G', '--image-feature', 'layering', '--object-size', '1M']);
    for (const format of [[], ['--format', 'json'], ['--format', 'xml', '--pretty-format']]) {
      await look(['info', 'POOL/disk', ...format]);
      await look(['ls', '-l', 'POOL', ...format]);
    }
    await look(['info', 'POOL/striped']);
    await look(['info', 'POOL/plain', '--format', 'json', '--pretty-format']);
    await look(['ls', 'POOL', '--format', 'json']);
    await each(['resize', 'POOL/disk', '--size', '24M']);
    await each(['resize', 'POOL/disk', '--size', '24M']);
    await each(['resize', 'POOL/disk', '--size', '20M']);
    await each(['resize', 'POOL/disk', '--size', '20M', '--allow-shrink']);
    await each(['mv', 'POOL/striped', 'POOL/stripes']);
    await each(['rm', 'POOL/plain']);
    await each(['rm', 'POOL/plain']);
    expect((await look(['ls', 'POOL'])).stdout).toBe('disk\nstripes\n');
  }, 120_000);

  it('snapshots, clones, children and the trash', async () => {
    await each(['snap', 'create', 'POOL/disk@one']);
    await each(['snap', 'create', 'POOL/disk@one']);
    await each(['snap', 'add', 'POOL/disk@two', '--no-progress']);
    await each(['snap', 'protect', 'POOL/disk@one']);
    await each(['snap', 'protect', 'POOL/disk@one']);
    await each(['snap', 'rename', 'POOL/disk@two', 'POOL/disk@three']);
    await each(['snap', 'limit', 'set', 'POOL/disk', '--limit', '2']);
    await each(['snap', 'create', 'POOL/disk@many']);
    await each(['snap', 'limit', 'clear', 'POOL/disk']);
    await each(['clone', 'POOL/disk@one', 'POOL/child']);
    for (const format of [[], ['--format', 'json']]) {
      await look(['snap', 'ls', 'POOL/disk', '--all', ...format]);
      await look(['children', 'POOL/disk', ...format]);
      await look(['info', 'POOL/child', ...format]);
    }
    await look(['info', 'POOL/disk@one']);
    await look(['ls', '-l', 'POOL']);
    await each(['snap', 'rm', 'POOL/disk@one']);
    await each(['snap', 'unprotect', 'POOL/disk@three']);
    await each(['rm', 'POOL/disk']);
    await each(['flatten', 'POOL/child']);
    await each(['snap', 'purge', 'POOL/disk']);
    await each(['trash', 'mv', 'POOL/child']);
    await look(['trash', 'ls', 'POOL']);
    await look(['trash', 'ls', '-l', 'POOL', '--format', 'json']);
    await look(['pool', 'stats', 'POOL']);
    await each(['trash', 'purge', 'POOL']);
    await look(['trash', 'ls', 'POOL']);
  }, 120_000);

  it('metadata, features, locks, namespaces and settings', async () => {
    await each(['image-meta', 'set', 'POOL/disk', 'owner', 'me & <you>']);
    for (const format of [[], ['--format', 'json'], ['--format', 'xml']])
      await look(['image-meta', 'ls', 'POOL/disk', ...format]);
    await look(['image-meta', 'get', 'POOL/disk', 'owner']);
    await each(['image-meta', 'rm', 'POOL/disk', 'owner']);
    await each(['image-meta', 'rm', 'POOL/disk', 'owner']);
    await each(['feature', 'disable', 'POOL/disk', 'fast-diff', 'object-map']);
    await each(['feature', 'disable', 'POOL/disk', 'layering']);
    await look(['info', 'POOL/disk']);
    await each(['feature', 'enable', 'POOL/disk', 'object-map,fast-diff']);
    await each(['object-map', 'rebuild', 'POOL/disk']);
    await each(['object-map', 'check', 'POOL/disk']);
    await each(['lock', 'add', 'POOL/stripes', 'mine']);
    await each(['lock', 'add', 'POOL/stripes', 'other']);
    await each(['lock', 'ls', 'POOL/stripes']);
    await each(['lock', 'rm', 'POOL/stripes', 'mine', 'client.1']);
    await each(['status', 'POOL/disk']);
    await each(['namespace', 'create', 'POOL/space']);
    await each(['create', 'POOL/space/inner', '--size', '1M']);
    await look(['namespace', 'ls', 'POOL', '--format', 'json']);
    await look(['ls', 'POOL/space']);
    await each(['namespace', 'rm', 'POOL/space']);
    await each(['config', 'pool', 'set', 'POOL', 'rbd_cache', 'false']);
    await look(['config', 'pool', 'get', 'POOL', 'rbd_cache']);
    await each(['config', 'image', 'get', 'POOL/disk', 'rbd_cache']);
    await each(['config', 'pool', 'rm', 'POOL', 'rbd_cache']);
  }, 120_000);

  it('exports and imports the same bytes, with holes', async () => {
    await each(['import', file('sparse'), 'POOL/copied', '--no-progress']);
    await each(['import', '-', 'POOL/piped', '--no-progress'], readFileSync(file('sparse')));
    for (const pool of ['real', 'ours']) {
      for (const image of ['copied', 'piped'])
        for (const program of ['real', 'ours'] as const) {
          const to = file(`${pool}-${image}-${program}`);
          expect((await run(program, ['export', `${pool}/${image}`, to])).code).toBe(0);
          expect(digest(to), `${pool}/${image} by ${program}`).toBe(digest(file('sparse')));
          expect(statSync(to).blocks).toBeLessThan((9 << 20) / 512);
          rmSync(to);
        }
    }
    const [real, ours] = await Promise.all([
      run('real', ['export', 'real/copied', '-']),
      run('ours', ['export', 'ours/copied', '-']),
    ]);
    expect(ours.stdout.equals(real.stdout)).toBe(true);
    await each(['snap', 'create', 'POOL/copied@full']);
    await look(['diff', 'POOL/copied']);
    await look(['diff', 'POOL/copied', '--whole-object', '--format', 'json']);
    await look(['du', 'POOL/copied']);
    await look(['du', 'POOL/copied', '--exact', '--format', 'json']);
    const diffs = await Promise.all(
      (['real', 'ours'] as const).map(program => run(program, ['export-diff', 'real/copied@full', '-'])),
    );
    expect(diffs[1].stdout.equals(diffs[0].stdout)).toBe(true);
    await each(['create', 'POOL/applied', '--size', '12M']);
    await each(['import-diff', '-', 'POOL/applied'], diffs[0].stdout);
    await look(['diff', 'POOL/applied']);
    await each(['cp', 'POOL/copied', 'POOL/again']);
    await each(['deep', 'cp', 'POOL/copied', 'POOL/deep']);
    await look(['diff', 'POOL/deep@full']);
    await each(['export', 'POOL/copied', file('sparse')]);
    await each(['import', file('missing'), 'POOL/x']);
    await each(['import', dir, 'POOL/x']);
  }, 180_000);

  it('fails in the same words and with the same codes', async () => {
    const failing: string[][] = [
      ['info', 'POOL/missing'],
      ['info'],
      ['info', 'nopool/x'],
      ['info', 'POOL/disk@missing'],
      ['info', 'POOL/nospace/x'],
      ['ls', 'nopool'],
      ['ls', '--format', 'yaml'],
      ['ls', '--pretty-format'],
      ['create', 'x'],
      ['create', 'x', '--size', 'much'],
      ['create', 'a/b/c/d', '--size', '1'],
      ['create', 'POOL/disk', '--size', '1M'],
      ['create', 'POOL/x', '--size', '1', '--size', '2'],
      ['create', 'POOL/x', '--size'],
      ['create', 'POOL/x', '--bogus'],
      ['create', 'POOL/x', 'y', '--size', '1'],
      ['create', 'POOL/x', '--size', '1', '--image-feature', 'nonsense'],
      ['snap', 'create', 'POOL/disk'],
      ['snap', 'rollback', 'POOL/disk@missing'],
      ['snap', 'rm', 'POOL/disk@missing'],
      ['snap', 'limit', 'set', 'POOL/disk'],
      ['clone', 'POOL/disk@missing', 'POOL/x'],
      ['flatten', 'POOL/disk'],
      ['trash', 'restore', 'POOL/abc'],
      ['trash', 'rm', '--no-progress'],
      ['lock', 'add', 'POOL/disk'],
      ['bench', 'POOL/disk'],
      ['bench', 'POOL/disk', '--io-type', 'read', '--io-size', '1G'],
      ['config', 'image', 'get', 'POOL/disk', 'ms_type'],
      ['du', 'POOL/missing'],
      ['image-meta', 'get', 'POOL/disk', 'missing'],
    ];
    for (const args of failing) expect((await each(args)).code, args.join(' ')).not.toBe(0);
  }, 120_000);

  it('benchmarks with the same lines', async () => {
    const shape = (text: string) =>
      text.replace(/(inf|-nan|[\d.]+(e\+\d+)?)/g, 'N').replace(/ (\w?i)?B\/s/g, ' B/s');
    for (const args of [
      ['--io-type', 'write', '--io-pattern', 'rand'],
      ['--io-type', 'read'],
      ['--io-type', 'rw', '--rw-mix-read', '30', '--io-pattern', 'full-seq'],
    ]) {
      const [real, ours] = await Promise.all(
        (['real', 'ours'] as const).map(program =>
          run(program, ['bench', `${program}/disk`, '--io-total', '1M', ...args]),
        ),
      );
      const totals = (text: string) => shape(text.replace(/^ +\d+ .*\n/gm, ''));
      expect(totals(ours.stdout.toString())).toBe(totals(real.stdout.toString()));
      expect(ours.code).toBe(0);
    }
  }, 60_000);

  it("names what is missing, and lists rbd's commands", async () => {
    const missing = await run('ours', ['mirror', 'image', 'enable', 'rbd/x']);
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain('mirroring');
    const names = (text: string) =>
      text.match(/^ {4}[a-z].{0,33}/gm)?.map(line => line.trimEnd().split(/ {2,}/)[1]);
    const [real, ours] = await Promise.all([run('real', ['help']), run('ours', ['help'])]);
    expect(names(ours.stdout.toString())).toEqual(names(real.stdout.toString()));
    for (const verb of [['create'], ['snap', 'rm'], ['trash', 'purge'], ['bench']]) {
      const usage = async (program: Program) =>
        (await run(program, ['help', ...verb])).stdout.toString().split('\n\n')[0];
      expect(await usage('ours')).toBe(await usage('real'));
    }
  }, 60_000);
});
