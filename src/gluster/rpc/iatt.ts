import type { Gfid } from '../types/gfid.ts';
import { Iatt, type MdataIatt } from '../types/iatt.ts';
import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/*
 * Attributes of protocol 4.x (glusterfs4-xdr.x):
 *
 *   struct gfx_iattx {
 *     opaque gfid[16]; u64 flags, ino, dev, rdev, size, blocks, attributes, attributes_mask;
 *     s64 atime, mtime, ctime, btime; u32 atime_nsec, mtime_nsec, ctime_nsec, btime_nsec, nlink, uid, gid, blksize, mode;
 *   }
 */
export const IATTX_SIZE = 148;

export function encodeIattx(e: XdrEncoder, s: Iatt): void {
  e.fixed(s.gfid, 16);
  e.u64(s.flags);
  e.u32(s.inoHi);
  e.u32(s.inoLo);
  e.u64(s.dev);
  e.u64(s.rdev);
  e.u64(s.size);
  e.u64(s.blocks);
  e.u64(s.attributes);
  e.u64(s.attributesMask);
  e.i64(s.atime);
  e.i64(s.mtime);
  e.i64(s.ctime);
  e.i64(s.btime);
  e.u32(s.atimeNsec);
  e.u32(s.mtimeNsec);
  e.u32(s.ctimeNsec);
  e.u32(s.btimeNsec);
  e.u32(s.nlink);
  e.u32(s.uid);
  e.u32(s.gid);
  e.u32(s.blksize);
  e.u32(s.mode);
}

export function decodeIattx(d: XdrDecoder): Iatt {
  const s = new Iatt();
  s.gfid = d.gfid();
  s.flags = d.u64n();
  s.inoHi = d.u32();
  s.inoLo = d.u32();
  s.dev = d.u64n();
  s.rdev = d.u64n();
  s.size = d.u64();
  s.blocks = d.u64n();
  s.attributes = d.u64n();
  s.attributesMask = d.u64n();
  s.atime = d.i64();
  s.mtime = d.i64();
  s.ctime = d.i64();
  s.btime = d.i64();
  s.atimeNsec = d.u32();
  s.mtimeNsec = d.u32();
  s.ctimeNsec = d.u32();
  s.btimeNsec = d.u32();
  s.nlink = d.u32();
  s.uid = d.u32();
  s.gid = d.u32();
  s.blksize = d.u32();
  s.mode = d.u32();
  return s;
}

/*
 * Attributes of protocol 3.3, and of upcalls still:
 *
 *   struct gf_iatt {
 *     opaque gfid[16]; u64 ino, dev; u32 mode, nlink, uid, gid; u64 rdev, size; u32 blksize; u64 blocks;
 *     u32 atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
 *   }
 */
export const GF_IATT_SIZE = 100;

export function encodeGfIatt(e: XdrEncoder, s: Iatt): void {
  e.fixed(s.gfid, 16);
  e.u32(s.inoHi);
  e.u32(s.inoLo);
  e.u64(s.dev);
  e.u32(s.mode);
  e.u32(s.nlink);
  e.u32(s.uid);
  e.u32(s.gid);
  e.u64(s.rdev);
  e.u64(s.size);
  e.u32(s.blksize);
  e.u64(s.blocks);
  e.u32(s.atime);
  e.u32(s.atimeNsec);
  e.u32(s.mtime);
  e.u32(s.mtimeNsec);
  e.u32(s.ctime);
  e.u32(s.ctimeNsec);
}

export function decodeGfIatt(d: XdrDecoder): Iatt {
  const s = new Iatt();
  s.gfid = d.gfid() as Gfid;
  s.inoHi = d.u32();
  s.inoLo = d.u32();
  s.dev = d.u64n();
  s.mode = d.u32();
  s.nlink = d.u32();
  s.uid = d.u32();
  s.gid = d.u32();
  s.rdev = d.u64n();
  s.size = d.u64();
  s.blksize = d.u32();
  s.blocks = d.u64n();
  s.atime = d.u32();
  s.atimeNsec = d.u32();
  s.mtime = d.u32();
  s.mtimeNsec = d.u32();
  s.ctime = d.u32();
  s.ctimeNsec = d.u32();
  return s;
}

/* struct gfx_mdata_iatt { s64 atime, mtime, ctime; u32 atime_nsec, mtime_nsec, ctime_nsec; } */
export function encodeMdata(e: XdrEncoder, m: MdataIatt): void {
  e.i64(m.atime);
  e.i64(m.mtime);
  e.i64(m.ctime);
  e.u32(m.atimeNsec);
  e.u32(m.mtimeNsec);
  e.u32(m.ctimeNsec);
}

export function decodeMdata(d: XdrDecoder): MdataIatt {
  const atime = d.i64();
  const mtime = d.i64();
  const ctime = d.i64();
  return { atime, mtime, ctime, atimeNsec: d.u32(), mtimeNsec: d.u32(), ctimeNsec: d.u32() };
}
