import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nodeEnv } from '../../../src/env/node.ts';
import { Graph } from '../../../src/gluster/graph/graph.ts';
import type { Inode } from '../../../src/gluster/graph/inode.ts';
import { Loc } from '../../../src/gluster/graph/loc.ts';
import { LineLog } from '../../../src/gluster/graph/log.ts';
import { parseVolfile } from '../../../src/gluster/graph/volfile.ts';
import { formatGfid } from '../../../src/gluster/types/gfid.ts';
import { IA_IFDIR, IA_IFLNK } from '../../../src/gluster/types/iatt.ts';
import { xlatorRegistry } from '../../../src/gluster/xlators/index.ts';
import { goldenPath } from '../../support/golden.ts';
import { frameOf, stackVolfile } from '../../support/graph-stack.ts';
import { MemoryBrick } from '../../support/mem-brick.ts';

const LAYERS = [
  ['debug/io-stats', { 'log-level': 'INFO' }],
  'performance/io-threads',
  ['features/utime', { noatime: 'on' }],
] as const;

class Mounted {
  readonly log = new LineLog(
    () => 0,
    () => {},
  );
  readonly graph: Graph;

  constructor() {
    const registry = (type: string) => (type === 'storage/memory' ? MemoryBrick : xlatorRegistry(type));
    this.graph = Graph.build(stackVolfile(LAYERS, '/meta'), registry, {
      env: nodeEnv,
      log: this.log,
      commandLine: 'nacre mount x',
    });
    this.graph.activate();
  }

  /** Walks a path as a kernel would, following links. */
  async walk(path: string): Promise<Inode> {
    let inode: Inode = this.graph.inodes.root;
    const names = path.split('/').filter(name => name !== '');
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      if (name === '..') {
        inode = this.graph.inodes.parentOf(inode)!;
        continue;
      }
      const parent = inode;
      const loc = new Loc(this.graph.inodes.grep(parent, name) ?? this.graph.inodes.create(), parent, name);
      const { stat } = await this.graph.fops.lookup(frameOf('lookup'), loc);
      inode = this.graph.inodes.link(loc.inode, parent, name, stat);
      if (stat.type !== IA_IFLNK) continue;
      const { path: target } = await this.graph.fops.readlink(frameOf('readlink'), new Loc(inode), 4096);
      names.unshift(...target.split('/'));
      inode = parent;
    }
    return inode;
  }

  async read(path: string): Promise<string> {
    const fd = this.graph.inodes.openFd(await this.walk(path), 0, 1, '');
    const opened = await this.graph.fops.open(frameOf('open'), new Loc(fd.inode), 0, fd);
    expect(opened.xdata?.int('direct-io-mode')).toBe(1);
    const pieces: Buffer[] = [];
    for (let offset = 0, eof = false; !eof; ) {
      const answer = await this.graph.fops.readv(frameOf('readv'), fd, 100, offset, 0);
      pieces.push(...answer.data);
      offset += answer.length;
      ({ eof } = answer);
    }
    await this.graph.fops.flush(frameOf('flush'), fd);
    fd.release();
    return Buffer.concat(pieces).toString('latin1');
  }

  async write(path: string, text: string): Promise<void> {
    const fd = this.graph.inodes.openFd(await this.walk(path), 1, 1, '');
    await this.graph.fops.writev(frameOf('writev'), fd, [Buffer.from(text)], 0, 0);
    fd.release();
  }

  async list(path: string): Promise<string[]> {
    const fd = this.graph.inodes.openFd(await this.walk(path), 0, 1, '');
    await this.graph.fops.opendir(frameOf('opendir'), new Loc(fd.inode), fd);
    const names: string[] = [];
    for (let offset = 0n, eof = false; !eof; ) {
      const answer = await this.graph.fops.readdir(frameOf('readdir'), fd, 80, offset);
      names.push(...answer.entries.map(({ name }) => name));
      offset = answer.entries.at(-1)?.dOff ?? offset;
      ({ eof } = answer);
    }
    fd.release();
    return names.filter(name => name !== '.' && name !== '..').sort();
  }

  async tree(path: string): Promise<string[]> {
    const lines: string[] = [];
    for (const name of await this.list(path)) {
      const at = `${path}/${name}`;
      lines.push(at);
      const parent = await this.walk(path);
      const loc = new Loc(this.graph.inodes.grep(parent, name) ?? this.graph.inodes.create(), parent, name);
      const { stat } = await this.graph.fops.lookup(frameOf('lookup'), loc);
      if (stat.type === IA_IFDIR) lines.push(...(await this.tree(at)));
    }
    return lines;
  }
}

