import { type FuseMountParameters, mount, unmountOnSignals } from '../../../src/fuse/index.ts';
import { MemoryFs, type MemoryFsOptions } from './memory-fs.ts';

/**
 * Serves the memory file system on argv[2] until it is unmounted: tests touch the mount synchronously, so the server is a process of
 * its own. argv[3] is JSON: mount and file system options. Says 'ready' and its connection on stdout, then dump lines if asked to.
 */
export interface ServerOptions extends MemoryFsOptions, Omit<FuseMountParameters, 'dump' | 'onError'> {
  dump?: boolean;
}

const { dump, ...options } = JSON.parse(process.argv[3] ?? '{}') as ServerOptions;
const fs = new MemoryFs(options);
const mounted = await mount(process.argv[2], fs, {
  allowOther: process.getuid?.() === 0,
  defaultPermissions: true,
  subtype: 'nacre-memory',
  ...options,
  posixAcl: options.acl,
  dump: dump ? line => process.stdout.write(`${line}\n`) : undefined,
  onError: error => process.stderr.write(`${error instanceof Error ? error.stack : error}\n`),
});
fs.notify = mounted.notify;
unmountOnSignals(mounted);
process.stdout.write(`ready ${JSON.stringify(mounted.connection)}\n`);

// Orders from the test: a line of JSON each, answered with a line.
if (process.connected)
  process.on('message', async (order: { call: string; args: unknown[] }) => {
    try {
      process.send?.({ value: await obey(order.call, order.args) });
    } catch (error) {
      process.send?.({ error: String(error) });
    }
  });

async function obey(call: string, args: unknown[]): Promise<unknown> {
  switch (call) {
    case 'nodes':
      return fs.nodes.size;
    case 'handles':
      return fs.handles.size;
    case 'counts':
      return Array.from(mounted.session.counts);
    case 'unanswered':
      return mounted.session.unanswered;
    case 'cpu':
      return process.cpuUsage();
    case 'rss':
      return process.memoryUsage().rss;
    case 'exit':
      setTimeout(() => process.exit(0), 10);
      return true;
    // As if another client had changed it: the kernel is not asked, and told only by the notifications.
    case 'overwrite': {
      const node = fs.root.children?.get(String(args[0]))?.node;
      node?.truncate(0);
      node?.write(0, Buffer.from(String(args[1])));
      return node?.id;
    }
    case 'drop':
      return fs.root.children?.delete(String(args[0]));
    case 'invalInode':
      return mounted.notify.invalInode(Number(args[0]), Number(args[1] ?? 0), 0);
    case 'invalEntry':
      return mounted.notify.invalEntry(Number(args[0]), String(args[1]), args[2] === true);
    case 'delete':
      return mounted.notify.delete(Number(args[0]), Number(args[1]), String(args[2]));
    case 'store':
      return mounted.notify.store(Number(args[0]), Number(args[1]), Buffer.from(String(args[2])));
    default:
      throw new Error(`no call ${call}`);
  }
}

// The test has died.
process.once('disconnect', () => {
  mounted.unmount({ lazy: true }).finally(() => process.exit(1));
});

await mounted.closed;
process.removeAllListeners('disconnect');
if (process.connected) process.disconnect();
