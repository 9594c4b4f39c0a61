import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeEnv } from '../../src/env/node.ts';
import { Graph } from '../../src/gluster/graph/graph.ts';
import { Loc } from '../../src/gluster/graph/loc.ts';
import { LineLog } from '../../src/gluster/graph/log.ts';
import { logWinding } from '../../src/gluster/graph/winding-log.ts';
import { Dict } from '../../src/gluster/types/dict.ts';
import { gfidFromRandom } from '../../src/gluster/types/gfid.ts';
import {
  Iatt,
  SET_ATTR_ATIME,
  SET_ATTR_GID,
  SET_ATTR_MODE,
  SET_ATTR_MTIME,
  SET_ATTR_UID,
} from '../../src/gluster/types/iatt.ts';
import type { IoStats } from '../../src/gluster/xlators/debug/io-stats/index.ts';
import { xlatorRegistry } from '../../src/gluster/xlators/index.ts';
import { goldenPath } from '../support/golden.ts';
import { frameOf } from '../support/graph-stack.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';

const LIMIT = 120_000;

/** A graph of a real volume's own volfile, and the least of what stands above one. */
class RealGraph implements AsyncDisposable {
  readonly graph: Graph;

  private constructor(graph: Graph) {
    this.graph = graph;
  }

  static open(volfile: string, { acl = false } = {}): Promise<RealGraph> {
    return RealGraph.of(Graph.build(volfile, xlatorRegistry, { env: nodeEnv, acl }));
  }

  static async of(graph: Graph): Promise<RealGraph> {
    const made = new RealGraph(graph);
    made.graph.activate();
    await made.graph.ready({ timeout: 20_000 });
    await made.graph.fops.lookup(frameOf('lookup'), new Loc(made.graph.inodes.root, undefined, '', '/'));
    return made;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.graph.close();
  }

  loc(name: string): Loc {
    const { inodes } = this.graph;
    return new Loc(inodes.grep(inodes.root, name) ?? inodes.create(), inodes.root, name, `/${name}`);
  }

  async lookup(name: string): Promise<Loc> {
    const { inodes, fops } = this.graph;
    const loc = this.loc(name);
    const { stat } = await fops.lookup(frameOf('lookup'), loc);
    loc.inode = inodes.link(loc.inode, inodes.root, name, stat);
    inodes.lookup(loc.inode);
    return loc;
  }

  gfid(): Dict {
    return new Dict().setGfid('gfid-req', gfidFromRandom(nodeEnv.random.bytes(16)));
  }

  async create(name: string) {
    const { inodes, fops } = this.graph;
    const loc = this.loc(name);
    const fd = inodes.openFd(loc.inode, 2, 1, '');
    const { stat } = await fops.create(frameOf('create'), loc, 0o102, 0o644, 0, fd, this.gfid());
    inodes.link(loc.inode, inodes.root, name, stat);
    inodes.lookup(loc.inode);
    return fd;
  }
}

