import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { type Cluster, startCluster } from '../../src/vstart/index.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function ceph(conf: string, args: readonly string[], keyring?: string): Promise<Result> {
  const env = { ...process.env, CEPH_CONF: conf, CEPH_ARGS: '' };
  const all = ['--connect-timeout', '20', ...(keyring === undefined ? [] : ['-k', keyring]), ...args];
  return new Promise(resolve => {
    execFile('ceph', all, { env, timeout: 40_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128;
      resolve({ code, stdout, stderr });
    });
  });
}

/** Paths of all members; of lists the first element counts. Members of `free` have keys of their own. */
function shape(value: unknown, free: readonly string[], path = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : shape(value[0], free, `${path}[]`);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = `${path}.${key}`;
    return free.includes(at) ? [at] : [at, ...shape(inner, free, at)];
  });
}

/** Commands with members whose own members depend on the cluster. */
const SHAPES: readonly (readonly [string, (readonly string[])?])[] = [
  ['fsid'],
  ['health'],
  ['quorum_status'],
  ['mon dump'],
  ['mon stat'],
  ['osd stat'],
  ['osd dump', ['.pools[].application_metadata', '.erasure_code_profiles', '.blocklist']],
  ['osd tree'],
  ['osd ls'],
  ['osd getmaxosd'],
  ['osd map p object'],
  ['osd lspools'],
  ['osd pool ls'],
  ['osd pool ls detail', ['[].application_metadata']],
  ['osd pool get p all'],
  ['osd pool get p size'],
  ['osd pool application get p'],
  ['osd crush rule ls'],
  ['osd crush rule dump'],
  ['osd crush dump'],
  ['osd crush tree'],
  ['osd crush show-tunables'],
  ['osd erasure-code-profile ls'],
  ['osd utilization'],
  ['time-sync-status'],
  ['auth ls'],
  ['auth get client.admin'],
  ['config dump'],
  ['config log'],
  ['mgr stat'],
  ['mon feature ls'],
];

/** Command lines whose exit code and first words on standard error are the same on both. */
const ANSWERS: readonly string[] = [
  'osd pool create new 8',
  'osd pool create new 8',
  'osd pool set new size 2',
  'osd pool set new min_size 1',
  'osd pool set new size 99',
  'osd pool get nowhere size',
  'osd pool application enable new rbd',
  'osd pool application enable new other',
  'osd pool set-quota new max_objects 10',
  'osd pool set-quota new max_bytes 10K',
  'osd pool mksnap new s1',
  'osd pool mksnap new s1',
  'osd pool rmsnap new s1',
  'osd pool rmsnap new s1',
  'osd pool set new nodelete true',
  'osd pool rm new new --yes-i-really-really-mean-it',
  'osd pool set new nodelete false',
  'osd pool rm new',
  'osd pool rename new renamed',
  'osd pool rm renamed renamed --yes-i-really-really-mean-it',
  'osd pool rm renamed renamed --yes-i-really-really-mean-it',
  'osd set noout',
  'osd unset noout',
  'osd set pause',
  'osd unset pause',
  'osd out 0',
  'osd out 0',
  'osd in 0',
  'osd in 0',
  'osd in 77',
  'osd reweight 0 0.5',
  'osd reweight 0 1',
  'osd blocklist rm 1.2.3.4:0/5',
  'osd setmaxosd 9',
  'osd setmaxosd 1',
  'osd crush add-bucket h2 host',
  'osd crush add-bucket h2 host',
  'osd crush move h2 root=default',
  'osd crush rm h2',
  'osd crush rm h2',
  'osd crush rule create-replicated r2 default osd',
  'osd crush rule create-replicated r2 default osd',
  'osd crush rule rm r2',
  'osd crush rule rm r2',
  'auth get client.nobody',
  'auth print-key client.nobody',
  'auth add client.a mon "allow r"',
  'auth caps client.a mon "allow *"',
  'auth rm client.a',
  'auth rm client.a',
  'auth get-or-create client.b mon "foo bar"',
  'config set osd.0 debug_osd 5',
  'config get osd.0 debug_osd',
  'config rm osd.0 debug_osd',
  'config set global nonsense 5',
  'config-key set k v',
  'config-key get k',
  'config-key exists k',
  'config-key rm k',
  'config-key exists k',
  'osd erasure-code-profile get nonsense',
  'auth add client.c mon "allow r"',
  'auth get-or-create client.c mon "allow rw"',
  'config-key rm k',
  'config-key get k',
  'log something happened',
];

function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(m => m[1] ?? m[2]);
}

