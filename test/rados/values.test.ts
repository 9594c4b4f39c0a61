import { describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { MOSDOp } from '../../src/ceph/messages/mosdop.ts';
import { CHECKSUM_TYPES } from '../../src/ceph/rados/flags.ts';
import { IoCtx, OP_FAILOK, ReadOperation, WriteOperation } from '../../src/ceph/rados/index.ts';
import { decodeLockInfo, decodeLockNames, parseClient } from '../../src/ceph/rados/locks.ts';
import * as outputs from '../../src/ceph/rados/outputs.ts';
import { FakeCluster } from '../objecter/fake-cluster.ts';
import { fuzzDecoder } from '../support/fuzz.ts';

const map = encodeToBuffer(e => {
  e.u32(2);
  for (const [key, value] of [
    ['a', 'one'],
    ['b', 'two'],
  ]) {
    e.str(key);
    e.blob(Buffer.from(value));
  }
  e.bool(true);
});

describe('outputs of ops', () => {
  const decoders: [string, (out: Buffer) => unknown][] = [
    ['stat', outputs.decodeStat],
    ['sparse', outputs.decodeSparse],
    ['crc32c', out => outputs.decodeChecksums(out, CHECKSUM_TYPES.crc32c)],
    ['xxhash64', out => outputs.decodeChecksums(out, CHECKSUM_TYPES.xxhash64)],
    ['values', outputs.decodeValues],
    ['omap page', outputs.decodeOmapPage],
    ['omap keys', outputs.decodeOmapKeys],
    ['watchers', outputs.decodeWatchers],
    ['snaps', outputs.decodeSnaps],
    ['lock info', decodeLockInfo],
    ['lock names', decodeLockNames],
  ];
  it.each(decoders)('%s survive hostile bytes', (name, decode) => {
    fuzzDecoder(name, (d: Decoder) => decode(d.rest()), [map], 800);
  });

  it('say whether there is more only where the OSD says so', () => {
    expect(outputs.decodeOmapPage(map)).toEqual({
      values: new Map([
        ['a', Buffer.from('one')],
        ['b', Buffer.from('two')],
      ]),
      more: true,
    });
    expect(outputs.decodeOmapPage(map.subarray(0, map.length - 1)).more).toBe(false);
  });
});

describe('names of clients', () => {
  it('are type and number', () => {
    expect(parseClient('client.4123')).toEqual({ type: 8, num: 4123 });
    for (const bad of ['client', 'client.', 'client.x', 'nobody.1', '4123'])
      expect(() => parseClient(bad)).toThrow('EINVAL');
  });
});

describe('operations', () => {
  it('keep their ops in order, with the flags of each', async () => {
    const c = new FakeCluster();
    const io = new IoCtx(c.objecter, 1, {});
    const op = new WriteOperation().create().opFlags(OP_FAILOK).append('x');
    const work = io.operate('foo', op);
    const con = c.con(c.primary('foo'));
    const [m] = con.take(MOSDOp);
    expect(m.ops.map(({ flags }) => flags)).toEqual([OP_FAILOK, 0]);
    c.reply(con, m, 0, r => {
      r.userVersion = 12;
      r.ops[0].rval = -17;
    });
    expect(await work).toMatchObject({ version: 12, results: [{ code: -17 }, { code: 0 }] });
    expect(() => new ReadOperation().opFlags(1)).toThrow('EINVAL');
  });
});
