export { FuseMount, type FuseMountParameters, mount } from './mount.ts';
export { type FuseMountOptions, parseMountWords } from './mount-options.ts';
export {
  devMajor,
  devMinor,
  FALLOC,
  FATTR,
  FOPEN,
  INIT,
  INIT2,
  IOCTL,
  LOCK,
  makedev,
  OPCODE,
  OPCODE_NAMES,
  OPEN,
  RELEASE,
  RENAME,
  ROOT_ID,
  SEEK,
  SETXATTR,
  STATX,
  WRITE,
  XATTR,
} from './protocol.ts';
export { FuseSession, type FuseSessionOptions } from './session.ts';
export { unmountOnSignals } from './signals.ts';
export type {
  FuseAttr,
  FuseConnection,
  FuseCopyRange,
  FuseDataLease,
  FuseDirectory,
  FuseEntry,
  FuseForget,
  FuseInitOptions,
  FuseIoctl,
  FuseLock,
  FuseNotify,
  FuseOperations,
  FuseRequest,
  FuseSetattr,
  FuseStatfs,
  FuseStatx,
  U64,
} from './types.ts';
export { unmount } from './unmount.ts';
