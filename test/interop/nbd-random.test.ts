import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fresh } from '../support/fresh.ts';
import { NbdDisk } from '../support/nbd-disk.ts';
import { NbdGateway } from '../support/nbd-gateway.ts';
import { haveNbdTools, toolOk } from '../support/nbd-tools.ts';
import { Fsx, FsxRandom } from '../support/rbd-fsx.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

const MIB = 1 << 20;
const WRITEBACK = ['--rbd_cache_policy=writeback', '--rbd_cache_size=2M', '--rbd_cache_max_dirty=1M'];
const MODES: readonly (readonly [string, readonly string[], 'all' | 'some' | 'none'])[] = [
  ['no cache', ['--rbd_cache=false'], 'all'],
  ['write-back, a small cache', [...WRITEBACK, '--rbd_cache_target_dirty=512K'], 'some'],
  ['write-around', [], 'none'],
];

// Random work through the gateway on images of a real cluster; rbd has the last word on what they hold.
describe.skipIf(!haveNbdTools() || !haveRealCeph())('random work through nacre rbd nbd', () => {
  let ceph: RealCeph;
  let dir: string;
  const gateways: NbdGateway[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-nbd-random-'));
    ceph = await RealCeph.start({ osds: 1, store: 'memstore' });
    await ceph.createPool('rbd');
  });

  afterAll(async () => {
    for (const gateway of gateways) await gateway.kill();
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

  it.each(MODES)(
    'fsx over libnbd, several connections, a clone with snapshots: %s',
    async (name, config, structured) => {
      const size = 8 * MIB;
      const seed = 1000 + MODES.findIndex(mode => mode[0] === name);
      const content = Buffer.alloc(size);
      new FsxRandom(seed).bytes(3 * MIB).copy(content, MIB + 12345);
      const file = join(dir, 'parent');
      writeFileSync(file, content);
      const parent = fresh('rbd/parent');
      const image = fresh('rbd/fsx');
      await rbd('import', '--object-size', '1M', file, parent);
      await rbd('snap', 'create', `${parent}@s`);
      const layout = ['--object-size', '512K', '--stripe-unit', '128K', '--stripe-count', '3'];
      await rbd('clone', '--rbd-default-clone-format', '2', ...layout, `${parent}@s`, image);
      const served = await gateway(image, ...config);
      const disk = new NbdDisk(served.uri(), structured, 4, seed);
      const taken = new Map<string, Buffer>();
      const target = {
        read: disk.read.bind(disk),
        write: disk.write.bind(disk),
        discard: disk.discard.bind(disk),
        writeZeroes: disk.writeZeroes.bind(disk),
        flush: disk.flush.bind(disk),
        // By another client, while the gateway has the image open and dirty; what was not flushed may be in it or not.
        snapshot: async (snap: string) => {
          if (taken.size >= 3) return;
          await disk.flush();
          await rbd('snap', 'create', `${image}@${snap}`);
          taken.set(snap, Buffer.from(fsx.model));
        },
      };
      const fsx = new Fsx({ seed, ops: 1500, size, content, granularity: 65536, target: () => target });
      await fsx.run();
      await fsx.check(disk);
      await disk.flush();
      expect((await exported(image)).equals(fsx.model)).toBe(true);
      expect(taken.size).toBeGreaterThan(0);
      for (const [snap, want] of taken) expect((await exported(`${image}@${snap}`)).equals(want)).toBe(true);
      await disk.close();
      expect(await served.stop()).toBe(0);
      expect((await exported(image)).equals(fsx.model)).toBe(true);
      expect(served.stderr).toBe('');
    },
  );

  it('fio verifies random mixes of several jobs', async () => {
    const image = fresh('rbd/fio');
    await rbd('create', image, '--size', '64M', '--object-size', '1M');
    const served = await gateway(image, ...WRITEBACK);
    for (const [rw, range, more] of [
      ['randwrite', '4k-4k', []],
      ['randrw', '512-256k', ['--bs_unaligned=1', '--fsync=64']],
      ['randtrimwrite', '64k-64k', []],
    ] as const)
      await toolOk('fio', [
        ...['--name=nbd', '--ioengine=nbd', `--uri=${served.uri()}`, `--rw=${rw}`, `--bsrange=${range}`],
        ...['--iodepth=32', '--numjobs=3', '--offset_increment=16m', '--size=12m', '--verify=crc32c'],
        ...['--verify_fatal=1', '--verify_state_save=0', '--randseed=7', '--output-format=terse', ...more],
      ]);
    expect(await served.stop()).toBe(0);
  });

  it('a random script of qemu-io, and rbd has what it wrote', async () => {
    const size = 16 * MIB;
    const image = fresh('rbd/qemu');
    await rbd('create', image, '--size', '16M', '--object-size', '1M');
    const served = await gateway(image, ...WRITEBACK);
    const random = new FsxRandom(77);
    const model = Buffer.alloc(size);
    const script: string[] = [];
    for (let n = 0; n < 300; n++) {
      const length = 512 * (1 + random.below(1024));
      const offset = 512 * random.below((size - length) / 512 + 1);
      const pattern = 1 + random.below(255);
      const kind = random.below(10);
      if (kind < 5) {
        script.push(
          `${kind === 0 ? 'aio_write' : kind === 1 ? 'write -f' : 'write'} -P ${pattern} ${offset} ${length}`,
        );
        if (kind === 0) script.push('aio_flush');
        model.fill(pattern, offset, offset + length);
      } else if (kind === 5) {
        script.push(`write -z ${random.below(2) === 0 ? '-u ' : ''}${offset} ${length}`);
        model.fill(0, offset, offset + length);
      } else if (kind === 6) script.push('flush');
      else {
        // A run of one byte that is there, to be read with its pattern.
        let to = offset + 1;
        while (to < offset + length && model[to] === model[offset]) to++;
        script.push(`read -P ${model[offset]} ${offset} ${to - offset}`);
      }
    }
    const out = await toolOk('qemu-io', ['-f', 'raw', ...script.flatMap(line => ['-c', line]), served.uri()]);
    expect(out).not.toMatch(/fail|error/i);
    expect(await served.stop()).toBe(0);
    expect((await exported(image)).equals(model)).toBe(true);
  });

  it('nbdcopy both ways and qemu-img through qcow2 leave every byte', async () => {
    const size = 40 * MIB;
    const source = Buffer.alloc(size);
    const random = new FsxRandom(5);
    for (let at = 0; at < size; at += 5 * MIB) random.bytes(MIB + 777).copy(source, at + 4321);
    const from = join(dir, 'from');
    const to = join(dir, 'to');
    writeFileSync(from, source);
    const copy = fresh('rbd/copy');
    const convert = fresh('rbd/convert');
    for (const name of [copy, convert]) await rbd('create', name, '--size', '40M');
    const served = await gateway(copy, convert, ...WRITEBACK);
    await toolOk('nbdcopy', ['--connections=4', '--flush', from, served.uri(copy)]);
    expect((await exported(copy)).equals(source)).toBe(true);
    await toolOk('nbdcopy', ['--connections=4', served.uri(copy), to]);
    expect(readFileSync(to).equals(source)).toBe(true);
    const qcow = join(dir, 'disk.qcow2');
    const back = join(dir, 'back');
    await toolOk('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', from, qcow]);
    const target = served.uri(convert);
    await toolOk('qemu-img', ['convert', '-n', '-W', '-m', '8', '-f', 'qcow2', '-O', 'raw', qcow, target]);
    await toolOk('qemu-img', ['compare', '-f', 'qcow2', '-F', 'raw', qcow, target]);
    await toolOk('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', target, back]);
    expect(readFileSync(back).equals(source)).toBe(true);
    // A qcow2 that lives in the image.
    await toolOk('qemu-img', ['create', '-q', '-f', 'qcow2', target, '24M']);
    await toolOk('qemu-io', ['-f', 'qcow2', '-c', 'write -P 9 3M 9M', '-c', 'discard 4M 2M', target]);
    await toolOk('qemu-img', ['check', '-f', 'qcow2', target]);
    expect(await served.stop()).toBe(0);
    await toolOk('qemu-img', ['check', '-f', 'qcow2', `rbd:${convert}:conf=${ceph.conf}`]);
  });
});
