import { type FopWire, WIRE_3, WIRE_4 } from '../../src/gluster/rpc/fop-wire.ts';
import * as parts from '../../src/gluster/rpc/parts.ts';
import { OP } from '../../src/gluster/rpc/programs.ts';
import * as attr from '../../src/gluster/rpc/requests-attr.ts';
import * as file from '../../src/gluster/rpc/requests-file.ts';
import * as lock from '../../src/gluster/rpc/requests-lock.ts';
import * as name from '../../src/gluster/rpc/requests-name.ts';
import type { XdrDecoder } from '../../src/gluster/rpc/xdr-decoder.ts';
import type { XdrEncoder } from '../../src/gluster/rpc/xdr-encoder.ts';

/** Reads a request as a brick would, by the fields of glusterfs4-xdr.x, and says how to encode the same call. */
type Reader = (w: FopWire, d: XdrDecoder) => (e: XdrEncoder) => void;

const byGfid: Reader = (w, d) => {
  const gfid = d.gfid();
  const x = w.readDict(d);
  return e => attr.gfidRequest(w, e, gfid, x);
};
const byFd: Reader = (w, d) => {
  const gfid = d.gfid();
  const fd = d.i64();
  const x = w.readDict(d);
  return e => file.fdRequest(w, e, gfid, fd, x);
};
const release: Reader = (w, d) => {
  const gfid = d.gfid();
  const fd = d.i64();
  w.readDict(d);
  return e => file.releaseRequest(w, e, gfid, fd);
};
const readWrite: Reader = (w, d) => {
  const gfid = d.gfid();
  const fd = d.i64();
  const offset = d.i64();
  const size = d.u32();
  const flags = d.u32();
  const x = w.readDict(d);
  const data = d.payload(d.remaining);
  return e => {
    file.readWriteRequest(w, e, gfid, fd, offset, size, flags, x);
    e.ref(data);
  };
};
const fsync: Reader = (w, d) => {
  const gfid = d.gfid();
  const fd = d.i64();
  const data = d.u32();
  const x = w.readDict(d);
  return e => file.fsyncRequest(w, e, gfid, fd, data, x);
};
const setxattr: Reader = (w, d) => {
  const gfid = d.gfid();
  const flags = d.u32();
  const dict = w.readDict(d);
  const x = w.readDict(d);
  return e => attr.setxattrRequest(w, e, gfid, flags, dict, x);
};
const fsetxattr: Reader = (w, d) => {
  const gfid = d.gfid();
  const fd = d.i64();
  const flags = d.u32();
  const dict = w.readDict(d);
  const x = w.readDict(d);
  return e => attr.fsetxattrRequest(w, e, gfid, fd, flags, dict, x);
};
const range: Reader = (w, d) => {
  const gfid = d.gfid();
  const fd = d.i64();
  const offset = d.i64();
  const size = d.i64();
  const x = w.readDict(d);
  return e => file.rangeRequest(w, e, gfid, fd, offset, size, x);
};
const readdir: Reader = (w, d) => {
  const gfid = d.gfid();
  const fd = d.i64();
  const offset = d.u64b();
  const size = d.u32();
  const x = w.readDict(d);
  return e => file.readdirRequest(w, e, gfid, fd, offset, size, x);
};

