import { describe, expect, it } from 'vitest';
import { nodeEnv } from '../../../src/env/node.ts';
import { Graph } from '../../../src/gluster/graph/graph.ts';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { GFID_ROOT, type Gfid } from '../../../src/gluster/types/gfid.ts';
import type { IoStats } from '../../../src/gluster/xlators/debug/io-stats/index.ts';
import { TopList } from '../../../src/gluster/xlators/debug/io-stats/top-files.ts';
import { xlatorRegistry } from '../../../src/gluster/xlators/index.ts';
import { prng } from '../../support/fuzz.ts';
import { frameOf, GraphStack, stackVolfile } from '../../support/graph-stack.ts';
import { MemoryBrick } from '../../support/mem-brick.ts';

const PROFILE = { 'count-fop-hits': 'on', 'latency-measurement': 'on' };

describe('debug/io-stats', () => {
  it('counts fops, bytes and blocks while a profile is taken', async () => {
    await using stack = await GraphStack.open(['debug/io-stats', PROFILE]);
    const stats = stack.graph.find('io-stats') as IoStats;
    const fd = await stack.create('f');
    await stack.write(fd, 0, Buffer.alloc(5000));
    await stack.write(fd, 5000, Buffer.alloc(10));
    await stack.read(fd, 0, 4096);
    await stack.close(fd);
    const dict = stats.profile();
    expect(dict.int('-1-total-write')).toBe(5010);
    expect(dict.int('-1-total-read')).toBe(4096);
    expect(dict.int('-1-write-4096')).toBe(1);
    expect(dict.int('-1-write-8')).toBe(1);
    expect(dict.int('-1-read-4096')).toBe(1);
    // CREATE, WRITE, READ, FLUSH by their numbers.
    expect([23, 13, 12, 15].map(fop => dict.int(`-1-${fop}-hits`))).toEqual([1, 2, 1, 1]);
    expect(dict.get('-1-13-avglatency')).toBeDefined();
    expect(dict.int('interval')).toBe(0);
    const next = stats.profile('incremental');
    expect(next.int('interval')).toBe(1);
    expect(next.has('1-13-hits')).toBe(false);
    expect(next.has('cumulative')).toBe(false);
    expect(stats.top('write', 10).string('filename-1')).toBe('/f');
    expect(stats.top('write', 10).int('value-1')).toBe(2);
    expect(stats.top('open', 10).int('max-open')).toBe(1);
    stats.clear();
    expect(stats.profile('cumulative').int('-1-total-write')).toBe(0);
  });

  it('counts bytes only, and is in the way of nothing else, when no profile is taken', async () => {
    await using stack = await GraphStack.open('debug/io-stats');
    const stats = stack.graph.find('io-stats') as IoStats;
    const fd = await stack.create('f');
    await stack.write(fd, 0, Buffer.alloc(100));
    expect(stats.implementsFop('lookup')).toBe(false);
    const dict = stats.profile();
    expect(dict.int('-1-total-write')).toBe(100);
    expect(dict.has('-1-13-hits')).toBe(false);
    await stack.close(fd);
  });

  it('begins and ends a profile by options', async () => {
    const layers = (options: Record<string, string>) => [['debug/io-stats', options]] as const;
    const registry = (type: string) => (type === 'storage/memory' ? MemoryBrick : xlatorRegistry(type));
    const graph = Graph.build(stackVolfile(layers({}), '/profile'), registry, { env: nodeEnv, meta: false });
    const stats = graph.find('io-stats') as IoStats;
    expect(stats.implementsFop('stat')).toBe(false);
    expect(graph.reconfigure(stackVolfile(layers(PROFILE), '/profile'))).toBe('reconfigured');
    expect(stats.implementsFop('stat')).toBe(true);
    await graph.close();
  });

  it('writes reports as GlusterFS lays them out', async () => {
    await using stack = await GraphStack.open(['debug/io-stats', PROFILE]);
    const stats = stack.graph.find('io-stats') as IoStats;
    const fd = await stack.create('f');
    await stack.write(fd, 0, Buffer.alloc(131072));
    await stack.close(fd);
    const text = stats.report('text');
    expect(text).toContain('\n=== Cumulative stats ===\n');
    expect(text).toContain('BytesWritten : 131072\n');
    expect(text).toMatch(/Block Size {3}: {10}131072B\+\nRead Count {3}: {17}0\nWrite Count {2}: {17}1\n/);
    expect(text).toMatch(/^Fop {11}Call Count {4}Avg-Latency {4}Min-Latency {4}Max-Latency$/m);
    expect(text).toMatch(/^WRITE {18}1 +[0-9.]+ us +[0-9.]+ us +[0-9.]+ us$/m);
    expect(text).toContain('==========Write File Stats========\n\nCOUNT:  \t  FILE NAME\n1            /f\n');
    expect(text).toContain('=== Interval 0 stats ===');
    expect(stats.report('text')).toContain('=== Interval 1 stats ===');
    const [aggregate] = stats.report('json').split('\n}\n', 1);
    expect(JSON.parse(`${aggregate}}`)['gluster.io-stats.aggr.write_128kb']).toBe(1);
  });

  it('keeps the files of which there is most, in order', () => {
    const list = new TopList();
    const next = prng(7);
    const counts = new Map<string, number>();
    for (let i = 0; i < 5000; i++) {
      const file = `f${next() % 150}`;
      const count = (counts.get(file) ?? 0) + 1;
      counts.set(file, count);
      list.put(file as Gfid, file, count, i);
    }
    const values = list.entries.map(({ value }) => value);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(values.length).toBe(100);
    for (const { path, value } of list.entries) expect(counts.get(path)).toBe(value);
  });
});