describe.skipIf(!haveRealCeph())("the monitor, asked by Ceph's ceph and held against Ceph's monitor", () => {
  let real: RealCeph;
  let ours: Cluster;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'mon-test-'));
    real = await RealCeph.start();
    ours = await startCluster({ dir });
    for (const conf of [real.conf, ours.conf]) {
      await ceph(conf, ['osd', 'pool', 'create', 'p', '8']);
      await ceph(conf, ['osd', 'pool', 'application', 'enable', 'p', 'rados']);
    }
  }, 120_000);
  afterAll(async () => {
    await ours?.stop();
    await real?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(SHAPES.map(([line, free]) => ({ line, free: free ?? [] })))(
    '$line has the members that Ceph prints',
    async ({ line, free }) => {
      const [a, b] = await Promise.all(
        [real.conf, ours.conf].map(conf => ceph(conf, [...words(line), '-f', 'json'])),
      );
      expect(b.code).toBe(a.code);
      const [theirs, own] = [a, b].map(({ stdout }) => [...new Set(shape(JSON.parse(stdout), free))].sort());
      expect(own).toEqual(theirs);
    },
  );

  it('answers changes as Ceph does, one after the other', async () => {
    const differ: unknown[] = [];
    const said = (text: string) => text.trim().replace(/\d+/g, 'N');
    for (const line of ANSWERS) {
      const [a, b] = await Promise.all([real.conf, ours.conf].map(conf => ceph(conf, words(line))));
      if (a.code !== b.code || said(a.stderr) !== said(b.stderr))
        differ.push({ line, ceph: [a.code, said(a.stderr)], ours: [b.code, said(b.stderr)] });
    }
    expect(differ).toEqual([]);
  }, 120_000);

  it('prints status as Ceph lays it out', async () => {
    const skeleton = (text: string) =>
      text
        .split('\n')
        .map(line => /^( *)([a-z]+:)?/.exec(line)![0])
        .filter(line => !line.includes('io:') && line.trim() !== '');
    const [a, b] = await Promise.all([real.conf, ours.conf].map(conf => ceph(conf, ['-s'])));
    expect(skeleton(b.stdout)).toEqual(skeleton(a.stdout));
  });

  it('lets entities do what their capabilities say', async () => {
    const keyring = join(dir, 'reader');
    const made = await ceph(ours.conf, ['auth', 'get-or-create', 'client.reader', 'mon', 'allow r']);
    writeFileSync(keyring, made.stdout);
    const as = (...args: string[]) => ceph(ours.conf, ['-n', 'client.reader', ...args], keyring);
    expect((await as('osd', 'stat')).code).toBe(0);
    const refused = await as('osd', 'pool', 'create', 'x');
    expect(refused.code).toBe(13);
    expect(refused.stderr).toContain('access denied');
    expect((await as('auth', 'ls')).code).toBe(13);
    await ceph(ours.conf, ['auth', 'rm', 'client.reader']);
    expect((await as('osd', 'stat')).code).not.toBe(0);
  });

  it('numbers self-managed snapshots as Ceph does, removed ones between', async () => {
    const numbers = async (cluster: Rados) => {
      await cluster.pools.create('snapshots');
      const io = await cluster.openPool('snapshots');
      const made: bigint[] = [];
      for (const gone of [[], [], [0], [], [1, 2], []]) {
        for (const i of gone) await io.removeSelfManagedSnapshot(made[i]);
        made.push(await io.createSelfManagedSnapshot());
      }
      await cluster.pools.delete('snapshots');
      return made;
    };
    await using theirs = await Rados.connect({ conf: real.conf });
    await using mine = await ours.connect();
    expect(await numbers(mine)).toEqual(await numbers(theirs));
  });

  it('answers tell', async () => {
    const { code, stdout } = await ceph(ours.conf, ['tell', 'mon.a', 'mon_status', '-f', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'a', state: 'leader', monmap: { fsid: ours.fsid } });
  });

  it('keeps every epoch of the OSD map', async () => {
    const file = join(dir, 'map');
    const { osds } = ours.monitor;
    for (const epoch of [1, osds.epoch]) {
      expect((await ceph(ours.conf, ['osd', 'getmap', String(epoch), '-o', file])).code).toBe(0);
      const dumped = await ceph(ours.conf, ['osd', 'dump', String(epoch), '-f', 'json']);
      expect(JSON.parse(dumped.stdout).epoch).toBe(epoch);
    }
  });
});

describe.skipIf(!haveRealCeph())("Ceph's OSD under our monitor", () => {
  it('boots, makes the PGs of a pool and serves its objects', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'mon-osd-'));
    const data = join(dir, 'osd.0');
    mkdirSync(data);
    let osd: ChildProcess | undefined;
    try {
      await using cluster = await startCluster({ osds: 0, dir });
      const uuid = randomUUID();
      expect((await ceph(cluster.conf, ['osd', 'new', uuid])).stdout.trim()).toBe('0');
      const caps = ['mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *'];
      const key = await ceph(cluster.conf, ['auth', 'get-or-create', 'osd.0', ...caps]);
      writeFileSync(join(data, 'keyring'), key.stdout);
      const args = ['-i', '0', '-c', cluster.conf, '--osd-data', data, '--keyring', join(data, 'keyring')];
      args.push('--osd-objectstore', 'memstore', '--log-file', join(dir, 'osd.log'), '--run-dir', dir);
      args.push(
        '--admin-socket=',
        '--pid-file=',
        '--public-addr',
        '127.0.0.1',
        '--cluster-addr',
        '127.0.0.1',
      );
      await new Promise(resolve => execFile('ceph-osd', [...args, '--mkfs', '--osd-uuid', uuid], resolve));
      osd = spawn('ceph-osd', ['-f', ...args], { stdio: 'ignore' });
      const { osds } = cluster.monitor;
      await expect.poll(() => osds.map.isUp(0), { timeout: 20_000 }).toBe(true);
      await ceph(cluster.conf, ['osd', 'pool', 'create', 'p', '4', '4', '--size', '1']);
      await using client = await cluster.connect();
      const io = await client.openPool('p');
      await io.writeFull('object', 'text');
      expect((await io.read('object')).toString()).toBe('text');
    } finally {
      osd?.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    }
  }, 60_000);
});
