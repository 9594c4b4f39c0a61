import { ERRNO } from '../../../../base/errno.ts';

export { isMissing } from '../../../graph/fop-error.ts';

export const EPERM = ERRNO['EPERM'];
export const ENOENT = ERRNO['ENOENT'];
export const EIO = ERRNO['EIO'];
export const EBADF = ERRNO['EBADF'];
export const EACCES = ERRNO['EACCES'];
export const EEXIST = ERRNO['EEXIST'];
export const EINVAL = ERRNO['EINVAL'];
export const EBUSY = ERRNO['EBUSY'];
export const ENOSPC = ERRNO['ENOSPC'];
export const ENOTEMPTY = ERRNO['ENOTEMPTY'];
export const ENODATA = ERRNO['ENODATA'];
export const EBADFD = ERRNO['EBADFD'] ?? 77;
export const EREMOTE = ERRNO['EREMOTE'] ?? 66;
export const EOPNOTSUPP = ERRNO['EOPNOTSUPP'];
export const ENOTSUP = ERRNO['EOPNOTSUPP'];
export const ENOTCONN = ERRNO['ENOTCONN'];
export const ESTALE = ERRNO['ESTALE'];
export const EUCLEAN = ERRNO['EUCLEAN'] ?? 117;
export const ENOSYS = ERRNO['ENOSYS'];
