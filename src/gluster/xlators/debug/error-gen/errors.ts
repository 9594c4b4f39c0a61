import type { FopName } from '../../../graph/fops.ts';

/** What error-gen fails each fop with when it is not told (`error_no_list`). */
export const ERRORS_OF: Readonly<Partial<Record<FopName, readonly string[]>>> = {
  lookup: ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'EAGAIN'],
  stat: ['EACCES', 'EFAULT', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOTDIR'],
  readlink: ['EACCES', 'EFAULT', 'EINVAL', 'EIO', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOTDIR'],
  mknod: [
    ...['EACCES', 'EEXIST', 'EFAULT', 'EINVAL', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOSPC', 'ENOTDIR'],
    ...['EPERM', 'EROFS'],
  ],
  mkdir: [
    ...['EACCES', 'EEXIST', 'EFAULT', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOSPC', 'ENOTDIR', 'EPERM'],
    'EROFS',
  ],
  unlink: [
    ...['EACCES', 'EBUSY', 'EFAULT', 'EIO', 'EISDIR', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOTDIR'],
    'EPERM',
  ],
  rmdir: ['EACCES', 'EBUSY', 'EFAULT', 'ENOMEM', 'ENOTDIR', 'ENOTEMPTY', 'EPERM', 'EROFS'],
  symlink: [
    ...['EACCES', 'EEXIST', 'EFAULT', 'EIO', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOSPC', 'ENOTDIR'],
    ...['EPERM', 'EROFS'],
  ],
  rename: [
    ...['EACCES', 'EBUSY', 'EFAULT', 'EINVAL', 'EISDIR', 'EMLINK', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM'],
    ...['ENOSPC', 'ENOTDIR', 'EEXIST', 'EXDEV'],
  ],
  link: [
    ...['EACCES', 'EFAULT', 'EEXIST', 'EIO', 'EMLINK', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOSPC'],
    ...['ENOTDIR', 'EPERM', 'EROFS', 'EXDEV'],
  ],
  truncate: ['EACCES', 'EFAULT', 'EFBIG', 'EINTR', 'EINVAL', 'EIO', 'EISDIR', 'ENAMETOOLONG', 'ENOENT'],
  create: [
    ...['EACCES', 'EEXIST', 'EFAULT', 'EISDIR', 'EMFILE', 'ENAMETOOLONG', 'ENFILE', 'ENODEV', 'ENOENT'],
    'ENODEV',
  ],
  open: [
    ...['EACCES', 'EEXIST', 'EFAULT', 'EISDIR', 'EMFILE', 'ENAMETOOLONG', 'ENFILE', 'ENODEV', 'ENOENT'],
    'ENOMEM',
  ],
  readv: ['EINVAL', 'EBADF', 'EFAULT', 'EISDIR', 'ENAMETOOLONG'],
  writev: ['EINVAL', 'EBADF', 'EFAULT', 'EISDIR', 'ENAMETOOLONG', 'ENOSPC', 'GF_ERROR_SHORT_WRITE'],
  statfs: ['EACCES', 'EFAULT', 'EINTR', 'EIO', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOSYS', 'ENOTDIR'],
  flush: ['EACCES', 'EFAULT', 'ENAMETOOLONG', 'ENOSYS', 'ENOENT'],
  fsync: ['EBADF', 'EIO', 'EROFS', 'EINVAL'],
  setxattr: ['EACCES', 'EINTR', 'ENAMETOOLONG'],
  getxattr: ['EACCES', 'ENAMETOOLONG', 'EINTR'],
  removexattr: ['EACCES', 'ENAMETOOLONG', 'EINTR'],
  fsetxattr: ['EACCES', 'EBADF', 'EINTR', 'ENAMETOOLONG'],
  fgetxattr: ['EACCES', 'EBADF', 'ENAMETOOLONG', 'EINTR'],
  fremovexattr: ['EACCES', 'EBADF', 'ENAMETOOLONG', 'EINTR'],
  opendir: ['EACCES', 'EEXIST', 'EFAULT', 'EISDIR', 'EMFILE', 'ENAMETOOLONG', 'ENFILE', 'ENODEV'],
  readdir: ['EINVAL', 'EACCES', 'EBADF', 'EMFILE', 'ENOENT'],
  readdirp: ['EINVAL', 'EACCES', 'EBADF', 'EMFILE', 'ENOENT'],
  fsyncdir: ['EBADF', 'EIO', 'EROFS', 'EINVAL'],
  access: ['EACCES', 'ENAMETOOLONG', 'ENOENT', 'ENOTDIR', 'EROFS', 'EFAULT', 'EINVAL', 'EIO'],
  ftruncate: ['EACCES', 'EFAULT', 'EFBIG', 'EINTR', 'EINVAL', 'EIO', 'EISDIR', 'ENAMETOOLONG', 'ENOENT'],
  fstat: ['EACCES', 'EBADF', 'EFAULT', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOTDIR'],
  lk: ['EACCES', 'EFAULT', 'ENOENT', 'EINTR'],
  xattrop: ['EACCES', 'EFAULT', 'ENAMETOOLONG', 'ENOSYS', 'ENOENT'],
  fxattrop: ['EBADF', 'EIO', 'EROFS', 'EINVAL'],
  inodelk: ['EACCES', 'EINTR', 'ENAMETOOLONG'],
  finodelk: ['EACCES', 'EBADF', 'EINTR', 'ENAMETOOLONG'],
  entrylk: ['EACCES', 'ENAMETOOLONG', 'EINTR'],
  fentrylk: [
    ...['EACCES', 'EEXIST', 'EFAULT', 'EISDIR', 'EMFILE', 'ENAMETOOLONG', 'ENFILE', 'ENODEV', 'ENOENT'],
    'ENOMEM',
  ],
  setattr: [
    'EACCES',
    'EFAULT',
    'EIO',
    'ENAMETOOLONG',
    'ENOENT',
    'ENOMEM',
    'ENOTDIR',
    'EPERM',
    'EROFS',
    'EIO',
  ],
  fsetattr: [
    ...['EACCES', 'EFAULT', 'EIO', 'ENAMETOOLONG', 'ENOENT', 'ENOMEM', 'ENOTDIR', 'EPERM', 'EROFS', 'EBADF'],
    'EIO',
  ],
};

/** What `error-no` may name. */
export const ERROR_NAMES = [...new Set([...Object.values(ERRORS_OF).flat(), 'ENOSPC', 'EAGAIN'])] as string[];
