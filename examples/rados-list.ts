// Lists a pool with several workers, each on a part of it, and sums the sizes up.
//
//   npx tsx examples/rados-list.ts mypool 8
//
// With the package installed, the import is 'nacre/rados'.
import { ALL_NAMESPACES, Rados } from '../src/ceph/rados/index.ts';

const [, , name = 'data', workers = '4'] = process.argv;
await using cluster = await Rados.connect();
const pool = await cluster.openPool(name);
const everything = pool.with({ namespace: ALL_NAMESPACES });

const parts = Array.from({ length: Number(workers) }, async (_, n) => {
  let objects = 0;
  let bytes = 0;
  for await (const { oid, namespace, locator } of everything.list(everything.listSlice(n, Number(workers)))) {
    const { size } = await pool.with({ namespace, locator }).stat(oid);
    objects++;
    bytes += size;
  }
  return { objects, bytes };
});
const sums = await Promise.all(parts);
console.log(
  sums.reduce((sum, part) => sum + part.objects, 0),
  'objects,',
  sums.reduce((sum, part) => sum + part.bytes, 0),
  'bytes',
);
