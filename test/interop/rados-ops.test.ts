import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { onTrace, type Span } from '../../src/base/trace.ts';
import {
  ALL_NAMESPACES,
  ALLOC_HINT_SEQUENTIAL_WRITE,
  CommandError,
  type ConnectOptions,
  type IoCtx,
  isHead,
  ObjectCursor,
  OP_FADVISE_DONTNEED,
  OP_FAILOK,
  OPERATION_ORDER_READS_WRITES,
  OPERATION_RETURNVEC,
  OperationError,
  Rados,
  ReadOperation,
  WriteOperation,
} from '../../src/ceph/rados/index.ts';
import { fresh } from '../support/fresh.ts';
import { haveRealCeph, RealCeph, type RealCephOptions } from '../support/real-ceph.ts';

const MODES: [string, RealCephOptions][] = [
  ['cephx, crc, v2', { auth: 'cephx', mode: 'crc', proto: 'v2' }],
  ['cephx, secure, v2', { auth: 'cephx', mode: 'secure', proto: 'v2' }],
  ['cephx, v1 only', { auth: 'cephx', proto: 'v1' }],
  ['no authentication', { auth: 'none', mode: 'crc', proto: 'both' }],
];

const PYTHON_HEAD = `
import rados, sys, json
cluster = rados.Rados(conffile='')
cluster.connect()
io = cluster.open_ioctx('data')
`;

