import { NacreError } from '../../base/errors.ts';
import {
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  O_TRUNC,
  O_WRONLY,
} from '../types/open-flags.ts';

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
