import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeEnv } from '../../src/env/node.ts';
import type { GraphEvent } from '../../src/gluster/graph/events.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import { Loc } from '../../src/gluster/graph/loc.ts';
import { F_SETLK, F_WRLCK } from '../../src/gluster/types/fs.ts';
import { GlusterdClient } from '../../src/gluster/volume/glusterd-client.ts';
import { BrickGraph, credentials, frameOf, gfidRequest } from '../support/gluster-brick.ts';
import { pause, resume } from '../support/pause.ts';
import { haveRealGluster, RealGluster } from '../support/real-gluster.ts';
import { makeCertificates, type TlsFiles } from '../support/tls-certificates.ts';

const O_RDWR = 2;
const O_CREAT = 0o100;

async function codeOf(fop: Promise<unknown>): Promise<string> {
  try {
    await fop;
  } catch (thrown) {
    if (thrown instanceof FopError) return thrown.code;
    throw thrown;
  }
  return 'no error';
}

function nextEvent(brick: BrickGraph, wanted: GraphEvent): Promise<unknown> {
  return new Promise(resolve => {
    const listening = brick.graph.onEvent((event, _from, data) => {
      if (event !== wanted) return;
      listening[Symbol.dispose]();
      resolve(data);
    });
  });
}

async function create(brick: BrickGraph, name: string) {
  const { fops, graph } = brick;
  const loc = brick.at(name);
  const fd = graph.inodes.openFd(loc.inode, O_RDWR, process.pid, '');
  const flags = O_RDWR | O_CREAT;
  const { stat } = await fops.create(frameOf('create'), loc, flags, 0o644, 0, fd, gfidRequest());
  const inode = graph.inodes.link(loc.inode, loc.parent, loc.name, stat);
  return { fd, loc: new Loc(inode, loc.parent, loc.name, loc.path) };
}

const LOCK = { type: F_WRLCK, whence: 0, start: 5, len: 10, pid: 1, owner: 'ownerAAA' };

