import { ERRNO } from '../../base/errno.ts';

// Error numbers that the protocol knows (doc/proto.md, "Error values"). They are its own, and happen to be Linux's.
export const NBD_SUCCESS = 0;
export const NBD_EPERM = 1;
export const NBD_EIO = 5;
export const NBD_ENOMEM = 12;
export const NBD_EINVAL = 22;
export const NBD_ENOSPC = 28;
export const NBD_EOVERFLOW = 75;
export const NBD_ENOTSUP = 95;
export const NBD_ESHUTDOWN = 108;

const MAPPED = new Map<number, number>([
  [ERRNO['EPERM'], NBD_EPERM],
  [ERRNO['EACCES'], NBD_EPERM],
  [ERRNO['EROFS'], NBD_EPERM],
  [ERRNO['ENOMEM'], NBD_ENOMEM],
  [ERRNO['EINVAL'], NBD_EINVAL],
  [ERRNO['ENOSPC'], NBD_ENOSPC],
  [ERRNO['EDQUOT'], NBD_ENOSPC],
  [ERRNO['EFBIG'], NBD_ENOSPC],
  [ERRNO['EOVERFLOW'], NBD_EOVERFLOW],
  [ERRNO['ENOTSUP'], NBD_ENOTSUP],
  // A cluster that has blocklisted us answers with this number as well: the client had better go.
  [ERRNO['ESHUTDOWN'], NBD_ESHUTDOWN],
]);

/** The protocol's number for a negative errno: EIO for all that it has no number for. */
export function nbdError(result: number): number {
  return MAPPED.get(-result) ?? NBD_EIO;
}
