import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { dataMethods } from '../../src/ceph/osd/cls/rbd-data.ts';
import { detectionMethods } from '../../src/ceph/osd/cls/rbd-detection.ts';
import { directoryMethods } from '../../src/ceph/osd/cls/rbd-directory.ts';
import { headerMethods } from '../../src/ceph/osd/cls/rbd-header.ts';
import { objectMapMethods } from '../../src/ceph/osd/cls/rbd-object-map.ts';
import { oldFormatMethods } from '../../src/ceph/osd/cls/rbd-old.ts';
import { parentMethods } from '../../src/ceph/osd/cls/rbd-parents.ts';
import { snapshotMethods } from '../../src/ceph/osd/cls/rbd-snapshots.ts';
import { type IoCtx, Rados, WriteOperation } from '../../src/ceph/rados/index.ts';
import { lockInfo } from '../../src/ceph/types/cls-lock.ts';
import { clsRbdSnap } from '../../src/ceph/types/cls-rbd-header.ts';
import { type Cluster, startCluster } from '../../src/vstart/index.ts';
import { randomSteps, type Step, scriptedSteps } from '../rbd/cls-steps.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

const METHODS = [
  headerMethods,
  snapshotMethods,
  parentMethods,
  directoryMethods,
  objectMapMethods,
  dataMethods,
  oldFormatMethods,
  detectionMethods,
].flatMap(methods => Object.entries(methods));

const LIFE = `
rbd create --size 24M empty
rbd ls -l
rbd info empty
rbd import --stripe-unit 65536 --stripe-count 3 --object-size 1M FILE striped
rbd import --data-pool DATA FILE image
rbd info image
rbd info striped
rbd bench --io-type write --io-size 64K --io-total 512K --io-pattern seq empty
rbd snap create image@one
rbd snap protect image@one
rbd snap ls image
rbd clone image@one kid
rbd clone --rbd-default-clone-format 2 image@one kid2
rbd children image@one
rbd info kid
rbd resize --size 8M kid
rbd export kid OUT2
rbd snap create kid@a
rbd snap create kid2@a
rbd clone --rbd-default-clone-format 2 kid2@a grandkid
rbd info grandkid
rbd du
rbd snap rm kid2@a
rbd snap ls --all kid2
rbd flatten kid
rbd flatten grandkid
rbd snap ls --all kid2
rbd info kid2
rbd snap unprotect image@one
rbd flatten kid2
rbd snap unprotect image@one
rbd snap rename image@one image@two
rbd diff image
rbd export-diff image@two OUT1
rbd import-diff OUT1 empty
rbd snap rollback image@two
rbd snap limit set --limit 1 image
rbd snap create image@more
rbd snap purge image
rbd image-meta set image key value
rbd image-meta ls image
rbd config image set image rbd_cache false
rbd lock add image here
rbd lock ls image
rbd feature disable image object-map fast-diff
rbd info image
rbd feature enable striped journaling --dry
rbd sparsify striped
rbd export striped OUT3
rbd object-map check striped
rbd object-map rebuild striped
rbd cp striped copy
rbd deep cp kid deep
rbd mv copy copied
rbd trash mv copied
rbd trash ls
rbd trash purge
rbd namespace create --namespace ns
rbd namespace ls
rbd create --namespace ns --size 1M x
rbd ls --namespace ns
rbd namespace rm --namespace ns
rbd rm --namespace ns x
rbd namespace rm --namespace ns
rbd mirror pool info
rbd status kid
rbd rm kid
rbd rm kid2
rbd rm grandkid
rbd rm striped
rbd rm deep
rbd rm none
rbd ls -l
`;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What two clusters give, without what must differ: moments and random names. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (value instanceof Map) return [...value].map(([k, v]) => [k, plain(v)]);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [k, v] of Object.entries(value)) {
    if (k === 'timestamp') copy[k] = v !== 0;
    else if (k === 'name' && typeof v === 'string' && UUID.test(v)) copy[k] = 'a uuid';
    else copy[k] = plain(v);
  }
  return copy;
}

async function outcome(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: plain(await run()) };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    return { error: code };
  }
}

function stored(key: string, value: Buffer): unknown {
  if (key.endsWith('_timestamp')) return value.length;
  if (!key.startsWith('snapshot_')) return value.toString('hex');
  const snap = clsRbdSnap.decode(new Decoder(value));
  const zero = { sec: 0, nsec: 0 };
  const name = UUID.test(snap.name) ? 'a uuid' : snap.name;
  return [
    encodeToBuffer(e => clsRbdSnap.encode(e, { ...snap, timestamp: zero, name })).toString('hex'),
    value.length,
    snap.timestamp.sec > 0,
  ];
}

/** Locks name their holders, who are others. */
function attribute(name: string, value: Buffer): unknown {
  if (!name.startsWith('lock.')) return value.toString('hex');
  const { lockers, lockType, tag } = lockInfo.decode(new Decoder(value));
  return { lockType, tag, lockers: lockers.map(([{ cookie }, { description }]) => [cookie, description]) };
}

/** Everything that the objects of a pool have. */
async function dump(io: IoCtx): Promise<unknown[]> {
  const names: string[] = [];
  for await (const { oid } of io.list()) names.push(oid);
  const objects: unknown[] = [];
  for (const oid of names.sort()) {
    const omap: unknown[] = [];
    for (const [key, value] of (await io.omapGetPage(oid, { max: 10_000 })).values)
      omap.push([key, stored(key, Buffer.from(value))]);
    const xattrs = [...(await io.getXattrs(oid))].map(([name, value]) => [name, attribute(name, value)]);
    objects.push({ oid, omap, xattrs, data: Buffer.from(await io.read(oid)).toString('hex') });
  }
  return objects;
}

