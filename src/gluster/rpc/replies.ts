import type { Dict } from '../types/dict.ts';
import type { Flock, Lease, StatVfs } from '../types/fs.ts';
import type { Iatt } from '../types/iatt.ts';
import type { Recyclable } from '../types/recyclable.ts';
import { beginReply, endReply, type FopWire, type ReplyHead } from './fop-wire.ts';
import { decodeFlock, decodeLease, decodeLocks, decodeStatfs, type ProtoLock } from './parts.ts';
import type { XdrDecoder } from './xdr-decoder.ts';

/*
 * Replies of the file programs (glusterfs4-xdr.x; 3.3's differ as fop-wire.ts says). Each function reads a whole reply: `head` has
 * what it began with, and what is returned is undefined when the fop failed (`head.ret` below 0).
 */

/* gfx_common_rsp: nothing more. flush, access, setxattr, removexattr, fsyncdir, locks, ipc, setactivelk, release */
export function commonReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { xdata: head.xdata };
}

/* gfx_common_iatt_rsp: iatt stat. stat, fstat, icreate */
export function statReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { stat: Iatt; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const stat = w.readIatt(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { stat, xdata: head.xdata };
}

/* gfx_common_2iatt_rsp: iatt prestat, poststat. truncate, write, fsync, setattr, fallocate ..., namelink */
export function prePostReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { pre: Iatt; post: Iatt; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const pre = w.readIatt(d);
  const post = w.readIatt(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { pre, post, xdata: head.xdata };
}

/* gfx_common_2iatt_rsp of lookup: iatt stat, postparent */
export function lookupReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { stat: Iatt; postparent: Iatt; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const stat = w.readIatt(d);
  const postparent = w.readIatt(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { stat, postparent, xdata: head.xdata };
}

/* gfx_common_2iatt_rsp of unlink and rmdir: iatt preparent, postparent */
export function removeReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { preparent: Iatt; postparent: Iatt; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const preparent = w.readIatt(d);
  const postparent = w.readIatt(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { preparent, postparent, xdata: head.xdata };
}

/* gfx_common_3iatt_rsp: iatt stat, preparent, postparent. mknod, mkdir, symlink, link, put */
export function entryReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { stat: Iatt; preparent: Iatt; postparent: Iatt; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const stat = w.readIatt(d);
  const preparent = w.readIatt(d);
  const postparent = w.readIatt(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { stat, preparent, postparent, xdata: head.xdata };
}

/* gfx_common_3iatt_rsp of copy_file_range: iatt of the source, of the target before and after */
export function copyRangeReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { copied: number; stat: Iatt; pre: Iatt; post: Iatt; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0) return undefined;
  const stat = w.readIatt(d);
  const pre = w.readIatt(d);
  return { copied: head.ret, stat, pre, post: w.readIatt(d), xdata: head.xdata };
}

/* gfx_create_rsp: iatt stat; u64 fd; iatt preparent, postparent */
export function createReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { stat: Iatt; fd: number; preparent: Iatt; postparent: Iatt; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const stat = w.readIatt(d);
  const fd = d.i64();
  const preparent = w.readIatt(d);
  const postparent = w.readIatt(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { stat, fd, preparent, postparent, xdata: head.xdata };
}

/* gfx_rename_rsp: iatt stat, preoldparent, postoldparent, prenewparent, postnewparent */
export function renameReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
):
  | {
      stat: Iatt;
      preoldparent: Iatt;
      postoldparent: Iatt;
      prenewparent: Iatt;
      postnewparent: Iatt;
      xdata: Dict | undefined;
    }
  | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const stat = w.readIatt(d);
  const preoldparent = w.readIatt(d);
  const postoldparent = w.readIatt(d);
  const prenewparent = w.readIatt(d);
  const postnewparent = w.readIatt(d);
  endReply(w, d, head);
  if (head.ret < 0) return undefined;
  return { stat, preoldparent, postoldparent, prenewparent, postnewparent, xdata: head.xdata };
}

/* gfx_open_rsp: s64 fd. open, opendir */
export function openReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { fd: number; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const fd = d.i64();
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { fd, xdata: head.xdata };
}

/* gfx_readlink_rsp: iatt buf; string path<> */
export function readlinkReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { stat: Iatt; path: string; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const stat = w.readIatt(d);
  const path = d.textz();
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { stat, path, xdata: head.xdata };
}

/* gfx_read_rsp, the same order in both versions: op_ret, op_errno, iatt stat, u32 size, dict xdata; then `op_ret` bytes of data */
export function readReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
):
  | {
      data: readonly Buffer[];
      length: number;
      stat: Iatt;
      eof: boolean;
      xdata: Dict | undefined;
      memory: Recyclable | undefined;
    }
  | undefined {
  head.ret = d.i32();
  head.errno = d.i32();
  head.xdata = undefined;
  const stat = w.readIatt(d);
  d.skip(4);
  head.xdata = w.readDict(d);
  if (head.ret < 0) return undefined;
  const length = head.ret;
  const data = length === 0 ? NO_DATA : [d.payload(length)];
  const memory = length === 0 ? undefined : d.memory;
  return { data, length, stat, eof: head.errno === ENOENT, xdata: head.xdata, memory };
}
const NO_DATA: readonly Buffer[] = [];
/** With a good read: the end of the file was reached. */
const ENOENT = 2;

/* gfx_common_dict_rsp: dict; iatt prestat, poststat. getxattr, xattrop. 3.3: dict only */
export function xattrReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { dict: Dict | undefined; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const dict = w.readDict(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { dict, xdata: head.xdata };
}

/* gfx_statfs_rsp: gf_statfs */
export function statfsReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { statfs: StatVfs; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const statfs = decodeStatfs(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { statfs, xdata: head.xdata };
}

/* gfx_lk_rsp: gf_proto_flock */
export function lkReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { flock: Flock; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const flock = decodeFlock(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { flock, xdata: head.xdata };
}

/* gfx_lease_rsp: gf_proto_lease */
export function leaseReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { lease: Lease; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const lease = decodeLease(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { lease, xdata: head.xdata };
}

/* gfx_seek_rsp: u64 offset */
export function seekReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { offset: number; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0) return undefined;
  const offset = d.i64();
  endReply(w, d, head);
  return { offset, xdata: head.xdata };
}

/* gfx_rchecksum_rsp: u32 flags, weak_checksum; opaque strong_checksum<>. 3.3 without flags */
export function rchecksumReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { weak: number; strong: Buffer; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  if (w.v4) d.skip(4);
  const weak = d.u32();
  const strong = d.keep();
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { weak, strong, xdata: head.xdata };
}

/* gfx_getactivelk_rsp: list of locks */
export function getactivelkReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { locks: ProtoLock[]; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  if (head.ret < 0 && w.v4) return undefined;
  const locks = decodeLocks(d);
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { locks, xdata: head.xdata };
}
