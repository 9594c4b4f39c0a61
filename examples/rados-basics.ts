// Objects in a pool, on any Ceph cluster that ceph.conf and keyring lead to:
//
//   CEPH_CONF=/etc/ceph/ceph.conf npx tsx examples/rados-basics.ts mypool
//
// With the package installed, the import is 'nacre/rados'.
import { Rados, ReadOperation, WriteOperation } from '../src/ceph/rados/index.ts';

await using cluster = await Rados.connect();
const pool = await cluster.openPool(process.argv[2] ?? 'data');
console.log(`cluster ${cluster.fsid}, pool ${pool.poolName}, we are client.${cluster.instanceId}`);

// One object: data, attributes, and a sorted map of keys to values.
await pool.writeFull('invoice-17', 'three kettles');
await pool.setXattr('invoice-17', 'customer', 'Ms Tea');
await pool.omapSet('invoice-17', { paid: 'no', currency: 'EUR' });
console.log((await pool.read('invoice-17')).toString(), await pool.stat('invoice-17'));

// Several things at once, all or nothing, and only if nobody was faster.
const settle = new WriteOperation()
  .omapCompare({ paid: { op: 'eq', value: 'no' } })
  .append(', paid')
  .omapSet({ paid: 'yes' });
const { version } = await pool.operate('invoice-17', settle);
console.log('settled as version', version);
await pool.operate('invoice-17', settle).catch(error => console.log('a second time:', error.code));

const look = new ReadOperation();
const text = look.read();
const customer = look.getXattr('customer');
const entries = look.omapGetPage();
await pool.operate('invoice-17', look);
console.log(text.value.toString(), '|', customer.value.toString(), '|', [...entries.value.values.keys()]);

await pool.remove('invoice-17');