describe.skipIf(!haveRealGluster())('protocol/client when things go wrong', () => {
  let gluster: RealGluster;

  beforeAll(async () => {
    gluster = await RealGluster.start();
    await gluster.createVolume('v1', { bricks: 1 });
  });
  afterAll(() => gluster?.[Symbol.asyncDispose]());

  it.each(['off', 'on'])('a brick is killed and started again; strict-locks %s', async strict => {
    await using brick = await BrickGraph.of(gluster, 'v1', 0, { 'strict-locks': strict });
    const { fops } = brick;
    const plain = await create(brick, `plain-${strict}`);
    const locked = await create(brick, `locked-${strict}`);
    const owner = { lkOwner: 'ownerAAA' };
    await fops.lk(frameOf('lk', owner), locked.fd, F_SETLK, LOCK);
    await fops.writev(frameOf('writev'), plain.fd, [Buffer.from('before')], 0, 0);
    const down = nextEvent(brick, 'CHILD_DOWN');
    const up = nextEvent(brick, 'CHILD_UP');
    // One is under way when the brick dies: either it is done, or its caller hears that nobody knows.
    const flying = codeOf(fops.writev(frameOf('writev'), plain.fd, [Buffer.alloc(1 << 20)], 100, 0));
    await gluster.killBrick('v1', 0);
    await down;
    expect(['no error', 'ENOTCONN']).toContain(await flying);
    expect(await codeOf(fops.lookup(frameOf('lookup'), brick.root))).toBe('ENOTCONN');
    await gluster.startBricks('v1');
    await up;
    // The fd goes on, and so does the lock, unless lost locks are to be noticed.
    await fops.writev(frameOf('writev'), plain.fd, [Buffer.from('after!')], 0, 0);
    await fops.fstat(frameOf('fstat'), plain.fd);
    await using other = await BrickGraph.of(gluster, 'v1', 0);
    const found = await other.fops.lookup(frameOf('lookup'), other.at(locked.loc.name));
    const inode = other.graph.inodes.link(other.graph.inodes.create(), other.root.inode, 'x', found.stat);
    const fd = other.graph.inodes.openFd(inode, O_RDWR, 7, '');
    await other.fops.open(frameOf('open'), new Loc(inode, other.root.inode, 'x'), O_RDWR, fd);
    const theirs = { ...LOCK, owner: 'ownerBBB' };
    const taken = codeOf(other.fops.lk(frameOf('lk', { lkOwner: 'ownerBBB' }), fd, F_SETLK, theirs));
    if (strict === 'off') {
      expect(await taken).toBe('EAGAIN');
      expect(await codeOf(fops.fstat(frameOf('fstat'), locked.fd))).toBe('no error');
    } else {
      expect(await taken).toBe('no error');
      expect(await codeOf(fops.fstat(frameOf('fstat'), locked.fd))).toBe('EBADFD');
      expect(await codeOf(fops.writev(frameOf('writev'), locked.fd, [Buffer.from('x')], 0, 0))).toBe(
        'EBADFD',
      );
    }
  });

  it('a brick that hangs is noticed by its silence, and taken back when it goes on', async () => {
    await using brick = await BrickGraph.of(gluster, 'v1', 0, { 'ping-timeout': 42 });
    // What is in force while the graph is up counts.
    expect(brick.graph.reconfigure(brick.graph.volfile.replace('ping-timeout 42', 'ping-timeout 1'))).toBe(
      'reconfigured',
    );
    const [{ pid }] = await gluster.bricks('v1');
    const down = nextEvent(brick, 'CHILD_DOWN');
    await pause(pid!);
    try {
      const waiting = codeOf(brick.fops.stat(frameOf('stat'), brick.root));
      await down;
      expect(await waiting).toBe('ENOTCONN');
      expect(brick.log.join('\n')).toMatch(/silent for 1 s/);
    } finally {
      resume(pid!);
    }
    await nextEvent(brick, 'CHILD_UP');
    await brick.fops.stat(frameOf('stat'), brick.root);
  });

  it('a wrong password', async () => {
    const options = { ...credentials(gluster, 'v1', 0), password: 'guessed' };
    await using brick = new BrickGraph(options);
    const refused = nextEvent(brick, 'AUTH_FAILED');
    brick.graph.activate();
    expect(await refused).toMatch(/refuses this client/);
    await expect(brick.graph.ready({ timeout: 5000 })).rejects.toMatchObject({ code: 'EACCES' });
    expect(await codeOf(brick.fops.lookup(frameOf('lookup'), brick.root))).toBe('ENOTCONN');
  });

  it('a brick that glusterd does not know', async () => {
    const options = { ...credentials(gluster, 'v1', 0), 'remote-subvolume': '/no/such/brick' };
    await using brick = new BrickGraph(options);
    const down = nextEvent(brick, 'CHILD_DOWN');
    brick.graph.activate();
    await down;
    expect(brick.log.join('\n')).toContain('no port for the brick /no/such/brick');
  });

  it('another brick at the port that is named', async () => {
    const [{ port }] = await gluster.bricks('v1');
    const options = { ...credentials(gluster, 'v1', 0), 'remote-port': port!, 'remote-subvolume': '/other' };
    await using brick = new BrickGraph(options);
    const down = nextEvent(brick, 'CHILD_DOWN');
    brick.graph.activate();
    await down;
    expect(brick.log.join('\n')).toMatch(/refuses this client/);
  });
});