describe('meta', () => {
  it('is on top of a graph, and only in the way of lookups until somebody looks', async () => {
    const mounted = new Mounted();
    const { graph } = mounted;
    expect(graph.top.type).toBe('meta');
    expect(graph.top.implementsFop('readv')).toBe(false);
    expect(graph.top.implementsFop('lookup')).toBe(true);
    const root = await mounted.walk('/.meta');
    expect(formatGfid(root.gfid)).toBe('ba926388-bb9c-4eec-ad60-79dba4cc083a');
    expect(graph.top.implementsFop('readv')).toBe(true);
    await graph.close();
  });

  it('tells of the graph', async () => {
    const mounted = new Mounted();
    const active = '.meta/graphs/active';
    expect(await mounted.read(`${active}/utime/type`)).toBe('features/utime\n');
    expect(await mounted.read(`${active}/utime/name`)).toBe('utime\n');
    expect(await mounted.read(`${active}/top/name`)).toBe('meta-autoload\n');
    expect(await mounted.read(`${active}/top/subvolumes/0/subvolumes/0/name`)).toBe('io-threads\n');
    expect(await mounted.list(`${active}/io-stats/options`)).toEqual(['log-level']);
    expect(await mounted.read(`${active}/io-stats/options/log-level`)).toBe('INFO\n');
    expect(await mounted.read(`${active}/io-threads/private`)).toContain('maximum_threads_count = 16\n');
    expect(await mounted.read('.meta/cmdline')).toContain('"Cmdlinestr": "nacre mount x"');
    expect(await mounted.read('.meta/process_uuid')).toBe(`${mounted.graph.processUuid}\n`);
    const written = parseVolfile(await mounted.read(`${active}/volfile`));
    expect(written.map(({ name }) => name)).toEqual(
      [...mounted.graph.xlators].reverse().map(({ name }) => name),
    );
    await mounted.graph.close();
  });

  it('lets log level and measuring be set, and nothing else', async () => {
    const mounted = new Mounted();
    const { graph, log } = mounted;
    expect(await mounted.read('.meta/logging/loglevel')).toBe('7\n');
    await mounted.write('.meta/logging/loglevel', '9\n');
    expect(log.level).toBe('T');
    await mounted.write('.meta/measure_latency', '1');
    expect(graph.measureLatency).toBe(true);
    await mounted.walk('/nothing').catch(() => {});
    expect(await mounted.read('.meta/graphs/active/brick/profile')).toMatch(
      /brick\.latency\.LOOKUP = AVG:[0-9.]+ CNT:1 /,
    );
    await expect(mounted.write('.meta/version', 'x')).rejects.toMatchObject({ code: 'EACCES' });
    const meta = await mounted.walk('.meta');
    const { fops, inodes } = graph;
    const loc = new Loc(inodes.create(), meta, 'x');
    await expect(fops.mkdir(frameOf('mkdir'), loc, 0, 0)).rejects.toMatchObject({ code: 'EPERM' });
    await expect(fops.getxattr(frameOf('getxattr'), new Loc(meta), 'user.x')).rejects.toMatchObject({
      code: 'ENODATA',
    });
    await expect(mounted.walk('.meta/nothing')).rejects.toMatchObject({ code: 'ENOENT' });
    await graph.close();
  });

  const golden = goldenPath('peers/golden/gluster/meta/dist.meta-tree.txt');
  it.skipIf(golden === undefined)('has the tree of GlusterFS', async () => {
    const mounted = new Mounted();
    const anonymous = (path: string, uuid: RegExp) =>
      path
        .replace(uuid, 'UUID')
        .replace(/UUID\/[^/]+\/options\/.*/, 'UUID/X/options/*')
        .replace(/(UUID\/)(?!top$|volfile$)[^/]+/, '$1X')
        .replace(/subvolumes\/\d+/, 'subvolumes/N');
    const ours = new Set(
      (await mounted.tree('.meta')).map(path => anonymous(path.slice('.meta/'.length), /[^/]+ \+0000/)),
    );
    const theirs = readFileSync(golden!, 'latin1')
      .split('\n')
      .map(line => /^[dfl] \d+ \d+ \.\/(.*?)$/.exec(line)?.[1] ?? /^[dfl] \d+ \.\/(.*)$/.exec(line)?.[1])
      .filter(path => path !== undefined)
      // Of links the target follows, of all a blank. `root` is of the mount, `logfile` of a log in a file.
      .map(path => anonymous(path.replace(/ (\.\.\/.*|meta-autoload|\/.*)?$/, ''), /[^/]+ \+0000/))
      .filter(path => !/^root|^logging\/logfile|^graphs\/active/.test(path));
    for (const path of theirs) expect(ours, path).toContain(path);
    await mounted.graph.close();
  });
});
