// What ops have in the union of ceph_osd_op besides an extent.

/** xattr ops: `indata` is the name, then the value. cmpOp and cmpMode are CEPH_OSD_CMPXATTR_*. */
export interface XattrArg {
  readonly nameLen: number;
  readonly valueLen: number;
  readonly cmpOp: number;
  readonly cmpMode: number;
}

/**
 * CALL: `indata` is the class name, the method name, then the method's input. An OSD sets the op's `length`
 * to that of the output, as Ceph's does.
 */
export interface ClsArg {
  readonly classLen: number;
  readonly methodLen: number;
  readonly argc: number;
  readonly indataLen: number;
}

/** PGLS, PGNLS and their filters: at most `count` names. */
export interface PglsArg {
  readonly count: number;
  readonly startEpoch: number;
}

/** ROLLBACK. */
export interface SnapArg {
  readonly snapid: bigint;
}

/** WATCH. `op` is CEPH_OSD_WATCH_OP_*, `timeout` seconds (0: the OSD's default). */
export interface WatchArg {
  readonly cookie: bigint;
  readonly ver: number;
  readonly op: number;
  readonly gen: number;
  readonly timeout: number;
}

/** NOTIFY. */
export interface NotifyArg {
  readonly cookie: bigint;
}

/** ASSERT_VER. */
export interface AssertVerArg {
  readonly ver: number;
}

/** COPY_FROM, COPY_FROM2, SET_REDIRECT. `flags` is CEPH_OSD_COPY_FROM_FLAG_*. */
export interface CopyFromArg {
  readonly snapid: bigint;
  readonly srcVersion: number;
  readonly flags: number;
  readonly srcFadviseFlags: number;
}

/** PG_HITSET_GET: a ceph_timespec. */
export interface HitSetArg {
  readonly sec: number;
  readonly nsec: number;
}

/** SETALLOCHINT. Sizes in bytes, `flags` CEPH_OSD_ALLOC_HINT_FLAG_*. */
export interface AllocHintArg {
  readonly expectedObjectSize: number;
  readonly expectedWriteSize: number;
  readonly flags: number;
}

/** WRITESAME: the data, `dataLength` bytes, repeated over the extent in offset and length. */
export interface WriteSameArg {
  readonly dataLength: number;
}

/** CHECKSUM over the extent in offset and length. `type` is CEPH_OSD_CHECKSUM_OP_TYPE_*. */
export interface ChecksumArg {
  readonly chunkSize: number;
  readonly type: number;
}

export type OSDOpArg =
  | XattrArg
  | ClsArg
  | PglsArg
  | SnapArg
  | WatchArg
  | NotifyArg
  | AssertVerArg
  | CopyFromArg
  | HitSetArg
  | AllocHintArg
  | WriteSameArg
  | ChecksumArg;
