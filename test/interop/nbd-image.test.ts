import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fresh } from '../support/fresh.ts';
import { haveNbdTools, libnbd, tool, toolOk } from '../support/nbd-tools.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

// `nacre rbd nbd` over images of a real cluster.
describe.skipIf(!haveNbdTools() || !haveRealCeph())('nacre rbd nbd on real Ceph', () => {
  let ceph: RealCeph;
  let dir: string;
  const gateways: ChildProcess[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-nbd-'));
    ceph = await RealCeph.start({ osds: 1 });
    await ceph.createPool('rbd');
  });

  afterAll(async () => {
    for (const gateway of gateways) gateway.kill('SIGKILL');
    await ceph?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  const rbd = (...args: string[]) => toolOk('rbd', ['-c', ceph.conf, '--no-progress', ...args]);

  async function gateway(...args: string[]): Promise<{ uri: string; child: ChildProcess }> {
    const socket = join(dir, `s${gateways.length}`);
    const pid = `${socket}.pid`;
    const child = spawn(
      process.execPath,
      [
        ...['--import', 'tsx', MAIN, 'rbd', 'nbd', '-c', ceph.conf],
        ...[...args, '--socket', socket, '--persistent', '--pid-file', pid],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    gateways.push(child);
    while (!existsSync(pid)) {
      if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
      await sleep(50);
    }
    return { uri: `nbd+unix:///?socket=${socket}`, child };
  }

  it('gives rbd what was copied in, and a snapshot as it was', async () => {
    const image = fresh('rbd/disk');
    await rbd('create', image, '--size', '64M');
    const { uri, child } = await gateway(image);
    const from = join(dir, 'from');
    const to = join(dir, 'to');
    await toolOk('mke2fs', ['-q', '-t', 'ext4', '-d', join(import.meta.dirname, '../../docs'), from, '64M']);
    await toolOk('nbdcopy', ['--flush', from, uri]);
    await toolOk('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', uri, from]);
    await rbd('snap', 'create', `${image}@monday`);
    await toolOk('qemu-io', ['-f', 'raw', '-c', 'write -P 7 0 8M', '-c', 'flush', uri]);
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    await rbd('export', `${image}@monday`, to);
    expect(readFileSync(to).equals(readFileSync(from))).toBe(true);
    const old = await gateway(`${image}@monday`);
    await toolOk('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', old.uri, from]);
    expect((await tool('qemu-io', ['-f', 'raw', '-c', 'write 0 4k', old.uri])).code).not.toBe(0);
  });

  it('keeps all that was flushed when it is killed amid writes', async () => {
    const image = fresh('rbd/ext4');
    await rbd('create', image, '--size', '64M');
    const { uri, child } = await gateway(image);
    const from = join(dir, 'ext4');
    await toolOk('mke2fs', ['-q', '-t', 'ext4', '-d', join(import.meta.dirname, '../../docs'), from, '48M']);
    await toolOk('nbdcopy', ['--flush', from, uri]);
    // Behind the file system, so that what is lost is nobody's.
    const writes = libnbd(`
h = nbd.NBD()
h.connect_uri('${uri}')
h.flush()
try:
    while True:
        h.pwrite(b'z' * 65536, 50 << 20)
except nbd.Error:
    print('cut')
`);
    await sleep(500);
    child.kill('SIGKILL');
    expect(await writes).toBe('cut\n');
    const to = join(dir, 'ext4.back');
    await rbd('export', image, to);
    const back = readFileSync(to).subarray(0, 48 << 20);
    expect(back.equals(readFileSync(from))).toBe(true);
    writeFileSync(to, back);
    await toolOk('e2fsck', ['-fn', to]);
  });
});
