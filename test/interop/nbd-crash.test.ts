import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fresh } from '../support/fresh.ts';
import { NbdGateway } from '../support/nbd-gateway.ts';
import { haveFuseTools, haveNbdTools, libnbd, tool, toolOk } from '../support/nbd-tools.ts';
import { pause, resume } from '../support/pause.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

const POLICIES: readonly (readonly [string, readonly string[]])[] = [
  ['write-around, the default', []],
  [
    'write-back',
    // Nothing goes out but what is flushed, as far as the cache has room.
    ['--rbd_cache_policy=writeback', '--rbd_cache_max_dirty_age=3600', '--rbd_cache_target_dirty=20M'],
  ],
];

// Files of a known content, fsynced one by one; a line with name and checksum once a file is safe.
//   create: new files        overwrite: the blocks of those that are there
const WRITER = `
import hashlib, os, sys
what, where, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
for n in range(rounds):
    name = 'f%d' % (n % 12 if what == 'overwrite' else n)
    data = hashlib.sha512(('%s %d' % (what, n)).encode()).digest() * (512 + 64 * (n % 12 if what == 'overwrite' else n % 40))
    fd = os.open(os.path.join(where, name), os.O_RDWR | os.O_CREAT)
    os.write(fd, data)
    print('begun %s %s' % (name, hashlib.md5(data).hexdigest()), flush=True)
    os.fsync(fd)
    os.close(fd)
    print('safe %s %s' % (name, hashlib.md5(data).hexdigest()), flush=True)
`;

