import { type Codec, codecOf } from './codec.ts';
import {
  ADDR_BLANK,
  ADDRVEC_EMPTY,
  decodeEntityAddr,
  decodeEntityAddrVec,
  decodeEntityInst,
  decodeEntityName,
  type EntityAddr,
  type EntityAddrVec,
  type EntityInst,
  type EntityName,
  encodeEntityAddr,
  encodeEntityAddrVec,
  encodeEntityInst,
  encodeEntityName,
} from './entity.ts';
import { decodeEVersion, EVERSION_ZERO, type EVersion, encodeEVersion } from './eversion.ts';
import {
  decodeGHObject,
  decodeHObject,
  encodeGHObject,
  encodeHObject,
  GHOBJECT_MIN,
  type GHObject,
  HOBJECT_MIN,
  type HObject,
} from './hobject.ts';
import {
  decodeObjectLocator,
  encodeObjectLocator,
  makeLocator,
  type ObjectLocator,
} from './object-locator.ts';
import {
  decodePgId,
  decodePgShard,
  decodeSpgId,
  encodePgId,
  encodePgShard,
  encodeSpgId,
  NO_SHARD,
  type PgId,
  type PgShard,
  type SpgId,
} from './pg.ts';
import { decodeReqId, encodeReqId, type ReqId } from './reqid.ts';
import {
  decodeSnapContext,
  decodeSnapSet,
  emptySnapSet,
  encodeSnapContext,
  encodeSnapSet,
  SNAPC_EMPTY,
  type SnapContext,
  type SnapSet,
} from './snap.ts';

// The hand-written types of the hot paths, as codecs for fields of other structs.

const NO_NAME: EntityName = { type: 0, num: 0 };
const NO_PG: PgId = { pool: 0, seed: 0 };

export const entityName: Codec<EntityName> = codecOf(9, () => NO_NAME, encodeEntityName, decodeEntityName);
export const entityAddr: Codec<EntityAddr> = codecOf(
  19,
  () => ADDR_BLANK,
  encodeEntityAddr,
  decodeEntityAddr,
);
export const entityAddrVec: Codec<EntityAddrVec> = codecOf(
  5,
  () => ADDRVEC_EMPTY,
  encodeEntityAddrVec,
  decodeEntityAddrVec,
);
export const entityInst: Codec<EntityInst> = codecOf(
  28,
  () => ({ name: NO_NAME, addr: ADDR_BLANK }),
  encodeEntityInst,
  decodeEntityInst,
);
export const eversion: Codec<EVersion> = codecOf(12, () => EVERSION_ZERO, encodeEVersion, decodeEVersion);
export const pgId: Codec<PgId> = codecOf(17, () => NO_PG, encodePgId, decodePgId);
export const spgId: Codec<SpgId> = codecOf(
  24,
  () => ({ pgid: NO_PG, shard: NO_SHARD }),
  encodeSpgId,
  decodeSpgId,
);
export const pgShard: Codec<PgShard> = codecOf(
  11,
  () => ({ osd: -1, shard: NO_SHARD }),
  encodePgShard,
  decodePgShard,
);
export const hobject: Codec<HObject> = codecOf(1, () => HOBJECT_MIN, encodeHObject, decodeHObject);
export const ghobject: Codec<GHObject> = codecOf(1, () => GHOBJECT_MIN, encodeGHObject, decodeGHObject);
export const objectLocator: Codec<ObjectLocator> = codecOf(
  1,
  () => makeLocator(-1),
  encodeObjectLocator,
  decodeObjectLocator,
);
export const reqid: Codec<ReqId> = codecOf(
  27,
  () => ({ name: NO_NAME, tid: 0, inc: 0 }),
  encodeReqId,
  decodeReqId,
);
export const snapContext: Codec<SnapContext> = codecOf(
  12,
  () => SNAPC_EMPTY,
  encodeSnapContext,
  decodeSnapContext,
);
export const snapSet: Codec<SnapSet> = codecOf(1, emptySnapSet, encodeSnapSet, decodeSnapSet);
