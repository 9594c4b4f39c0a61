import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { Rbd } from '../../src/ceph/rbd/index.ts';
import { RealCeph } from '../support/real-ceph.ts';
import { checkObjectMap } from './rbd-peer.ts';

// Two clients have one image open, ours and the real one.

let ceph: RealCeph;
let cluster: Rados;
let pool: Rbd;

async function rbd(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ceph.exec('rbd', args);
  if (code !== 0) throw new Error(`rbd ${args.join(' ')}: ${stderr}`);
  return stdout.toString();
}

beforeAll(async () => {
  ceph = await RealCeph.start({ osds: 1 });
  await ceph.createPool('rbd', 8);
  await rbd('pool', 'init', 'rbd');
  cluster = await Rados.connect({ conf: ceph.conf });
  pool = await Rbd.open(cluster, 'rbd');
});

afterAll(async () => {
  await cluster?.close();
  await ceph?.[Symbol.asyncDispose]();
});

describe('an image that rbd and we have open', () => {
  test('is described alike', async () => {
    await rbd('create', 'info', '--size', '64M', '--stripe-unit', '65536', '--stripe-count', '4');
    await rbd('image-meta', 'set', 'info', 'conf_rbd_cache', 'false');
    await using image = await pool.open('info');
    const info = JSON.parse(await rbd('info', 'info', '--format', 'json')) as Record<string, unknown>;
    const ours = await image.info();
    expect(ours).toMatchObject({
      name: info['name'],
      id: info['id'],
      size: info['size'],
      objectCount: info['objects'],
      order: info['order'],
      objectPrefix: info['block_name_prefix'],
      stripeUnit: info['stripe_unit'],
      stripeCount: info['stripe_count'],
    });
    expect(image.ctx.config.get('rbd_cache')).toBe(false);
    expect(image.ctx.config.source('rbd_cache')).toBe('image');
  });

  test('changes hands: both write, and each sees what the other wrote', async () => {
    await rbd('create', 'hands', '--size', '64M');
    await using image = await pool.open('hands');
    for (let round = 1; round <= 3; round++) {
      await image.write(0, Buffer.alloc(4096, round));
      await image.flush();
      expect(image.exclusiveLock.isOwner).toBe(true);
      const [owner] = JSON.parse(await rbd('lock', 'ls', 'hands', '--format', 'json')) as {
        locker: string;
      }[];
      expect(owner.locker).toBe(`client.${cluster.instanceId}`);
      const { stdout, stderr } = await ceph.python(
        `
import rados, rbd
with rados.Rados(conffile='') as cluster:
    with cluster.open_ioctx('rbd') as io, rbd.Image(io, 'hands') as image:
        print(image.read(0, 4096) == bytes([${round}]) * 4096)
        image.write(bytes([${round + 100}]) * 4096, 4096)
`,
      );
      expect(stdout.toString().trim(), stderr).toBe('True');
      expect(image.exclusiveLock.isOwner).toBe(false);
      const data = await image.read(4096, 4096);
      expect(data.equals(Buffer.alloc(4096, round + 100))).toBe(true);
    }
    await image.close();
    await checkObjectMap(ceph, 'hands');
  });

  test('rbd has the owner of the lock do its work', async () => {
    await rbd('create', 'asks', '--size', '64M');
    await using image = await pool.open('asks');
    await image.write(0, Buffer.alloc(4096, 1));
    await image.flush();
    await rbd('snap', 'create', 'asks@one');
    await rbd('resize', 'asks', '--size', '128M');
    await rbd('snap', 'rename', 'asks@one', 'asks@two');
    await rbd('snap', 'protect', 'asks@two');
    await rbd('snap', 'unprotect', 'asks@two');
    await image.refresh();
    expect(image.exclusiveLock.isOwner).toBe(true);
    expect(image.size).toBe(128 * 2 ** 20);
    expect(image.ctx.state.snaps.map(({ name }) => name)).toEqual(['two']);
    await rbd('snap', 'rm', 'asks@two');
    await image.refresh();
    expect(image.ctx.state.snaps).toEqual([]);
    expect(image.exclusiveLock.isOwner).toBe(true);
  });

  test('we have an owner that is librbd do our work', async () => {
    await rbd('create', 'owned', '--size', '64M');
    const child = spawn(
      '/usr/bin/python3',
      [
        '-c',
        `
import rados, rbd, sys
with rados.Rados(conffile='') as cluster:
    with cluster.open_ioctx('rbd') as io, rbd.Image(io, 'owned') as image:
        image.lock_acquire(rbd.RBD_LOCK_MODE_EXCLUSIVE)
        image.write(b'x' * 4096, 0)
        print('owner', flush=True)
        sys.stdin.readline()
        print(image.is_exclusive_lock_owner(), image.size(), [s['name'] for s in image.list_snaps()], flush=True)
`,
      ],
      { env: { ...process.env, CEPH_CONF: ceph.conf }, stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const lines = createInterface({ input: child.stdout });
    const line = () => new Promise<string>(resolve => lines.once('line', resolve));
    expect(await line()).toBe('owner');
    await using image = await pool.open('owned');
    await image.snapshots.create('a');
    await image.resize(96 * 2 ** 20);
    await image.snapshots.rename('a', 'b');
    await image.snapshots.protect('b');
    await image.snapshots.unprotect('b');
    expect(image.exclusiveLock.isOwner).toBe(false);
    expect(image.size).toBe(96 * 2 ** 20);
    await expect(image.write(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'EROFS' });
    child.stdin.end('go\n');
    expect(await line()).toBe(`True ${96 * 2 ** 20} ['b']`);
    await image.snapshots.remove('b');
  });

  test('what is not there is refused by its name, or read only where that is safe', async () => {
    await rbd('create', 'journal', '--size', '8M', '--image-feature', 'exclusive-lock,journaling');
    const { stderr } = await ceph.python(`
import rados, rbd
with rados.Rados(conffile='') as cluster:
    with cluster.open_ioctx('rbd') as io, rbd.Image(io, 'journal') as image:
        image.write(b'j' * 8192, 0)
`);
    expect(stderr).toBe('');
    await expect(pool.open('journal')).rejects.toMatchObject({
      code: 'ENOTSUP',
      message: expect.stringContaining('journaling'),
    });
    await using image = await pool.open('journal', { readOnly: true });
    expect((await image.read(0, 8192)).equals(Buffer.alloc(8192, 'j'))).toBe(true);
    await expect(image.write(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'EROFS' });
    await rbd('create', 'moves', '--size', '8M');
    await rbd('migration', 'prepare', 'moves', 'moved');
    const migrating = { code: 'ENOTSUP', message: expect.stringContaining('migrating') };
    await expect(pool.open('moved')).rejects.toMatchObject(migrating);
    await expect(pool.open('moved', { readOnly: true })).rejects.toMatchObject(migrating);
    await rbd('migration', 'abort', 'moved');
    await using back = await pool.open('moves');
    await back.write(0, Buffer.alloc(512, 1));
  });

  test('a clone shows its parent, of another namespace too', async () => {
    await rbd('namespace', 'create', 'rbd/inner');
    await rbd('create', 'parent', '--size', '64M');
    const { stderr } = await ceph.python(`
import rados, rbd
with rados.Rados(conffile='') as cluster:
    with cluster.open_ioctx('rbd') as io, rbd.Image(io, 'parent') as image:
        image.write(b'p' * 8192, 0)
`);
    expect(stderr).toBe('');
    await rbd('snap', 'create', 'parent@s');
    await rbd('clone', 'parent@s', 'rbd/inner/child', '--rbd-default-clone-format', '2');
    await rbd('snap', 'create', 'rbd/inner/child@s');
    await rbd('clone', 'rbd/inner/child@s', 'grandchild', '--rbd-default-clone-format', '2');
    await using image = await pool.open('grandchild');
    expect((await image.read(0, 8192)).equals(Buffer.alloc(8192, 'p'))).toBe(true);
    expect(await image.parent()).toMatchObject({ imageName: 'child', namespace: 'inner', snapName: 's' });
    await rbd('flatten', 'grandchild');
    await image.refresh();
    expect(image.ctx.parent).toBeUndefined();
    expect((await image.read(0, 8192)).equals(Buffer.alloc(8192, 'p'))).toBe(true);
  });

  test('the lock of an owner that was killed is broken, and he is kept out', async () => {
    await rbd('create', 'dead', '--size', '64M');
    const child = spawn(
      '/usr/bin/python3',
      [
        '-c',
        `
import rados, rbd, time
cluster = rados.Rados(conffile='')
cluster.connect()
io = cluster.open_ioctx('rbd')
image = rbd.Image(io, 'dead')
image.write(b'x' * 4096, 0)
print('owner', flush=True)
time.sleep(600)
`,
      ],
      { env: { ...process.env, CEPH_CONF: ceph.conf }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise<void>(resolve => child.stdout.once('data', () => resolve()));
    await using image = await pool.open('dead');
    const [owner] = await image.exclusiveLock.owners();
    child.kill('SIGKILL');
    await image.write(0, Buffer.alloc(4096, 9));
    await image.flush();
    expect(image.exclusiveLock.isOwner).toBe(true);
    const { stdout } = await ceph.ceph(['osd', 'blocklist', 'ls']);
    expect(stdout.toString()).toContain(owner.address.replace(/^v\d:/, ''));
  });
});
