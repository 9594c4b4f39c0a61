import { expect, it } from 'vitest';
import { getVersion, MemMonStore, MonTransaction } from '../../src/ceph/mon/store.ts';

it('applies transactions that went over the wire', () => {
  const tx = new MonTransaction();
  tx.put('osdmap', 1, Buffer.from('one'));
  tx.put('osdmap', 2, Buffer.from('two'));
  tx.putVersion('osdmap', 'last_committed', 2 ** 40);
  tx.put('auth', 'x', Buffer.alloc(0));
  tx.erase('osdmap', 1);
  const store = new MemMonStore();
  let done = 0;
  store.apply(MonTransaction.decode(tx.encode()), () => done++);
  expect(done).toBe(1);
  expect(store.get('osdmap', 1)).toBeUndefined();
  expect(store.get('osdmap', '2')?.toString()).toBe('two');
  expect(getVersion(store, 'osdmap', 'last_committed')).toBe(2 ** 40);
  expect(getVersion(store, 'osdmap', 'first_committed')).toBe(0);
  expect(store.keys('osdmap')).toEqual(['2', 'last_committed']);
  const range = new MonTransaction();
  range.eraseRange('osdmap', '2', 'last');
  store.apply(range, () => done++);
  expect(store.keys('osdmap')).toEqual(['last_committed']);
});
