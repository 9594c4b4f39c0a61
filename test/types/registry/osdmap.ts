import { decodeHitSetParams, encodeHitSetParams } from '../../../src/ceph/osdmap/hit-set-params.ts';
import type { OsdMap, OsdMapIncremental } from '../../../src/ceph/osdmap/index.ts';
import {
  decodeIncremental,
  decodeOsdMap,
  decodePgPool,
  encodeIncremental,
  encodeOsdMap,
  encodePgPool,
} from '../../../src/ceph/osdmap/index.ts';
import {
  decodeOsdInfo,
  decodeOsdXinfo,
  encodeOsdInfo,
  encodeOsdXinfo,
} from '../../../src/ceph/osdmap/osd-info.ts';
import { decodePgTempMap, encodePgTempMap } from '../../../src/ceph/osdmap/pg-map.ts';
import { decodePoolOpts, encodePoolOpts } from '../../../src/ceph/osdmap/pool-opts.ts';
import type { Registry } from '../registry-entry.ts';

export const registry: Registry = {
  OSDMap: { decode: decodeOsdMap, encode: (e, map: OsdMap) => e.bytes(encodeOsdMap(map)) },
  'OSDMap::Incremental': {
    decode: decodeIncremental,
    encode: (e, inc: OsdMapIncremental) => e.bytes(encodeIncremental(inc)),
  },
  pg_pool_t: { decode: decodePgPool, encode: encodePgPool },
  pool_opts_t: { decode: decodePoolOpts, encode: encodePoolOpts },
  osd_info_t: { decode: decodeOsdInfo, encode: encodeOsdInfo },
  osd_xinfo_t: { decode: decodeOsdXinfo, encode: encodeOsdXinfo },
  PGTempMap: { decode: decodePgTempMap, encode: encodePgTempMap },
  'HitSet::Params': { decode: decodeHitSetParams, encode: encodeHitSetParams },
};