describe.skipIf(!haveRealGluster())('a graph on a real volume', () => {
  let gluster: RealGluster;
  let volfile: string;
  let mount: string;

  beforeAll(async () => {
    gluster = await RealGluster.start();
    // The names of the golden volume, so that names hash to the same bricks.
    await gluster.createVolume('dist', { bricks: 3 });
    volfile = gluster.volfile('dist');
    // Those who are asked about permissions are not root.
    for (const dir of [gluster.dir, gluster.path('mnt')]) chmodSync(dir, 0o755);
    mount = await gluster.mount('dist', undefined, ['--acl']);
  }, LIMIT);
  afterAll(() => gluster?.[Symbol.asyncDispose](), LIMIT);

  it('has all of its layers, with the automatic ones on top', async () => {
    await using real = await RealGraph.open(volfile, { acl: true });
    expect(real.graph.xlators.map(({ type }) => type)).toEqual([
      'meta',
      'system/posix-acl',
      'debug/io-stats',
      'performance/io-threads',
      'performance/md-cache',
      'performance/quick-read',
      'performance/open-behind',
      'performance/write-behind',
      'features/utime',
      'cluster/distribute',
      'protocol/client',
      'protocol/client',
      'protocol/client',
    ]);
    const dump = real.graph.statedump('mount.fuse');
    expect(dump).toContain('[xlator.protocol.client.dist-client-0.priv]');
  });

  const winding = goldenPath('peers/golden/gluster/trace/dist-ops-winding.txt.gz');
  it.skipIf(winding === undefined)('winds as GlusterFS does', async () => {
    const sections = new Map<string, string[][]>();
    for (const part of gunzipSync(readFileSync(winding!)).toString('latin1').split('### $ ').slice(1)) {
      const [command] = part.split('\n', 1);
      const operations: string[][] = [];
      for (const [, from, to] of part.matchAll(/winding from (\S+) to (\S+)/g)) {
        if (from === 'fuse') operations.push([]);
        operations.at(-1)?.push(`${from} > ${to}`);
      }
      let name = command;
      while (sections.has(name)) name += "'";
      sections.set(name, operations);
    }
    await using real = await RealGraph.open(volfile);
    const { graph } = real;
    let hops: string[] = [];
    using _watch = logWinding(graph, line => {
      const match = /winding from (\S+) to (\S+)/.exec(line);
      if (match !== null) hops.push(`${match[1]} > ${match[2]}`);
    });
    const check = async (what: string, theirs: string[] | undefined, work: () => Promise<unknown>) => {
      hops = [];
      await work();
      expect(hops, what).toEqual(theirs);
    };
    const [, missing, , created, flushed, changed] = sections.get('touch new')!;
    await check('lookup of nothing', missing, () => real.lookup('new').catch(() => {}));
    let fd = graph.inodes.anonymousFd(graph.inodes.root, 0);
    await check('create', created, async () => (fd = await real.create('new')));
    await check('flush', flushed, () => graph.fops.flush(frameOf('flush'), fd));
    const times = Object.assign(new Iatt(), { atime: 1000, mtime: 1000 });
    const touch = (loc: Loc) =>
      graph.fops.setattr(frameOf('setattr'), loc, times, SET_ATTR_ATIME | SET_ATTR_MTIME);
    await check('setattr', changed, () => touch(new Loc(fd.inode, undefined, '', '/new')));
    await graph.fops.flush(frameOf('flush'), fd);
    fd.release();
    // Those who captured it came back after md-cache's second.
    await sleep(1100);
    const [looked, opened, flushedAgain, touched] = sections.get("touch new'")!;
    await check('lookup', looked, () => real.lookup('new'));
    const again = graph.inodes.openFd(graph.inodes.grep(graph.inodes.root, 'new')!, 1, 1, '');
    const loc = new Loc(again.inode, undefined, '', '/new');
    await check('open', opened, () => graph.fops.open(frameOf('open'), loc, 1, again));
    await check('flush of what was not opened yet', flushedAgain, () =>
      graph.fops.flush(frameOf('flush'), again),
    );
    await check('setattr that opens it first', touched, () => touch(loc));
    await graph.fops.flush(frameOf('flush'), again);
    again.release();
    await sleep(1100);
    const [, , , made] = sections.get('mkdir d')!;
    await check('mkdir', made, async () => {
      const at = real.loc('d');
      await graph.fops.mkdir(frameOf('mkdir'), at, 0o755, 0, real.gfid());
    });
    await sleep(1100);
    const dd = [...sections].find(([command]) => /^dd .* of=dd4k bs=4k/.test(command))![1];
    await check('create of dd', dd[3], async () => (fd = await real.create('dd4k')));
    await check('flush of dd', dd[4], () => graph.fops.flush(frameOf('flush'), fd));
    const block = Buffer.alloc(4096, 1);
    for (let i = 0; i < 3; i++)
      await check(`write ${i} of dd`, dd[5 + i], async () => {
        await graph.fops.writev(frameOf('writev'), fd, [block], i * block.length, 0);
        // It is answered before it is wound to the brick.
        expect(hops.at(-1)).toBe('dist-open-behind > dist-write-behind');
        while (!hops.at(-1)!.startsWith('dist-dht >')) await sleep(5);
      });
    await graph.fops.flush(frameOf('flush'), fd);
    fd.release();
  });

  it('keeps the same times on all bricks, which the real mount sees', async () => {
    await using real = await RealGraph.open(volfile);
    const before = Date.now();
    const fd = await real.create('timed');
    await real.graph.fops.writev(frameOf('writev'), fd, [Buffer.from('x')], 0, 0);
    await real.graph.fops.flush(frameOf('flush'), fd);
    fd.release();
    const { mtimeMs, ctimeMs } = await fs.stat(join(mount, 'timed'));
    expect(mtimeMs).toBe(ctimeMs);
    expect(mtimeMs).toBeGreaterThanOrEqual(before - 1);
    const { inode } = await real.lookup('timed');
    const { stat } = await real.graph.fops.stat(frameOf('stat'), new Loc(inode, undefined, '', '/timed'));
    expect(stat.mtime * 1000 + Math.floor(stat.mtimeNsec / 1e6)).toBe(Math.floor(mtimeMs));
    const loc = real.loc('dir');
    await real.graph.fops.mkdir(frameOf('mkdir'), loc, 0o755, 0, real.gfid());
    const kept = [0, 1, 2].map(i =>
      gluster
        .xattrs(join(gluster.brickPath('dist', i), 'dir'))
        .get('trusted.glusterfs.mdata')
        ?.toString('hex'),
    );
    expect(kept[0]).toBeDefined();
    expect(new Set(kept).size).toBe(1);
  });

  it("counts what the bricks' own io-stats count", async () => {
    const profiled = volfile
      .replace('option count-fop-hits off', 'option count-fop-hits on')
      .replace('option latency-measurement off', 'option latency-measurement on');
    await gluster.cli('volume', 'profile', 'dist', 'start');
    await gluster.cli('volume', 'profile', 'dist', 'info', 'clear');
    await using real = await RealGraph.open(profiled);
    const fd = await real.create('counted');
    for (let i = 0; i < 5; i++) {
      await real.graph.fops.writev(frameOf('writev'), fd, [Buffer.alloc(8192)], i * 8192, 0);
      await real.graph.fops.fsync(frameOf('fsync'), fd, false);
    }
    await real.graph.fops.flush(frameOf('flush'), fd);
    fd.release();
    const ours = (real.graph.find('dist') as IoStats).profile('cumulative');
    const text = await gluster.cli('volume', 'profile', 'dist', 'info', 'cumulative');
    const theirs = (fop: string) =>
      [...text.matchAll(new RegExp(`(\\d+) +${fop}$`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0);
    expect(ours.int('-1-13-hits')).toBe(5);
    expect(theirs('WRITE')).toBe(5);
    expect(theirs('FSYNC')).toBe(ours.int('-1-16-hits'));
    expect(theirs('CREATE')).toBe(ours.int('-1-23-hits'));
    expect(text).toMatch(/No\. of Writes: +5/);
    expect(ours.int('-1-write-8192')).toBe(5);
    await gluster.cli('volume', 'profile', 'dist', 'stop');
  });

  it('enforces the lists that a real mount sets, as it does', async () => {
    const path = join(mount, 'listed');
    await fs.writeFile(path, 'secret');
    await fs.chown(path, 1001, 2001);
    await fs.chmod(path, 0o640);
    const list =
      '02000000' +
      '01000600ffffffff' +
      '02000400eb030000' +
      '04000400ffffffff' +
      '10000400ffffffff' +
      '20000000ffffffff';
    execFileSync('python3', [
      '-c',
      'import os, sys; os.setxattr(sys.argv[1], "system.posix_acl_access", bytes.fromhex(sys.argv[2]))',
      path,
      list,
    ]);
    await using real = await RealGraph.open(volfile, { acl: true });
    const loc = await real.lookup('listed');
    for (const [uid, gid, mask] of [
      [1001, 1, 4],
      [1001, 1, 2],
      [1003, 1, 4],
      [1003, 1, 2],
      [1004, 2001, 4],
      [1004, 1, 4],
    ]) {
      const script =
        'import os, sys; os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1])); sys.exit(0 if os.access(sys.argv[4], int(sys.argv[3])) else 1)';
      const theirs = await gluster.exec('python3', ['-c', script, `${uid}`, `${gid}`, `${mask}`, path]);
      const frame = frameOf('access');
      frame.root.uid = uid;
      frame.root.gid = gid;
      const ours = await real.graph.fops.access(frame, loc, mask).then(
        () => 0,
        () => 1,
      );
      expect(ours, `uid ${uid} gid ${gid} mask ${mask}`).toBe(theirs.code);
    }
  });

  it('takes over what is set on the volume, or says that it needs another graph', async () => {
    const log = new LineLog(
      () => 0,
      () => {},
    );
    const graph = Graph.build(gluster.volfile('dist'), xlatorRegistry, { env: nodeEnv, log });
    await using real = await RealGraph.of(graph);
    const set = async (option: string, value: string) => {
      await gluster.cli('volume', 'set', 'dist', option, value);
      return graph.reconfigure(gluster.volfile('dist'));
    };
    expect(graph.reconfigure(gluster.volfile('dist'))).toBe('same');
    expect(await set('performance.high-prio-threads', '8')).toBe('reconfigured');
    expect(graph.statedump()).toContain('max_high_priority_threads=8\n');
    expect(await set('diagnostics.client-log-level', 'DEBUG')).toBe('reconfigured');
    expect(log.level).toBe('D');
    expect(await set('diagnostics.count-fop-hits', 'on')).toBe('reconfigured');
    expect(await set('diagnostics.latency-measurement', 'on')).toBe('reconfigured');
    await real.lookup('nothing').catch(() => {});
    expect((graph.find('dist') as IoStats).profile().int('-1-27-hits')).toBe(1);
    expect(await set('performance.open-behind', 'off')).toBe('switch');
    expect(graph.find('dist-open-behind')).toBeDefined();
    for (const option of [
      'diagnostics.count-fop-hits',
      'diagnostics.latency-measurement',
      'performance.open-behind',
    ])
      await gluster.cli('volume', 'reset', 'dist', option);
  });

  it('logs with debug/trace what GlusterFS logs', async () => {
    await gluster.createVolume('traced', { bricks: 1 });
    await gluster.cli('volume', 'set', 'traced', 'debug.trace', 'client');
    await gluster.cli('volume', 'set', 'traced', 'debug.log-file', 'yes');
    const traced = await gluster.mount('traced');
    const at = (name: string) => join(traced, name);
    await fs.writeFile(at('f'), 'hello');
    await fs.readFile(at('f'));
    await fs.mkdir(at('d'));
    await fs.symlink('f', at('s'));
    await fs.readlink(at('s'));
    await fs.link(at('f'), at('l'));
    await fs.rename(at('l'), at('m'));
    await fs.chmod(at('f'), 0o600);
    await fs.chown(at('f'), 1, 1);
    await fs.utimes(at('f'), 1, 2);
    execFileSync('python3', ['-c', 'import os, sys; os.truncate(sys.argv[1], 3)', at('f')]);
    await fs.readdir(at('.'));
    await fs.unlink(at('m'));
    await fs.rmdir(at('d'));
    await fs.statfs(traced);
    await fs.rmdir(at('f')).catch(() => {});
    const log = readFileSync(gluster.path('log', `mnt-${traced.replaceAll('/', '-')}.log`), 'latin1');
    const shape = (text: string) =>
      text
        .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=newgfid=)0/g, 'GFID')
        .replace(/0x[0-9a-f]+|\(nil\)/g, 'FD')
        .replace(/(linkpath|bname)=[a-z.]+/, '$1=NAME')
        .replace(
          /N\/A|\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d \+0000|[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \+0000/g,
          'TIME',
        )
        .replace(/\/[a-z]*/g, 'PATH')
        .replace(/\d+/g, '#');
    const theirs = new Set<string>();
    for (const [, text] of log.matchAll(/ I \[trace\.c:[^\]]*\] 0-traced-trace: (.*?) *$/gm))
      theirs.add(shape(text));

    const lines: string[] = [];
    const writer = new LineLog(
      () => 0,
      line => {
        const match = / I \d+-traced-trace: (.*)$/.exec(line);
        if (match !== null) lines.push(match[1]);
      },
    );
    const graph = Graph.build(gluster.volfile('traced'), xlatorRegistry, { env: nodeEnv, log: writer });
    await using real = await RealGraph.of(graph);
    const { fops, inodes } = graph;
    const fd = await real.create('g');
    await fops.writev(frameOf('writev'), fd, [Buffer.from('hello')], 0, 0);
    await fops.readv(frameOf('readv'), fd, 10, 0, 0);
    await fops.fstat(frameOf('fstat'), fd);
    await fops.flush(frameOf('flush'), fd);
    const directory = real.loc('e');
    const made = await fops.mkdir(frameOf('mkdir'), directory, 0o755, 0, real.gfid());
    inodes.link(directory.inode, inodes.root, 'e', made.stat);
    const link = real.loc('t');
    const linked = await fops.symlink(frameOf('symlink'), 'g', link, 0, real.gfid());
    inodes.link(link.inode, inodes.root, 't', linked.stat);
    await fops.readlink(frameOf('readlink'), link, 4096);
    const file = await real.lookup('g');
    const second = new Loc(file.inode, inodes.root, 'k', '/k');
    await fops.link(frameOf('link'), file, second);
    await fops.rename(frameOf('rename'), second, real.loc('n'));
    const stat = Object.assign(new Iatt(), { mode: 0o600, uid: 1, gid: 1, atime: 1, mtime: 2 });
    for (const valid of [SET_ATTR_MODE, SET_ATTR_UID | SET_ATTR_GID, SET_ATTR_ATIME | SET_ATTR_MTIME])
      await fops.setattr(frameOf('setattr'), file, stat, valid);
    await fops.truncate(frameOf('truncate'), file, 3);
    const listing = inodes.openFd(inodes.root, 0, 1, '');
    const root = new Loc(inodes.root, undefined, '', '/');
    await fops.opendir(frameOf('opendir'), root, listing);
    await fops.readdirp(frameOf('readdirp'), listing, 4096, 0n);
    listing.release();
    await fops.unlink(frameOf('unlink'), new Loc(file.inode, inodes.root, 'n', '/n'), 0);
    await fops.rmdir(frameOf('rmdir'), directory, 0);
    await fops.statfs(frameOf('statfs'), root);
    fd.release();
    expect(lines.length).toBeGreaterThan(40);
    const ours = [...new Set(lines.map(shape))];
    expect(ours.filter(line => !theirs.has(line))).toEqual([]);
  });
});
