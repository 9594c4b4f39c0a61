import type { Options, OptionTable } from '../../../graph/option-types.ts';

export const OPTIONS: OptionTable = {
  'md-cache': {
    kind: 'bool',
    default: 'off',
    description: 'Whether a volume has this layer; read where volfiles are made.',
  },
  'cache-selinux': {
    kind: 'bool',
    default: 'false',
    reconfigurable: true,
    description: 'Keeps security.selinux.',
  },
  'cache-capability-xattrs': {
    kind: 'bool',
    default: 'true',
    reconfigurable: true,
    description: 'Keeps security.capability, which the kernel asks for at every write.',
  },
  'cache-ima-xattrs': {
    kind: 'bool',
    default: 'true',
    reconfigurable: true,
    description: 'Keeps security.ima.',
  },
  'cache-swift-metadata': {
    kind: 'bool',
    default: 'false',
    reconfigurable: true,
    description: 'Keeps user.swift.metadata.',
  },
  'cache-samba-metadata': {
    kind: 'bool',
    default: 'false',
    reconfigurable: true,
    description: 'Keeps what Samba keeps: DOSATTRIB, DosStream, NTACL, org.netatalk.',
  },
  'cache-posix-acl': {
    kind: 'bool',
    default: 'false',
    reconfigurable: true,
    description: 'Keeps system.posix_acl_access and system.posix_acl_default.',
  },
  'cache-glusterfs-acl': {
    kind: 'bool',
    default: 'false',
    reconfigurable: true,
    description: 'Keeps glusterfs.posix.acl and glusterfs.posix.default_acl.',
  },
  'md-cache-timeout': {
    kind: 'int',
    default: '1',
    min: 0,
    max: 600,
    reconfigurable: true,
    description:
      'For how many seconds attributes are believed without asking. Above 60 only with cache-invalidation.',
  },
  'force-readdirp': {
    kind: 'bool',
    default: 'true',
    reconfigurable: true,
    description: 'Directories are always listed with attributes.',
  },
  'cache-invalidation': {
    kind: 'bool',
    default: 'false',
    reconfigurable: true,
    description: 'Believes what bricks say that others have changed.',
  },
  'global-cache-invalidation': {
    kind: 'bool',
    default: 'true',
    reconfigurable: true,
    description:
      'When a file turns out to be changed by others, what the other layers and the kernel have of it goes as well.',
  },
  'md-cache-statfs': {
    kind: 'bool',
    default: 'off',
    reconfigurable: true,
    description: 'Keeps what is known of the free space.',
  },
  'xattr-cache-list': {
    kind: 'string',
    default: '',
    reconfigurable: true,
    description:
      'More names of extended attributes that are kept, with commas between them; * stands for anything.',
  },
  'pass-through': {
    kind: 'bool',
    default: 'false',
    reconfigurable: true,
    description: 'Fops go by this layer.',
  },
};

const NAMES: readonly (readonly [option: string, ...names: string[]])[] = [
  ['cache-capability-xattrs', 'security.capability'],
  ['cache-selinux', 'security.selinux'],
  ['cache-ima-xattrs', 'security.ima'],
  ['cache-posix-acl', 'system.posix_acl_access', 'system.posix_acl_default'],
  ['cache-glusterfs-acl', 'glusterfs.posix.acl', 'glusterfs.posix.default_acl'],
  ['cache-swift-metadata', 'user.swift.metadata'],
  [
    'cache-samba-metadata',
    'user.DOSATTRIB',
    'user.DosStream.*',
    'user.org.netatalk.Metadata',
    'user.org.netatalk.ResourceFork',
    'security.NTACL',
  ],
];

/** Names of the extended attributes that are kept, and patterns of them. */
export function keptXattrs(options: Options): string[] {
  const names = NAMES.flatMap(([option, ...of]) => (options.bool(option) ? of : []));
  for (const name of options.string('xattr-cache-list').split(',')) {
    if (name.trim() !== '') names.push(name.trim());
  }
  return names;
}
