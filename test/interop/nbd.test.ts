import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type NbdExport,
  NbdServer,
  type NbdServerOptions,
  parsePskFile,
} from '../../src/gateway/nbd/index.ts';
import { MemoryDevice } from '../gateway/memory-device.ts';
import { prng } from '../support/fuzz.ts';
import { haveNbdTools, libnbd, makeCertificates, tool, toolOk } from '../support/nbd-tools.ts';

const MIB = 1 << 20;

// Clients of others against the server, over disks in memory: what is judged here is the protocol.
describe.skipIf(!haveNbdTools())('NBD clients of others, disks in memory', () => {
  let dir: string;
  const servers: NbdServer[] = [];

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-nbd-'));
  });

  afterAll(async () => {
    for (const server of servers) await server.close({ graceMs: 1000 });
    rmSync(dir, { recursive: true, force: true });
  });

  let made = 0;
  async function serve(
    exports: NbdExport[],
    options: NbdServerOptions = {},
  ): Promise<{ server: NbdServer; uri: (name?: string) => string; socket: string }> {
    const server = new NbdServer({ exports, ...options });
    servers.push(server);
    const socket = join(dir, `s${made++}`);
    await server.listen({ path: socket });
    return { server, socket, uri: (name = exports[0].name) => server.urisOf(name)[0] };
  }

  function random(bytes: number, seed: number): Buffer {
    const next = prng(seed);
    const out = Buffer.alloc(bytes);
    for (let i = 0; i + 4 <= bytes; i += 4) out.writeUInt32LE(next(), i);
    return out;
  }

  it('is listed by nbdinfo and qemu-nbd as it is', async () => {
    const one = new MemoryDevice(8 * MIB);
    const two = new MemoryDevice(1 * MIB + 17, true);
    const { uri, socket } = await serve([
      { name: 'pool/one', device: one },
      { name: 'pool/two@snäp', device: two },
      { name: 'third', device: one, readOnly: true, description: 'the first, to look at' },
    ]);
    const listed = JSON.parse(await toolOk('nbdinfo', ['--json', '--list', uri('')])) as {
      exports: Record<string, unknown>[];
    };
    expect(listed.exports.map(each => each['export-name'])).toEqual(['pool/one', 'pool/two@snäp', 'third']);
    expect(listed.exports.map(each => each['export-size'])).toEqual([8 * MIB, MIB + 17, 8 * MIB]);
    expect(listed.exports.map(each => each['is_read_only'])).toEqual([false, true, true]);
    expect(listed.exports.every(each => each['can_multi_conn'] && each['can_df'] && each['can_flush'])).toBe(
      true,
    );
    expect(listed.exports[2]['description']).toBe('the first, to look at');
    const qemu = await toolOk('qemu-nbd', ['--list', '-k', socket]);
    expect(qemu).toContain("export: 'pool/two@snäp'");
    expect(qemu).toContain('base:allocation');
    expect(await toolOk('nbdinfo', ['--size', uri('pool/two@snäp')])).toBe(`${MIB + 17}\n`);
    expect(await toolOk('nbdinfo', ['--size', uri('')])).toBe(`${8 * MIB}\n`);
    expect((await tool('nbdinfo', [uri('nowhere')])).stderr).toMatch(/nowhere/);
  });

  it('copies by nbdcopy, over several connections, both ways, holes as holes', async () => {
    const size = 48 * MIB;
    const device = new MemoryDevice(size);
    const { uri } = await serve([{ name: 'disk', device }]);
    const source = Buffer.alloc(size);
    random(9 * MIB, 3).copy(source, 5 * MIB + 4096);
    random(3 * MIB, 4).copy(source, 40 * MIB);
    const from = join(dir, 'from');
    const to = join(dir, 'to');
    writeFileSync(from, source);
    await toolOk('nbdcopy', ['--connections=4', '--flush', from, uri()]);
    expect(device.bytes.equals(source)).toBe(true);
    expect(device.flushes).toBeGreaterThan(0);
    await toolOk('nbdcopy', ['--connections=4', uri(), to]);
    expect(readFileSync(to).equals(source)).toBe(true);
    const map = JSON.parse(await toolOk('nbdinfo', ['--map', '--json', uri()])) as {
      offset: number;
      length: number;
      type: number;
    }[];
    const holes = map.filter(each => each.type === 3);
    expect(map.reduce((sum, each) => sum + each.length, 0)).toBe(size);
    expect(holes.reduce((sum, each) => sum + each.length, 0)).toBeGreaterThanOrEqual(30 * MIB);
    for (const { offset, length } of holes)
      expect(source.subarray(offset, offset + length).every(byte => byte === 0)).toBe(true);
  });

  it('takes what qemu-io does, and what it wrote is there', async () => {
    const device = new MemoryDevice(16 * MIB);
    const { uri } = await serve([{ name: 'disk', device }]);
    const script = [
      'write -P 0xab 0 1M',
      'write -P 0xcd 1M 512k',
      'write -f -P 0x11 3M 4k',
      'read -P 0xab 0 1M',
      'read -P 0xcd 1M 512k',
      'write -z 128k 64k',
      'write -z -u 256k 64k',
      'read -P 0 128k 64k',
      'read -P 0 256k 64k',
      'read -P 0xab 192k 64k',
      'discard 512k 128k',
      'read -P 0xab 640k 128k',
      'aio_write -P 0x77 8M 4M',
      'aio_flush',
      'flush',
      'read -P 0x77 8M 4M',
      'read -P 0 4M 4M',
      'write -P 0x99 1234567 3210',
      'read -P 0x99 1234567 3210',
    ];
    const out = await toolOk('qemu-io', ['-f', 'raw', ...script.flatMap(line => ['-c', line]), uri()]);
    expect(out).not.toMatch(/failed|error/i);
    expect(device.bytes.subarray(3 * MIB, 3 * MIB + 4096).every(byte => byte === 0x11)).toBe(true);
    expect(device.bytes.subarray(1234567, 1234567 + 3210).every(byte => byte === 0x99)).toBe(true);
    expect(device.flushes).toBeGreaterThan(0);
  });

  it('is a source and a target for qemu-img', async () => {
    const device = new MemoryDevice(24 * MIB);
    random(5 * MIB, 9).copy(device.bytes, 2 * MIB);
    const { uri } = await serve([{ name: 'disk', device }]);
    const copy = new MemoryDevice(24 * MIB);
    const { uri: copyUri } = await serve([{ name: 'copy', device: copy }]);
    // Written behind the device's back, so that it must be told of it.
    device.write(2 * MIB, [Buffer.from(device.bytes.subarray(2 * MIB, 7 * MIB))], { ioFinished: () => {} });
    const qcow = join(dir, 'disk.qcow2');
    await toolOk('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', uri(), qcow]);
    await toolOk('qemu-img', ['check', qcow]);
    await toolOk('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', uri(), qcow]);
    await toolOk('qemu-img', [
      'convert',
      '-n',
      '-f',
      'qcow2',
      '-O',
      'raw',
      '-m',
      '16',
      '-W',
      qcow,
      copyUri(),
    ]);
    expect(copy.bytes.equals(device.bytes)).toBe(true);
    const map = JSON.parse(await toolOk('qemu-img', ['map', '--output=json', '-f', 'raw', uri()])) as {
      start: number;
      length: number;
      data: boolean;
    }[];
    expect(map.filter(each => each.data).map(each => [each.start, each.length])).toEqual([
      [2 * MIB, 5 * MIB],
    ]);
    // A qcow2 image lives on the disk itself, too.
    await toolOk('qemu-img', ['create', '-f', 'qcow2', copyUri(), '8M']);
    await toolOk('qemu-io', ['-f', 'qcow2', '-c', 'write -P 5 1M 2M', '-c', 'read -P 5 1M 2M', copyUri()]);
    await toolOk('qemu-img', ['check', '-f', 'qcow2', copyUri()]);
  });

  it('answers libnbd in every mode: simple and structured, flags, errors, limits', async () => {
    const device = new MemoryDevice(64 * MIB);
    random(MIB, 2).copy(device.bytes, 8 * MIB);
    device.write(8 * MIB, [Buffer.from(device.bytes.subarray(8 * MIB, 9 * MIB))], { ioFinished: () => {} });
    const { uri } = await serve([
      { name: 'disk', device },
      { name: 'ro', device, readOnly: true },
    ]);
    const out = await libnbd(`
def expect(code, what, *args):
    try:
        what(*args)
    except nbd.Error as e:
        assert e.errno == code, (e.errno, code, e)
        return
    raise AssertionError('no error', code)

for structured in (True, False):
    h = nbd.NBD()
    h.set_request_structured_replies(structured)
    h.set_strict_mode(0)
    if structured: h.add_meta_context('base:allocation')
    h.connect_uri('${uri()}')
    assert h.get_structured_replies_negotiated() == structured
    size = h.get_size()
    data = h.pread(1 << 20, 8 << 20)
    h.pwrite(data, 20 << 20, nbd.CMD_FLAG_FUA)
    assert h.pread(1 << 20, 20 << 20) == data
    h.pwrite(b'x' * (32 << 20), 16 << 20)
    assert h.pread(32 << 20, 16 << 20) == b'x' * (32 << 20)
    h.zero(32 << 20, 16 << 20)
    assert h.pread(32 << 20, 16 << 20) == bytes(32 << 20)
    h.zero(4096, 0, nbd.CMD_FLAG_NO_HOLE)
    h.zero(4096, 4096, nbd.CMD_FLAG_FAST_ZERO)
    expect('ENOTSUP', h.zero, 4096, 0, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE)
    h.trim(1 << 20, 0, nbd.CMD_FLAG_FUA)
    h.cache(8 << 20, 0)
    h.flush()
    expect('EINVAL', h.pread, 1, size)
    expect('ENOSPC', h.pwrite, b'y', size)
    expect('ENOSPC', h.pwrite, b'y' * 4096, size - 100)
    expect('ENOSPC', h.zero, 2, size - 1)
    expect('EINVAL', h.trim, 2, size - 1)
    expect('EINVAL', h.pread, (32 << 20) + 1, 0)
    expect('EINVAL', h.pwrite, bytes((32 << 20) + 1), 0)
    assert h.pread(4, 0) == bytes(4)
    if structured:
        chunks = []
        h.pread_structured(4 << 20, 7 << 20, lambda d, o, s, e: chunks.append((o, len(d), s)) and 0)
        print('chunks', chunks)
        chunks = []
        h.pread_structured(4 << 20, 7 << 20, lambda d, o, s, e: chunks.append((o, len(d), s)) and 0, nbd.CMD_FLAG_DF)
        print('whole', chunks)
        seen = []
        h.block_status(64 << 20, 0, lambda c, o, e, err: seen.append((c, o, e)) and 0)
        print('status', seen)
        seen = []
        h.block_status(64 << 20, 0, lambda c, o, e, err: seen.append((c, o, e)) and 0, nbd.CMD_FLAG_REQ_ONE)
        print('one', seen)
        expect('EINVAL', h.block_status, 2, size - 1, lambda *a: 0)
    h.shutdown()
    h = nbd.NBD()
    h.set_strict_mode(0)
    h.set_request_structured_replies(structured)
    h.connect_uri('${uri('ro')}')
    assert h.is_read_only()
    for what, args in ((h.pwrite, (b'y', 0)), (h.zero, (1, 0)), (h.trim, (1, 0))):
        expect('EPERM', what, *args)
    assert h.pread(4, 0) == bytes(4)
    h.shutdown()
`);
    const lines = out.trim().split('\n');
    expect(lines).toEqual([
      `chunks [(${7 * MIB}, ${MIB}, 2), (${8 * MIB}, ${MIB}, 1), (${9 * MIB}, ${2 * MIB}, 2)]`,
      `whole [(${7 * MIB}, ${4 * MIB}, 1)]`,
      `status [('base:allocation', 0, [${8 * MIB}, 3, ${MIB}, 0, ${55 * MIB}, 3])]`,
      `one [('base:allocation', 0, [${8 * MIB}, 3])]`,
    ]);
  });

  it('reports what the device fails with', async () => {
    const device = new MemoryDevice(MIB);
    const { uri } = await serve([{ name: 'disk', device }]);
    for (const [errno, name] of [
      [5, 'EIO'],
      [28, 'ENOSPC'],
      [30, 'EPERM'],
      [122, 'ENOSPC'],
      [108, 'ESHUTDOWN'],
      [110, 'EIO'],
    ] as const) {
      device.failWith = errno;
      await libnbd(`
for structured in (True, False):
    h = nbd.NBD()
    h.set_request_structured_replies(structured)
    h.connect_uri('${uri()}')
    for what, args in ((h.pread, (512, 0)), (h.pwrite, (bytes(512), 0)), (h.flush, ())):
        try:
            what(*args)
            raise AssertionError('no error')
        except nbd.Error as e:
            assert e.errno == '${name}', e
    h.shutdown()
`);
    }
    device.failWith = 0;
  });

  it('goes through options one by one, and enters by NBD_OPT_EXPORT_NAME as well', async () => {
    const device = new MemoryDevice(2 * MIB);
    const { uri, socket } = await serve([
      { name: 'a', device },
      { name: 'b', device, readOnly: true },
    ]);
    await libnbd(`
h = nbd.NBD()
h.set_opt_mode(True)
h.connect_unix('${socket}')
names = []
assert h.opt_list(lambda n, d: names.append(n) and 0) == 2 and names == ['a', 'b'], names
for name, ro in (('b', True), ('a', False), ('', False)):
    h.set_export_name(name)
    h.opt_info()
    assert h.is_read_only() == ro and h.get_size() == ${2 * MIB}
    assert h.get_block_size(nbd.SIZE_PREFERRED) == ${MIB}
h.set_full_info(True)
h.set_export_name('')
h.opt_info()
assert h.get_canonical_export_name() == 'a'
found = []
h.opt_list_meta_context(lambda n: found.append(n) and 0)
assert found == ['base:allocation'], found
h.add_meta_context('base:allocation')
h.add_meta_context('x-other:thing')
h.set_export_name('nope')
try:
    h.opt_go()
    raise AssertionError('an export that is not there')
except nbd.Error as e:
    assert e.errno == 'ENOENT', e
h.set_export_name('a')
h.opt_go()
assert h.can_meta_context('base:allocation') and not h.can_meta_context('x-other:thing')
h.shutdown()
h = nbd.NBD()
h.set_opt_mode(True)
h.connect_uri('${uri()}')
h.opt_abort()
for flags in (0, nbd.HANDSHAKE_FLAG_FIXED_NEWSTYLE, nbd.HANDSHAKE_FLAG_NO_ZEROES):
    h = nbd.NBD()
    h.set_handshake_flags(flags)
    h.connect_uri('${uri('b')}')
    assert h.is_read_only() and h.pread(512, 0) == bytes(512)
    h.shutdown()
`);
  });

  it('keeps what fio verifies, with many requests under way', async () => {
    const device = new MemoryDevice(64 * MIB);
    const { uri } = await serve([{ name: 'disk', device }], { maxRequests: 16, maxBytes: 2 * MIB });
    for (const [rw, bs] of [
      ['randwrite', '4k-4k'],
      ['randrw', '1k-256k'],
    ])
      await toolOk('fio', [
        ...[
          '--name=nbd',
          '--ioengine=nbd',
          `--uri=${uri()}`,
          `--rw=${rw}`,
          `--bsrange=${bs}`,
          '--iodepth=32',
        ],
        ...[
          '--size=16m',
          '--verify=crc32c',
          '--verify_fatal=1',
          '--verify_state_save=0',
          '--randseed=1',
          '--output-format=terse',
        ],
        ...(rw === 'randrw' ? ['--trim_percentage=5'] : []),
      ]);
  });

  it('speaks TLS with certificates, its own and the clients’, and nothing else then', async () => {
    const certs = join(dir, 'certs');
    await makeCertificates(certs);
    const device = new MemoryDevice(4 * MIB);
    const pem = (name: string) => readFileSync(join(certs, name));
    for (const ca of [undefined, pem('ca-cert.pem')]) {
      const tls = { cert: pem('server-cert.pem'), key: pem('server-key.pem'), ca };
      const server = new NbdServer({ exports: [{ name: 'disk', device }], tls });
      servers.push(server);
      const at = (await server.listen({ host: '127.0.0.1', port: 0 })) as { port: number };
      const uri = `nbds://localhost:${at.port}/disk?tls-certificates=${certs}`;
      expect(server.urisOf('disk')).toEqual([`nbds://127.0.0.1:${at.port}/disk`]);
      expect(await toolOk('nbdinfo', [uri])).toMatch(/with TLS, using structured/);
      const data = join(dir, 'tls-data');
      writeFileSync(data, random(4 * MIB, 11));
      await toolOk('nbdcopy', [data, uri]);
      expect(device.bytes.equals(readFileSync(data))).toBe(true);
      await toolOk('qemu-img', [
        ...['compare', '--object', `tls-creds-x509,id=tls0,endpoint=client,dir=${certs}`, '--image-opts'],
        `driver=nbd,host=localhost,port=${at.port},export=disk,tls-creds=tls0`,
        `driver=raw,file.filename=${data}`,
      ]);
      // In the clear there is nothing to be had.
      expect((await tool('nbdinfo', [`nbd://127.0.0.1:${at.port}/disk`])).code).not.toBe(0);
      await libnbd(`
h = nbd.NBD()
h.set_opt_mode(True)
h.connect_tcp('127.0.0.1', '${at.port}')
try:
    h.opt_list(lambda n, d: 0)
    raise AssertionError('a list in the clear')
except nbd.Error as e:
    pass
`);
      const bare = await tool('nbdinfo', [`nbds://localhost:${at.port}/disk`]);
      if (ca !== undefined) expect(bare.code).not.toBe(0);
    }
  });

  it('speaks TLS with keys shared beforehand', async () => {
    const keys = join(dir, 'keys.psk');
    writeFileSync(keys, `alice:${'0123456789abcdef'.repeat(4)}\nbob:${'fedcba98'.repeat(8)}\n`);
    const wrong = join(dir, 'wrong.psk');
    writeFileSync(wrong, `alice:${'11'.repeat(32)}\n`);
    const device = new MemoryDevice(MIB);
    const psk = parsePskFile(readFileSync(keys, 'utf8'));
    const { server, socket } = await serve([{ name: 'disk', device }], { tls: { psk } });
    const uri = (who: string, file: string) =>
      `nbds+unix://${who}@/disk?socket=${socket}&tls-psk-file=${file}`;
    expect(await toolOk('nbdinfo', [uri('alice', keys)])).toMatch(/with TLS/);
    expect(await toolOk('nbdinfo', [uri('bob', keys)])).toMatch(/with TLS/);
    expect((await tool('nbdinfo', [uri('alice', wrong)])).code).not.toBe(0);
    expect((await tool('nbdinfo', [uri('eve', wrong)])).code).not.toBe(0);
    expect(server.clients).toBe(0);
  });
});
