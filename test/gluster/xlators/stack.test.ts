import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { onTrace } from '../../../src/base/trace.ts';
import { xlatorRegistry } from '../../../src/gluster/xlators/index.ts';
import { goldenPath } from '../../support/golden.ts';
import { GraphFsx } from '../../support/graph-fsx.ts';
import { frameOf, GraphStack, O_RDONLY, settled } from '../../support/graph-stack.ts';
import { GraphTreeModel } from '../../support/graph-tree-model.ts';

/** As volfiles of GlusterFS order them when all of them are switched on. */
const ALL = [
  'debug/io-stats',
  'performance/io-threads',
  'performance/md-cache',
  'performance/quick-read',
  'performance/open-behind',
  'performance/io-cache',
  'performance/readdir-ahead',
  'performance/read-ahead',
  'performance/write-behind',
];
/** As they are by default. */
const USUAL = ALL.filter(type => !/io-cache|read-ahead|readdir-ahead/.test(type));
const winding = goldenPath('peers/golden/gluster/trace/dist-write-4k.log.gz');

describe('all performance translators together', () => {
  it.each([
    ['the usual layers', USUAL],
    ['all layers', ALL],
  ])('%s do as a plain file does, whatever the order of answers', async (_name, layers) => {
    for (let seed = 1; seed <= 6; seed++) {
      await using stack = await GraphStack.open(...layers);
      const large = seed % 2 === 0 ? { maxSize: 600_000, maxLength: 150_000 } : { maxSize: 60_000 };
      await new GraphFsx(stack, { seed, batches: 200, ...large }).run();
    }
  });

  it('hold what an fsync confirmed when writes fail now and then', async () => {
    let reported = 0;
    for (let seed = 1; seed <= 6; seed++) {
      await using stack = await GraphStack.open(...ALL);
      const fsx = new GraphFsx(stack, { seed, batches: 200, failing: 5, maxSize: 60_000 });
      await fsx.run();
      reported += fsx.reported;
    }
    expect(reported).toBeGreaterThan(0);
    // Once, a read beside an unwritten end of the file brought its old size back.
    await using stack = await GraphStack.open(...ALL);
    const large = { maxSize: 600_000, maxLength: 150_000 };
    await new GraphFsx(stack, { seed: 552, batches: 300, failing: 8, ...large }).run();
  });

  it.each([
    ['the usual layers', USUAL],
    ['all layers', ALL],
  ])('%s do as a plain file system does', async (_name, layers) => {
    for (let seed = 1; seed <= 6; seed++) {
      await using stack = await GraphStack.open(...layers);
      await new GraphTreeModel(stack, seed).run(500);
    }
  });

  it('leave nothing open and nothing under way', async () => {
    await using stack = await GraphStack.open(...ALL);
    const fd = await stack.create('f');
    for (let i = 0; i < 50; i++) await stack.write(fd, i * 1000, Buffer.alloc(1000, i));
    await stack.close(fd);
    const reader = await stack.open(fd.inode, O_RDONLY);
    for (let i = 0; i < 10; i++) await stack.read(reader, i * 5000, 5000);
    await stack.close(reader);
    await settled(stack);
    expect(stack.brick.openFds).toBe(0);
    expect(stack.brick.inFlight).toBe(0);
  });

  it('answer what a server that goes away leaves with errors, and go on when it is back', async () => {
    await using stack = await GraphStack.open(...ALL);
    const fd = await stack.create('f');
    await stack.write(fd, 0, Buffer.from('before'));
    await stack.fsync(fd);
    stack.brick.setUp(false);
    await stack.write(fd, 6, Buffer.from('lost'));
    await expect(stack.fsync(fd)).rejects.toBeDefined();
    await expect(stack.lookup('f')).rejects.toBeDefined();
    stack.brick.setUp(true);
    await stack.write(fd, 6, Buffer.from(' after'));
    await stack.fsync(fd);
    expect(stack.held('f').toString()).toBe('before after');
    await stack.close(fd);
  });

  it.skipIf(winding === undefined)('wind and unwind a write in the order of a real client', async () => {
    const layers = ['io-stats', 'io-threads', 'md-cache', 'quick-read', 'open-behind', 'write-behind'];
    const text = gunzipSync(readFileSync(winding as string)).toString('latin1');
    const real = eventsOfWrite(text, layers);
    expect(real).toContain('write-behind returned');

    await using stack = await GraphStack.open(...USUAL, 'features/utime');
    const made = await stack.create('f');
    await stack.close(made);
    await settled(stack);
    const { inode } = await stack.lookup('f');
    const fd = await stack.open(inode);
    const ours: string[] = [];
    {
      using _ = onTrace({
        wind: ({ layer, detail }) => {
          const from = String(detail?.['from']);
          if (/\.(open|writev)$/.test(layer) && from !== '')
            ours.push(`${from} to ${String(detail?.['xlator'])}`);
        },
        unwind: ({ layer, detail }) => {
          if (layer.endsWith('.writev')) ours.push(`${String(detail?.['xlator'])} returned`);
        },
      });
      await stack.fops.writev(frameOf('writev'), fd, [Buffer.alloc(4096)], 0, 0);
      await settled(stack);
    }
    const end = ours.indexOf('write-behind to utime', ours.indexOf('write-behind returned'));
    const kept = ours.slice(0, end + 1).filter(event => real.includes(event));
    expect(kept).toEqual(real);
    await stack.close(fd);
  });
});

