import {
  decodeMonInfo,
  decodeMonMap,
  encodeMonInfo,
  encodeMonMap,
} from '../../../src/ceph/mon-client/monmap.ts';
import type { Registry } from '../registry-entry.ts';

export const registry: Registry = {
  MonMap: { decode: decodeMonMap, encode: encodeMonMap },
  mon_info_t: { decode: decodeMonInfo, encode: encodeMonInfo },
};
