import { ERRNO } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';

// Results of ops are negative errnos, as in Ceph's replies.
export const EPERM = -1;
export const ENOENT = -2;
export const EIO = -5;
export const ENXIO = -6;
export const ENOEXEC = -8;
export const EBADF = -9;
export const EAGAIN = -11;
export const EBUSY = -16;
export const EEXIST = -17;
export const EXDEV = -18;
export const EINVAL = -22;
export const EFBIG = -27;
export const ENOSPC = -28;
export const ERANGE = -34;
export const ENAMETOOLONG = -36;
export const ENOSYS = -38;
export const ENODATA = -61;
export const EOVERFLOW = -75;
export const EOLDSNAPC = -85;
export const EMSGSIZE = -90;
export const EOPNOTSUPP = -95;
export const ENOTCONN = -107;
export const EBLOCKLISTED = -108;
export const ETIMEDOUT = -110;
export const ESTALE = -116;
export const EDQUOT = -122;
export const ECANCELED = -125;
/** MAX_ERRNO: results below it carry a position (cmpext). */
export const MAX_ERRNO = 4095;

/** The result that an exception stands for: bad input EINVAL, a store's error its own. */
export function resultOf(error: unknown): number {
  if (!(error instanceof NacreError)) throw error;
  return error.code === 'EBADMSG' ? EINVAL : -(ERRNO[error.code] ?? ERRNO['EIO']);
}

/**
 * Thrown out of an op whose input has to be fetched first. The request runs again from its first op once
 * the promise has settled, which is harmless because nothing is applied before the last op was run.
 */
export class Suspended extends Error {
  readonly until: Promise<void>;

  constructor(until: Promise<void>) {
    super('suspended');
    this.until = until;
  }
}
