// What a mount and connections cost in memory, on a real volume.
//
//   npx tsx bench/gluster-memory.ts [--files 100000] [--bricks 3] [--connections 64] [--skip-walk]
//
// 1. Files are made through the API, then walked and read on `nacre mount`; the resident memory of its process afterwards.
// 2. A process with that many more connections to bricks, and with that many more volumes of one brick: what each adds.
// As root, as it starts a glusterd and mounts.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { GraphEvent } from '../src/gluster/graph/events.ts';
import { Volume, Xlator } from '../src/gluster/volume/index.ts';
import { makeManyFiles } from '../test/support/many-files.ts';
import { NacreMount } from '../test/support/nacre-mount.ts';
import { memoryMiB } from '../test/support/process-memory.ts';
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

/** Hands everything to its first child. */
class Fan extends Xlator {
  static readonly options = {};
  static readonly subvolumes = [1, 10_000] as const;

  override notify(event: GraphEvent, from: Xlator | undefined, data?: unknown): void {
    // It is up when the first is.
    if (event !== 'CHILD_UP' || from?.name === 'c0') super.notify(event, from, data);
  }
}

/** In a process of its own: what connections add. */
async function connections(volfile: string): Promise<void> {
  const measure = async () => {
    for (let i = 0; i < 5; i++) {
      globalThis.gc?.();
      await sleep(200);
    }
    return memoryMiB('self', 'VmRSS');
  };
  // One graph with so many connections under it, as a large volume has them; and that many volumes, each with all that one has.
  const volumes = async (count: number) => {
    const opened: Volume[] = [];
    for (let i = 0; i < count; i++) opened.push(await Volume.open('brick', { volfile }));
    return opened;
  };
  const fan = async (count: number) => {
    const clients = Array.from({ length: count }, (_, i) => `c${i}`);
    const text = clients.map(name => volfile.replace(/^volume .*/, `volume ${name}`)).join('');
    const top = `volume fan\n type bench/fan\n subvolumes ${clients.join(' ')}\nend-volume\n`;
    const opened = await Volume.open('fan', { volfile: text + top, xlators: { 'bench/fan': Fan } });
    while (opened.statedump().match(/^connected=1/gm)?.length !== count) await sleep(100);
    return [opened];
  };
  const count = Number(options.connections);
  for (const [what, more] of [
    ['connections', fan],
    ['volumes', volumes],
  ] as const) {
    // What is there once: code, pools.
    const first = await more(8);
    const before = await measure();
    const second = await more(count);
    const after = await measure();
    for (const volume of [...first, ...second]) await volume.close();
    console.log(
      `${count} more ${what}: ${before.toFixed(1)} -> ${after.toFixed(1)} MiB, ${((after - before) / count).toFixed(3)} MiB each`,
    );
  }
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
      await makeManyFiles(volume, FILES, PER_DIRECTORY);
      console.log(`${FILES} files made in ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    }
    await using mount = await NacreMount.start(spec);
    console.log(`mounted: ${memoryMiB(mount.pid, 'VmRSS').toFixed(1)} MiB`);
    const step = async (what: string, command: string) => {
      const begin = performance.now();
      const child = spawn('bash', ['-c', command], { cwd: mount.dir, stdio: 'inherit' });
      await new Promise(resolve => child.once('exit', resolve));
      const seconds = ((performance.now() - begin) / 1000).toFixed(0);
      console.log(
        `${what} (${seconds} s): VmRSS ${memoryMiB(mount.pid, 'VmRSS').toFixed(1)} MiB, VmHWM ${memoryMiB(mount.pid, 'VmHWM').toFixed(1)} MiB`,
      );
    };
    await step('walked', 'ls -lR . | wc -l >/dev/null');
    await step('read', 'find . -type f -print0 | xargs -0 -n 500 cat | wc -c >/dev/null');
    await sleep(15_000);
    console.log(`after a rest: VmRSS ${memoryMiB(mount.pid, 'VmRSS').toFixed(1)} MiB`);
    await step('walked again', 'ls -lR . | wc -l >/dev/null');
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
