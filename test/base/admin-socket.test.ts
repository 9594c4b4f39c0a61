import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import pkg from '../../package.json' with { type: 'json' };
import { AdminSocket } from '../../src/base/admin-socket.ts';
import { adminSocketCommand } from '../../src/base/admin-socket-client.ts';
import { AdminRegistry, parseSignature } from '../../src/base/admin-socket-registry.ts';
import { createContext, type OwnedContext } from '../../src/base/context.ts';
import { NacreError } from '../../src/base/errors.ts';
import { PerfCountersBuilder } from '../../src/base/perf-counters.ts';
import { VERSION } from '../../src/base/version.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { prng } from '../support/fuzz.ts';

/** Writes bytes to the socket and collects all that comes back. */
function exchange(path: string, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(path, () => socket.write(bytes));
    socket.on('data', chunk => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

describe('AdminSocket', () => {
  let dir: string;
  let path: string;
  let ctx: OwnedContext;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nacre-asok-'));
    path = join(dir, 'a.asok');
    ctx = createContext({ env: nodeEnv, conf: null, ignoreEnvironment: true });
  });
  afterEach(async () => {
    await ctx.close();
    await rm(dir, { recursive: true });
  });

  const ask = async (command: string | Record<string, unknown>) =>
    (await adminSocketCommand(nodeEnv, path, command)).toString();

  it('answers JSON, words ended by NUL or newline, and the oldest form', async () => {
    await using _ = await AdminSocket.listen(ctx, path);
    expect(JSON.parse(await ask('version'))).toMatchObject({ version: VERSION });
    expect(JSON.parse(await ask({ prefix: 'config get', var: 'ms_max_backoff' }))).toEqual({
      ms_max_backoff: '15.000000',
    });
    expect(await ask({ prefix: 'version', format: 'json' })).toMatch(/^\{"version":"[^\n]*\}$/);
    const framed = (text: string) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(text.length);
      return Buffer.concat([head, Buffer.from(text)]);
    };
    expect(await exchange(path, Buffer.from('0\n'))).toEqual(framed('2'));
    expect(await exchange(path, Buffer.from([0, 0, 0, 0]))).toEqual(framed('2'));
    expect(await exchange(path, Buffer.from([0, 0, 0, 1]))).toEqual(framed('{}\n'));
  });

  it('gives words to arguments and prefers the longer command', async () => {
    await using _ = await AdminSocket.listen(ctx, path);
    expect(JSON.parse(await ask('config set ms_max_backoff 3'))).toEqual({ success: '' });
    expect(JSON.parse(await ask('config diff get ms_max_backoff'))).toEqual({
      diff: { ms_max_backoff: { default: 15, override: 3, final: 3 } },
    });
    expect(
      JSON.parse(await ask({ prefix: 'config set', var: 'log_stderr_prefix', val: ['a', 'b'] })),
    ).toEqual(expect.anything());
    expect(JSON.parse(await ask('injectargs --debug-ms 7 --no-ms-crc-data'))).toEqual({});
    expect(ctx.config.get('debug_ms')).toBe('7/7');
    expect(ctx.config.get('ms_crc_data')).toBe(false);
    expect(await ask('config unset ms_max_backoff')).toBe('{}\n');
    expect(ctx.config.get('ms_max_backoff')).toBe(15);
  });

  it('puts errors into the answer', async () => {
    ctx.admin.register('fail', 'fails', () => {
      throw new NacreError('EBUSY', 'test', 'not now');
    });
    ctx.admin.register('bug', 'fails', () => {
      throw new TypeError('oops');
    });
    await using _ = await AdminSocket.listen(ctx, path);
    expect(await ask('fail')).toBe('ERROR: (16) Device or resource busy\nEBUSY: not now, test\n');
    expect(await ask('bug')).toBe('ERROR: (5) Input/output error\noops\n');
    expect(await ask('nosuch')).toMatch(/^ERROR: \(22\) /);
    expect(await ask('config get')).toContain("'config get' needs var");
    expect(await ask('config get nosuch')).toMatch(/^ERROR: \(2\) /);
    expect(await ask('config set ms_max_backoff x')).toContain("cannot be 'x'");
    expect(await ask('{"prefix":')).toMatch(/^ERROR: \(22\) /);
  });

  it('shows counters and what layers registered', async () => {
    const b = new PerfCountersBuilder('objecter');
    const ops = b.u64Counter('op', 'Operations');
    const counters = b.build();
    using _ = ctx.perf.add(counters);
    using registered = ctx.admin.register('objecter_requests', 'show operations in flight', async () => ({
      ops: [],
    }));
    counters.inc(ops, 5);
    await using _s = await AdminSocket.listen(ctx, path);
    expect(JSON.parse(await ask('perf dump'))).toEqual({ objecter: { op: 5 } });
    expect(JSON.parse(await ask('perf dump objecter op'))).toEqual({ objecter: { op: 5 } });
    expect(JSON.parse(await ask('help'))).toMatchObject({ objecter_requests: 'show operations in flight' });
    expect(JSON.parse(await ask('objecter_requests'))).toEqual({ ops: [] });
    const second = ctx.admin.register('objecter_requests', 'the same of another client', () => 'second');
    expect(JSON.parse(await ask('objecter_requests'))).toEqual({ ops: [] });
    registered[Symbol.dispose]();
    expect(await ask('objecter_requests')).toBe('second');
    second[Symbol.dispose]();
    expect(await ask('objecter_requests')).toMatch(/^ERROR/);
  });

  it('replaces a stale socket file, not one that is in use, and removes its own', async () => {
    // A process that died leaves its socket file behind.
    const dead = net.createServer().listen(path);
    await new Promise(resolve => dead.once('listening', resolve));
    await new Promise(resolve => dead.close(resolve));
    await writeFile(path, '');
    const first = await AdminSocket.listen(ctx, path);
    await expect(AdminSocket.listen(ctx, path)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(JSON.parse(await ask('version'))).toMatchObject({ version: VERSION });
    await first.close();
    await first.close();
    expect(await readdir(dir)).toEqual([]);
    await expect(ask('version')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes path and mode from the configuration', async () => {
    ctx.config.set('admin_socket', `${dir}/$name.asok`);
    ctx.config.set('admin_socket_mode', '0600');
    await using socket = await AdminSocket.listen(ctx);
    expect(socket.path).toBe(`${dir}/client.admin.asok`);
    expect((await stat(socket.path)).mode & 0o777).toBe(0o600);
    await expect(AdminSocket.listen(ctx, `/${'x'.repeat(120)}`)).rejects.toMatchObject({
      code: 'ENAMETOOLONG',
    });
  });

  it('belongs to the context that opened it, and is done without where it cannot be had', async () => {
    const owner = createContext({ env: nodeEnv, conf: null, overrides: { admin_socket: path } });
    const other = createContext({ env: nodeEnv, conf: null, overrides: { admin_socket: path } });
    const without = createContext({ env: nodeEnv, conf: null, overrides: { admin_socket: '' } });
    expect(await owner.openAdminSocket()).toBe(await owner.openAdminSocket());
    expect(await other.openAdminSocket()).toBeUndefined();
    expect(other.log.dumpText()).toContain(`no admin socket at ${path}`);
    expect(await without.openAdminSocket()).toBeUndefined();
    expect(JSON.parse(await ask('version'))).toMatchObject({ version: VERSION });
    for (const context of [other, without, owner]) await context.close();
    expect(await readdir(dir)).toEqual([]);
  });

  it('survives any bytes', async () => {
    await using _ = await AdminSocket.listen(ctx, path);
    const next = prng(7);
    for (let i = 0; i < 40; i++) {
      const bytes = Buffer.from(Array.from({ length: 1 + (next() % 60) }, () => next() & 0xff));
      await exchange(path, Buffer.concat([bytes, Buffer.from('\n\n\0\0\0\0\0')]));
    }
    await exchange(path, Buffer.alloc(100_000, 'x'));
    expect(JSON.parse(await ask('version'))).toMatchObject({ version: VERSION });
  });

  it('gives up waiting when asked to', async () => {
    ctx.admin.register('hang', 'never answers', () => new Promise(() => {}));
    await using _ = await AdminSocket.listen(ctx, path);
    const abort = new AbortController();
    const asked = adminSocketCommand(nodeEnv, path, 'hang', abort.signal);
    setTimeout(() => abort.abort(), 10);
    await expect(asked).rejects.toMatchObject({ code: 'ECANCELED' });
  });
});

describe('command descriptions', () => {
  it('are parsed into words and arguments', () => {
    expect(parseSignature('config set name=var,type=CephString name=val,type=CephString,n=N')).toEqual([
      'config',
      'set',
      { name: 'var', type: 'CephString' },
      { name: 'val', type: 'CephString', n: 'N' },
    ]);
  });

  it('reach the handler by name', async () => {
    const registry = new AdminRegistry();
    registry.register('a b name=x,type=CephString name=y,type=CephString,req=false', '', args => ({
      ...args,
    }));
    registry.register('a', '', () => 'short');
    expect(JSON.parse((await registry.execute('a b 1')).toString())).toEqual({ x: '1' });
    expect(JSON.parse((await registry.execute('{"prefix":"a b","y":2,"x":1}')).toString())).toMatchObject({
      x: 1,
      y: 2,
    });
    expect((await registry.execute('a c')).toString()).toBe('short');
  });
});

it("the version is the package's", () => {
  expect(VERSION).toBe(pkg.version);
});
