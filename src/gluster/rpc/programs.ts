/** Numbers of the RPC programs (rpc-lib/src/protocol-common.h, xdr-common.h). */
export const DUMP_PROGRAM = 123451501;
export const DUMP_VERSION = 1;
export const PMAP_PROGRAM = 34123456;
export const PMAP_VERSION = 1;
export const HNDSK_PROGRAM = 14398633;
export const HNDSK_VERSION = 2;
export const CBK_PROGRAM = 52743234;
export const CBK_VERSION = 1;
export const FOP_PROGRAM = 1298437;
export const FOP_VERSION_3 = 330;
export const FOP_VERSION_4 = 400;

export const DUMP_DUMP = 1;
export const DUMP_PING = 2;

export const PMAP_PORTBYBRICK = 1;
export const PMAP_BRICKBYPORT = 2;

export const HNDSK_SETVOLUME = 1;
export const HNDSK_GETSPEC = 2;
export const HNDSK_PING = 3;
export const HNDSK_SET_LK_VER = 4;
export const HNDSK_EVENT_NOTIFY = 5;
export const HNDSK_GET_VOLUME_INFO = 6;
export const HNDSK_GET_SNAPSHOT_INFO = 7;

export const CBK_FETCHSPEC = 1;
export const CBK_INO_FLUSH = 2;
export const CBK_EVENT_NOTIFY = 3;
export const CBK_GET_SNAPS = 4;
export const CBK_CACHE_INVALIDATION = 5;
export const CBK_CHILD_UP = 6;
export const CBK_CHILD_DOWN = 7;
export const CBK_RECALL_LEASE = 8;
export const CBK_STATEDUMP = 9;
export const CBK_INODELK_CONTENTION = 10;
export const CBK_ENTRYLK_CONTENTION = 11;

/** Procedures of the file programs (`gf_fop_procnum`): the same numbers in 3.3 and 4.x. */
export const OP = {
  STAT: 1,
  READLINK: 2,
  MKNOD: 3,
  MKDIR: 4,
  UNLINK: 5,
  RMDIR: 6,
  SYMLINK: 7,
  RENAME: 8,
  LINK: 9,
  TRUNCATE: 10,
  OPEN: 11,
  READ: 12,
  WRITE: 13,
  STATFS: 14,
  FLUSH: 15,
  FSYNC: 16,
  SETXATTR: 17,
  GETXATTR: 18,
  REMOVEXATTR: 19,
  OPENDIR: 20,
  FSYNCDIR: 21,
  ACCESS: 22,
  CREATE: 23,
  FTRUNCATE: 24,
  FSTAT: 25,
  LK: 26,
  LOOKUP: 27,
  READDIR: 28,
  INODELK: 29,
  FINODELK: 30,
  ENTRYLK: 31,
  FENTRYLK: 32,
  XATTROP: 33,
  FXATTROP: 34,
  FGETXATTR: 35,
  FSETXATTR: 36,
  RCHECKSUM: 37,
  SETATTR: 38,
  FSETATTR: 39,
  READDIRP: 40,
  RELEASE: 41,
  RELEASEDIR: 42,
  FREMOVEXATTR: 43,
  FALLOCATE: 44,
  DISCARD: 45,
  ZEROFILL: 46,
  IPC: 47,
  SEEK: 48,
  COMPOUND: 49,
  LEASE: 50,
  GETACTIVELK: 51,
  SETACTIVELK: 52,
  ICREATE: 53,
  NAMELINK: 54,
  PUT: 55,
  COPY_FILE_RANGE: 56,
} as const;

/** A program that a server offers. */
export interface ProgramDetail {
  readonly name: string;
  readonly number: number;
  readonly version: number;
}
