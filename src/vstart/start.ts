import { createContext } from '../base/context.ts';
import { NacreError } from '../base/errors.ts';
import {
  type AuthEntityName,
  capsFromText,
  cryptoKeyToBase64,
  generateKey,
  Keyring,
  parseAuthEntityName,
} from '../ceph/auth/index.ts';
import { rebuildRootsWithClasses, setItemClass } from '../ceph/crush/index.ts';
import { InprocStack, type NetworkStack } from '../ceph/messenger/index.ts';
import { Monitor } from '../ceph/mon/index.ts';
import { MemStore } from '../ceph/object-store/index.ts';
import type { OsdMap } from '../ceph/osdmap/index.ts';
import { ADDR_LEGACY, ADDR_MSGR2, makeEntityAddr } from '../ceph/types/entity-addr.ts';
import { utimeFromMs } from '../ceph/types/utime.ts';
import { uuidFromRandom } from '../ceph/types/uuid.ts';
import type { Env } from '../env/env.ts';
import { nodeEnv } from '../env/node.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { clusterOptions, confText } from './conf.ts';

const HOST = '127.0.0.1';
const TIB = 2 ** 40;
const DEFAULT_CAPACITY = 4 * 2 ** 30;

const ADMIN_CAPS = { mds: 'allow *', mgr: 'allow *', mon: 'allow *', osd: 'allow *' };
const OSD_CAPS = { mgr: 'allow profile osd', mon: 'allow profile osd', osd: 'allow *' };

function makeKeys(env: Env, osds: number): Keyring {
  const keys = new Keyring();
  const created = utimeFromMs(env.clock.now());
  const add = (name: AuthEntityName, caps: Record<string, string>) =>
    keys.add(name, { key: generateKey(env.random, created), caps: capsFromText(caps) });
  add(parseAuthEntityName('mon.'), { mon: 'allow *' });
  add(parseAuthEntityName('client.admin'), ADMIN_CAPS);
  for (let osd = 0; osd < osds; osd++) add(parseAuthEntityName(`osd.${osd}`), OSD_CAPS);
  return keys;
}

function prepareMap(map: OsdMap, osds: number): void {
  for (let osd = 0; osd < osds; osd++) setItemClass(map.crush, osd, 'ssd');
  if (osds > 0) rebuildRootsWithClasses(map.crush);
  map.setCrush(map.crush);
  map.lastInChange = map.created;
}

async function filesOf(env: Env, dir: string | undefined): Promise<{ conf: string; keyring: string }> {
  if (dir !== undefined) {
    await env.fs.mkdir(dir);
    return { conf: `${dir}/ceph.conf`, keyring: `${dir}/ceph.client.admin.keyring` };
  }
  const tmp = env.host.env('TMPDIR') ?? '/tmp';
  const stem = `${tmp}/nacre-vstart-${env.random.bytes(6).toString('hex')}`;
  return { conf: `${stem}.conf`, keyring: `${stem}.client.admin.keyring` };
}

function refuse(message: string): never {
  throw new NacreError('EINVAL', 'vstart', message);
}

/**
 * Starts a monitor and OSDs in this process and resolves once all OSDs are up and the pools can be used.
 * @throws NacreError EINVAL for options that do not go together, EADDRINUSE when the port is taken
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { env = nodeEnv, osds = 3, auth = 'cephx', mode, proto = 'both', port = 0, signal } = options;
  signal?.throwIfAborted();
  if (!Number.isInteger(osds) || osds < 0 || osds > 1000) refuse(`${osds} is no number of OSDs`);
  if (auth === 'none' && mode === 'secure')
    refuse('secure mode needs keys, so it does not go with auth none');
  const files = await filesOf(env, options.dir);
  const fsid = uuidFromRandom(env.random.bytes(16));
  const keys = makeKeys(env, osds);
  const stack: NetworkStack | undefined = options.stack === 'inproc' ? new InprocStack(env) : undefined;
  const input = { fsid, keyring: files.keyring, auth, mode, proto, osds, conf: options.conf ?? {} };
  const uuids = Array.from({ length: osds }, () => uuidFromRandom(env.random.bytes(16)));
  const capacity = options.capacity ?? DEFAULT_CAPACITY;
  const host = env.host.hostname.split('.')[0];

  // The monitor's port is not known before it is bound, and it needs no mon_host itself.
  const text = (monHost: string) => confText(clusterOptions({ ...input, monHost }));
  const makeContext = (conf: string) => (name: string) =>
    createContext({
      env,
      kind: 'daemon',
      name,
      confText: conf,
      ignoreEnvironment: true,
      overrides: { ms_bind_port_min: 0, keyring: '' },
    });
  const addrs = [
    ...(proto === 'v1' ? [] : [makeEntityAddr(ADDR_MSGR2, HOST, port)]),
    ...(proto === 'v2'
      ? []
      : [makeEntityAddr(ADDR_LEGACY, HOST, port === 0 ? 0 : proto === 'v1' ? port : port + 1)]),
  ];
  const monContext = makeContext(text(''))('mon.a');
  const location = new Map([
    ['host', host],
    ['root', 'default'],
  ]);
  const monitor = Monitor.create({
    ctx: monContext,
    name: 'a',
    fsid,
    addrs,
    keyring: keys,
    stack,
    osdmap: {
      numOsds: osds,
      osdUuids: uuids,
      failureDomain: monContext.config.get('osd_crush_chooseleaf_type') === 0 ? 'osd' : 'host',
      location: () => location,
      weight: () => Number(Math.max(0.00001, capacity / TIB).toFixed(4)) || 0.0001,
    },
    prepareOsdMap: map => prepareMap(map, osds),
  });
  await monitor.start();

  const admin = parseAuthEntityName('client.admin');
  const adminKeys = new Keyring();
  adminKeys.add(admin, keys.get(admin)!);
  const conf = text(monitor.monHost);
  const cluster = new Cluster({
    env,
    fsid,
    confText: conf,
    ...files,
    adminKey: cryptoKeyToBase64(keys.getSecret(admin)!),
    keys,
    monitor,
    stack,
    stores: uuids.map(() => new MemStore({ capacity })),
    uuids,
    proto,
    makeContext: makeContext(conf),
    monContext,
    files: options.dir === undefined ? [files.conf, files.keyring] : [],
  });
  try {
    await env.fs.writeFile(files.keyring, adminKeys.toText(), 0o600);
    await env.fs.writeFile(files.conf, conf);
    await Promise.all(uuids.map((_, id) => cluster.startOsd(id, signal)));
    for (const pool of options.pools ?? []) await cluster.createPool(pool, { signal });
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
