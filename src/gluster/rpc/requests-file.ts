import type { Dict } from '../types/dict.ts';
import type { Gfid } from '../types/gfid.ts';
import { type FopWire, noDict } from './fop-wire.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/*
 * Requests on files and open files (glusterfs4-xdr.x). `fd` is the number that the brick gave at open, -2 for "the file of this
 * gfid, not opened" (GF_ANON_FD_NO).
 */

/* readlink { opaque gfid[16]; u32 size; dict xdata; } */
export function readlinkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  size: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(size);
  w.dict(e, xdata);
}

/* truncate { opaque gfid[16]; u64 offset; dict xdata; } */
export function truncateRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  offset: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(offset);
  w.dict(e, xdata);
}

/* open { opaque gfid[16]; u32 flags; dict xdata; } */
export function openRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  flags: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(flags);
  w.dict(e, xdata);
}

/* read { opaque gfid[16]; s64 fd; u64 offset; u32 size, flag; dict xdata; }; write the same, then the data */
export function readWriteRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  offset: number,
  size: number,
  flags: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.i64(offset);
  e.u32(size);
  e.u32(flags);
  w.dict(e, xdata);
}

/* flush, fstat { opaque gfid[16]; s64 fd; dict xdata; } */
export function fdRequest(w: FopWire, e: XdrEncoder, gfid: Gfid, fd: number, xdata: Dict | undefined): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  w.dict(e, xdata);
}

/* release, releasedir { opaque gfid[16]; s64 fd; dict xdata; } */
export function releaseRequest(w: FopWire, e: XdrEncoder, gfid: Gfid, fd: number): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  noDict(w, e);
}

/* fsync, fsyncdir { opaque gfid[16]; s64 fd; u32 data; dict xdata; } */
export function fsyncRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  data: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u32(data);
  w.dict(e, xdata);
}

/* ftruncate { opaque gfid[16]; s64 fd; u64 offset; dict xdata; } */
export function ftruncateRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  offset: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.i64(offset);
  w.dict(e, xdata);
}

/* fallocate { opaque gfid[16]; s64 fd; u32 flags; u64 offset, size; dict xdata; } */
export function fallocateRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  flags: number,
  offset: number,
  size: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u32(flags);
  e.i64(offset);
  e.i64(size);
  w.dict(e, xdata);
}

/* discard, zerofill { opaque gfid[16]; s64 fd; u64 offset, size; dict xdata; } */
export function rangeRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  offset: number,
  size: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.i64(offset);
  e.i64(size);
  w.dict(e, xdata);
}

/* seek { opaque gfid[16]; s64 fd; u64 offset; int what; dict xdata; } */
export function seekRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  offset: number,
  what: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.i64(offset);
  e.i32(what);
  w.dict(e, xdata);
}

/* rchecksum 4.x { opaque gfid[16]; s64 fd; u64 offset; u32 len, flags; dict xdata; }; 3.3 without gfid and flags */
export function rchecksumRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  offset: number,
  length: number,
  xdata: Dict | undefined,
): void {
  if (w.v4) e.fixed(gfid, 16);
  e.i64(fd);
  e.i64(offset);
  e.u32(length);
  if (w.v4) e.u32(0);
  w.dict(e, xdata);
}

/* 4.x only: copy_file_range { opaque gfid1[16], gfid2[16]; s64 fd_in, fd_out; u64 off_in, off_out; u32 size, flag; dict xdata; } */
export function copyFileRangeRequest(
  w: FopWire,
  e: XdrEncoder,
  fromGfid: Gfid,
  toGfid: Gfid,
  fromFd: number,
  toFd: number,
  fromOffset: number,
  toOffset: number,
  size: number,
  flags: number,
  xdata: Dict | undefined,
): void {
  e.fixed(fromGfid, 16);
  e.fixed(toGfid, 16);
  e.i64(fromFd);
  e.i64(toFd);
  e.i64(fromOffset);
  e.i64(toOffset);
  e.u32(size);
  e.u32(flags);
  w.dict(e, xdata);
}

/* readdir, readdirp { opaque gfid[16]; s64 fd; u64 offset; u32 size; dict xdata; } */
export function readdirRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  offset: bigint,
  size: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u64b(offset);
  e.u32(size);
  w.dict(e, xdata);
}

/* ipc { int op; dict xdata; } */
export function ipcRequest(w: FopWire, e: XdrEncoder, op: number, xdata: Dict | undefined): void {
  e.i32(op);
  w.dict(e, xdata);
}