const listed = goldenPath('peers/golden/gluster/volfiles/volume-get-dist-all.txt');

/** Options of the layers by the names that `gluster volume set` has for them. */
const NAMES: readonly (readonly [type: string, option: string, name: string])[] = [
  ['io-cache', 'max-file-size', 'cache-max-file-size'],
  ['io-cache', 'min-file-size', 'cache-min-file-size'],
  ['io-cache', 'cache-timeout', 'cache-refresh-timeout'],
  ['io-cache', 'cache-size', 'io-cache-size'],
  ['quick-read', 'cache-size', 'quick-read-cache-size'],
  ['quick-read', 'cache-timeout', 'quick-read-cache-timeout'],
  ['quick-read', 'quick-read-cache-invalidation', 'quick-read-cache-invalidation'],
  ['quick-read', 'ctime-invalidation', 'ctime-invalidation'],
  ['write-behind', 'flush-behind', 'flush-behind'],
  ['write-behind', 'cache-size', 'write-behind-window-size'],
  ['write-behind', 'resync-failed-syncs-after-fsync', 'resync-failed-syncs-after-fsync'],
  ['write-behind', 'strict-O_DIRECT', 'strict-o-direct'],
  ['write-behind', 'strict-write-ordering', 'strict-write-ordering'],
  ['write-behind', 'trickling-writes', 'write-behind-trickling-writes'],
  ['write-behind', 'aggregate-size', 'aggregate-size'],
  ['open-behind', 'lazy-open', 'lazy-open'],
  ['open-behind', 'read-after-open', 'read-after-open'],
  ['read-ahead', 'page-count', 'read-ahead-page-count'],
  ['md-cache', 'md-cache-timeout', 'md-cache-timeout'],
  ['md-cache', 'cache-swift-metadata', 'cache-swift-metadata'],
  ['md-cache', 'cache-samba-metadata', 'cache-samba-metadata'],
  ['md-cache', 'cache-capability-xattrs', 'cache-capability-xattrs'],
  ['md-cache', 'cache-ima-xattrs', 'cache-ima-xattrs'],
  ['md-cache', 'md-cache-statfs', 'md-cache-statfs'],
  ['md-cache', 'force-readdirp', 'force-readdirp'],
  ['md-cache', 'cache-invalidation', 'cache-invalidation'],
  ['md-cache', 'global-cache-invalidation', 'global-cache-invalidation'],
  ['readdir-ahead', 'rda-low-wmark', 'rda-low-wmark'],
  ['readdir-ahead', 'rda-high-wmark', 'rda-high-wmark'],
];

describe('options of performance translators', () => {
  it.skipIf(listed === undefined).each(NAMES)(
    '%s: %s has the default of performance.%s',
    (type, option, name) => {
      const text = readFileSync(listed as string, 'latin1');
      const found = new RegExp(`^performance\\.${name}\\s+(\\S+)`, 'm').exec(text);
      expect(xlatorRegistry(`performance/${type}`)?.options[option].default).toBe(found?.[1]);
    },
  );
});

/** From io-stats winding a write down to write-behind winding it on after it answered: who winds to whom, and who returned. */
function eventsOfWrite(log: string, layers: readonly string[]): string[] {
  const events: string[] = [];
  let begun = false;
  for (const line of log.split('\n')) {
    const found =
      /:(\w+)\] 0-stack-trace: stack-address: \w+, (?:winding from (\S+) to (\S+)|(\S+) returned)/.exec(line);
    if (found === null) continue;
    const [, func, from, to, returned] = found;
    begun ||= func === 'io_stats_writev';
    if (!begun) continue;
    const name = (layer: string) => (layer === 'dist' ? 'io-stats' : layer.replace(/^dist-/, ''));
    if (returned !== undefined) {
      if (layers.includes(name(returned))) events.push(`${name(returned)} returned`);
      continue;
    }
    const event = `${name(from)} to ${name(to)}`;
    if (layers.includes(name(from))) events.push(event);
    if (func === 'wb_fulfill_head') break;
  }
  return events;
}
