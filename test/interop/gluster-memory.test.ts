import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Volume } from '../../src/gluster/volume/index.ts';
import { makeManyFiles } from '../support/many-files.ts';
import { NacreMount } from '../support/nacre-mount.ts';
import { memoryMiB } from '../support/process-memory.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const FILES = 10_000;
const PER_DIRECTORY = 500;
/** The goal is 150 MiB after 100,000 files with 32,768 kept in mind; here a tenth of both, and room for code that gets hot. */
const LRU_LIMIT = 3000;
const MOST_GROWTH_MIB = 40;

function run(command: string, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-ec', command], { cwd, stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`${command}: ${code}`))));
  });
}

describe.skipIf(!haveRealGluster())('memory of a mount', () => {
  let gluster: RealGluster;

  beforeAll(async () => {
    gluster = await RealGluster.start();
    await gluster.createVolume('mem', { bricks: 1 });
    await using volume = await Volume.open(`${gluster.bind}:/mem`);
    await makeManyFiles(volume, FILES, PER_DIRECTORY);
  }, 120_000);

  afterAll(async () => {
    await gluster?.[Symbol.asyncDispose]();
  });

  it('walking and reading many files more than it keeps in mind costs what it keeps', async () => {
    await using mount = await NacreMount.start(`${gluster.bind}:/mem`, [`lru-limit=${LRU_LIMIT}`]);
    await run('ls -lR . >/dev/null', mount.dir);
    // What has come by now is code, pools, and as many files as are kept.
    const once = memoryMiB(mount.pid, 'VmRSS');
    await run('find . -type f -print0 | xargs -0 -n 500 cat >/dev/null', mount.dir);
    for (let i = 0; i < 3; i++) await run('ls -lR . >/dev/null', mount.dir);
    const growth = memoryMiB(mount.pid, 'VmRSS') - once;
    expect(growth).toBeLessThan(MOST_GROWTH_MIB);
  }, 120_000);
});
