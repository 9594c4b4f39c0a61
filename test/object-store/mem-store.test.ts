import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { Encoder } from '../../src/base/encoder.ts';
import {
  decodeTransaction,
  encodeTransaction,
  MemStore,
  Transaction,
} from '../../src/ceph/object-store/index.ts';
import {
  GHOBJECT_MAX,
  GHOBJECT_MIN,
  type GHObject,
  headObject,
  makeGHObject,
} from '../../src/ceph/types/hobject.ts';
import { fuzzDecoder } from '../support/fuzz.ts';

const CID = '1.0_head';
const object = (name: string, hash = 1, nspace = ''): GHObject =>
  makeGHObject(headObject(1, name, hash, nspace));

async function emptyStore(): Promise<MemStore> {
  const store = new MemStore({ capacity: 1 << 20 });
  await store.mount();
  const t = new Transaction();
  t.createCollection(CID, 0);
  store.queue(t, () => {});
  return store;
}

function bytesOf(t: Transaction): Buffer {
  const e = new Encoder();
  encodeTransaction(e, t);
  return e.result();
}

/** One of everything. */
function fullTransaction(): Transaction {
  const t = new Transaction();
  const a = object('a');
  const b = object('b', 2, 'space');
  t.touch(CID, a);
  t.write(CID, a, 3, Buffer.from('hello'));
  t.zero(CID, a, 4, 1);
  t.truncate(CID, a, 7);
  t.setAttr(CID, a, 'x', Buffer.from('1'));
  t.setAttrs(
    CID,
    a,
    new Map([
      ['z', Buffer.from('26')],
      ['y', Buffer.from('25')],
    ]),
  );
  t.removeAttr(CID, a, 'x');
  t.omapSetHeader(CID, a, Buffer.from('head'));
  t.omapSetKeys(
    CID,
    a,
    new Map([
      ['k\xff', Buffer.from('v')],
      ['k1', Buffer.from('v1')],
      ['k2', Buffer.from('v2')],
      ['m', Buffer.from('w')],
    ]),
  );
  t.omapRemoveKeys(CID, a, ['k1']);
  t.omapRemoveKeyRange(CID, a, 'l', 'n');
  t.setAllocHint(CID, a, 4 << 20, 4096, 1);
  t.clone(CID, a, b);
  t.cloneRange(CID, a, object('c'), 3, 2, 1);
  t.moveRename(CID, object('c'), CID, object('d'));
  return t;
}

describe('MemStore', () => {
  it('applies every op alike, straight or after a journey over the wire', async () => {
    for (const t of [fullTransaction(), decodeTransaction(new Decoder(bytesOf(fullTransaction())))]) {
      const store = await emptyStore();
      await new Promise<void>(resolve => store.queue(t, resolve));
      for (const oid of [object('a'), object('b', 2, 'space')]) {
        expect(Buffer.from(store.read(CID, oid, 0, 100)).toString('latin1')).toBe('\0\0\0h\0ll');
        expect([...store.getAttrs(CID, oid).keys()].sort()).toEqual(['y', 'z']);
        expect([...store.omapIterate(CID, oid, '')].map(([key]) => key)).toEqual(['k2', 'k\xff']);
        expect(Buffer.from(store.omapHeader(CID, oid)).toString()).toBe('head');
      }
      expect(Buffer.from(store.read(CID, object('d'), 0, 9)).toString('latin1')).toBe('\0h\0');
      expect(store.exists(CID, object('c'))).toBe(false);
      expect(
        store
          .list(CID, GHOBJECT_MIN, GHOBJECT_MAX, 10)
          .objects.map(oid => oid.hobj.oid)
          .sort(),
      ).toEqual(['a', 'b', 'd']);
    }
  });

  it('changes nothing when one op of a transaction is impossible', async () => {
    const store = await emptyStore();
    const t = new Transaction();
    t.write(CID, object('a'), 0, Buffer.from('x'));
    t.write('2.0_head', object('a'), 0, Buffer.from('x'));
    expect(() => store.queue(t, () => {})).toThrow(/ENOENT.*2\.0_head/);
    expect(store.exists(CID, object('a'))).toBe(false);
    const big = new Transaction();
    big.write(CID, object('a'), 0, Buffer.alloc(2 << 20));
    expect(() => store.queue(big, () => {})).toThrow(/ENOSPC/);
    expect(store.exists(CID, object('a'))).toBe(false);
  });

  it('accounts for every byte: what was removed leaves nothing behind', async () => {
    const store = await emptyStore();
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.tuple(
      fc.constantFrom('write', 'clone', 'remove', 'zero', 'truncate', 'omap', 'move'),
      name,
      name,
      fc.nat(9000),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), script => {
        for (const [kind, from, to, n] of script) {
          const t = new Transaction();
          if (kind === 'write') t.write(CID, object(from), n, Buffer.alloc((n % 500) + 1, n));
          else if (kind === 'clone' && from !== to) t.clone(CID, object(from), object(to));
          else if (kind === 'move' && from !== to) t.moveRename(CID, object(from), CID, object(to));
          else if (kind === 'remove') t.remove(CID, object(from));
          else if (kind === 'zero') t.zero(CID, object(from), n, 100);
          else if (kind === 'truncate') t.truncate(CID, object(from), n);
          else t.omapSetKeys(CID, object(from), new Map([[`k${n}`, Buffer.alloc(n % 50)]]));
          store.queue(t, () => {});
          const { objects } = store.list(CID, GHOBJECT_MIN, GHOBJECT_MAX, 10);
          let stored = 0;
          for (const oid of objects)
            for (const [, length] of store.extentMap(CID, oid, 0, 1 << 20)) stored += length;
          expect(store.statfs().stored).toBe(stored);
        }
        const clear = new Transaction();
        for (const oid of ['a', 'b', 'c']) clear.remove(CID, object(oid));
        store.queue(clear, () => {});
        expect(store.statfs()).toMatchObject({ stored: 0, omap: 0 });
      }),
      { numRuns: 100 },
    );
  });

  it('lists in order and goes on where it stopped', async () => {
    const store = await emptyStore();
    const t = new Transaction();
    for (let i = 0; i < 100; i++) t.touch(CID, object(`o${i}`, (i * 2654435761) >>> 0));
    store.queue(t, () => {});
    const whole = store.list(CID, GHOBJECT_MIN, GHOBJECT_MAX, 1000).objects.map(oid => oid.hobj.oid);
    expect(whole).toHaveLength(100);
    const pieces: string[] = [];
    for (let next = GHOBJECT_MIN; !next.max; ) {
      const page = store.list(CID, next, GHOBJECT_MAX, 7);
      pieces.push(...page.objects.map(oid => oid.hobj.oid));
      next = page.next;
    }
    expect(pieces).toEqual(whole);
  });

  it('survives hostile transactions', () => {
    fuzzDecoder('Transaction', decodeTransaction, [bytesOf(fullTransaction())], 2000);
  });
});
