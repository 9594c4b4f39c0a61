import type { FopName } from '../../../graph/fops.ts';

/** Priority classes (`gf_fop_pri_t`), the most urgent first. */
export const HIGH = 0;
export const NORMAL = 1;
export const LOW = 2;
export const LEAST = 3;
export const CLASSES = 4;

/** As options, dumps and the xattr of queue lengths name them. */
export const CLASS_NAMES = ['high', 'normal', 'low', 'least'] as const;
/** As Gluster's log and the lengths of queues in its dumps name them. */
export const CLASS_MEANINGS = ['fast', 'normal', 'slow', 'least'] as const;

const FOPS_OF: Readonly<Record<number, readonly FopName[]>> = {
  [HIGH]: [
    'open',
    'stat',
    'fstat',
    'lookup',
    'access',
    'readlink',
    'opendir',
    'statfs',
    'readdir',
    'readdirp',
    'getactivelk',
    'setactivelk',
  ],
  [NORMAL]: [
    'create',
    'flush',
    'lk',
    'inodelk',
    'finodelk',
    'entrylk',
    'fentrylk',
    'lease',
    'unlink',
    'setattr',
    'fsetattr',
    'mknod',
    'mkdir',
    'rmdir',
    'symlink',
    'rename',
    'link',
    'setxattr',
    'getxattr',
    'fgetxattr',
    'fsetxattr',
    'removexattr',
    'fremovexattr',
    'put',
  ],
  [LOW]: [
    'readv',
    'writev',
    'fsync',
    'truncate',
    'ftruncate',
    'fsyncdir',
    'xattrop',
    'fxattrop',
    'rchecksum',
    'fallocate',
    'discard',
    'zerofill',
    'seek',
  ],
};

/** The class of each fop that is queued (`iot_schedule`). */
export const CLASS_OF: ReadonlyMap<FopName, number> = new Map(
  [HIGH, NORMAL, LOW].flatMap(level => FOPS_OF[level].map(fop => [fop, level] as const)),
);

/** These may wait for another client without working; a thread that they come by is free again at once. */
export const WAITING: ReadonlySet<FopName> = new Set([
  'lk',
  'inodelk',
  'finodelk',
  'entrylk',
  'fentrylk',
  'lease',
]);
