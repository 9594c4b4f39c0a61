// Files of a GlusterFS volume, without mounting it:
//
//   npx tsx examples/gluster-files.ts node01:/vg0
//
// With the package installed, the import is 'nacre/gluster'.
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Volume } from '../src/gluster/volume/index.ts';

await using volume = await Volume.open(process.argv[2] ?? 'localhost:/vg0');
console.log(`volume ${volume.name}`, await volume.statfs());

// As with node:fs/promises; paths begin at the volume's root.
const dir = await volume.mkdtemp('/example-');
await volume.writeFile(`${dir}/greeting`, 'hello\n');
await volume.appendFile(`${dir}/greeting`, 'once more\n');
await volume.symlink('greeting', `${dir}/link`);
console.log(await volume.readFile(`${dir}/link`, 'utf8'));
for (const entry of await volume.readdir(dir, { withFileTypes: true }))
  console.log(entry.isSymbolicLink() ? 'link' : 'file', entry.name, entry.stats?.size);

// Streams, in both directions at once.
await pipeline(
  volume.createReadStream(`${dir}/greeting`),
  createGzip(),
  volume.createWriteStream(`${dir}/greeting.gz`),
);

// A handle, and a lock that holds against all clients of the volume, mounts included.
{
  await using file = await volume.open(`${dir}/counter`, 'a+');
  await using _lock = await file.lock({ exclusive: true });
  await file.write('1\n');
}

// Where a file lies, and what its brick knows of it.
console.log((await volume.layout(`${dir}/greeting`)).file);
await volume.setxattr(`${dir}/greeting`, 'user.language', 'en');
console.log(await volume.listxattr(`${dir}/greeting`));

// On behalf of somebody else: bricks check permissions.
await volume.chmod(dir, 0o700);
await volume
  .as({ uid: 65534, gid: 65534, groups: [] })
  .readdir(dir)
  .catch(error => console.log('nobody:', error.code));
await volume.rm(dir, { recursive: true });