describe.skipIf(!haveRealCeph())('class rbd of our OSDs beside that of ceph-osd', () => {
  let ceph: RealCeph;
  let cluster: Cluster;
  let dir: string;
  let real: Rados;
  let ours: Rados;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cls-rbd-'));
    const conf = { osd_pool_default_size: '1' };
    [ceph, cluster] = await Promise.all([
      RealCeph.start({ osds: 1, conf }),
      startCluster({ dir, osds: 3, conf }),
    ]);
    real = await Rados.connect({ conf: ceph.conf });
    ours = await cluster.connect();
  }, 120_000);
  afterAll(async () => {
    await real?.[Symbol.asyncDispose]();
    await ours?.[Symbol.asyncDispose]();
    await cluster?.stop();
    await ceph?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  let made = 0;
  /** A new pool on each. */
  async function pools(purpose: string): Promise<[IoCtx, IoCtx]> {
    const name = `${purpose}${made++}`;
    await ceph.createPool(name, 4);
    await cluster.createPool({ name, pgNum: 4, size: 1 });
    return [await real.openPool(name), await ours.openPool(name)];
  }

  /** Runs each step on both. */
  async function compare(steps: Iterable<Step>, [a, b]: [IoCtx, IoCtx], every: number): Promise<void> {
    let n = 0;
    for (const [name, step] of steps) {
      const [want, have] = await Promise.all([outcome(() => step(a)), outcome(() => step(b))]);
      expect(have, `step ${n}: ${name}`).toEqual(want);
      if (++n % every === 0) expect(await dump(b), `after step ${n}: ${name}`).toEqual(await dump(a));
    }
    expect(await dump(b)).toEqual(await dump(a));
  }

  it('does the same, method by method', async () => {
    const ios = await pools('scripted');
    await compare(scriptedSteps(), ios, 10);
  }, 120_000);

  it('does the same in any order', async () => {
    const ios = await pools('random');
    const seed = Number(process.env['NACRE_SEED'] ?? Date.now() & 0xffff);
    console.log(`random sequence of methods: NACRE_SEED=${seed}`);
    await compare(randomSteps(seed, 1500), ios, 250);
  }, 240_000);

  it('refuses the same when the arguments are missing', async () => {
    const [a, b] = await pools('nothing');
    for (const oid of ['not there', 'there']) {
      if (oid === 'there') for (const io of [a, b]) await io.writeFull(oid, 'x');
      for (const [method, { flags }] of METHODS) {
        if (method.endsWith('timestamp')) continue;
        const call = (io: IoCtx): Promise<unknown> => {
          if ((flags & 2) === 0) return io.exec(oid, 'rbd', method);
          const op = new WriteOperation();
          op.exec('rbd', method);
          return io.operate(oid, op).then(() => 'done');
        };
        const [want, have] = await Promise.all([outcome(() => call(a)), outcome(() => call(b))]);
        expect(have, `${method} on an object that is ${oid}`).toEqual(want);
      }
    }
    expect(await dump(b)).toEqual(await dump(a));
  }, 120_000);

  /** One of Ceph's programs on either cluster; what it says, without what differs from run to run. */
  async function run(conf: string, line: string): Promise<string> {
    const [program, ...args] = line.split(' ');
    const env = { ...process.env, CEPH_CONF: conf, CEPH_ARGS: '' };
    const { code, out } = await new Promise<{ code: unknown; out: string }>(resolve => {
      execFile(program, args, { env, timeout: 60_000 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (error.code ?? error.signal), out: stdout + stderr }),
      );
    });
    // A benchmark's figures are its own, progress depends on what finishes first.
    if (args[0] === 'bench') return `${code}`;
    const same = out
      .replace(/^\d{4}-\d\d-\d\dT\S+ \S+ /gm, '')
      .replace(/^.*\r/gm, '')
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID')
      .replace(/\b[0-9a-f]{9,}\b/g, 'ID')
      .replace(/[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, 'TIME')
      .replace(/client\.\d+/g, 'client.N')
      .replace(/127\.0\.0\.1:0\/\d+/g, 'ADDR')
      // Ids of snapshots are the monitor's.
      .replace(/^ +\d+ {2}/gm, 'SNAP  ')
      .replace(/[ \t]+$/gm, '')
      .replace(/ {2,}/g, '  ');
    return `${code} ${same}`;
  }

  it("serves the rbd command through an image's life", async () => {
    await ceph.createPool('rbd', 8);
    await cluster.createPool({ name: 'rbd', pgNum: 8, application: 'rbd' });
    await pools('data');
    const file = join(dir, 'content');
    writeFileSync(file, randomBytes(5_000_000));
    const dataPool = `data${made - 1}`;
    let n = 0;
    let succeeded = 0;
    for (const line of LIFE.trim().split('\n')) {
      const text = line.replaceAll('DATA', dataPool).replaceAll('FILE', file);
      const on = (which: string): string => text.replaceAll('OUT', join(dir, which));
      const [want, have] = await Promise.all([run(ceph.conf, on('real')), run(cluster.conf, on('ours'))]);
      expect(have, `line ${++n}: ${text}`).toBe(want);
      if (want.startsWith('0')) succeeded++;
    }
    expect(succeeded).toBeGreaterThan(n * 0.8);
    for (const what of ['1', '2', '3'])
      expect(readFileSync(join(dir, `ours${what}`)).equals(readFileSync(join(dir, `real${what}`)))).toBe(
        true,
      );
    expect(readFileSync(join(dir, 'ours2')).subarray(0, 5_000_000).equals(readFileSync(file))).toBe(true);
  }, 240_000);
});
