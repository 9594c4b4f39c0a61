// A test suite's own cluster: starts in a fraction of a second, is gone at the end.
//
//     node --test examples/vstart-test.ts      (with nacre installed; here: npx tsx --test ...)
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from 'nacre/vstart';

test('objects survive the loss of an OSD', async () => {
  await using cluster = await startCluster({ osds: 3, pools: [{ name: 'data', size: 3 }] });
  await using client = await cluster.connect();
  const pool = await client.openPool('data');
  await pool.writeFull('greeting', 'hello');
  await cluster.stopOsd(0);
  assert.equal((await pool.read('greeting')).toString(), 'hello');
});
