import type { Dict } from '../types/dict.ts';
import type { Gfid } from '../types/gfid.ts';
import type { Iatt } from '../types/iatt.ts';
import { type FopWire, noDict } from './fop-wire.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/* Requests on attributes (glusterfs4-xdr.x). */

/* stat, statfs, opendir, getactivelk { opaque gfid[16]; dict xdata; } */
export function gfidRequest(w: FopWire, e: XdrEncoder, gfid: Gfid, xdata: Dict | undefined): void {
  e.fixed(gfid, 16);
  w.dict(e, xdata);
}

/* access { opaque gfid[16]; u32 mask; dict xdata; } */
export function accessRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  mask: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(mask);
  w.dict(e, xdata);
}

/* setattr { opaque gfid[16]; iatt stbuf; int valid; dict xdata; } */
export function setattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  stat: Iatt,
  valid: number,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  w.iatt(e, stat);
  e.i32(valid);
  w.dict(e, xdata);
}

/* fsetattr 4.x { opaque gfid[16]; s64 fd; iatt stbuf; int valid; dict xdata; }; 3.3 without gfid */
export function fsetattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  stat: Iatt,
  valid: number,
  xdata: Dict | undefined,
): void {
  if (w.v4) e.fixed(gfid, 16);
  e.i64(fd);
  w.iatt(e, stat);
  e.i32(valid);
  w.dict(e, xdata);
}

/* setxattr, xattrop { opaque gfid[16]; u32 flags; dict dict; dict xdata; } */
export function setxattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  flags: number,
  dict: Dict | undefined,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(flags);
  if (dict === undefined) noDict(w, e);
  else w.dict(e, dict);
  w.dict(e, xdata);
}

/* fsetxattr, fxattrop { opaque gfid[16]; s64 fd; u32 flags; dict dict; dict xdata; } */
export function fsetxattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  flags: number,
  dict: Dict | undefined,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u32(flags);
  if (dict === undefined) noDict(w, e);
  else w.dict(e, dict);
  w.dict(e, xdata);
}

/* getxattr { opaque gfid[16]; u32 namelen; string name<>; dict xdata; }: namelen is 1 when there is a name */
export function getxattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  name: string | undefined,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(name === undefined ? 0 : 1);
  e.text(name ?? '');
  w.dict(e, xdata);
}

/* fgetxattr { opaque gfid[16]; s64 fd; u32 namelen; string name<>; dict xdata; } */
export function fgetxattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  name: string | undefined,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u32(name === undefined ? 0 : 1);
  e.text(name ?? '');
  w.dict(e, xdata);
}

/* removexattr { opaque gfid[16]; string name<>; dict xdata; } */
export function removexattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.text(name);
  w.dict(e, xdata);
}

/* fremovexattr { opaque gfid[16]; s64 fd; string name<>; dict xdata; } */
export function fremovexattrRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  name: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.text(name);
  w.dict(e, xdata);
}
