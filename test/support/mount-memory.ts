// Mounts a volume of one brick in memory at a directory, until it is unmounted or told to end. For tests that look at a mount from
// outside of the process that serves it. Arguments: DIRECTORY [volfile].
import { readFileSync } from 'node:fs';
import { unmountOnSignals } from '../../src/fuse/index.ts';
import { Volume } from '../../src/gluster/volume/volume.ts';
import { MemoryBrick } from './mem-brick.ts';

const [, , directory, volfile] = process.argv;
const plain = 'volume brick\n  type storage/memory\nend-volume\n';
const volume = await Volume.open('memory', {
  volfile: volfile === undefined ? plain : readFileSync(volfile, 'utf8'),
  xlators: { 'storage/memory': MemoryBrick },
});
const mount = await volume.mount(directory, {
  dump: process.env['DUMP_FUSE'] === undefined ? undefined : line => process.stderr.write(`${line}\n`),
});
unmountOnSignals(mount.fuse);
process.stdout.write('mounted\n');
await mount.closed;
await volume.close();
