import type { Flock, Lease, StatVfs } from '../types/fs.ts';
import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/* Structures that protocols 3.3 and 4.x share (glusterfs4-xdr.x). */

/* struct gf_proto_flock { u32 type, whence; u64 start, len; u32 pid; opaque lk_owner<>; } */
export function encodeFlock(e: XdrEncoder, flock: Flock): void {
  e.u32(flock.type);
  e.u32(flock.whence);
  e.i64(flock.start);
  e.i64(flock.len);
  e.u32(flock.pid);
  e.text(flock.owner);
}

export function decodeFlock(d: XdrDecoder): Flock {
  const type = d.u32();
  const whence = d.u32();
  const start = d.i64();
  const len = d.i64();
  const pid = d.i32();
  return { type, whence, start, len, pid, owner: d.text() };
}

/* struct gf_proto_lease { u32 cmd, lease_type; opaque lease_id[16]; u32 lease_flags; } */
export function encodeLease(e: XdrEncoder, lease: Lease): void {
  e.u32(lease.cmd);
  e.u32(lease.type);
  e.fixed(lease.id.toString('latin1'), 16);
  e.u32(lease.flags);
}

export function decodeLease(d: XdrDecoder): Lease {
  const cmd = d.u32();
  const type = d.u32();
  const id = Buffer.from(d.fixed(16), 'latin1');
  return { cmd, type, id, flags: d.u32() };
}

/* struct gf_statfs { u64 bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag, namemax; } */
export function decodeStatfs(d: XdrDecoder): StatVfs {
  return {
    bsize: d.u64n(),
    frsize: d.u64n(),
    blocks: d.u64n(),
    bfree: d.u64n(),
    bavail: d.u64n(),
    files: d.u64n(),
    ffree: d.u64n(),
    favail: d.u64n(),
    fsid: d.u64n(),
    flag: d.u64n(),
    namemax: d.u64n(),
  };
}

/* Locks of getactivelk and setactivelk, a list of { gf_proto_flock flock; string client_uid<>; u32 lk_flags; } */
export interface ProtoLock {
  flock: Flock;
  clientUid: string;
  lkFlags: number;
}

export function encodeLocks(e: XdrEncoder, locks: readonly ProtoLock[]): void {
  for (const lock of locks) {
    e.u32(1);
    encodeFlock(e, lock.flock);
    e.text(lock.clientUid);
    e.u32(lock.lkFlags);
  }
  e.u32(0);
}

export function decodeLocks(d: XdrDecoder): ProtoLock[] {
  const locks: ProtoLock[] = [];
  while (d.u32() !== 0) {
    const flock = decodeFlock(d);
    const clientUid = d.textz();
    locks.push({ flock, clientUid, lkFlags: d.u32() });
  }
  return locks;
}
