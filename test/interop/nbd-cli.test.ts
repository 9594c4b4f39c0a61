import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster } from '../../src/vstart/index.ts';
import { fresh } from '../support/fresh.ts';
import { NACRE } from '../support/nacre.ts';
import { NbdGateway } from '../support/nbd-gateway.ts';
import { RawNbdClient, requestBytes } from '../support/nbd-raw.ts';
import { haveNbdTools, libnbd, makeCertificates, tool, toolOk } from '../support/nbd-tools.ts';
import { pause, resume } from '../support/pause.ts';
import { FsxRandom } from '../support/rbd-fsx.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

const MIB = 1 << 20;
const NO_CACHE = '--rbd_cache=false';

/** A range of bytes: where it begins and ends. */
type Range = readonly [number, number];

/** Ranges without gaps between them become one. */
function merged(ranges: readonly Range[]): Range[] {
  const out: [number, number][] = [];
  for (const [from, to] of ranges) {
    const last = out.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

function within(inner: readonly Range[], outer: readonly Range[]): boolean {
  return inner.every(([from, to]) => outer.some(([a, b]) => a <= from && to <= b));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

describe.skipIf(!haveNbdTools() || !haveRealCeph())('nacre rbd nbd as a command', () => {
  let ceph: RealCeph;
  let dir: string;
  const gateways: NbdGateway[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-nbd-cli-'));
    // Quotas are looked after by what the manager counts.
    ceph = await RealCeph.start({
      osds: 1,
      mgr: true,
      store: 'memstore',
      conf: { osd_client_watch_timeout: 3 },
    });
    await ceph.createPool('rbd');
  });

  afterAll(async () => {
    for (const gateway of gateways) await gateway.kill();
    await ceph?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const rbd = (...args: string[]) => toolOk('rbd', ['-c', ceph.conf, ...args]);

  async function gateway(
    args: readonly string[],
    options?: Parameters<typeof NbdGateway.start>[3],
    conf = ceph.conf,
  ) {
    const made = await NbdGateway.start(conf, join(dir, `s${gateways.length}`), args, options);
    gateways.push(made);
    return made;
  }

  it('serves several images over TCP and TLS, and tells where', async () => {
    const certs = join(dir, 'certs');
    await makeCertificates(certs);
    await rbd('create', 'rbd/one', '--size', '8M');
    await rbd('create', 'rbd/two', '--size', '4M');
    await rbd('bench', '--io-type', 'write', '--io-size', '64K', '--io-total', '1M', 'rbd/two');
    await rbd('snap', 'create', 'rbd/two@snap');
    const port = await freePort();
    const tls = ['cert', 'key'].map(what => `--tls-${what}=${join(certs, `server-${what}.pem`)}`);
    const specs = ['rbd/one', 'rbd/two', 'rbd/two@snap'];
    const served = await gateway([
      ...specs,
      ...['--listen', `127.0.0.1:${port}`, ...tls, `--tls-ca=${join(certs, 'ca-cert.pem')}`],
    ]);
    const query = `?tls-certificates=${certs}`;
    const listed = JSON.parse(
      await toolOk('nbdinfo', ['--json', '--list', `nbds://localhost:${port}/${query}`]),
    ) as {
      exports: Record<string, unknown>[];
    };
    expect(listed.exports.map(each => each['export-name'])).toEqual(specs);
    expect(listed.exports.map(each => each['export-size'])).toEqual([8 * MIB, 4 * MIB, 4 * MIB]);
    expect(listed.exports.map(each => each['is_read_only'])).toEqual([false, false, true]);
    const uris = served.stdout.trim().split('\n');
    expect(uris).toHaveLength(6);
    for (const name of ['two', 'two@snap']) {
      const uri = uris.find(
        each => each.startsWith('nbds://') && decodeURIComponent(each).endsWith(`/${name}`),
      )!;
      const to = join(dir, 'to');
      await toolOk('nbdcopy', [`${uri}${query}`, to]);
      const want = join(dir, 'want');
      await rbd('export', `rbd/${name}`, want);
      expect(readFileSync(to).equals(readFileSync(want))).toBe(true);
      rmSync(want);
    }
    expect((await tool('nbdinfo', [`nbd://127.0.0.1:${port}/`])).code).not.toBe(0);
    expect(await served.stop()).toBe(0);
    const taken = await tool(process.execPath, [...NACRE, 'rbd', 'nbd']);
    expect(taken.code).not.toBe(0);
    expect(taken.stderr).toContain('image-spec');
  });

  it('refuses writes with --read-only, whatever the client believes, beside a client that writes', async () => {
    const image = fresh('rbd/kept');
    await rbd('create', image, '--size', '4M');
    await rbd('bench', '--io-type', 'write', '--io-size', '64K', '--io-total', '1M', image);
    const served = await gateway([image, '--read-only']);
    const info = JSON.parse(await toolOk('nbdinfo', ['--json', served.uri()])) as {
      exports: Record<string, unknown>[];
    };
    expect(info.exports[0]['is_read_only']).toBe(true);
    expect((await tool('qemu-io', ['-f', 'raw', '-c', 'write 0 4k', served.uri()])).code).not.toBe(0);
    await libnbd(`
import errno
h = nbd.NBD()
h.set_strict_mode(0)
h.connect_uri('${served.uri()}')
before = h.pread(4096, 0)
for change in (lambda: h.pwrite(b'x' * 4096, 0), lambda: h.trim(4096, 0), lambda: h.zero(4096, 0)):
    try:
        change()
        raise AssertionError('it was let through')
    except nbd.Error as error:
        assert error.errnum == errno.EPERM, error
assert h.pread(4096, 0) == before
h.shutdown()
`);
    // It takes no lock, so others go on writing.
    await rbd('bench', '--io-type', 'write', '--io-size', '64K', '--io-total', '1M', image);
    const [read, want] = [join(dir, 'ro'), join(dir, 'ro-want')];
    await toolOk('nbdcopy', [served.uri(), read]);
    await rbd('export', image, want);
    expect(readFileSync(read).equals(readFileSync(want))).toBe(true);
    expect(await served.stop()).toBe(0);
  });

  it('ends with the last client that used an export', async () => {
    const served = await gateway(['rbd/one', '--export-name', 'disk'], { persistent: false });
    // Who only looks does not count.
    await toolOk('nbdinfo', ['--list', served.uri()]);
    await libnbd(`
a = nbd.NBD()
a.connect_uri('${served.uri('disk')}')
b = nbd.NBD()
b.connect_uri('${served.uri()}')
a.pwrite(b'kept' * 128, 0)
a.shutdown()
assert b.pread(4, 0) == b'kept'
b.shutdown()
`);
    expect(await served.ended).toBe(0);
    const back = join(dir, 'back');
    await rbd('export', 'rbd/one', back);
    expect(readFileSync(back).toString('latin1', 0, 8)).toBe('keptkept');
  });

  it('answers what waits for the OSDs before it ends; a second signal does not wait', async () => {
    const osd = ceph.pid('osd.0')!;
    for (const patient of [true, false]) {
      const served = await gateway(['rbd/one', NO_CACHE]);
      const client = await RawNbdClient.connect(served.socket);
      await client.enter('');
      client.write(requestBytes(1, 1, 0, 4), Buffer.from('1st '));
      expect(await client.reply()).toMatchObject({ cookie: 1, error: 0 });
      await pause(osd);
      try {
        client.write(requestBytes(1, 2, 0, 4), Buffer.from('2nd '));
        const reply = client.reply();
        // Without a cache a write is finished when it is safe.
        expect(await Promise.race([reply, sleep(400)])).toBeUndefined();
        served.child.kill('SIGTERM');
        await sleep(300);
        expect(served.child.exitCode).toBeNull();
        if (patient) {
          resume(osd);
          expect(await reply).toMatchObject({ cookie: 2, error: 0 });
          expect(await served.ended).toBe(0);
        } else {
          served.child.kill('SIGTERM');
          expect(await served.ended).toBe(1);
          await expect(reply).rejects.toThrow('left');
        }
      } finally {
        resume(osd);
      }
    }
  });

  it('keeps to the size that a client was told when the image shrinks and grows', async () => {
    const image = fresh('rbd/sized');
    await rbd('create', image, '--size', '16M', '--object-size', '1M');
    const served = await gateway([image, NO_CACHE]);
    const script = libnbd(`
import subprocess, time
def rbd(*args):
    subprocess.run(('rbd', '-c', '${ceph.conf}', '--no-progress') + args, check=True)
def expect(codes, what, *args):
    for i in range(100):
        try:
            what(*args)
        except nbd.Error as e:
            assert e.errno in codes, e
            return
        time.sleep(0.1)
    raise AssertionError('no error')
h = nbd.NBD()
h.connect_uri('${served.uri()}')
h.pwrite(b'x' * 4096, 12 << 20)
rbd('resize', '--allow-shrink', '--size', '8M', '${image}')
expect(('ENOSPC',), h.pwrite, b'y' * 4096, 12 << 20)
expect(('EINVAL', 'EIO'), h.pread, 4096, 12 << 20)
assert h.get_size() == 16 << 20
h.pwrite(b'z' * 4096, 8388608 - 4096)
rbd('resize', '--size', '24M', '${image}')
for i in range(100):
    g = nbd.NBD()
    g.connect_uri('${served.uri()}')
    if g.get_size() == 24 << 20: break
    g.shutdown()
    time.sleep(0.1)
assert g.get_size() == 24 << 20
g.pwrite(b'w' * 4096, 20 << 20)
assert h.pread(4096, 12 << 20) == bytes(4096)
print('sized')
`);
    expect(await script).toBe('sized\n');
    expect(await served.stop()).toBe(0);
  });

  /** Where data is, as who says: NBD's block status, `rbd diff`, qemu's driver for RBD. */
  async function dataRanges(
    uri: string,
    image: string,
  ): Promise<{ ours: Range[]; diff: Range[]; qemu: Range[] }> {
    type Extents = {
      offset: number;
      start: number;
      length: number;
      type: number;
      data: boolean;
      exists: string;
    }[];
    const parse = (text: string) => JSON.parse(text) as Extents;
    const all = parse(await toolOk('nbdinfo', ['--map', '--json', uri]));
    const ours = all
      .filter(each => each.type === 0)
      .map(each => [each.offset, each.offset + each.length] as const);
    const diff = parse(await rbd('diff', '--format', 'json', image))
      .filter(each => each.exists === 'true')
      .map(each => [each.offset, each.offset + each.length] as const);
    const driver = `rbd:${image}:conf=${ceph.conf}`;
    const map = ['map', '--output=json', '-f', 'raw'];
    const rangesOf = (text: string) =>
      merged(
        parse(text)
          .filter(each => each.data)
          .map(each => [each.start, each.start + each.length] as const),
      );
    const qemu = rangesOf(await toolOk('qemu-img', [...map, driver]));
    // qemu's client asks in other pieces than libnbd's.
    expect(within(merged(diff), rangesOf(await toolOk('qemu-img', [...map, uri])))).toBe(true);
    return { ours: merged(ours), diff: merged(diff), qemu };
  }

  it('tells of holes what rbd and qemu tell: within objects, of many objects, of clones', async () => {
    const random = new FsxRandom(8);
    const features = (...names: string[]) => names.flatMap(name => ['--image-feature', name]);
    const fast = features('layering', 'exclusive-lock', 'object-map', 'fast-diff');
    const [small, plain, large, clone] = ['small', 'plain', 'large', 'kid'].map(name => fresh(`rbd/${name}`));
    await rbd('create', small, '--size', '64M', '--object-size', '1M', ...fast);
    await rbd('create', plain, '--size', '600M', '--object-size', '1M', ...features('layering'));
    await rbd('create', large, '--size', '600M', '--object-size', '1M', ...fast);
    const served = await gateway([small, plain, large, NO_CACHE]);
    const write = async (target: NbdGateway, name: string, size: number) => {
      const writes = Array.from({ length: 25 }, () => 4096 * random.below(size / 4096 - 64)).flatMap(at => [
        ...['-c', `write -P 7 ${at} ${4096 * (1 + random.below(64))}`],
      ]);
      await toolOk('qemu-io', ['-f', 'raw', ...writes, '-c', 'discard 5M 2M', target.uri(name)]);
    };
    await write(served, small, 64 * MIB);
    for (const name of [plain, large]) await write(served, name, 600 * MIB);
    for (const name of [small, plain, large]) {
      const { ours, diff, qemu } = await dataRanges(served.uri(name), name);
      expect(diff.length).toBeGreaterThan(5);
      if (name !== large) expect(ours, name).toEqual(diff);
      expect(within(diff, ours), name).toBe(true);
      expect(within(ours, qemu), name).toBe(true);
    }
    await rbd('snap', 'create', `${small}@s`);
    await rbd('clone', '--rbd-default-clone-format', '2', `${small}@s`, clone);
    const kid = await gateway([clone, NO_CACHE]);
    await write(kid, clone, 64 * MIB);
    const { ours, diff } = await dataRanges(kid.uri(clone), clone);
    expect(ours).toEqual(diff);
    for (const each of [served, kid]) expect(await each.stop()).toBe(0);
  }, 300_000);

  it('says ENOSPC when the pool is at its quota, if it is to', async () => {
    const pool = fresh('small');
    const quota = async (bytes: number) =>
      expect((await ceph.ceph(['osd', 'pool', 'set-quota', pool, 'max_bytes', String(bytes)])).code).toBe(0);
    await ceph.createPool(pool);
    await rbd('create', `${pool}/full`, '--size', '32M');
    await rbd('snap', 'create', `${pool}/full@s`);
    const cached = await gateway([`${pool}/full`, '--abort-on-full']);
    await libnbd(`
h = nbd.NBD()
h.connect_uri('${cached.uri()}')
h.pwrite(b'a' * (8 << 20), 0)
h.flush()
`);
    const fill = async () => {
      await quota(1 << 20);
      const late = Date.now() + 100_000;
      const flags = new RegExp(`'${pool}'.*full_quota`);
      while (!flags.test((await ceph.ceph(['osd', 'pool', 'ls', 'detail'])).stdout.toString())) {
        if (Date.now() > late) throw new Error('the pool does not get full');
        await sleep(250);
      }
    };
    await fill();
    // A write that is not safe when it is finished fails with the flush behind it.
    const script = (uri: string) => `
import time
h = nbd.NBD()
h.connect_uri('${uri}')
for i in range(100):
    try:
        h.pwrite(b'b' * 65536, 16 << 20, nbd.CMD_FLAG_FUA)
    except nbd.Error as e:
        assert e.errno == 'ENOSPC', e
        print('full')
        break
    time.sleep(0.1)
assert h.pread(4, 0) == b'aaaa'
`;
    expect(await libnbd(script(cached.uri()))).toBe('full\n');
    await quota(0);
    await cached.stop();
    const bare = await gateway([`${pool}/full`, '--abort-on-full', NO_CACHE]);
    await fill();
    expect(await libnbd(script(bare.uri()))).toBe('full\n');
    expect(await bare.stop()).toBe(0);
    // What gives space back waits for none.
    await toolOk(process.execPath, [...NACRE, 'rbd', '-c', ceph.conf, 'snap', 'rm', `${pool}/full@s`]);
  }, 300_000);

  it('shows its requests in a trace, with the layers below', async () => {
    const file = join(dir, 'trace');
    const served = await gateway(['rbd/one', NO_CACHE], { before: ['trace', '--layer', 'NBD', '-o', file] });
    await toolOk('qemu-io', [
      '-f',
      'raw',
      '-c',
      'write 0 4k',
      '-c',
      'read 0 4k',
      '-c',
      'flush',
      served.uri(),
    ]);
    expect(await served.stop()).toBe(0);
    const text = readFileSync(file, 'utf8');
    for (const [first, ...below] of [
      ['NBD.read', 'librbd.aio_read', 'librbd.AioRead.send', 'Objecter.op_submit'],
      ['NBD.write', 'librbd.aio_write', 'librbd.AbstractWrite.send_write', 'Objecter.op_submit'],
      ['NBD.flush'],
    ]) {
      const from = text.indexOf(first);
      expect(from, text).toBeGreaterThanOrEqual(0);
      const next = text.slice(from + 1).search(/^\S*NBD\./m);
      const tree = next < 0 ? text.slice(from) : text.slice(from, from + 1 + next);
      for (const layer of below) expect(tree).toContain(layer);
    }
  });

  it('serves images of our own cluster', async () => {
    await using own = await startCluster({ osds: 1, pools: [{ name: 'rbd' }], dir: join(dir, 'own') });
    await toolOk('rbd', ['-c', own.conf, 'create', 'rbd/disk', '--size', '24M']);
    const served = await gateway(['rbd/disk'], {}, own.conf);
    const from = join(dir, 'ours');
    const content = Buffer.alloc(24 * MIB);
    new FsxRandom(3).bytes(2 * MIB).copy(content, 7 * MIB);
    writeFileSync(from, content);
    await toolOk('nbdcopy', ['--flush', from, served.uri()]);
    await toolOk('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', served.uri(), from]);
    expect(await served.stop()).toBe(0);
    const to = join(dir, 'theirs');
    await toolOk('rbd', ['-c', own.conf, 'export', 'rbd/disk', to]);
    expect(readFileSync(to).equals(content)).toBe(true);
  });
});
