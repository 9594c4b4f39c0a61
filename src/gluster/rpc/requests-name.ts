import type { Dict } from '../types/dict.ts';
import type { Gfid } from '../types/gfid.ts';
import { type FopWire, noDict } from './fop-wire.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/* Requests that go by directory and name (glusterfs4-xdr.x). `string` and `opaque` are the same on the wire; names are without a NUL. */

/* { opaque gfid[16], pargfid[16]; u32 flags; string bname<>; dict xdata; } */
export function lookupRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  pargfid: Gfid,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.fixed(pargfid, 16);
  e.u32(0);
  e.text(name);
  if (xdata === undefined) noDict(w, e);
  else w.dict(e, xdata);
}

/* { opaque pargfid[16]; u64 dev; u32 mode, umask; string bname<>; dict xdata; } */
export function mknodRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  rdev: number,
  mode: number,
  umask: number,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.u64(rdev);
  e.u32(mode);
  e.u32(umask);
  e.text(name);
  w.dict(e, xdata);
}

/* { opaque pargfid[16]; u32 mode, umask; string bname<>; dict xdata; } */
export function mkdirRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  mode: number,
  umask: number,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.u32(mode);
  e.u32(umask);
  e.text(name);
  w.dict(e, xdata);
}

/* { opaque pargfid[16]; string bname<>; u32 xflags; dict xdata; } */
export function unlinkRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  name: string,
  xflags: number,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.text(name);
  e.u32(xflags);
  w.dict(e, xdata);
}

/* { opaque pargfid[16]; int xflags; string bname<>; dict xdata; } */
export function rmdirRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  flags: number,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.i32(flags);
  e.text(name);
  w.dict(e, xdata);
}

/* { opaque pargfid[16]; string bname<>; u32 umask; string linkname<>; dict xdata; } */
export function symlinkRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  name: string,
  umask: number,
  target: string,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.text(name);
  e.u32(umask);
  e.text(target);
  w.dict(e, xdata);
}

/* { opaque oldgfid[16], newgfid[16]; string oldbname<>, newbname<>; dict xdata; }: gfids of the two directories */
export function renameRequest(
  w: FopWire,
  e: XdrEncoder,
  oldParent: Gfid,
  newParent: Gfid,
  oldName: string,
  newName: string,
  xdata: Dict | undefined,
): void {
  e.fixed(oldParent, 16);
  e.fixed(newParent, 16);
  e.text(oldName);
  e.text(newName);
  w.dict(e, xdata);
}

/* { opaque oldgfid[16], newgfid[16]; string newbname<>; dict xdata; }: of the file, and of the new directory */
export function linkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  newParent: Gfid,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.fixed(newParent, 16);
  e.text(name);
  w.dict(e, xdata);
}

/* { opaque pargfid[16]; u32 flags, mode, umask; string bname<>; dict xdata; } */
export function createRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  flags: number,
  mode: number,
  umask: number,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.u32(flags);
  e.u32(mode);
  e.u32(umask);
  e.text(name);
  w.dict(e, xdata);
}

/* 4.x only: { opaque gfid[16]; u32 mode; dict xdata; } */
export function icreateRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  mode: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(mode);
  w.dict(e, xdata);
}

/* 4.x only: { opaque pargfid[16]; string bname<>; dict xdata; } */
export function namelinkRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.text(name);
  w.dict(e, xdata);
}

/* 4.x only: { opaque pargfid[16]; string bname<>; u32 mode, umask, flag; u64 offset; u32 size; dict xattr, xdata; }, then the data */
export function putRequest(
  w: FopWire,
  e: XdrEncoder,
  pargfid: Gfid,
  name: string,
  mode: number,
  umask: number,
  flags: number,
  offset: number,
  size: number,
  xattr: Dict | undefined,
  xdata: Dict | undefined,
): void {
  e.fixed(pargfid, 16);
  e.text(name);
  e.u32(mode);
  e.u32(umask);
  e.u32(flags);
  e.u64(offset);
  e.u32(size);
  if (xattr === undefined) noDict(w, e);
  else w.dict(e, xattr);
  w.dict(e, xdata);
}
