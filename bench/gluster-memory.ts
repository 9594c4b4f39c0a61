// What a mount and connections cost in memory, on a real volume.
//
//   npx tsx bench/gluster-memory.ts [--files 100000] [--bricks 3] [--connections 64] [--skip-walk] [--heap-prof]
//
// 1. Files are made through the API, then walked and read on `nacre mount`; the resident memory of its process afterwards.
// 2. A process with one and with that many more connections to bricks: what each adds.
// As root, as it starts a glusterd and mounts.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Volume } from '../src/gluster/volume/index.ts';
import { NacreMount } from '../test/support/nacre-mount.ts';
import { RealGluster } from '../test/support/real-gluster.ts';

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '100000' },
    bricks: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    'skip-walk': { type: 'boolean', default: false },
    'connect-to': { type: 'string' },
  },
});
const FILES = Number(options.files);
const PER_DIRECTORY = 1000;

/** A line of /proc/PID/status, MiB. */
function status(pid: number | string, field: string): number {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)![1]) / 1024;
}

/** In a process of its own: what connections add. */
async function connections(volfile: string): Promise<void> {
  const measure = async () => {
    for (let i = 0; i < 5; i++) {
      globalThis.gc?.();
      await sleep(200);
    }
    return status('self', 'VmRSS');
  };
  const open: Volume[] = [];
  const more = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const volume = await Volume.open('brick', { volfile });
      // It has been used, so that buffers are there.
      await volume.writeFile(`/c-${open.length}`, Buffer.alloc(100_000));
      await volume.readFile(`/c-${open.length}`);
      open.push(volume);
    }
  };
  const count = Number(options.connections);
  // What is there once: code, pools.
  await more(8);
  const before = await measure();
  await more(count);
  const after = await measure();
  for (const volume of open) await volume.close();
  console.log(
    `${count} more connections: ${before.toFixed(1)} -> ${after.toFixed(1)} MiB, ${((after - before) / count).toFixed(3)} MiB each`,
  );
}

async function make(volume: Volume): Promise<void> {
  const data = Buffer.alloc(1024, 'x');
  let next = 0;
  const worker = async () => {
    while (next < FILES) {
      const i = next++;
      await volume.writeFile(`/d${Math.floor(i / PER_DIRECTORY)}/file-${i}`, data);
    }
  };
  for (let i = 0; i * PER_DIRECTORY < FILES; i++) await volume.mkdir(`/d${i}`);
  await Promise.all(Array.from({ length: 32 }, worker));
}

if (options['connect-to'] !== undefined) {
  await connections(readFileSync(options['connect-to'], 'utf8'));
} else {
  await using gluster = await RealGluster.start();
  await gluster.createVolume('mem', { bricks: Number(options.bricks) });
  const spec = `${gluster.bind}:/mem`;
  if (!options['skip-walk']) {
    {
      const begin = performance.now();
      await using volume = await Volume.open(spec);
      await make(volume);
      console.log(`${FILES} files made in ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    }
    await using mount = await NacreMount.start(spec, [], { node: process.env['MOUNT_NODE']?.split(' ') });
    console.log(`mounted: ${status(mount.pid, 'VmRSS').toFixed(1)} MiB`);
    const step = async (what: string, command: string) => {
      const begin = performance.now();
      const child = spawn('bash', ['-c', command], { cwd: mount.dir, stdio: 'inherit' });
      await new Promise(resolve => child.once('exit', resolve));
      const seconds = ((performance.now() - begin) / 1000).toFixed(0);
      console.log(
        `${what} (${seconds} s): VmRSS ${status(mount.pid, 'VmRSS').toFixed(1)} MiB, VmHWM ${status(mount.pid, 'VmHWM').toFixed(1)} MiB`,
      );
    };
    await step('walked', 'ls -lR . | wc -l >/dev/null');
    await step('read', 'find . -type f -print0 | xargs -0 -n 500 cat | wc -c >/dev/null');
    await sleep(5000);
    if (process.env['SHOW'] !== undefined) { process.kill(mount.pid, 'SIGUSR2'); await sleep(15000); }
    await step('walked again, 5 s later', 'ls -lR . | wc -l >/dev/null');
  }
  // Only the layer that has the connection: a graph of it alone.
  const brick = /volume mem-client-0\n[\s\S]*?end-volume\n/.exec(gluster.volfile('mem'))![0];
  const file = gluster.path('brick.vol');
  writeFileSync(file, brick);
  const args = ['--expose-gc', ...process.execArgv, import.meta.filename];
  spawnSync(process.execPath, [...args, '--connect-to', file, '--connections', options.connections], {
    stdio: 'inherit',
  });
}
