import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, type ClusterOptions, startCluster } from '../../src/vstart/index.ts';
import { haveRealCeph } from '../support/real-ceph.ts';

const real = haveRealCeph();

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of Ceph's programs on the cluster. Asynchronous, since the cluster lives in this process. */
function run(cluster: Cluster, program: string, ...args: string[]): Promise<Result> {
  const env = { ...process.env, CEPH_CONF: cluster.conf, CEPH_ARGS: '' };
  return new Promise(resolve => {
    execFile(program, args, { env, timeout: 30_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128;
      resolve({ code, stdout, stderr });
    });
  });
}

async function ok(cluster: Cluster, program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(cluster, program, ...args);
  expect({ code, stderr: code === 0 ? '' : stderr }, `${program} ${args.join(' ')}`).toEqual({
    code: 0,
    stderr: '',
  });
  return stdout;
}

const KINDS: readonly ClusterOptions[] = [
  {},
  { mode: 'crc' },
  { mode: 'secure' },
  { proto: 'v2', mode: 'secure', osds: 1 },
  { proto: 'v1' },
  { auth: 'none' },
  { auth: 'none', proto: 'v1', osds: 2 },
];

describe.skipIf(!real).each(KINDS)("Ceph's tools on a cluster of ours: %j", options => {
  let cluster: Cluster;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'vstart-test-'));
    cluster = await startCluster({ ...options, dir });
  });
  afterAll(async () => {
    await cluster?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('answers ceph -s', async () => {
    const status = JSON.parse(await ok(cluster, 'ceph', '-s', '-f', 'json'));
    const osds = options.osds ?? 3;
    expect(status.fsid).toBe(cluster.fsid);
    expect(status.osdmap).toMatchObject({ num_osds: osds, num_up_osds: osds, num_in_osds: osds });
    expect(await ok(cluster, 'ceph', '-s')).toContain(`${osds} osds: ${osds} up`);
  });

  it.each([1, 2, 3])('stores and reads with %i copies', async size => {
    if (size > (options.osds ?? 3)) return;
    const pool = `p${size}`;
    const sure = '--yes-i-really-mean-it';
    await ok(cluster, 'ceph', 'osd', 'pool', 'create', pool, '8');
    await ok(cluster, 'ceph', 'osd', 'pool', 'set', pool, 'size', String(size), sure);
    const file = join(dir, 'in');
    const content = randomBytes(300_000);
    writeFileSync(file, content);
    await ok(cluster, 'rados', '-p', pool, 'put', 'object', file);
    expect(await ok(cluster, 'rados', '-p', pool, 'ls')).toBe('object\n');
    expect(await ok(cluster, 'rados', '-p', pool, 'stat', 'object')).toContain('size 300000');
    await ok(cluster, 'rados', '-p', pool, 'get', 'object', join(dir, 'out'));
    expect(readFileSync(join(dir, 'out')).equals(content)).toBe(true);

    const client = await cluster.connect();
    const io = await client.openPool(pool);
    expect((await io.read('object')).equals(content)).toBe(true);
    await io.writeFull('ours', content.subarray(0, 5000));
    await ok(cluster, 'rados', '-p', pool, 'get', 'ours', join(dir, 'out'));
    expect(readFileSync(join(dir, 'out')).equals(content.subarray(0, 5000))).toBe(true);

    await ok(cluster, 'rados', '-p', pool, 'rm', 'object');
    expect((await run(cluster, 'rados', '-p', pool, 'stat', 'object')).code).not.toBe(0);
    await client.close();
  });

  it('runs rados bench', async () => {
    await ok(cluster, 'ceph', 'osd', 'pool', 'create', 'bench', '8');
    const text = await ok(
      cluster,
      'rados',
      '-p',
      'bench',
      'bench',
      '1',
      'write',
      '-b',
      '4096',
      '--no-cleanup',
    );
    expect(Number(/Total writes made:\s+(\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
    await ok(cluster, 'rados', '-p', 'bench', 'bench', '1', 'rand');
    await ok(cluster, 'rados', '-p', 'bench', 'cleanup');
  });
});

describe('a cluster within the process', () => {
  it('works without a socket', async () => {
    await using cluster = await startCluster({ stack: 'inproc', pools: [{ name: 'data', size: 2 }] });
    await using client = await cluster.connect();
    const io = await client.openPool('data');
    await io.writeFull('a', 'text');
    expect((await io.read('a')).toString()).toBe('text');
  });

  it('goes on while an OSD is away, which comes back with what it had', async () => {
    await using cluster = await startCluster({ pools: [{ name: 'data' }] });
    await using client = await cluster.connect();
    const io = await client.openPool('data');
    await io.writeFull('before', 'one');
    const up = () => cluster.monitor.osds.map.isUp(0);
    await cluster.stopOsd(0);
    expect(up()).toBe(false);
    expect((await io.read('before')).toString()).toBe('one');
    await cluster.startOsd(0);
    expect(up()).toBe(true);
    expect((await io.read('before')).toString()).toBe('one');
    await cluster.stopOsd(0);
    await io.writeFull('after', 'two');
    expect((await io.read('after')).toString()).toBe('two');
  }, 30_000);

  it('removes its temporary files', async () => {
    const cluster = await startCluster({ osds: 1 });
    expect(readFileSync(cluster.conf, 'utf8')).toBe(cluster.confText);
    await cluster.stop();
    expect(() => readFileSync(cluster.conf)).toThrow('ENOENT');
    expect(() => readFileSync(cluster.keyring)).toThrow('ENOENT');
  });

  it('refuses what does not go together', async () => {
    await expect(startCluster({ auth: 'none', mode: 'secure' })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(startCluster({ osds: -1 })).rejects.toMatchObject({ code: 'EINVAL' });
  });
});
