import {
  CEPH_OSD_OP_APPEND,
  CEPH_OSD_OP_ASSERT_VER,
  CEPH_OSD_OP_CALL,
  CEPH_OSD_OP_CMPEXT,
  CEPH_OSD_OP_CMPXATTR,
  CEPH_OSD_OP_COPY_FROM,
  CEPH_OSD_OP_COPY_FROM2,
  CEPH_OSD_OP_COPY_GET,
  CEPH_OSD_OP_MAPEXT,
  CEPH_OSD_OP_MASKTRUNC,
  CEPH_OSD_OP_NOTIFY,
  CEPH_OSD_OP_PGLS,
  CEPH_OSD_OP_PGLS_FILTER,
  CEPH_OSD_OP_PGNLS,
  CEPH_OSD_OP_PGNLS_FILTER,
  CEPH_OSD_OP_READ,
  CEPH_OSD_OP_ROLLBACK,
  CEPH_OSD_OP_SETALLOCHINT,
  CEPH_OSD_OP_SPARSE_READ,
  CEPH_OSD_OP_SYNC_READ,
  CEPH_OSD_OP_TRIMTRUNC,
  CEPH_OSD_OP_TRUNCATE,
  CEPH_OSD_OP_WATCH,
  CEPH_OSD_OP_WRITE,
  CEPH_OSD_OP_WRITEFULL,
  CEPH_OSD_OP_ZERO,
  opName,
  opTypeAttr,
  osdOpFlagText,
  watchOpName,
} from '../types/rados.ts';
import { snapText } from '../types/snap.ts';
import type { OSDOp } from './osd-op.ts';

function text(bytes: Uint8Array | undefined, from: number, n: number): string {
  return bytes === undefined
    ? ''
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8', from, from + n);
}

function argText(o: OSDOp): string {
  if (opTypeAttr(o.op)) {
    if (o.arg === undefined) return '';
    const { nameLen, valueLen, cmpOp, cmpMode } = o.xattr;
    let out = nameLen > 0 && o.indata !== undefined ? ` ${text(o.indata, 0, nameLen)}` : '';
    if (valueLen > 0) out += ` (${valueLen})`;
    if (o.op === CEPH_OSD_OP_CMPXATTR) out += ` op ${cmpOp} mode ${cmpMode}`;
    return out;
  }
  switch (o.op) {
    case CEPH_OSD_OP_ASSERT_VER:
      return ` v${o.assertVer.ver}`;
    case CEPH_OSD_OP_TRUNCATE:
      return ` ${o.offset}`;
    case CEPH_OSD_OP_MASKTRUNC:
    case CEPH_OSD_OP_TRIMTRUNC:
      return ` ${o.truncateSeq}@${o.truncateSize}`;
    case CEPH_OSD_OP_ROLLBACK:
      return ` ${snapText(o.snap.snapid)}`;
    case CEPH_OSD_OP_WATCH:
      return ` ${watchOpName(o.watch.op)} cookie ${o.watch.cookie}${o.watch.gen === 0 ? '' : ` gen ${o.watch.gen}`}`;
    case CEPH_OSD_OP_NOTIFY:
      return ` cookie ${o.notify.cookie}`;
    case CEPH_OSD_OP_COPY_GET:
      return ` max ${o.offset}`;
    case CEPH_OSD_OP_COPY_FROM:
    case CEPH_OSD_OP_COPY_FROM2:
      return ` ver ${o.copyFrom.srcVersion}`;
    case CEPH_OSD_OP_SETALLOCHINT:
      return ` object_size ${o.allocHint.expectedObjectSize} write_size ${o.allocHint.expectedWriteSize}`;
    case CEPH_OSD_OP_READ:
    case CEPH_OSD_OP_SPARSE_READ:
    case CEPH_OSD_OP_SYNC_READ:
    case CEPH_OSD_OP_WRITE:
    case CEPH_OSD_OP_WRITEFULL:
    case CEPH_OSD_OP_ZERO:
    case CEPH_OSD_OP_APPEND:
    case CEPH_OSD_OP_MAPEXT:
    case CEPH_OSD_OP_CMPEXT: {
      const trunc = o.truncateSeq === 0 ? '' : ` [${o.truncateSeq}@${o.truncateSize}]`;
      return ` ${o.offset}~${o.length}${trunc}${o.flags === 0 ? '' : ` [${osdOpFlagText(o.flags)}]`}`;
    }
    case CEPH_OSD_OP_CALL: {
      if (o.indata === undefined) return '';
      const { classLen, methodLen } = o.cls;
      return ` ${text(o.indata, 0, classLen)}.${text(o.indata, classLen, methodLen)}`;
    }
    case CEPH_OSD_OP_PGLS:
    case CEPH_OSD_OP_PGLS_FILTER:
    case CEPH_OSD_OP_PGNLS:
    case CEPH_OSD_OP_PGNLS_FILTER:
      return ` start_epoch ${o.pgls.startEpoch}`;
    default:
      return '';
  }
}

/** As Ceph prints an OSDOp: 'write 0~4096 in=4096b', 'call rbd.get_id in=9b out=20b'. */
export function osdOpText(o: OSDOp): string {
  let out = opName(o.op) + argText(o);
  if (o.indata !== undefined && o.indata.length > 0) out += ` in=${o.indata.length}b`;
  if (o.outdata !== undefined && o.outdata.length > 0) out += ` out=${o.outdata.length}b`;
  return out;
}

/** '[set-alloc-hint object_size 4194304 write_size 4194304,write 0~4096 in=4096b]'. */
export function osdOpsText(ops: readonly OSDOp[]): string {
  let out = '';
  for (const op of ops) out += (out === '' ? '' : ',') + osdOpText(op);
  return `[${out}]`;
}