// What `nacre rbd nbd` promises of what was flushed, with the cache of librbd's defaults and as a write-back one.
describe.skipIf(!haveNbdTools() || !haveRealCeph())('a gateway that is killed with its cache full', () => {
  let ceph: RealCeph;
  let dir: string;
  const gateways: NbdGateway[] = [];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-nbd-crash-'));
    // The dead gateway's watch stands in the way of the next one's lock until it times out.
    ceph = await RealCeph.start({ osds: 1, conf: { osd_client_watch_timeout: 3 } });
    await ceph.createPool('rbd');
  });

  afterAll(async () => {
    for (const gateway of gateways) await gateway.kill();
    for (const child of children) child.kill('SIGKILL');
    await ceph?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const rbd = (...args: string[]) => toolOk('rbd', ['-c', ceph.conf, ...args]);

  async function gateway(...args: string[]): Promise<NbdGateway> {
    const made = await NbdGateway.start(ceph.conf, join(dir, `s${gateways.length}`), args);
    gateways.push(made);
    return made;
  }

  async function exported(spec: string): Promise<Buffer> {
    const file = join(dir, 'exported');
    await rbd('export', spec, file);
    const content = readFileSync(file);
    rmSync(file);
    return content;
  }

  it.each(POLICIES)('finishes writes without the OSDs, and flushes with them: %s', async (name, config) => {
    const image = fresh('rbd/promise');
    await rbd('create', image, '--size', '16M');
    const served = await gateway(image, ...config);
    const osd = ceph.pid('osd.0')!;
    await libnbd(`
h = nbd.NBD()
h.connect_uri('${served.uri()}')
h.pwrite(b'a' * 65536, 0)
h.pwrite(b'a' * 65536, 65536)
h.flush()
h.shutdown()
`);
    // Nothing of what is written from here on can come to an OSD, and the flush behind it must wait.
    await pause(osd);
    try {
      const said = await libnbd(`
import os, signal
h = nbd.NBD()
h.connect_uri('${served.uri()}')
h.pwrite(b'b' * 65536, 65536)
${name === 'write-back' ? "assert h.pread(65536, 65536) == b'b' * 65536" : ''}
for ask in (lambda: h.aio_flush(), lambda: h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b'c' * 4096)), 0, flags=nbd.CMD_FLAG_FUA)):
    cookie = ask()
    for i in range(5):
        h.poll(100)
        assert not h.aio_command_completed(cookie)
print('in the cache')
os.kill(${served.child.pid}, signal.SIGKILL)
`);
      expect(said).toBe('in the cache\n');
      await served.ended;
    } finally {
      resume(osd);
    }
    const back = await exported(image);
    expect(back.subarray(0, 65536).every(byte => byte === 97 || byte === 99)).toBe(true);
    // The write that was not flushed is there as a whole or not at all, as it is one to one object.
    const second = back.subarray(65536, 131072);
    expect(second.every(byte => byte === second[0])).toBe(true);
  });

  /** The export as a file, and the file system on it as a directory. Returns what takes both away. */
  async function mount(uri: string): Promise<{ at: string; leave: () => Promise<void> }> {
    const disk = join(dir, `disk${children.length}`);
    const at = `${disk}.d`;
    writeFileSync(disk, '');
    mkdirSync(at);
    const fuse = spawn('nbdfuse', [disk, uri], { stdio: 'ignore' });
    children.push(fuse);
    const late = Date.now() + 20_000;
    while (!readFileSync('/proc/mounts', 'utf8').includes(disk)) {
      if (Date.now() > late || fuse.exitCode !== null) throw new Error('nbdfuse does not come up');
      await sleep(50);
    }
    await toolOk('fuse2fs', [disk, at]);
    const leave = async () => {
      await tool('fusermount3', ['-u', at]);
      // fuse2fs writes its last when it has gone; what is left of it stands in the way until then.
      for (let i = 0; i < 100 && (await tool('fusermount3', ['-u', disk])).code !== 0; i++) await sleep(100);
    };
    return { at, leave };
  }

  const fsTest = it.skipIf(!haveFuseTools());
  fsTest.each(POLICIES)('an ext4 keeps what was fsynced: %s', async (_, config) => {
    const image = fresh('rbd/ext4');
    const file = join(dir, 'ext4');
    await rbd('create', image, '--size', '64M');
    await toolOk('mke2fs', ['-q', '-t', 'ext4', '-b', '4096', '-F', file, '64M']);
    let served = await gateway(image, ...config);
    await toolOk('nbdcopy', ['--flush', file, served.uri()]);

    /** Has a child write until so many files are safe; then the gateway dies amid the next. The last safe content of each. */
    const writeUntilKilled = async (what: string, safeFiles: number) => {
      const { at, leave } = await mount(served.uri());
      const writer = spawn('/usr/bin/python3', ['-c', WRITER, what, at, '100000'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.push(writer);
      let said = '';
      let killed = false;
      writer.stdout.on('data', chunk => {
        said += chunk;
        if (killed || said.split('safe ').length <= safeFiles) return;
        killed = true;
        served.child.kill('SIGKILL');
      });
      await new Promise(resolve => writer.once('close', resolve));
      await served.ended;
      await leave();
      const safe = new Map<string, Set<string>>();
      for (const line of said.trim().split('\n')) {
        const [state, file, sum] = line.split(' ');
        // What was begun and not fsynced may be there, too.
        if (state === 'safe') safe.set(file, new Set([sum]));
        else safe.get(file)?.add(sum);
      }
      expect(safe.size).toBeGreaterThan(5);
      return safe;
    };
    const expectSafe = async (at: string, safe: ReadonlyMap<string, ReadonlySet<string>>, torn?: string) => {
      for (const [name, sums] of safe)
        if (name !== torn)
          expect(sums, name).toContain(
            createHash('md5')
              .update(readFileSync(join(at, name)))
              .digest('hex'),
          );
    };

    // New files. fuse2fs writes no journal: what a file system without one leaves amid a change is e2fsck's to mend,
    // and all that was fsynced must be found then.
    const created = await writeUntilKilled('create', 60);
    served = await gateway(image, ...config);
    const copy = join(dir, 'copy');
    await toolOk('nbdcopy', [served.uri(), copy]);
    expect((await tool('e2fsck', ['-fy', copy])).code).toBeLessThan(2);
    await toolOk('e2fsck', ['-fn', copy]);
    await toolOk('nbdcopy', ['--flush', copy, served.uri()]);
    let mounted = await mount(served.uri());
    await expectSafe(mounted.at, created);
    // Blocks that only change their content, all of them known to be whole.
    const settled = await toolOk('/usr/bin/python3', ['-c', WRITER, 'overwrite', mounted.at, '12']);
    expect(settled.match(/safe/g)).toHaveLength(12);
    await mounted.leave();

    const written = await writeUntilKilled('overwrite', 60);
    served = await gateway(image, ...config);
    await toolOk('nbdcopy', [served.uri(), copy]);
    expect(readFileSync(copy).equals(await exported(image))).toBe(true);
    await toolOk('e2fsck', ['-fn', copy]);
    mounted = await mount(served.uri());
    // The file whose overwriting was cut is neither the one nor the other.
    await expectSafe(mounted.at, written, [...written].find(([, sums]) => sums.size > 1)?.[0]);
    await mounted.leave();
    expect(await served.stop()).toBe(0);
  });
});