describe.skipIf(!haveRealCeph()).each(MODES)('librados against real Ceph: %s', (_name, options) => {
  let ceph: RealCeph;
  let cluster: Rados;
  let io: IoCtx;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 3, store: 'memstore', ...options });
    await ceph.createPool('data', 16);
    await ceph.createPool('snaps', 8);
    cluster = await Rados.connect({ conf: ceph.conf });
    io = await cluster.openPool('data');
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  /** Runs Python with librados; what it prints as JSON. */
  async function py<T = unknown>(body: string, ...args: string[]): Promise<T> {
    const { stdout, stderr, code } = await ceph.python(PYTHON_HEAD + body, args);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout.toString() || 'null') as T;
  }

  async function rados(args: string[], input?: Uint8Array): Promise<string> {
    const { stdout, stderr, code } = await ceph.rados(['-p', 'data', ...args], { input });
    if (code !== 0) throw new Error(`rados ${args.join(' ')}: ${stderr}`);
    return stdout.toString();
  }

  describe('cluster', () => {
    it('knows fsid, itself and pools', async () => {
      expect(cluster.fsid).toBe(ceph.fsid);
      expect(cluster.instanceId).toBeGreaterThan(0n);
      expect(cluster.pools.list().map(({ name }) => name)).toEqual(expect.arrayContaining(['data', 'snaps']));
      expect(await cluster.pools.lookup(await cluster.pools.lookup('data'))).toBe('data');
      expect(io.poolName).toBe('data');
      await expect(cluster.openPool('no such pool')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(cluster.openPool(4711)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('makes and deletes pools that others see', async () => {
      const name = fresh('made');
      const id = await cluster.pools.create(name);
      expect((await rados(['lspools'])).split('\n')).toContain(name);
      expect(await py(`print(json.dumps(cluster.pool_lookup(sys.argv[1])))`, name)).toBe(id);
      await expect(cluster.pools.create(name)).rejects.toMatchObject({ code: 'EEXIST' });
      const made = await cluster.openPool(name);
      await made.writeFull('x', 'y');
      await cluster.pools.delete(name);
      expect((await rados(['lspools'])).split('\n')).not.toContain(name);
      await expect(made.read('x')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(cluster.pools.delete(name)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('sees a pool that someone else made a moment ago', async () => {
      const name = fresh('foreign');
      await ceph.createPool(name, 4);
      const foreign = await cluster.openPool(name);
      await foreign.writeFull('a', 'b');
      expect((await foreign.read('a')).toString()).toBe('b');
    });

    it('runs commands of monitors, OSDs and PGs', async () => {
      const status = await cluster.monCommand({ prefix: 'status', format: 'json' });
      expect(status.json<{ fsid: string }>().fsid).toBe(ceph.fsid);
      const version = await cluster.osdCommand(1, { prefix: 'version' });
      expect(version.json<{ version: string }>().version).toContain('16.2');
      const pool = await cluster.pools.lookup('data');
      const query = await cluster.pgCommand(`${pool}.3`, { prefix: 'query', pgid: `${pool}.3` });
      expect(query.json<{ state: string }>().state).toContain('active');
      const refused = cluster.monCommand({ prefix: 'osd pool delete', pool: 'data' });
      await expect(refused).rejects.toBeInstanceOf(CommandError);
      await expect(cluster.monCommand('{"prefix": "no such command"}')).rejects.toMatchObject({
        code: 'EINVAL',
      });
      await expect(cluster.osdCommand(17, { prefix: 'version' })).rejects.toMatchObject({ code: 'ENOENT' });
      const told = await cluster.monCommand({ prefix: 'version' }, { target: 'a' });
      expect(told.text).toContain('16.2');
      expect(JSON.parse(await cluster.pingMonitor('a'))).toMatchObject({ mon_status: { name: 'a' } });
      const input = Buffer.from('config key content');
      await cluster.monCommand({ prefix: 'config-key set', key: 'test/key' }, { input });
      const back = await cluster.monCommand({ prefix: 'config-key get', key: 'test/key' });
      expect(back.output.equals(input)).toBe(true);
    });

    it('asks for statistics', async () => {
      // No manager runs here, so the numbers are all zero; that they come at all is what is looked at.
      expect(await cluster.stats()).toMatchObject({ kb: expect.any(Number), numObjects: expect.any(Number) });
      expect(await cluster.poolStats(['data'])).toBeInstanceOf(Map);
    });

    it('keeps application metadata', async () => {
      await cluster.applications.enable('data', 'archive');
      await cluster.applications.setMetadata('data', 'archive', 'owner', 'me');
      expect(await cluster.applications.list('data')).toEqual(['archive']);
      expect(await py(`print(json.dumps(io.application_metadata_list('archive')))`)).toEqual([
        ['owner', 'me'],
      ]);
      expect(await cluster.applications.metadata('data', 'archive')).toEqual(new Map([['owner', 'me']]));
      await cluster.applications.removeMetadata('data', 'archive', 'owner');
      expect(await cluster.applications.metadata('data', 'archive')).toEqual(new Map());
      await expect(cluster.applications.metadata('data', 'other')).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('ends by signal while connecting, and leaves nothing behind', async () => {
      const stop = new AbortController();
      const connecting = Rados.connect({ conf: ceph.conf, signal: stop.signal });
      stop.abort(new Error('never mind'));
      await expect(connecting).rejects.toThrow('never mind');
    });
  });

  describe('who we are', () => {
    it.skipIf(options.auth === 'none')('is checked', async () => {
      const connecting = (more: ConnectOptions) => Rados.connect({ conf: ceph.conf, ...more });
      const wrong = Buffer.from(ceph.key, 'base64');
      wrong[wrong.length - 1] ^= 1;
      await expect(connecting({ key: wrong.toString('base64') })).rejects.toMatchObject({ code: 'EACCES' });
      await expect(connecting({ id: 'nobody' })).rejects.toMatchObject({ code: 'ENOENT' });
      await using other = await connecting({ keyring: '/dev/null', key: ceph.key });
      expect(other.fsid).toBe(ceph.fsid);
      const caps = ['mon', 'allow r', 'osd', 'allow r pool=data'];
      const made = await cluster.monCommand({ prefix: 'auth get-or-create', entity: 'client.reader', caps });
      const key = /key = (\S+)/.exec(made.text)![1];
      await using reader = await connecting({ id: 'reader', key });
      const view = await reader.openPool('data');
      await io.writeFull('readable', 'yes');
      expect((await view.read('readable')).toString()).toBe('yes');
      await expect(view.writeFull('readable', 'no')).rejects.toMatchObject({ code: 'EPERM' });
      await expect(reader.pools.create('mine')).rejects.toMatchObject({ code: 'EPERM' });
    });

    it('is told by any way of saying it', async () => {
      const none = { conf: null, ignoreEnvironment: true };
      const key = options.auth === 'none' ? {} : { key: ceph.key };
      const auth = { auth_client_required: options.auth === 'none' ? 'none' : 'cephx' };
      await using by = await Rados.connect({ ...none, monHost: ceph.monHost, ...key, config: auth });
      expect(by.fsid).toBe(ceph.fsid);
      const unreachable = { ...none, monHost: '127.0.0.1:1', ...key, config: { client_mount_timeout: 1 } };
      await expect(Rados.connect(unreachable)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    });
  });

  describe('data', () => {
    it('shows its way through the layers', async () => {
      await io.writeFull('traced', 'x');
      const spans: Span[] = [];
      {
        using _ = onTrace({ unwind: span => spans.push(span) });
        await io.read('traced');
      }
      const path = (span: Span): string =>
        span.parent === undefined ? span.layer : `${path(span.parent)} > ${span.layer}`;
      const top = 'librados.IoCtx.read > Objecter.op_submit';
      expect(spans.map(path)).toEqual(
        expect.arrayContaining([
          'librados.IoCtx.read',
          top,
          `${top} > Objecter._calc_target`,
          `${top} > Objecter._send_op`,
          `${top} > Objecter.handle_osd_op_reply`,
        ]),
      );
      const links = spans.filter(({ layer }) => layer.startsWith('Objecter._send')).map(s => s.detail?.link);
      expect(links).toEqual([expect.stringContaining(`client.${cluster.instanceId}:`)]);
    });

    it('is what the other client wrote, both ways, at any size', async () => {
      for (const size of [0, 1, 4095, 4096, 65536, 5_000_001]) {
        const data = randomBytes(size);
        await io.writeFull(`ours-${size}`, data);
        const sum = createHash('sha256').update(data).digest('hex');
        await rados(['put', `theirs-${size}`, '-'], data);
        expect((await io.read(`theirs-${size}`)).equals(data)).toBe(true);
        const { stdout } = await ceph.rados(['-p', 'data', 'get', `ours-${size}`, '-']);
        expect(createHash('sha256').update(stdout).digest('hex')).toBe(sum);
      }
    });

    it('is written, appended, truncated, zeroed, repeated', async () => {
      await io.write('d', 'hello world');
      await io.write('d', 'WORLD', { offset: 6 });
      await io.append('d', '!');
      expect((await io.read('d')).toString()).toBe('hello WORLD!');
      await io.zero('d', 0, 5);
      expect((await io.read('d', { length: 6 })).equals(Buffer.from('\0\0\0\0\0 '))).toBe(true);
      await io.truncate('d', 8);
      await io.truncate('d', 10);
      expect((await io.read('d', { offset: 6 })).equals(Buffer.from('WO\0\0'))).toBe(true);
      await io.writeSame('d', 'ab', { offset: 0, length: 8 });
      expect((await io.read('d', { length: 8 })).toString()).toBe('abababab');
      expect(await py(`print(json.dumps(io.read('d').decode('latin1')))`)).toBe('abababab\0\0');
      await io.write('d', '', { offset: 0 });
      expect(await io.read('d', { offset: 100 })).toHaveLength(0);
      expect(await io.read('d', { length: 0 })).toHaveLength(0);
    });

    it('is read into memory of the caller', async () => {
      await io.writeFull('into', '0123456789');
      const into = Buffer.alloc(6);
      const part = await io.read('into', { offset: 6, into });
      expect(part.toString()).toBe('6789');
      expect(part.buffer).toBe(into.buffer);
      expect((await io.read('into', { into: new Uint8Array(4) })).toString()).toBe('0123');
    });

    it('has a size, a time and a version', async () => {
      const mtime = new Date('2020-02-03T04:05:06.789Z');
      const v1 = await io.writeFull('st', 'abc', { mtime });
      const stat = await io.stat('st');
      expect(stat).toMatchObject({ size: 3, mtime });
      expect(await rados(['stat', 'st'])).toContain('2020-02-03T04:05:06');
      const v2 = await io.append('st', 'd');
      expect(v2).toBeGreaterThan(v1);
      await io.read('st');
      expect(io.getLastVersion()).toBe(v2);
      const theirs = await py<number>(`io.read('st'); print(json.dumps(io.get_last_version()))`);
      expect(theirs).toBe(v2);
    });

    it('is created, exclusively or not, and removed', async () => {
      await io.create('c', { exclusive: true });
      await expect(io.create('c', { exclusive: true })).rejects.toMatchObject({
        code: 'EEXIST',
        op: 'rados.create',
      });
      await io.create('c');
      await io.remove('c');
      const gone = await Promise.allSettled([
        io.read('c'),
        io.stat('c'),
        io.remove('c'),
        io.getXattr('c', 'x'),
      ]);
      for (const result of gone)
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ENOENT', errno: -2 } });
    });

    it('is sparse', async () => {
      await io.write('sparse', 'begin');
      await io.write('sparse', 'end', { offset: 1 << 20 });
      const { extents, data } = await io.sparseRead('sparse', { length: 2 << 20 });
      let at = 0;
      const image = Buffer.alloc((1 << 20) + 3);
      for (const { offset, length } of extents) {
        data.copy(image, offset, at, at + length);
        at += length;
      }
      expect(image.equals(await io.read('sparse'))).toBe(true);
    });

    it('is summed up on the OSD', async () => {
      const data = randomBytes(8192);
      await io.writeFull('sum', data);
      const [a, b] = await io.checksum('sum', {
        type: 'crc32c',
        seed: 0xffffffff,
        length: 8192,
        chunkSize: 4096,
      });
      // The OSD gives what ceph_crc32c gives: no final inversion.
      expect([a, b]).toEqual([
        crc32c(data.subarray(0, 4096), 0xffffffff),
        crc32c(data.subarray(4096), 0xffffffff),
      ]);
      expect(await io.checksum('sum', { type: 'xxhash32', seed: 0, offset: 0, length: 4096 })).toHaveLength(
        1,
      );
      const [h] = await io.checksum('sum', { type: 'xxhash64', seed: 0 });
      expect(typeof h).toBe('bigint');
      // Sums of parts are those of objects that consist of just the part.
      await io.writeFull('sum-part', data.subarray(0, 4096));
      for (const type of ['xxhash32', 'xxhash64'] as const) {
        const [part] = await io.checksum('sum', {
          type: type as 'xxhash64',
          seed: 7,
          length: 8192,
          chunkSize: 4096,
        });
        expect(await io.checksum('sum-part', { type: type as 'xxhash64', seed: 7 })).toEqual([part]);
        expect(await io.checksum('sum-part', { type: type as 'xxhash64', seed: 8 })).not.toEqual([part]);
      }
    });

    it('is compared', async () => {
      await io.writeFull('cmp', 'abcdef');
      expect(await io.compareExt('cmp', 'cde', { offset: 2 })).toBeUndefined();
      expect(await io.compareExt('cmp', 'cdX', { offset: 2 })).toBe(2);
      expect(await io.compareExt('cmp', 'Xde', { offset: 2 })).toBe(0);
      await expect(io.compareExt('no such', 'x')).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('is copied within the cluster', async () => {
      const data = randomBytes(100_000);
      await io.writeFull('src', data);
      await io.setXattr('src', 'a', 'b');
      await io.omapSet('src', { k: 'v' });
      const other = io.with({ namespace: 'elsewhere' });
      await other.copyFrom('dst', { io, oid: 'src' });
      expect((await other.read('dst')).equals(data)).toBe(true);
      expect((await other.getXattr('dst', 'a')).toString()).toBe('b');
      expect(await other.omapGet('dst', ['k'])).toEqual(new Map([['k', Buffer.from('v')]]));
      await io.stat('src');
      const version = io.getLastVersion();
      await expect(other.copyFrom('dst', { io, oid: 'src' }, { version: version + 1 })).rejects.toMatchObject(
        { code: 'EOVERFLOW' },
      );
    });

    it('takes hints', async () => {
      await io.setAllocHint('hint', {
        expectedObjectSize: 4 << 20,
        expectedWriteSize: 4096,
        flags: ALLOC_HINT_SEQUENTIAL_WRITE,
      });
      expect(await io.stat('hint')).toMatchObject({ size: 0 });
      await io.write('hint', 'x', { opFlags: OP_FADVISE_DONTNEED });
      const flags = OPERATION_ORDER_READS_WRITES;
      expect((await io.read('hint', { opFlags: OP_FADVISE_DONTNEED, flags })).toString()).toBe('x');
    });

    it('keeps the order of calls on one object', async () => {
      const all: Promise<unknown>[] = [];
      for (let i = 0; i < 200; i++) all.push(io.append('order', `${i},`));
      const read = io.read('order');
      await Promise.all(all);
      expect((await read).toString()).toBe(Array.from({ length: 200 }, (_, i) => `${i},`).join(''));
      const versions = await Promise.all([
        io.append('order', 'a'),
        io.append('order', 'b'),
        io.append('order', 'c'),
      ]);
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
    });

    it('can be read from any replica', async () => {
      await io.writeFull('replicas', 'everywhere');
      for (const readFrom of ['any', 'nearest'] as const) {
        const view = io.with({ readFrom });
        const all = await Promise.all(Array.from({ length: 20 }, () => view.read('replicas')));
        expect(all.every(data => data.toString() === 'everywhere')).toBe(true);
      }
    });

    it('has names of every kind', async () => {
      for (const oid of ['späße 漢字 🐚', 'with/slash', ' blank ', 'a'.repeat(200)]) {
        await io.writeFull(oid, oid);
        expect(await py(`print(json.dumps(io.read(sys.argv[1]).decode()))`, oid)).toBe(oid);
      }
    });

    it('gives up by signal', async () => {
      const stop = new AbortController();
      const read = io.read('replicas', { signal: stop.signal });
      stop.abort(new Error('enough'));
      await expect(read).rejects.toThrow('enough');
      await expect(io.read('replicas', { signal: stop.signal })).rejects.toThrow('enough');
      expect((await io.read('replicas', { signal: new AbortController().signal })).toString()).toBe(
        'everywhere',
      );
    });
  });

  describe('attributes', () => {
    it('are set, read, compared and removed, both ways', async () => {
      await io.setXattr('x', 'name', 'value');
      await io.setXattr('x', 'binary', Buffer.from([0, 255, 10]));
      await io.setXattr('x', 'count', '17');
      await rados(['setxattr', 'x', 'theirs', 'yes']);
      expect(await io.getXattrs('x')).toEqual(
        new Map([
          ['binary', Buffer.from([0, 255, 10])],
          ['count', Buffer.from('17')],
          ['name', Buffer.from('value')],
          ['theirs', Buffer.from('yes')],
        ]),
      );
      expect((await rados(['listxattr', 'x'])).trim().split('\n').sort()).toEqual([
        'binary',
        'count',
        'name',
        'theirs',
      ]);
      expect(await rados(['getxattr', 'x', 'name'])).toBe('value');
      expect(await io.compareXattr('x', 'name', 'eq', 'value')).toBe(true);
      expect(await io.compareXattr('x', 'name', 'eq', 'other')).toBe(false);
      // The operand that is given stands on the left of the comparison for OSDs.
      expect(await io.compareXattr('x', 'count', 'eq', 17n)).toBe(true);
      expect(await io.compareXattr('x', 'count', 'ne', 17n)).toBe(false);
      await io.removeXattr('x', 'name');
      await expect(io.getXattr('x', 'name')).rejects.toMatchObject({ code: 'ENODATA' });
      await expect(io.getXattr('none', 'name')).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('keep an omap that both sides read and write', async () => {
      await io.omapSet('o', [
        ['b', 'two'],
        ['a', 'one'],
        ['c', Buffer.from([0, 1])],
      ]);
      await rados(['setomapval', 'o', 'd', 'four']);
      await io.omapSetHeader('o', 'header');
      expect(await io.omapGet('o', ['a', 'd', 'x'])).toEqual(
        new Map([
          ['a', Buffer.from('one')],
          ['d', Buffer.from('four')],
        ]),
      );
      expect((await rados(['listomapkeys', 'o'])).trim().split('\n')).toEqual(['a', 'b', 'c', 'd']);
      const theirs = await py(`
with rados.ReadOpCtx() as op:
    it, ret = io.get_omap_vals(op, '', '', 10)
    io.operate_read_op(op, 'o')
    print(json.dumps([[k, v.decode('latin1')] for k, v in it]))`);
      expect(theirs).toEqual([
        ['a', 'one'],
        ['b', 'two'],
        ['c', '\0\u0001'],
        ['d', 'four'],
      ]);
      expect((await io.omapGetHeader('o')).toString()).toBe('header');
      expect((await rados(['getomapheader', 'o'])).includes('header')).toBe(true);
      expect(await io.omapCompare('o', { a: { op: 'eq', value: 'one' } })).toBe(true);
      expect(await io.omapCompare('o', { a: { op: 'eq', value: 'eins' } })).toBe(false);
      await io.omapRemoveKeys('o', ['a', 'nothing']);
      await io.omapRemoveRange('o', 'b', 'd');
      const keys: string[] = [];
      for await (const key of io.omapGetKeys('o')) keys.push(key);
      expect(keys).toEqual(['d']);
      await io.omapClear('o');
      expect(await io.omapGetPage('o')).toEqual({ values: new Map(), more: false });
      expect(await io.omapGetHeader('o')).toHaveLength(0);
    });

    it('have omaps of any size, in ranges', async () => {
      const n = 3000;
      const name = (i: number) => `key-${String(i).padStart(5, '0')}`;
      await io.omapSet(
        'big',
        Array.from({ length: n }, (_, i) => [name(i), String(i)] as const),
      );
      await io.omapSet('big', { 'other-1': 'x' });
      let i = 0;
      for await (const [key, value] of io.omapGetRange('big', { prefix: 'key-' })) {
        expect([key, value.toString()]).toEqual([name(i), String(i)]);
        i++;
      }
      expect(i).toBe(n);
      const some: string[] = [];
      for await (const [key] of io.omapGetRange('big', { after: name(10), max: 3 })) some.push(key);
      expect(some).toEqual([name(11), name(12), name(13)]);
      const keys: string[] = [];
      for await (const key of io.omapGetKeys('big', { after: name(n - 2) })) keys.push(key);
      expect(keys).toEqual([name(n - 1), 'other-1']);
      const page = await io.omapGetPage('big', { max: 2 });
      expect([...page.values.keys()]).toEqual([name(0), name(1)]);
      expect(page.more).toBe(true);
    });
  });

  describe('compound operations', () => {
    it('write all or nothing, with conditions', async () => {
      const make = new WriteOperation()
        .create({ exclusive: true })
        .setAllocHint(4096, 4096)
        .writeFull('hello')
        .append(' world')
        .write(0, 'H')
        .zero(5, 1)
        .setXattr('kind', 'greeting')
        .omapSet({ a: '1', b: '2', c: '3' })
        .omapRemoveKeys(['a'])
        .omapRemoveRange('c', 'd')
        .omapSetHeader('top');
      const { version } = await io.operate('w', make);
      expect(version).toBeGreaterThan(0);
      expect((await io.read('w')).equals(Buffer.from('Hello\0world'))).toBe(true);
      expect([...(await io.omapGetPage('w')).values.keys()]).toEqual(['b']);
      await expect(io.operate('w', make)).rejects.toMatchObject({ code: 'EEXIST' });

      const guarded = (check: (op: WriteOperation) => WriteOperation) =>
        io.operate('w', check(new WriteOperation()).writeFull('changed'));
      await expect(guarded(op => op.compareXattr('kind', 'eq', 'insult'))).rejects.toMatchObject({
        code: 'ECANCELED',
      });
      await expect(guarded(op => op.omapCompare({ b: { op: 'eq', value: 'no' } }))).rejects.toMatchObject({
        code: 'ECANCELED',
      });
      await expect(guarded(op => op.assertVersion(version - 1))).rejects.toMatchObject({ code: 'ERANGE' });
      await expect(guarded(op => op.assertVersion(version + 1))).rejects.toMatchObject({ code: 'EOVERFLOW' });
      await expect(guarded(op => op.compareExt(0, 'Jello'))).rejects.toMatchObject({
        code: 'ECANCELED',
        mismatch: 0,
      });
      await expect(
        io.operate('no such', new WriteOperation().assertExists().writeFull('x')),
      ).rejects.toMatchObject({ code: 'ENOENT' });
      expect((await io.read('w')).toString()).toContain('world');
      await guarded(op =>
        op
          .assertExists()
          .assertVersion(version)
          .compareXattr('kind', 'eq', 'greeting')
          .omapCompare({ b: { op: 'eq', value: '2' } })
          .compareExt(0, 'Hello'),
      );
      expect((await io.read('w')).toString()).toBe('changed');
      await io.operate(
        'w',
        new WriteOperation().removeXattr('kind').omapClear().truncate(2).writeSame(2, 4, 'ab'),
      );
      expect((await io.read('w')).toString()).toBe('chabab');
      expect(await py(`print(json.dumps(io.read('w').decode()))`)).toBe('chabab');
      await io.operate('w', new WriteOperation().remove());
      await expect(io.stat('w')).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('read many things at one moment', async () => {
      await io.operate(
        'r',
        new WriteOperation()
          .writeFull('0123456789')
          .setXattr('x', 'y')
          .omapSet({ k: 'v' })
          .omapSetHeader('h'),
      );
      const op = new ReadOperation().assertExists();
      const stat = op.stat();
      const data = op.read(2, 3);
      const sparse = op.sparseRead(0, 10);
      const xattr = op.getXattr('x');
      const xattrs = op.getXattrs();
      const vals = op.omapGet(['k']);
      const page = op.omapGetPage();
      const keys = op.omapGetKeysPage();
      const header = op.omapGetHeader();
      const sums = op.checksum({ type: 'crc32c' });
      const watchers = op.listWatchers();
      expect(() => stat.value).toThrow('EINPROGRESS');
      const { results } = await io.operate('r', op);
      expect(results).toHaveLength(12);
      expect(stat.value.size).toBe(10);
      expect(data.value.toString()).toBe('234');
      expect(sparse.value.data.toString()).toBe('0123456789');
      expect(xattr.value.toString()).toBe('y');
      expect([...xattrs.value.keys()]).toEqual(['x']);
      expect(vals.value.get('k')?.toString()).toBe('v');
      expect([...page.value.values.keys()]).toEqual(['k']);
      expect(keys.value).toEqual({ values: ['k'], more: false });
      expect(header.value.toString()).toBe('h');
      expect(sums.value).toEqual([crc32c(Buffer.from('0123456789'), 0xffffffff)]);
      expect(watchers.value).toEqual([]);
    });

    it('tell what each op came to', async () => {
      const op = new ReadOperation();
      const missing = op.getXattr('missing');
      op.opFlags(OP_FAILOK);
      const data = op.read();
      await io.operate('r', op);
      expect(missing.code).toBe(-61);
      expect(() => missing.value).toThrow('ENODATA');
      expect(data.value.toString()).toBe('0123456789');

      const bad = new ReadOperation();
      const first = bad.stat();
      bad.getXattr('missing');
      const error = await io.operate('r', bad).catch(e => e);
      expect(error).toBeInstanceOf(OperationError);
      expect(error).toMatchObject({ code: 'ENODATA', results: [{ code: 0 }, { code: -61 }] });
      expect(first.value.size).toBe(10);
    });

    it('run object classes, and get their output out of writes', async () => {
      const greeting = await io.exec('r', 'hello', 'say_hello', 'shell');
      expect(greeting.toString()).toBe('Hello, shell!');
      expect(await py(`print(json.dumps(io.execute('r', 'hello', 'say_hello', b'shell')[1].decode()))`)).toBe(
        'Hello, shell!',
      );
      await io.exec('recorded', 'hello', 'record_hello', 'nautilus');
      expect((await io.exec('recorded', 'hello', 'replay')).toString()).toContain('nautilus');
      await expect(io.exec('r', 'hello', 'no_such_method')).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
      const op = new WriteOperation();
      const out = op.exec('hello', 'write_return_data');
      await io.operate('returned', op, { flags: OPERATION_RETURNVEC });
      expect(out.code).toBe(42);
      expect(out.value.toString()).toBe('you might see this');
    });
  });

  describe('listing', () => {
    it('goes over a namespace, all namespaces, locators, in parts and from a cursor', async () => {
      const here = io.with({ namespace: 'ls' });
      const names = Array.from({ length: 300 }, (_, i) => `item-${i}`);
      await Promise.all(names.map(name => here.create(name)));
      await here.with({ locator: 'key' }).create('located');
      const all: string[] = [];
      for await (const { oid, namespace, locator } of here.list({ pageSize: 7 })) {
        expect(namespace).toBe('ls');
        if (oid === 'located') expect(locator).toBe('key');
        all.push(oid);
      }
      const expected = [...names, 'located'].sort();
      expect([...all].sort()).toEqual(expected);
      expect(
        (await rados(['-N', 'ls', 'ls']))
          .trim()
          .split('\n')
          .map(line => line.split('\t')[0])
          .sort(),
      ).toEqual(expected);
      const parts: string[] = [];
      for (let n = 0; n < 5; n++)
        for await (const { oid } of here.list(here.listSlice(n, 5))) parts.push(oid);
      expect(parts).toEqual(all);

      const lister = here.list({ pageSize: 50 });
      let seen = 0;
      for await (const _ of lister) if (++seen === 120) break;
      const cursor = ObjectCursor.parse(lister.cursor.toString());
      const rest: string[] = [];
      for await (const { oid } of here.list({ start: cursor })) rest.push(oid);
      expect(rest).toEqual(all.slice(120));
      const begin = here.list();
      begin.seek(ObjectCursor.end);
      for await (const _ of begin) throw new Error('nothing comes after the end');

      await io.with({ namespace: 'ls2' }).create('x');
      const spaces = new Set<string>();
      for await (const { namespace } of io.with({ namespace: ALL_NAMESPACES }).list()) spaces.add(namespace);
      expect([...spaces]).toEqual(expect.arrayContaining(['', 'ls', 'ls2']));
    });

    it('gives what others see of namespace and locator', async () => {
      const view = io.with({ namespace: 'nn', locator: 'kk' });
      await view.writeFull('o', 'mine');
      const theirs = `
io.set_namespace('nn')
io.set_locator_key('kk')
print(json.dumps(io.read('o').decode()))
io.write_full('p', b'theirs')`;
      expect(await py(theirs)).toBe('mine');
      expect((await view.read('p')).toString()).toBe('theirs');
      await expect(io.read('p')).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  describe('snapshots', () => {
    it('of a pool: made, listed, read, rolled back, removed', async () => {
      const pool = await cluster.openPool('snaps');
      await pool.writeFull('s', 'old');
      const snap = await pool.createSnapshot('before');
      expect(snap.stamp.getTime()).toBeGreaterThan(Date.now() - 600_000);
      await expect(pool.createSnapshot('before')).rejects.toMatchObject({ code: 'EEXIST' });
      await pool.writeFull('s', 'new');
      const then = pool.with({ snapshot: snap.id });
      expect((await then.read('s')).toString()).toBe('old');
      await expect(then.writeFull('s', 'x')).rejects.toMatchObject({ code: 'EROFS' });
      const lssnap = (await ceph.rados(['-p', 'snaps', 'lssnap'])).stdout.toString();
      expect(lssnap).toContain('before');
      await ceph.rados(['-p', 'snaps', 'mksnap', 'theirs']);
      await cluster.waitForLatestOsdMap();
      expect(pool.listSnapshots().map(({ name }) => name)).toEqual(['before', 'theirs']);
      const { clones } = await pool.listSnaps('s');
      expect(clones).toHaveLength(2);
      expect(clones[0]).toMatchObject({ id: snap.id, snaps: [snap.id], size: 3 });
      expect(isHead(clones[1])).toBe(true);
      await pool.rollback('s', 'before');
      expect((await pool.read('s')).toString()).toBe('old');
      await pool.removeSnapshot('before');
      await expect(pool.removeSnapshot('before')).rejects.toMatchObject({ code: 'ENOENT' });
      expect(() => pool.lookupSnapshot('before')).toThrow('ENOENT');
      await expect(pool.createSelfManagedSnapshot()).rejects.toMatchObject({ code: 'EINVAL' });
    });

    it('that the application manages', async () => {
      await io.writeFull('sm', 'zero');
      const one = await io.createSelfManagedSnapshot();
      const at1 = io.with({ snapContext: { seq: one, snaps: [one] } });
      await at1.writeFull('sm', 'one');
      const two = await io.createSelfManagedSnapshot();
      expect(two).toBeGreaterThan(one);
      const at2 = io.with({ snapContext: { seq: two, snaps: [two, one] } });
      await at2.writeFull('sm', 'two');
      expect((await io.with({ snapshot: one }).read('sm')).toString()).toBe('zero');
      expect((await io.with({ snapshot: two }).read('sm')).toString()).toBe('one');
      const theirs = await py(
        `io.set_read(int(sys.argv[1])); print(json.dumps(io.read('sm').decode()))`,
        String(one),
      );
      expect(theirs).toBe('zero');
      await at2.rollbackSelfManaged('sm', one);
      expect((await io.read('sm')).toString()).toBe('zero');
      await expect(
        io.with({ snapContext: { seq: 1n, snaps: [2n] } }).writeFull('sm', 'x'),
      ).rejects.toMatchObject({ code: 'EINVAL' });
      await io.removeSelfManagedSnapshot(one);
      await io.removeSelfManagedSnapshot(two);
    });
  });

  describe('watch and notify', () => {
    it('reaches watchers of both clients and gathers their answers', async () => {
      await io.writeFull('watched', '');
      const heard: string[] = [];
      await using watch = await io.watch('watched', {
        timeout: 20,
        onNotify: ({ payload }) => {
          heard.push(payload.toString());
          return `ack ${payload}`;
        },
      });
      expect(watch.check()).toBeGreaterThanOrEqual(0);
      const watchers = await io.listWatchers('watched');
      expect(watchers).toMatchObject([
        { cookie: watch.cookie, timeout: 20, name: { num: Number(cluster.instanceId) } },
      ]);
      expect(await rados(['listwatchers', 'watched'])).toContain(`client.${cluster.instanceId}`);
      const { acks, timeouts } = await io.notify('watched', 'one', { timeout: 10_000 });
      expect(timeouts).toEqual([]);
      expect(acks).toEqual([
        { gid: cluster.instanceId, cookie: watch.cookie, payload: Buffer.from('ack one') },
      ]);
      await py(`io.notify('watched', 'two', 5000)`);
      expect(heard).toEqual(['one', 'two']);
      await watch.unwatch();
      expect(await io.listWatchers('watched')).toEqual([]);
      expect(await io.notify('watched', 'three', { timeout: 1000 })).toEqual({ acks: [], timeouts: [] });
      expect(heard).toEqual(['one', 'two']);
    });

    it('can be iterated, and names those who do not answer', async () => {
      await io.writeFull('iterated', '');
      const watch = await io.watch('iterated');
      const silent = io.notify('iterated', 'unanswered', { timeout: 1000 });
      const result = await silent;
      expect(result.acks).toEqual([]);
      expect(result.timeouts).toEqual([{ gid: cluster.instanceId, cookie: watch.cookie }]);
      const answered = io.notify('iterated', 'answered', { timeout: 10_000 });
      const payloads: string[] = [];
      for await (const notification of watch) {
        payloads.push(notification.payload.toString());
        if (payloads.length < 2) continue;
        await notification.ack('done');
        break;
      }
      expect(payloads).toEqual(['unanswered', 'answered']);
      expect((await answered).acks).toMatchObject([{ payload: Buffer.from('done') }]);
      await watch.unwatch();
    });

    it('fails on objects that do not exist, and when the object goes', async () => {
      await expect(io.watch('not there')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(io.notify('not there')).rejects.toMatchObject({ code: 'ENOENT' });
      await io.writeFull('doomed', '');
      let lost: string | undefined;
      const gone = new Promise<void>(resolve => {
        io.watch('doomed', {
          onError: error => {
            lost = error.code;
            resolve();
          },
        }).then(() => io.remove('doomed'));
      });
      await gone;
      expect(lost).toBe('ENOTCONN');
    });
  });

  describe('admin socket', () => {
    it('shows requests and counters to the real ceph daemon, in the form of the C++ client', async () => {
      await io.writeFull('seen', '');
      const path = join(ceph.dir, 'run', 'nacre.asok');
      await using other = await Rados.connect({ conf: ceph.conf, config: { admin_socket: path } });
      const pool = await other.openPool('data');
      await using _watch = await pool.watch('seen');
      const daemon = async (...words: string[]) => {
        const { stdout, stderr } = await ceph.exec('ceph', ['daemon', path, ...words]);
        if (stdout.length === 0) throw new Error(stderr);
        return JSON.parse(stdout.toString());
      };
      type Dump = Record<string, Record<string, unknown>[]>;
      const theirs = await py<{ requests: Dump; perf: { objecter: Record<string, unknown> } }>(
        `
import subprocess, tempfile, os
other = rados.Rados(conffile='')
path = os.path.join(os.path.dirname(sys.argv[1]), 'python.asok')
other.conf_set('admin_socket', path)
other.connect()
pool = other.open_ioctx('data')
watch = pool.watch('seen', lambda *a: None, lambda *a: None)
ask = lambda *words: json.loads(subprocess.check_output(['ceph', 'daemon', path, *words]))
print(json.dumps({'requests': ask('objecter_requests'), 'perf': ask('perf', 'dump', 'objecter')}))
watch.close()`,
        path,
      );
      const ours = (await daemon('objecter_requests')) as Dump;
      expect(Object.keys(ours)).toEqual(Object.keys(theirs.requests));
      expect(ours['linger_ops'].length).toBe(1);
      const [mine] = ours['linger_ops'];
      const [its] = theirs.requests['linger_ops'];
      expect(Object.keys(mine)).toEqual(Object.keys(its));
      expect({ ...mine, linger_id: 0 }).toEqual({ ...its, linger_id: 0 });
      const counters = await daemon('perf', 'dump', 'objecter');
      expect(Object.keys(counters.objecter)).toEqual(
        expect.arrayContaining(Object.keys(theirs.perf.objecter)),
      );
      expect(counters.objecter.linger_active).toBe(1);
    });
  });

  describe('locks', () => {
    it('exclude, are shared, renewed, listed and broken, both ways', async () => {
      const me = `client.${cluster.instanceId}`;
      await io.lockExclusive('l', 'lock', { cookie: 'c1', description: 'mine' });
      await expect(io.lockExclusive('l', 'lock', { cookie: 'c1' })).rejects.toMatchObject({ code: 'EEXIST' });
      await expect(io.lockExclusive('l', 'lock', { cookie: 'c2' })).rejects.toMatchObject({ code: 'EBUSY' });
      expect(await rados(['lock', 'list', 'l'])).toContain('lock');
      expect(await rados(['lock', 'info', 'l', 'lock'])).toContain(me);
      await io.lockExclusive('l', 'lock', { cookie: 'c1', duration: 60_000, renew: 'must' });
      const info = await io.listLockers('l', 'lock');
      expect(info).toMatchObject({ type: 'exclusive', lockers: [{ client: me, cookie: 'c1' }] });
      expect(info.lockers[0].expiration!.getTime()).toBeGreaterThan(Date.now());
      await expect(io.unlock('l', 'lock', 'c2')).rejects.toMatchObject({ code: 'ENOENT' });
      await io.unlock('l', 'lock', 'c1');
      await expect(io.lockExclusive('l', 'lock', { renew: 'must' })).rejects.toMatchObject({
        code: 'ENOENT',
      });

      await io.lockShared('l', 'shared', { cookie: 'a', tag: 't' });
      await io.lockShared('l', 'shared', { cookie: 'b', tag: 't' });
      await expect(io.lockShared('l', 'shared', { cookie: 'c', tag: 'u' })).rejects.toMatchObject({
        code: 'EBUSY',
      });
      expect((await io.listLocks('l')).includes('shared')).toBe(true);
      expect(await io.listLockers('l', 'shared')).toMatchObject({
        type: 'shared',
        tag: 't',
        lockers: [{}, {}],
      });

      await py(`io.lock_exclusive('l', 'theirs', 'cookie', 'held by python')`);
      await expect(io.lockExclusive('l', 'theirs')).rejects.toMatchObject({ code: 'EBUSY' });
      const [holder] = (await io.listLockers('l', 'theirs')).lockers;
      expect(holder.description).toBe('held by python');
      await io.breakLock('l', 'theirs', holder.client, 'cookie');
      await io.lockExclusive('l', 'theirs');
      await expect(io.breakLock('l', 'theirs', 'nobody')).rejects.toMatchObject({ code: 'EINVAL' });
    });
  });

  describe('streams', () => {
    it('carry large objects in and out', async () => {
      const data = randomBytes(3_333_333);
      const chunks = function* () {
        for (let at = 0; at < data.length; at += 100_000) yield data.subarray(at, at + 100_000);
      };
      await io.writeFull('stream', Buffer.alloc(4_000_000));
      await pipeline(chunks(), io.createWriteStream('stream', { chunkSize: 256 << 10 }));
      expect((await io.stat('stream')).size).toBe(data.length);
      const back: Buffer[] = [];
      for await (const chunk of io.createReadStream('stream', { chunkSize: 300_000 }))
        back.push(chunk as Buffer);
      expect(Buffer.concat(back).equals(data)).toBe(true);
      const part: Buffer[] = [];
      for await (const chunk of io.createReadStream('stream', {
        start: 1000,
        end: 700_000,
        chunkSize: 1 << 16,
      }))
        part.push(chunk as Buffer);
      expect(Buffer.concat(part).equals(data.subarray(1000, 700_000))).toBe(true);

      const writer = io.writable('web', { chunkSize: 128 << 10 }).getWriter();
      for (const chunk of chunks()) await writer.write(chunk);
      await writer.close();
      const web: Uint8Array[] = [];
      for await (const chunk of io.readable('web') as unknown as AsyncIterable<Uint8Array>) web.push(chunk);
      expect(Buffer.concat(web).equals(data)).toBe(true);
      await pipeline([Buffer.from('tail')], io.createWriteStream('web', { start: data.length }));
      expect((await io.stat('web')).size).toBe(data.length + 4);
    });

    it('fail as their operations do', async () => {
      await expect(
        (async () => {
          for await (const _ of io.createReadStream('no such stream'));
        })(),
      ).rejects.toMatchObject({ code: 'ENOENT' });
      const gone = io.with({ snapshot: 1n });
      await expect(pipeline([Buffer.from('x')], gone.createWriteStream('s'))).rejects.toMatchObject({
        code: 'EROFS',
      });
    });
  });

  describe('many operations', () => {
    it('go on within the budget of bytes and ops', async () => {
      await using small = await Rados.connect({
        conf: ceph.conf,
        config: { objecter_inflight_ops: 4, objecter_inflight_op_bytes: 20_000 },
      });
      const pool = await small.openPool('data');
      const data = Buffer.alloc(8000, 7);
      await Promise.all(Array.from({ length: 100 }, (_, i) => pool.writeFull(`many-${i % 10}`, data)));
      expect(small.objecter.budget).toMatchObject({ ops: 0, bytes: 0, waiters: 0 });
      const reads = await Promise.all(Array.from({ length: 50 }, (_, i) => pool.read(`many-${i % 10}`)));
      expect(reads.every(read => read.equals(data))).toBe(true);
    });

    it('fail with ESHUTDOWN when the handle is closed', async () => {
      const other = await Rados.connect({ conf: ceph.conf });
      const pool = await other.openPool('data');
      const hanging = pool.read('d').catch(error => error.code);
      await other.close();
      await other.close();
      expect(['ESHUTDOWN', undefined]).toContain(
        await hanging.then(r => (typeof r === 'string' ? r : undefined)),
      );
      await expect(pool.read('d')).rejects.toMatchObject({ code: 'ESHUTDOWN' });
    });

    it('fail with EBLOCKLISTED once the client is blocklisted', async () => {
      await using other = await Rados.connect({ conf: ceph.conf });
      const pool = await other.openPool('data');
      await pool.writeFull('b', 'x');
      const [watcher] = await (async () => {
        await using _watch = await pool.watch('b');
        return pool.listWatchers('b');
      })();
      await cluster.blocklistAdd(watcher.addr.replace(/^v\d:/, ''), 600);
      await expect(
        (async () => {
          for (let i = 0; i < 200; i++) await pool.writeFull('b', 'y');
        })(),
      ).rejects.toMatchObject({ code: 'EBLOCKLISTED' });
    });
  });
});