describe('debug/error-gen', () => {
  it('fails all of the fops that it is told to, and no others', async () => {
    const options = { failure: '100', 'error-no': 'ENOSPC', enable: 'writev,FSYNC' };
    await using stack = await GraphStack.open(['debug/error-gen', options]);
    const fd = await stack.create('f');
    await expect(stack.write(fd, 0, Buffer.from('x'))).rejects.toMatchObject({
      errno: 28,
      origin: 'error-gen',
    });
    await expect(stack.fsync(fd)).rejects.toMatchObject({ code: 'ENOSPC' });
    await stack.close(fd);
  });

  it('writes half where a short write is asked for', async () => {
    const options = { failure: '100', 'error-no': 'GF_ERROR_SHORT_WRITE', enable: 'write' };
    await using stack = await GraphStack.open(['debug/error-gen', options]);
    const fd = await stack.create('f');
    expect(await stack.write(fd, 0, Buffer.from('abcdef'))).toBe(3);
    expect(stack.held('f').toString()).toBe('abc');
    await stack.close(fd);
  });

  it('fails about as many as it is told to, with errors that fit, the same for the same randomness', async () => {
    const run = async () => {
      const next = prng(42);
      const random = { ...nodeEnv.random, u32: next, bytes: (n: number) => nodeEnv.random.bytes(n) };
      const registry = (type: string) => (type === 'storage/memory' ? MemoryBrick : xlatorRegistry(type));
      const volfile = stackVolfile([['debug/error-gen', { failure: '25%' }]], '/errors');
      const graph = Graph.build(volfile, registry, { env: { ...nodeEnv, random }, meta: false });
      graph.activate();
      const errors: string[] = [];
      for (let i = 0; i < 1000; i++)
        await graph.fops
          .fstat(frameOf('fstat'), graph.inodes.anonymousFd(graph.inodes.root, 0))
          .catch(error => errors.push(error.code));
      await graph.close();
      return errors;
    };
    const errors = await run();
    expect(errors.length).toBeGreaterThan(200);
    expect(errors.length).toBeLessThan(300);
    const likely = ['EACCES', 'EBADF', 'EFAULT', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOTDIR'];
    expect(new Set(errors)).toEqual(new Set(likely));
    expect(await run()).toEqual(errors);
  });
});

describe('debug/delay-gen', () => {
  it('holds up what it is told to', async () => {
    const options = { 'delay-percentage': '100', 'delay-duration': '2000', enable: 'lookup' };
    await using stack = await GraphStack.open(['debug/delay-gen', options]);
    const fd = await stack.create('f');
    await stack.close(fd);
    stack.brick.calls = [];
    const answer = stack.lookup('f');
    expect(stack.brick.calls.length).toBe(0);
    await answer;
    expect(stack.brick.calls.map(({ fop }) => fop)).toEqual(['lookup']);
  });

  it('refuses fops that there are not', async () => {
    await expect(GraphStack.open(['debug/delay-gen', { enable: 'fly' }])).rejects.toThrow(/'fly' is no fop/);
  });

  it('lets go of what it holds when the graph ends', async () => {
    const options = { 'delay-percentage': '100', 'delay-duration': '60000000', enable: 'lookup' };
    const stack = await GraphStack.open(['debug/delay-gen', options]);
    const answer = expect(stack.lookup('f')).rejects.toMatchObject({ code: 'ENOTCONN' });
    await stack[Symbol.asyncDispose]();
    await answer;
  });
});

describe('debug/trace', () => {
  it('remembers fops and answers in the form of GlusterFS', async () => {
    await using stack = await GraphStack.open([
      'debug/trace',
      { 'log-history': 'yes', 'exclude-ops': 'flush' },
    ]);
    const fd = await stack.create('f');
    await stack.write(fd, 3, Buffer.from('hello'));
    await stack.lookup('f');
    await expect(stack.lookup('g')).rejects.toMatchObject({ code: 'ENOENT' });
    await stack.close(fd);
    const dump = stack.graph.statedump();
    const lines = dump.split('\n').filter(line => line.startsWith('FOP='));
    const gfid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
    const patterns = [
      `create|^FOP=\\d+: gfid=0{8}-.* path=/f, fd=0x[0-9a-f]+, flags=0\\d+ mode=0644 umask=00$`,
      `created|^FOP=\\d+: gfid=.* \\(op_ret=0, fd=0x[0-9a-f]+\\*stbuf {gfid=${gfid} ino=\\d+, mode=100644, nlink=1`,
      `writev|^FOP=\\d+: gfid=${gfid} fd=0x[0-9a-f]+, count=1,  offset=3 flags=00 write_size=5$`,
      `written|^FOP=\\d+: \\(op_ret=5, \\*prebuf = {gfid=.* size=0, .*}, \\*postbuf = {gfid=.* size=8, `,
      `lookup|^FOP=\\d+: gfid=${gfid} path=/f$`,
      `found|^FOP=\\d+: gfid=${gfid} \\(op_ret=0 \\*buf {gfid=`,
      `lookup g|^FOP=\\d+: gfid=0.* path=/g$`,
      `failed|^FOP=\\d+: gfid=0.* op_ret=-1, op_errno=2\\)$`,
      `released|^FOP=gfid=${gfid} fd=0x[0-9a-f]+$`,
    ];
    expect(lines.length).toBe(patterns.length);
    patterns.forEach((pattern, i) => {
      const [what, expression] = pattern.split(/\|(.*)/s);
      expect(lines[i], what).toMatch(new RegExp(expression));
    });
  });

  it('remembers only so much', async () => {
    const options = { 'log-history': 'yes', 'history-size': '4', 'include-ops': 'lookup' };
    await using stack = await GraphStack.open(['debug/trace', options]);
    for (let i = 0; i < 5; i++) await stack.lookup(`f${i}`).catch(() => {});
    const paths = [...stack.graph.statedump().matchAll(/path=(\S+)/g)].map(([, path]) => path);
    expect(paths).toEqual(['/f3', '/f4']);
  });

  it('takes either what to include or what to exclude', async () => {
    const options = { 'include-ops': 'lookup', 'exclude-ops': 'stat' };
    await expect(GraphStack.open(['debug/trace', options])).rejects.toThrow(/only one of/);
  });

  it('is not in the way while it has nothing to log', async () => {
    await using stack = await GraphStack.open('debug/trace');
    expect(stack.graph.find('trace')!.implementsFop('lookup')).toBe(false);
    const { stat } = await stack.fops.stat(frameOf('stat'), stack.locOf(stack.graph.inodes.root), new Dict());
    expect(stat.gfid).toBe(GFID_ROOT);
  });
});
