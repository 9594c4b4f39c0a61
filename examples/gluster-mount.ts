// Mounts a GlusterFS volume from this process, which goes on using it itself:
//
//   npx tsx examples/gluster-mount.ts node01:/vg0 /mnt
//
// With the package installed, the imports are 'nacre/gluster' and 'nacre/fuse'.
import { unmountOnSignals } from '../src/fuse/index.ts';
import { LineLog, Volume } from '../src/gluster/volume/index.ts';

const [, , spec = 'localhost:/vg0', directory = '/mnt'] = process.argv;

await using volume = await Volume.open(spec, {
  log: new LineLog(Date.now, line => console.log(line)),
});
const mount = await volume.mount(directory, { kernel: { fsname: spec, subtype: 'nacre' } });
// SIGINT, SIGTERM and SIGHUP unmount it.
unmountOnSignals(mount.fuse);
console.log(`${volume.name} is mounted at ${directory}; its layers are shown in ${directory}/.meta`);

// The same volume, from within: what is written here is seen there.
await volume.writeFile('/written-by-the-process', `${new Date().toISOString()}\n`);
await mount.closed;
