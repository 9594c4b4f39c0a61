import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createContext } from '../../src/base/context.ts';
import { parseAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import { Keyring } from '../../src/ceph/auth/keyring.ts';
import { createMessenger } from '../../src/ceph/messenger/messenger.ts';
import type { Connection } from '../../src/ceph/messenger/types.ts';
import { makeMonInfo, makeMonMap } from '../../src/ceph/mon-client/index.ts';
import { ENTITY_TYPE_MON, entityAddrVecText, parseEntityAddrVec } from '../../src/ceph/types/entity.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { testCluster } from '../auth/handshake.ts';
import type { ServerSide } from '../mon-client/loop.ts';
import { TestMonitor } from '../mon-client/monitor.ts';

const PYTHON = '/usr/bin/python3';
const haveLibrados = spawnSync(PYTHON, ['-c', 'import rados']).status === 0;
const FSID = '0a1b2c3d-0000-1111-2222-333344445555';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

interface Setup {
  readonly auth: 'cephx' | 'none';
  readonly mode: 'crc' | 'secure';
  readonly proto: 'v1' | 'v2';
}

/** A monitor of ours that authenticates, gives its map, and answers commands with what they said. */
async function startMonitor({ auth, mode, proto }: Setup) {
  const dir = mkdtempSync(join(tmpdir(), 'monauth-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  const env = nodeEnv;
  const options = {
    clusterRequired: auth,
    serviceRequired: auth,
    monClusterMode: mode,
    monServiceMode: mode,
  };
  const cluster = testCluster(env, options, { serviceTicketTtl: () => 6, monTicketTtl: () => 9 });
  const rotate = setInterval(() => cluster.keys.updateRotating(), 1000);
  cleanups.push(() => clearInterval(rotate));
  const context = createContext({ env, conf: null, ignoreEnvironment: true });
  const monitor = new TestMonitor('a', cluster.mon, makeMonMap([]));
  const messenger = createMessenger({
    context,
    name: { type: ENTITY_TYPE_MON, num: 0 },
    authServer: cluster.mon,
    nonce: 0,
    config: { ms_bind_port_min: 0 },
  });
  cleanups.push(async () => {
    await messenger.shutdown();
    await context.close();
  });
  const addrs = await messenger.bind(parseEntityAddrVec(`${proto}:127.0.0.1:0`)!);
  monitor.map = makeMonMap([makeMonInfo('a', addrs)], {
    epoch: 1,
    fsid: FSID,
    minMonRelease: 16,
    // Kraken .. pacific, as monitors of that release have them.
    persistentFeatures: 0xffn,
  });
  const sides = new Map<Connection, ServerSide>();
  const sideOf = (con: Connection): ServerSide => {
    let side = sides.get(con);
    if (side === undefined) {
      side = { peer: con.peer!, isMsgr2: proto === 'v2', send: m => con.send(m) };
      sides.set(con, side);
      monitor.accept(side);
    }
    return side;
  };
  messenger.addDispatcher({
    handleAccept: con => void sideOf(con),
    handleReset: con => void sides.delete(con),
    dispatch(con, m) {
      monitor.receive(sideOf(con), m);
      return true;
    },
  });
  const keyring = new Keyring();
  for (const { name, auth: entity } of cluster.keys.entries()) keyring.add(name, entity);
  writeFileSync(join(dir, 'keyring'), keyring.toText());
  const modes = ['ms_client_mode', 'ms_mon_client_mode'].map(option => `${option} = ${mode}`);
  const conf = join(dir, 'ceph.conf');
  writeFileSync(
    conf,
    [
      '[global]',
      `fsid = ${FSID}`,
      `mon_host = ${entityAddrVecText(addrs).startsWith('[') ? '' : '['}${entityAddrVecText(addrs)}]`,
      `auth_client_required = ${auth}`,
      `keyring = ${join(dir, 'keyring')}`,
      ...modes,
      '',
    ].join('\n'),
  );
  return { dir, conf, cluster, monitor };
}

/** Runs a program of real librados. */
function python(source: string, args: string[]): Promise<{ code: number; out: string }> {
  return new Promise(resolve => {
    const env = { ...process.env, CEPH_ARGS: '' };
    execFile(PYTHON, ['-c', source, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, out: stdout + stderr });
    });
  });
}

const CLIENT = `
import rados, sys, json, time
c = rados.Rados(conffile=sys.argv[1], name=sys.argv[2], conf={'client_mount_timeout': '15', 'mon_client_ping_interval': '1'})
c.connect()
ids = [c.get_instance_id()]
for i in range(int(sys.argv[3])):
    r, out, outs = c.mon_command(json.dumps({'prefix': 'say %d' % i}), b'input')
    assert r == 0, (r, outs)
    print(outs)
    if i: time.sleep(4)
print('fsid', c.get_fsid())
print('id', c.get_instance_id())
c.shutdown()
`;

describe.skipIf(!haveLibrados)("librados at a monitor's authentication of ours", () => {
  it.each<Setup>([
    { auth: 'cephx', mode: 'crc', proto: 'v2' },
    { auth: 'cephx', mode: 'secure', proto: 'v2' },
    { auth: 'cephx', mode: 'crc', proto: 'v1' },
    { auth: 'none', mode: 'crc', proto: 'v2' },
    { auth: 'none', mode: 'crc', proto: 'v1' },
  ])('is let in: $auth, $mode, $proto', async setup => {
    const { conf } = await startMonitor(setup);
    const { out } = await python(CLIENT, [conf, 'client.admin', '1']);
    expect(out).toContain('a: {"prefix": "say 0"}');
    expect(out).toContain(`fsid ${FSID}`);
  });

  it.each(['v1', 'v2'] as const)('renews its tickets with us (%s)', async proto => {
    const { conf, cluster, monitor } = await startMonitor({ auth: 'cephx', mode: 'crc', proto });
    const { out } = await python(CLIENT, [conf, 'client.admin', '5']);
    expect(out).toContain('a: {"prefix": "say 4"}');
    expect(out).toContain(`fsid ${FSID}`);
    expect(cluster.refusals).toEqual([]);
    const renewals = monitor.renewals;
    expect(renewals.length).toBeGreaterThan(1);
    expect(renewals.every(result => result >= 0)).toBe(true);
  });

  it('is refused with a wrong key or name', async () => {
    const { conf, cluster, dir } = await startMonitor({ auth: 'cephx', mode: 'crc', proto: 'v2' });
    const wrong = Keyring.parse('[client.admin]\nkey = AQCsIwFrpAexMRAAHLzkYa18uIGaUd4zvMbdkw==\n');
    const stranger = parseAuthEntityName('client.stranger');
    wrong.add(stranger, wrong.get(parseAuthEntityName('client.admin'))!);
    writeFileSync(join(dir, 'keyring'), wrong.toText());
    expect((await python(CLIENT, [conf, 'client.admin', '1'])).out).toMatch(/denied|not permitted/i);
    expect(cluster.refusals.join()).toMatch(/client\.admin has another key/);
    expect((await python(CLIENT, [conf, 'client.stranger', '1'])).code).toBe(1);
    expect(cluster.refusals.join()).toMatch(/no entity client\.stranger/);
  });
});
