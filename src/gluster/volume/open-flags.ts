import { NacreError } from '../../base/errors.ts';

export { O_ACCMODE } from '../types/fs.ts';

/** Linux's numbers for open(2), as they travel in Gluster's RPC; whatever platform we are on. */
export const O_RDONLY = 0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_DIRECT = 0o40000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_SYNC = 0o4010000;

const BY_NAME: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  'r+': O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  a: O_WRONLY | O_CREAT | O_APPEND,
  'a+': O_RDWR | O_CREAT | O_APPEND,
};

/** O_* of a number or of a string as `fs.open` takes it: r w a, with + (both ways), x (must be new) and s (synchronous). */
export function parseOpenFlags(flags: string | number): number {
  if (typeof flags === 'number') return flags;
  const plain = flags.replace(/[xs]/g, '');
  const base = BY_NAME[plain];
  const extra = flags.length - plain.length;
  const exclusive = flags.includes('x');
  if (base === undefined || extra > 2 || (exclusive && (base & O_CREAT) === 0))
    throw new NacreError('EINVAL', 'gluster.open', `'${flags}' is no way to open a file`);
  return base | (exclusive ? O_EXCL : 0) | (flags.includes('s') ? O_SYNC : 0);
}
