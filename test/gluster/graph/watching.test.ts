import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { nodeEnv } from '../../../src/env/node.ts';
import type { GraphEvent } from '../../../src/gluster/graph/events.ts';
import { Graph } from '../../../src/gluster/graph/graph.ts';
import { Loc } from '../../../src/gluster/graph/loc.ts';
import type { OptionTable } from '../../../src/gluster/graph/option-types.ts';
import { logWinding } from '../../../src/gluster/graph/winding-log.ts';
import { Xlator, type XlatorClass } from '../../../src/gluster/graph/xlator.ts';
import { xlatorRegistry } from '../../../src/gluster/xlators/index.ts';
import { goldenPath } from '../../support/golden.ts';
import { frameOf, GraphStack, settled } from '../../support/graph-stack.ts';
import { MemoryBrick } from '../../support/mem-brick.ts';

describe('life of a graph', () => {
  it('activates bottom first, comes up, goes down, and ends', async () => {
    const order: string[] = [];
    class Noting extends Xlator {
      static readonly options: OptionTable = {};
      override activate(): void {
        order.push(`activate ${this.name}`);
      }
      override notify(event: GraphEvent, from: Xlator | undefined): void {
        order.push(`${event} ${this.name}`);
        super.notify(event, from);
      }
      override async fini(): Promise<void> {
        order.push(`fini ${this.name}`);
      }
    }
    const registry = (type: string): XlatorClass => (type === 'storage/memory' ? MemoryBrick : Noting);
    const text = [
      'volume brick type storage/memory end-volume',
      'volume low type x subvolumes brick end-volume',
      'volume high type x subvolumes low end-volume',
    ].join('\n');
    const graph = Graph.build(text, registry, { env: nodeEnv, meta: false });
    graph.onEvent(event => void order.push(`${event} graph`));
    graph.activate();
    await graph.ready({ timeout: 1000 });
    (graph.find('brick') as MemoryBrick).setUp(false);
    await expect(graph.ready()).rejects.toMatchObject({ code: 'ENOTCONN' });
    (graph.find('brick') as MemoryBrick).setUp(true);
    await graph.ready();
    await graph.close();
    await graph.close();
    expect(order).toEqual([
      'activate low',
      'activate high',
      'GRAPH_NEW graph',
      'PARENT_UP high',
      'PARENT_UP low',
      'CHILD_UP low',
      'CHILD_UP high',
      'CHILD_UP graph',
      'CHILD_DOWN low',
      'CHILD_DOWN high',
      'CHILD_DOWN graph',
      'CHILD_UP low',
      'CHILD_UP high',
      'CHILD_UP graph',
      'PARENT_DOWN high',
      'PARENT_DOWN low',
      'fini high',
      'fini low',
    ]);
    expect(() => graph.activate()).toThrow(/activated before/);
  });

  it('is waited for only so long', async () => {
    class Silent extends Xlator {
      static readonly options: OptionTable = {};
      static readonly subvolumes = [0, 0] as const;
      override notify(): void {}
    }
    const graph = Graph.build('volume x type y end-volume', () => Silent, { env: nodeEnv, meta: false });
    graph.activate();
    await expect(graph.ready({ timeout: 5 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const controller = new AbortController();
    const aborted = expect(graph.ready({ signal: controller.signal })).rejects.toThrow(/enough/);
    controller.abort(new Error('enough'));
    await aborted;
    const closed = expect(graph.ready()).rejects.toMatchObject({ code: 'ECANCELED' });
    await graph.close();
    await closed;
  });
});

describe('watching a graph', () => {
  it('counts how long fops take in each layer while that is asked for', async () => {
    await using stack = await GraphStack.open('features/utime', 'debug/io-stats');
    const fd = await stack.create('f');
    stack.graph.measureLatency = true;
    await stack.write(fd, 0, Buffer.from('x'));
    await stack.write(fd, 1, Buffer.from('y'));
    stack.graph.measureLatency = false;
    await stack.write(fd, 2, Buffer.from('z'));
    for (const xlator of stack.graph.xlators) {
      const [[fop, { count, min, max, total }]] = stack.graph.latencyOf(xlator)!.entries();
      expect([fop, count]).toEqual(['writev', 2]);
      expect(min).toBeLessThanOrEqual(max);
      expect(total).toBeGreaterThanOrEqual(max);
    }
    expect(stack.graph.statedump()).toMatch(
      /^brick\.latency\.WRITE=AVG:\d+\.\d{6} CNT:2 TOTAL:\d+ MIN:\d+ MAX:\d+$/m,
    );
    await stack.close(fd);
  });

  it('dumps its state in the sections that GlusterFS has', async () => {
    await using stack = await GraphStack.open('features/utime', 'performance/io-threads');
    const fd = await stack.create('f');
    const dump = stack.graph.statedump('mount.fuse');
    const section = (title: string) => {
      const lines = dump.split('\n');
      const at = lines.indexOf(`[${title}]`);
      expect(at, title).toBeGreaterThan(0);
      const end = lines.indexOf('', at);
      return Object.fromEntries(lines.slice(at + 1, end).map(line => line.split(/=(.*)/s)));
    };
    expect(dump).toMatch(/^DUMP-START-TIME: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \+0000\n/);
    expect(section('xlator.mount.fuse.itable')).toMatchObject({
      'xlator.mount.fuse.itable.name': 'utime/inode',
      'xlator.mount.fuse.itable.active_size': '2',
      'xlator.mount.fuse.itable.lru_size': '0',
    });
    const file = section('xlator.mount.fuse.itable.active.2');
    const golden = goldenPath('peers/golden/gluster/statedump/client-dist.dump');
    expect(file).toMatchObject({
      nlookup: '1',
      'fd-count': '1',
      ref: '1',
      ia_type: '1',
      'invalidate-sent': '0',
    });
    if (golden !== undefined) {
      const theirs = readFileSync(golden, 'latin1');
      const keysOf = (text: string, title: string) =>
        text
          .slice(text.indexOf(`[${title}]`))
          .split('\n\n', 1)[0]
          .split('\n')
          .slice(1)
          .map(line => line.split('=')[0])
          .filter(key => !key.startsWith('ref_by_xl') && !key.includes('hashsize'));
      for (const title of ['xlator.mount.fuse.itable', 'xlator.mount.fuse.itable.active.2'])
        expect(keysOf(dump, title)).toEqual(keysOf(theirs, title));
      const ours = keysOf(dump, 'performance/io-threads.io-threads');
      expect(ours).toEqual(keysOf(theirs, 'performance/io-threads.dist-io-threads'));
    }
    await stack.close(fd);
  });

  it('shows what is under way', async () => {
    await using stack = await GraphStack.open('features/utime');
    const fd = await stack.create('f');
    let go = () => {};
    stack.brick.before = () => new Promise(resolve => (go = () => resolve(undefined)));
    using _watch = logWinding(stack.graph, () => {});
    const write = stack.fops.writev(frameOf('writev'), fd, [Buffer.from('x')], 0, 0);
    expect([...stack.graph.frames].map(({ windFrom, windTo }) => `${windFrom}>${windTo}`)).toEqual([
      '>utime',
      'utime>brick',
    ]);
    go();
    await write;
    expect(stack.graph.frames.size).toBe(0);
    stack.brick.before = undefined;
    await settled(stack);
    await stack.close(fd);
  });

  const volfile = goldenPath('peers/golden/gluster/volfiles/dist/trusted-dist.tcp-fuse.vol');
  const winding = goldenPath('peers/golden/gluster/trace/dist-ops-winding.txt.gz');
  it.skipIf(volfile === undefined || winding === undefined)(
    'winds a lookup through the layers of a real volume in the order of GlusterFS',
    async () => {
      class Nothing extends Xlator {
        static readonly options: OptionTable = {};
        static readonly subvolumes = [1, Infinity] as const;
      }
      // Layers that do nothing here stand for caches and the cluster, bricks for clients.
      const registry = (type: string): XlatorClass => {
        if (type === 'protocol/client') return MemoryBrick;
        const ours = /^(debug|features)\/|io-threads|^meta/.test(type) ? xlatorRegistry(type) : undefined;
        return ours ?? Nothing;
      };
      const graph = Graph.build(readFileSync(volfile!, 'latin1'), registry, { env: nodeEnv });
      const lines: string[] = [];
      using _watch = logWinding(graph, line => void lines.push(line));
      graph.activate();
      const { root } = graph.inodes;
      await graph.fops.lookup(frameOf('lookup'), new Loc(graph.inodes.create(), root, 'new')).catch(() => {});
      const hops = (text: readonly string[]) =>
        text.map(line => /winding from (\S+) to (\S+)/.exec(line)).filter(match => match !== null);
      const theirs = hops(gunzipSync(readFileSync(winding!)).toString('latin1').split('\n')).slice(0, 8);
      const ours = hops(lines).slice(0, 8);
      expect(ours.map(([, from, to]) => [from, to])).toEqual(theirs.map(([, from, to]) => [from, to]));
      expect(lines.filter(line => line.includes(' returned '))).toEqual(
        ['dist-client-0', 'dist-utime', 'dist-io-threads', 'dist', 'meta-autoload'].map(name =>
          expect.stringContaining(`${name} returned -1`),
        ),
      );
      await graph.close();
    },
  );
});
