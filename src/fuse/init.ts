import { DecodeError } from '../base/errors.ts';
import type { Frame } from './frame.ts';
import { FUSE_MAJOR, FUSE_MINOR, IN_HEADER, INIT, INIT2, PAGE } from './protocol.ts';
import type { FuseConnection, FuseInitOptions, FuseOperations } from './types.ts';

const B = IN_HEADER / 4;
export const DEFAULT_MAX_WRITE = 1024 * 1024;
/** INIT's answer without its header. */
export const INIT_OUT = 64;

/** What the kernel offers. fuse_init_in: u32 major, minor, max_readahead, flags, flags2, unused[11] */
export interface InitOffer {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
}

export function decodeInit(frame: Frame): InitOffer {
  const { words } = frame;
  if (frame.length < IN_HEADER + 16)
    throw new DecodeError('fuse_init_in', frame.length, `${frame.length - IN_HEADER} bytes are too few`);
  const flags = words[B + 3];
  const extended = (flags & INIT.INIT_EXT) !== 0 && frame.length >= IN_HEADER + 20;
  return {
    major: words[B],
    minor: words[B + 1],
    maxReadahead: words[B + 2],
    flags,
    flags2: extended ? words[B + 4] : 0,
  };
}

/** Decides what to ask for: what the options want, the file system can, and the kernel offers. */
export function negotiate(offer: InitOffer, options: FuseInitOptions, ops: FuseOperations): FuseConnection {
  const locks = ops.setlk !== undefined;
  const acl = options.posixAcl ?? false;
  const listing = options.readdirplus ?? ops.readdirplus !== undefined;
  let want = INIT.BIG_WRITES | INIT.ABORT_ERROR | INIT.MAX_PAGES | INIT.INIT_EXT;
  // A file system without open or opendir answers ENOSYS to it and is not asked again.
  const wishes: readonly (readonly [boolean, number])[] = [
    [options.asyncRead ?? true, INIT.ASYNC_READ],
    [options.posixLocks ?? locks, INIT.POSIX_LOCKS],
    [options.flockLocks ?? locks, INIT.FLOCK_LOCKS],
    [options.atomicTrunc ?? true, INIT.ATOMIC_O_TRUNC],
    [options.exportSupport ?? false, INIT.EXPORT_SUPPORT],
    [options.dontMask ?? acl, INIT.DONT_MASK],
    [options.ioctlDir ?? true, INIT.HAS_IOCTL_DIR],
    [options.autoInvalData ?? !options.explicitInvalData, INIT.AUTO_INVAL_DATA],
    [options.explicitInvalData ?? false, INIT.EXPLICIT_INVAL_DATA],
    [listing, INIT.DO_READDIRPLUS],
    [listing && (options.readdirplusAuto ?? true), INIT.READDIRPLUS_AUTO],
    [options.asyncDio ?? true, INIT.ASYNC_DIO],
    [options.writebackCache ?? false, INIT.WRITEBACK_CACHE],
    [ops.open === undefined, INIT.NO_OPEN_SUPPORT],
    [ops.opendir === undefined, INIT.NO_OPENDIR_SUPPORT],
    [options.parallelDirops ?? true, INIT.PARALLEL_DIROPS],
    [options.handleKillpriv ?? false, INIT.HANDLE_KILLPRIV],
    [options.handleKillprivV2 ?? false, INIT.HANDLE_KILLPRIV_V2],
    [acl, INIT.POSIX_ACL],
    [options.cacheSymlinks ?? false, INIT.CACHE_SYMLINKS],
    [options.setxattrExt ?? false, INIT.SETXATTR_EXT],
  ];
  for (const [wish, flag] of wishes) if (wish) want |= flag;
  let want2 = INIT2.HAS_EXPIRE_ONLY;
  if (options.directIoAllowMmap ?? true) want2 |= INIT2.DIRECT_IO_ALLOW_MMAP;
  const flags = (want & offer.flags) >>> 0;

  // Without MAX_PAGES a request carries 32 pages.
  const limit = (flags & INIT.MAX_PAGES) !== 0 ? 65535 : 32;
  const maxPages = Math.min(limit, Math.max(1, Math.ceil((options.maxWrite ?? DEFAULT_MAX_WRITE) / PAGE)));
  const maxBackground = Math.min(65535, options.maxBackground ?? 64);
  return {
    kernelMajor: offer.major,
    kernelMinor: offer.minor,
    kernelFlags: offer.flags,
    kernelFlags2: offer.flags2,
    kernelMaxReadahead: offer.maxReadahead,
    minor: Math.min(FUSE_MINOR, offer.minor),
    flags,
    flags2: (want2 & offer.flags2) >>> 0,
    maxReadahead: Math.min(offer.maxReadahead, options.maxReadahead ?? offer.maxReadahead),
    maxWrite: maxPages * PAGE,
    maxPages,
    maxBackground,
    congestionThreshold: Math.min(65535, options.congestionThreshold ?? Math.floor((maxBackground * 3) / 4)),
    timeGranularity: options.timeGranularity ?? 1,
  };
}

/**
 * fuse_init_out: u32 major, minor, max_readahead, flags; u16 max_background, congestion_threshold; u32 max_write, time_gran;
 * u16 max_pages, map_alignment; u32 flags2, max_stack_depth; u16 request_timeout, unused[11]
 */
export function encodeInit(words: Uint32Array, at: number, connection: FuseConnection): void {
  words.fill(0, at, at + INIT_OUT / 4);
  words[at] = FUSE_MAJOR;
  words[at + 1] = connection.minor;
  words[at + 2] = connection.maxReadahead;
  words[at + 3] = connection.flags;
  words[at + 4] = connection.maxBackground | (connection.congestionThreshold << 16);
  words[at + 5] = connection.maxWrite;
  words[at + 6] = connection.timeGranularity;
  words[at + 7] = connection.maxPages;
  words[at + 8] = connection.flags2;
}