describe.skipIf(!haveRealGluster())('TLS with real GlusterFS', () => {
  let gluster: RealGluster;
  let dir: string;
  let ours: Record<string, TlsFiles>;
  let others: Record<string, TlsFiles>;
  const tlsOptions = ({ cert, key, ca }: TlsFiles) => ({
    'transport.socket.ssl-enabled': 'on',
    'transport.socket.ssl-own-cert': cert,
    'transport.socket.ssl-private-key': key,
    'transport.socket.ssl-ca-list': ca,
    'secure-management': 'off',
  });

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-tls-'));
    ours = makeCertificates(join(dir, 'ours'), ['server', 'client', 'nobody']);
    others = makeCertificates(join(dir, 'others'), ['client']);
    gluster = await RealGluster.start();
    await gluster.createVolume('safe', {
      bricks: 1,
      options: {
        'server.ssl': 'on',
        'client.ssl': 'on',
        'ssl.own-cert': ours['server'].cert,
        'ssl.private-key': ours['server'].key,
        'ssl.ca-list': ours['server'].ca,
        'auth.ssl-allow': 'client',
      },
    });
  });
  afterAll(async () => {
    await gluster?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  it('speaks it to a brick, in bulk too', async () => {
    await using brick = await BrickGraph.of(gluster, 'safe', 0, tlsOptions(ours['client']));
    const { fd } = await create(brick, 'secret');
    const data = Buffer.alloc(3 << 20);
    for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(i, i);
    await brick.fops.writev(frameOf('writev'), fd, [data], 0, 0);
    const read = await brick.fops.readv(frameOf('readv'), fd, data.length, 0, 0);
    expect(Buffer.concat(read.data).equals(data)).toBe(true);
    fd.release();
  });

  it('is refused where the name is not allowed', async () => {
    await using brick = new BrickGraph({ ...credentials(gluster, 'safe', 0), ...tlsOptions(ours['nobody']) });
    const refused = nextEvent(brick, 'AUTH_FAILED');
    brick.graph.activate();
    expect(await refused).toMatch(/refuses this client/);
  });

  it('refuses a server that its authority does not know, and the other way round', async () => {
    for (const files of [
      { ...ours['client'], ca: others['client'].ca },
      { ...others['client'], ca: ours['client'].ca },
    ]) {
      await using brick = new BrickGraph({ ...credentials(gluster, 'safe', 0), ...tlsOptions(files) });
      const down = nextEvent(brick, 'CHILD_DOWN');
      brick.graph.activate();
      await down;
      expect(brick.log.join('\n')).toMatch(/certificate|alert|closed|ECONNRESET/i);
    }
  });

  it('does not speak plainly to a brick that wants TLS, nor TLS to one that is not there for it', async () => {
    const plain = { ...credentials(gluster, 'safe', 0), 'transport.socket.ssl-enabled': 'off' };
    await using brick = new BrickGraph({ ...plain, 'ping-timeout': 1 });
    const down = nextEvent(brick, 'CHILD_DOWN');
    brick.graph.activate();
    await down;
    const missing = { ...ours['client'], cert: join(dir, 'nothing.pem') };
    await using without = new BrickGraph({ ...credentials(gluster, 'safe', 0), ...tlsOptions(missing) });
    const failed = nextEvent(without, 'CHILD_DOWN');
    without.graph.activate();
    await failed;
    expect(without.log.join('\n')).toContain('nothing.pem cannot be read');
  });
});

describe.skipIf(!haveRealGluster())('TLS with a glusterd that wants it', () => {
  it('fetches volfiles and asks for ports', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nacre-tls-'));
    const { server, client } = makeCertificates(join(dir, 'made'), ['server', 'client']);
    const secureDir = join(dir, 'secure');
    mkdirSync(secureDir);
    writeFileSync(join(secureDir, 'secure-access'), '');
    copyFileSync(server.cert, join(secureDir, 'glusterfs.pem'));
    copyFileSync(server.key, join(secureDir, 'glusterfs.key'));
    copyFileSync(server.ca, join(secureDir, 'glusterfs.ca'));
    try {
      await using gluster = await RealGluster.start({ secureDir });
      await gluster.createVolume('v1', { bricks: 1 });
      const [cert, key, ca] = await Promise.all([client.cert, client.key, client.ca].map(f => readFile(f)));
      const server1 = { host: '127.0.0.1', port: 24007 };
      await using secure = new GlusterdClient(nodeEnv, [server1], 'v1', { tls: { cert, key, ca } });
      expect(await secure.fetch()).toContain('volume v1');
      await using plain = new GlusterdClient(nodeEnv, [server1], 'v1', {
        tls: 'off',
        callTimeoutMs: 2000,
        pingTimeoutMs: 1000,
      });
      await expect(plain.fetch()).rejects.toMatchObject({
        code: expect.stringMatching(/ENOTCONN|ETIMEDOUT/),
      });
      await using brick = await BrickGraph.of(gluster, 'v1', 0, {
        'secure-management': 'on',
        'transport.socket.ssl-own-cert': client.cert,
        'transport.socket.ssl-private-key': client.key,
        'transport.socket.ssl-ca-list': client.ca,
      });
      await brick.fops.lookup(frameOf('lookup'), brick.root);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
