/** How a volume is mounted: the options of `mount.glusterfs`, with its defaults. Timeouts in seconds. */
export interface FuseMountOptions {
  /** For how long the kernel may believe names, attributes, and that there is no such name. */
  readonly entryTimeout: number;
  readonly attributeTimeout: number;
  readonly negativeTimeout: number;
  readonly acl: boolean;
  readonly selinux: boolean;
  /** Pass security.capability on to the bricks; otherwise it is answered with "none", which saves a call for each write. */
  readonly capability: boolean;
  readonly readOnly: boolean;
  /** Reads and writes go past the kernel's page cache. */
  readonly directIo: boolean;
  /** What was cached stays when a file is opened again. */
  readonly keepCache: boolean;
  readonly writebackCache: boolean;
  readonly readdirp: boolean;
  /** For how long a process's groups are remembered; 0: not at all. */
  readonly gidTimeout: number;
  readonly backgroundQueue: number;
  readonly congestionThreshold: number;
  /** Inodes that the kernel does not know any more and that are kept all the same. */
  readonly lruLimit: number;
  readonly autoInvalidation: boolean;
  /** How many names are looked up before a process that goes through a directory asks for them; 0: none. */
  readonly lookupAhead: number;
  /** Root of clients becomes this user; -1: no mapping. */
  readonly uidMapRoot: number;
  /** Of the bytes of one request. */
  readonly maxWrite: number;
  readonly copyFileRange: boolean;
}

export const DEFAULT_MOUNT_OPTIONS: FuseMountOptions = {
  entryTimeout: 1,
  attributeTimeout: 1,
  negativeTimeout: 0,
  acl: false,
  selinux: false,
  capability: false,
  readOnly: false,
  directIo: false,
  keepCache: true,
  writebackCache: false,
  readdirp: true,
  gidTimeout: 300,
  backgroundQueue: 64,
  congestionThreshold: 48,
  // Half of what glusterfs keeps: a walk through any number of files is to leave the process small.
  lruLimit: 32768,
  autoInvalidation: true,
  lookupAhead: 16,
  uidMapRoot: -1,
  maxWrite: 1 << 20,
  copyFileRange: true,
};
