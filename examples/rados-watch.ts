// Processes that tell each other of changes through an object. Start it twice:
//
//   npx tsx examples/rados-watch.ts mypool          # listens until interrupted
//   npx tsx examples/rados-watch.ts mypool hello    # tells those who listen, and shows their answers
//
// With the package installed, the import is 'nacre/rados'.
import { once } from 'node:events';
import { Rados } from '../src/ceph/rados/index.ts';

const [, , name = 'data', message] = process.argv;
await using cluster = await Rados.connect();
const pool = await cluster.openPool(name);
await pool.create('noticeboard');

if (message !== undefined) {
  const { acks, timeouts } = await pool.notify('noticeboard', message, { timeout: 5000 });
  for (const { gid, payload } of acks) console.log(`client.${gid} says: ${payload}`);
  for (const { gid } of timeouts) console.log(`client.${gid} says nothing`);
} else {
  await using watch = await pool.watch('noticeboard', {
    onNotify: ({ payload, notifier }) => {
      console.log(`client.${notifier}: ${payload}`);
      return `${payload} to you too`;
    },
    onError: error => console.error('the watch is lost:', error.message),
  });
  console.log('listening; the watch was last confirmed', Math.round(watch.check()), 'ms ago');
  await once(process, 'SIGINT');
}
