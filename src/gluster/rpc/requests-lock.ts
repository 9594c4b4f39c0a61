import type { Dict } from '../types/dict.ts';
import type { Flock, Lease } from '../types/fs.ts';
import type { Gfid } from '../types/gfid.ts';
import type { FopWire } from './fop-wire.ts';
import { encodeFlock, encodeLease, encodeLocks, type ProtoLock } from './parts.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/*
 * Requests on locks (glusterfs4-xdr.x). `cmd` and `type` are Gluster's own numbers (glusterfs_lk_cmds_t: 0 GETLK, 1 SETLK, 2 SETLKW;
 * glusterfs_lk_types_t: 0 read, 1 write, 2 unlock).
 */
export const GF_LK_GETLK = 0;
export const GF_LK_SETLK = 1;
export const GF_LK_SETLKW = 2;

/* lk { opaque gfid[16]; s64 fd; u32 cmd, type; gf_proto_flock flock; dict xdata; } */
export function lkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  cmd: number,
  flock: Flock,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u32(cmd);
  e.u32(flock.type);
  encodeFlock(e, flock);
  w.dict(e, xdata);
}

/* inodelk { opaque gfid[16]; u32 cmd, type; gf_proto_flock flock; string volume<>; dict xdata; } */
export function inodelkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  cmd: number,
  flock: Flock,
  volume: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(cmd);
  e.u32(flock.type);
  encodeFlock(e, flock);
  e.text(volume);
  w.dict(e, xdata);
}

/* finodelk { opaque gfid[16]; s64 fd; u32 cmd, type; gf_proto_flock flock; string volume<>; dict xdata; } */
export function finodelkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  cmd: number,
  flock: Flock,
  volume: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u32(cmd);
  e.u32(flock.type);
  encodeFlock(e, flock);
  e.text(volume);
  w.dict(e, xdata);
}

/* entrylk { opaque gfid[16]; u32 cmd, type; u64 namelen; string name<>, volume<>; dict xdata; }: namelen is 1 when there is a name */
export function entrylkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  cmd: number,
  type: number,
  name: string | undefined,
  volume: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.u32(cmd);
  e.u32(type);
  e.u64(name === undefined ? 0 : 1);
  e.text(name ?? '');
  e.text(volume);
  w.dict(e, xdata);
}

/* fentrylk { opaque gfid[16]; s64 fd; u32 cmd, type; u64 namelen; string name<>, volume<>; dict xdata; } */
export function fentrylkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  fd: number,
  cmd: number,
  type: number,
  name: string | undefined,
  volume: string,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  e.i64(fd);
  e.u32(cmd);
  e.u32(type);
  e.u64(name === undefined ? 0 : 1);
  e.text(name ?? '');
  e.text(volume);
  w.dict(e, xdata);
}

/* lease { opaque gfid[16]; gf_proto_lease lease; dict xdata; } */
export function leaseRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  lease: Lease,
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  encodeLease(e, lease);
  w.dict(e, xdata);
}

/* setactivelk { opaque gfid[16]; list of locks; dict xdata; } */
export function setactivelkRequest(
  w: FopWire,
  e: XdrEncoder,
  gfid: Gfid,
  locks: readonly ProtoLock[],
  xdata: Dict | undefined,
): void {
  e.fixed(gfid, 16);
  encodeLocks(e, locks);
  w.dict(e, xdata);
}
