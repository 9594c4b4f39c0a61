import { Decoder } from '../../../base/decoder.ts';
import { encodeToBuffer } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import {
  decodeHObject,
  GHOBJECT_MAX,
  HOBJECT_MAX,
  type HObject,
  makeGHObject,
  reverseBits,
} from '../../types/hobject.ts';
import {
  CEPH_OSD_OP_PG_HITSET_GET,
  CEPH_OSD_OP_PG_HITSET_LS,
  CEPH_OSD_OP_PGLS,
  CEPH_OSD_OP_PGLS_FILTER,
  CEPH_OSD_OP_PGNLS,
  CEPH_OSD_OP_PGNLS_FILTER,
} from '../../types/rados.ts';
import { pgLsResponse, pgNlsResponse } from '../../types/replies.ts';
import { SNAP_NOSNAP } from '../../types/snap.ts';
import { EINVAL, EOPNOTSUPP } from '../errors.ts';
import type { OpRequest } from '../op-request.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';

const NOTHING = Buffer.alloc(0);
/** librados::all_nspaces: list every namespace. */
const ALL_NSPACES = '\x01';

/** Bits of the hash that tell this PG from the others (pg_t::get_split_bits). */
export function splitBits(seed: number, pgNum: number): number {
  if (pgNum <= 1) return 0;
  const bits = 32 - Math.clz32(pgNum);
  const half = 2 ** (bits - 1);
  return seed % half < pgNum % half ? bits : bits - 1;
}

/** Where the PG's objects end in the order of objects (pg_t::get_hobj_end). */
export function pgEnd(pool: number, seed: number, pgNum: number): HObject {
  const bits = splitBits(seed, pgNum);
  const end = ((reverseBits(seed) | (bits === 0 ? 0xffff_ffff : 0xffff_ffff >>> bits)) >>> 0) + 1;
  if (end >= 0x1_0000_0000) return HOBJECT_MAX;
  return { key: '', oid: '', snap: SNAP_NOSNAP, hash: reverseBits(end), max: false, nspace: '', pool };
}

interface Listed {
  readonly entries: HObject[];
  readonly next: HObject;
  readonly done: boolean;
}

/** Heads from `start` on, as many as fit in one answer; of one namespace or all. */
function listHeads(pg: PrimaryLogPG, start: HObject, max: number, nspace: string, snap: bigint): Listed {
  const entries: HObject[] = [];
  let from = makeGHObject(start);
  for (;;) {
    const { objects, next } = pg.store.list(pg.cid, from, GHOBJECT_MAX, Math.max(1, max - entries.length));
    for (const { hobj } of objects) {
      if (hobj.snap !== SNAP_NOSNAP || hobj.oid === '') continue;
      if (nspace !== ALL_NSPACES && hobj.nspace !== nspace) continue;
      // Ceph lists whiteouts with the rest.
      if (snap !== SNAP_NOSNAP && typeof pg.findContext({ ...hobj, snap }, false) === 'number') continue;
      entries.push(hobj);
    }
    if (next.max || objects.length === 0) return { entries, next: HOBJECT_MAX, done: true };
    if (entries.length >= max) return { entries, next: next.hobj, done: false };
    from = next;
  }
}

function doList(pg: PrimaryLogPG, request: OpRequest, op: OSDOp, named: boolean): number {
  const { m } = request;
  const max = Math.min(pg.limits.maxPgls, op.pgls.count);
  const handle = decodeHObject(new Decoder(op.indata ?? NOTHING, 'pgls handle'));
  const { pool, seed } = pg.pgid;
  const pgNum = pg.pool.pgNum;
  // A handle from the start of the pool has no hash yet; listing begins at the PG either way.
  const { entries, next, done } = handle.max
    ? { entries: [], next: HOBJECT_MAX, done: true }
    : listHeads(pg, handle, max, m.oloc.nspace, m.snapid);
  const to = done ? pgEnd(pool, seed, pgNum) : next;
  op.outdata = encodeToBuffer(e => {
    if (named) {
      const list = entries.map(o => ({ nspace: o.nspace, oid: o.oid, locator: o.key }));
      pgNlsResponse.encode(e, { handle: to, entries: list });
    } else pgLsResponse.encode(e, { handle: to, entries: entries.map(o => [o.oid, o.key] as const) });
  });
  return done ? 1 : 0;
}

/** Ops on a whole PG (PrimaryLogPG::do_pg_op). */
export function doPgOps(pg: PrimaryLogPG, request: OpRequest): number {
  let result = 0;
  for (const op of request.m.ops) {
    switch (op.op) {
      case CEPH_OSD_OP_PGNLS:
        result = doList(pg, request, op, true);
        break;
      case CEPH_OSD_OP_PGLS:
        result = doList(pg, request, op, false);
        break;
      case CEPH_OSD_OP_PGLS_FILTER:
      case CEPH_OSD_OP_PGNLS_FILTER:
      case CEPH_OSD_OP_PG_HITSET_LS:
      case CEPH_OSD_OP_PG_HITSET_GET:
        result = EOPNOTSUPP;
        break;
      default:
        result = EINVAL;
    }
    op.rval = result;
    if (result < 0) break;
  }
  return result;
}