export const REQUESTS: Readonly<Record<number, Reader>> = {
  [OP.STAT]: byGfid,
  [OP.STATFS]: byGfid,
  [OP.OPENDIR]: byGfid,
  [OP.GETACTIVELK]: byGfid,
  [OP.FLUSH]: byFd,
  [OP.FSTAT]: byFd,
  [OP.RELEASE]: release,
  [OP.RELEASEDIR]: release,
  [OP.READ]: readWrite,
  [OP.WRITE]: readWrite,
  [OP.FSYNC]: fsync,
  [OP.FSYNCDIR]: fsync,
  [OP.SETXATTR]: setxattr,
  [OP.XATTROP]: setxattr,
  [OP.FSETXATTR]: fsetxattr,
  [OP.FXATTROP]: fsetxattr,
  [OP.DISCARD]: range,
  [OP.ZEROFILL]: range,
  [OP.READDIR]: readdir,
  [OP.READDIRP]: readdir,
  [OP.READLINK]: (w, d) => {
    const gfid = d.gfid();
    const size = d.u32();
    const x = w.readDict(d);
    return e => file.readlinkRequest(w, e, gfid, size, x);
  },
  [OP.MKNOD]: (w, d) => {
    const parent = d.gfid();
    const rdev = d.u64();
    const mode = d.u32();
    const umask = d.u32();
    const base = d.text();
    const x = w.readDict(d);
    return e => name.mknodRequest(w, e, parent, rdev, mode, umask, base, x);
  },
  [OP.MKDIR]: (w, d) => {
    const parent = d.gfid();
    const mode = d.u32();
    const umask = d.u32();
    const base = d.text();
    const x = w.readDict(d);
    return e => name.mkdirRequest(w, e, parent, mode, umask, base, x);
  },
  [OP.UNLINK]: (w, d) => {
    const parent = d.gfid();
    const base = d.text();
    const flags = d.u32();
    const x = w.readDict(d);
    return e => name.unlinkRequest(w, e, parent, base, flags, x);
  },
  [OP.RMDIR]: (w, d) => {
    const parent = d.gfid();
    const flags = d.i32();
    const base = d.text();
    const x = w.readDict(d);
    return e => name.rmdirRequest(w, e, parent, flags, base, x);
  },
  [OP.SYMLINK]: (w, d) => {
    const parent = d.gfid();
    const base = d.text();
    const umask = d.u32();
    const target = d.text();
    const x = w.readDict(d);
    return e => name.symlinkRequest(w, e, parent, base, umask, target, x);
  },
  [OP.RENAME]: (w, d) => {
    const from = d.gfid();
    const to = d.gfid();
    const fromName = d.text();
    const toName = d.text();
    const x = w.readDict(d);
    return e => name.renameRequest(w, e, from, to, fromName, toName, x);
  },
  [OP.LINK]: (w, d) => {
    const gfid = d.gfid();
    const to = d.gfid();
    const base = d.text();
    const x = w.readDict(d);
    return e => name.linkRequest(w, e, gfid, to, base, x);
  },
  [OP.TRUNCATE]: (w, d) => {
    const gfid = d.gfid();
    const offset = d.i64();
    const x = w.readDict(d);
    return e => file.truncateRequest(w, e, gfid, offset, x);
  },
  [OP.OPEN]: (w, d) => {
    const gfid = d.gfid();
    const flags = d.u32();
    const x = w.readDict(d);
    return e => file.openRequest(w, e, gfid, flags, x);
  },
  [OP.GETXATTR]: (w, d) => {
    const gfid = d.gfid();
    const named = d.u32() > 0;
    const key = d.text();
    const x = w.readDict(d);
    return e => attr.getxattrRequest(w, e, gfid, named ? key : undefined, x);
  },
  [OP.FGETXATTR]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const named = d.u32() > 0;
    const key = d.text();
    const x = w.readDict(d);
    return e => attr.fgetxattrRequest(w, e, gfid, fd, named ? key : undefined, x);
  },
  [OP.REMOVEXATTR]: (w, d) => {
    const gfid = d.gfid();
    const key = d.text();
    const x = w.readDict(d);
    return e => attr.removexattrRequest(w, e, gfid, key, x);
  },
  [OP.FREMOVEXATTR]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const key = d.text();
    const x = w.readDict(d);
    return e => attr.fremovexattrRequest(w, e, gfid, fd, key, x);
  },
  [OP.ACCESS]: (w, d) => {
    const gfid = d.gfid();
    const mask = d.u32();
    const x = w.readDict(d);
    return e => attr.accessRequest(w, e, gfid, mask, x);
  },
  [OP.CREATE]: (w, d) => {
    const parent = d.gfid();
    const flags = d.u32();
    const mode = d.u32();
    const umask = d.u32();
    const base = d.text();
    const x = w.readDict(d);
    return e => name.createRequest(w, e, parent, flags, mode, umask, base, x);
  },
  [OP.FTRUNCATE]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const offset = d.i64();
    const x = w.readDict(d);
    return e => file.ftruncateRequest(w, e, gfid, fd, offset, x);
  },
  [OP.LK]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const cmd = d.u32();
    d.u32();
    const flock = parts.decodeFlock(d);
    const x = w.readDict(d);
    return e => lock.lkRequest(w, e, gfid, fd, cmd, flock, x);
  },
  [OP.LOOKUP]: (w, d) => {
    const gfid = d.gfid();
    const parent = d.gfid();
    d.u32();
    const base = d.text();
    const x = w.readDict(d);
    return e => name.lookupRequest(w, e, gfid, parent, base, x);
  },
  [OP.INODELK]: (w, d) => {
    const gfid = d.gfid();
    const cmd = d.u32();
    d.u32();
    const flock = parts.decodeFlock(d);
    const volume = d.text();
    const x = w.readDict(d);
    return e => lock.inodelkRequest(w, e, gfid, cmd, flock, volume, x);
  },
  [OP.FINODELK]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const cmd = d.u32();
    d.u32();
    const flock = parts.decodeFlock(d);
    const volume = d.text();
    const x = w.readDict(d);
    return e => lock.finodelkRequest(w, e, gfid, fd, cmd, flock, volume, x);
  },
  [OP.ENTRYLK]: (w, d) => {
    const gfid = d.gfid();
    const cmd = d.u32();
    const type = d.u32();
    const named = d.u64() > 0;
    const base = d.text();
    const volume = d.text();
    const x = w.readDict(d);
    return e => lock.entrylkRequest(w, e, gfid, cmd, type, named ? base : undefined, volume, x);
  },
  [OP.FENTRYLK]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const cmd = d.u32();
    const type = d.u32();
    const named = d.u64() > 0;
    const base = d.text();
    const volume = d.text();
    const x = w.readDict(d);
    return e => lock.fentrylkRequest(w, e, gfid, fd, cmd, type, named ? base : undefined, volume, x);
  },
  [OP.RCHECKSUM]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const offset = d.i64();
    const length = d.u32();
    d.u32();
    const x = w.readDict(d);
    return e => file.rchecksumRequest(w, e, gfid, fd, offset, length, x);
  },
  [OP.SETATTR]: (w, d) => {
    const gfid = d.gfid();
    const stat = w.readIatt(d);
    const valid = d.i32();
    const x = w.readDict(d);
    return e => attr.setattrRequest(w, e, gfid, stat, valid, x);
  },
  [OP.FSETATTR]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const stat = w.readIatt(d);
    const valid = d.i32();
    const x = w.readDict(d);
    return e => attr.fsetattrRequest(w, e, gfid, fd, stat, valid, x);
  },
  [OP.FALLOCATE]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const flags = d.u32();
    const offset = d.i64();
    const size = d.i64();
    const x = w.readDict(d);
    return e => file.fallocateRequest(w, e, gfid, fd, flags, offset, size, x);
  },
  [OP.IPC]: (w, d) => {
    const op = d.i32();
    const x = w.readDict(d);
    return e => file.ipcRequest(w, e, op, x);
  },
  [OP.SEEK]: (w, d) => {
    const gfid = d.gfid();
    const fd = d.i64();
    const offset = d.i64();
    const what = d.i32();
    const x = w.readDict(d);
    return e => file.seekRequest(w, e, gfid, fd, offset, what, x);
  },
};

export function wireOf(version: number): FopWire {
  return version === WIRE_3.version ? WIRE_3 : WIRE_4;
}
