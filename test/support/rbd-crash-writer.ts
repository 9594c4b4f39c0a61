import { Rados } from '../../src/ceph/rados/index.ts';
import { Rbd } from '../../src/ceph/rbd/index.ts';
import { FsxRandom } from './rbd-fsx.ts';

// Writes to an image until it is killed: `rbd-crash-writer.ts CONF IMAGE POLICY`. Every 512 bytes hold the number of the write
// that they are of. On standard output: 'write N OFFSET LENGTH' before a write begins, and 'flushed N' when all up to N are.

const [conf, name, policy] = process.argv.slice(2);
const UNIT = 512;
const cluster = await Rados.connect({ conf });
const rbd = await Rbd.open(cluster, 'rbd');
const image = await rbd.open(name, { config: { rbd_cache: 'true', rbd_cache_policy: policy } });
const random = new FsxRandom(11);
await image.flush();
let inFlight: Promise<void>[] = [];
for (let n = 1; ; n++) {
  const units = 1 + random.below(64);
  const offset = UNIT * random.below(image.size / UNIT - units);
  const data = Buffer.alloc(UNIT * units);
  for (let at = 0; at < data.length; at += 4) data.writeUInt32LE(n, at);
  process.stdout.write(`write ${n} ${offset} ${data.length}\n`);
  inFlight.push(image.write(offset, data));
  if (n % 8 === 0) {
    await Promise.all(inFlight);
    inFlight = [];
  }
  if (n % 50 === 0) {
    await image.flush();
    process.stdout.write(`flushed ${n}\n`);
  }
}
