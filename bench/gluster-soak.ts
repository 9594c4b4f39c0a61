// A mixed load on `nacre mount` and on the API of a real volume for as long as you like, and what the memory of both does.
//
//   npx tsx bench/gluster-soak.ts [--minutes 30] [--bricks 3] [--workers 4]
//
// Each worker creates, writes, reads, renames, lists, locks and removes files in a directory of its own. A line each half minute.
// As root, as it starts a glusterd and mounts.
import { randomBytes } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Volume } from '../src/gluster/volume/index.ts';
import { NacreMount } from '../test/support/nacre-mount.ts';
import { memoryMiB } from '../test/support/process-memory.ts';
import { RealGluster } from '../test/support/real-gluster.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    bricks: { type: 'string', default: '3' },
    workers: { type: 'string', default: '4' },
  },
});
const WORKERS = Number(options.workers);
type Files = Pick<
  typeof nodeFs,
  'mkdir' | 'writeFile' | 'readFile' | 'rename' | 'readdir' | 'stat' | 'rm' | 'open'
>;

let operations = 0;
let stop = false;

async function load(fs: Files, dir: string): Promise<void> {
  await fs.mkdir(dir);
  const data = randomBytes(300_000);
  for (let round = 0; !stop; round++) {
    const at = `${dir}/r${round}`;
    await fs.mkdir(at);
    for (let i = 0; i < 40 && !stop; i++) {
      const size = i % 10 === 0 ? data.length : (i * 997) % 9000;
      await fs.writeFile(`${at}/f${i}`, data.subarray(0, size));
      const back = (await fs.readFile(`${at}/f${i}`)) as Buffer;
      if (!back.equals(data.subarray(0, size))) throw new Error(`${at}/f${i} is not what was written`);
      if (i % 3 === 0) await fs.rename(`${at}/f${i}`, `${at}/g${i}`);
      await fs.stat(`${at}/nothing`).catch(() => {});
      operations += 6;
    }
    await fs.readdir(at, { withFileTypes: true });
    const file = await fs.open(`${at}/big`, 'w+');
    for (let i = 0; i < 20; i++) await file.write(data, 0, 4096, i * 65536);
    await file.sync();
    await file.read(Buffer.alloc(1 << 20), 0, 1 << 20, 0);
    await file.close();
    await fs.rm(at, { recursive: true });
    operations += 30;
  }
}

await using gluster = await RealGluster.start();
await gluster.createVolume('soak', { bricks: Number(options.bricks) });
const spec = `${gluster.bind}:/soak`;
await using mount = await NacreMount.start(spec);
await using volume = await Volume.open(spec);
const work = [
  ...Array.from({ length: WORKERS }, (_, i) => load(nodeFs, `${mount.dir}/m${i}`)),
  ...Array.from({ length: WORKERS }, (_, i) => load(volume as unknown as Files, `/a${i}`)),
];
const failed = Promise.all(work);
failed.catch(() => console.error(mount.output));
console.log('minutes  operations  mount MiB  API MiB');
const end = performance.now() + Number(options.minutes) * 60_000;
for (let minutes = 0.5; performance.now() < end; minutes += 0.5) {
  await Promise.race([sleep(30_000), failed]);
  console.log(
    `${minutes.toFixed(1).padStart(7)}  ${String(operations).padStart(10)}  ${memoryMiB(mount.pid, 'VmRSS').toFixed(1).padStart(9)}  ${memoryMiB('self', 'VmRSS').toFixed(1).padStart(7)}`,
  );
}
stop = true;
await failed;
