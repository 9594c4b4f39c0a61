/** `nacre/gluster`: GlusterFS volumes from Node, without a mount and with one. */
export { NacreError } from '../../base/errors.ts';
export { type GraphLog, type GraphLogLevel, LineLog, SILENT_LOG } from '../graph/log.ts';
export type { OptionSpec, OptionTable } from '../graph/option-types.ts';
export { type DumpWriter, Xlator, type XlatorClass, type XlatorSetup } from '../graph/xlator.ts';
export type { TimeLike } from './attributes.ts';
export { COPYFILE_EXCL } from './copy.ts';
export { FileHandle, type ReadOptions } from './file-handle.ts';
export type {
  CopyOptions,
  ReaddirOptions,
  ReadFileOptions,
  StatFs,
  StatOptions,
  WriteFileOptions,
} from './fs-options.ts';
export type { LockFound, LockOptions } from './handle-locks.ts';
export type { FileLayout, HashRange } from './layout.ts';
export { VolumeMount, type VolumeMountOptions } from './mount.ts';
export type { PathLike } from './names.ts';
export { type NodeFs, nodeFs } from './node-fs.ts';
export type { Abortable, Credentials } from './session.ts';
export { GLUSTERD_PORT, parseVolumeSpec, type VolfileServer, type VolumeSpec } from './spec.ts';
export { BigIntStats, Dirent, Stats } from './stats.ts';
export type { StreamOptions } from './streams.ts';
export { Volume, type VolumeOptions } from './volume.ts';
export { fixedVolfile, type VolfileSource } from './volume-client.ts';
export { VolumeFs } from './volume-fs.ts';
export type { WatchEvent, WatchOptions } from './watch.ts';
export { XATTR_CREATE, XATTR_REPLACE } from './xattrs.ts';
