import { decodeTransaction, encodeTransaction } from '../../../src/ceph/object-store/index.ts';
import type { Registry } from '../registry-entry.ts';

export const registry: Registry = {
  'ObjectStore::Transaction': { decode: decodeTransaction, encode: encodeTransaction },
  'ceph::os::Transaction': { decode: decodeTransaction, encode: encodeTransaction },
};
