import { DEFAULT_MOUNT_OPTIONS, type FuseMountOptions } from '../../gluster/xlators/mount/fuse/index.ts';
import { CliError } from '../shared/errors.ts';

/** What `-o` of a mount says, sorted by who cares. */
export interface ParsedMountOptions {
  readonly fuse: FuseMountOptions;
  /** Options of mount(2) and of the kernel's FUSE, as they were written: 'nosuid', 'allow_other' ... */
  readonly kernel: readonly string[];
  readonly logLevel: string | undefined;
  readonly logFile: string | undefined;
  readonly serverPort: number | undefined;
  readonly backupServers: readonly string[];
  /** 'dist-dht.min-free-disk' -> '20%'; '*' stands for any part of an xlator's name. */
  readonly xlatorOptions: Readonly<Record<string, string>>;
  readonly volumeName: string | undefined;
  readonly fetchAttempts: number | undefined;
  readonly dumpFuse: string | undefined;
  readonly volfile: string | undefined;
}

type Mutable = { -readonly [K in keyof FuseMountOptions]: FuseMountOptions[K] };

/** Options that mount.glusterfs knows and that mean nothing here, as there is no such thing in this process. */
const WITHOUT_MEANING = new Set([
  'mem-accounting',
  'event-history',
  'reader-thread-count',
  'global-threading',
  'oom-score-adj',
  'process-name',
  'io-engine',
  'localtime-logging',
  'use-readdirp',
  'rw',
  'defaults',
  '_netdev',
  'auto',
  'noauto',
  'user',
  'nouser',
  'users',
  'nofail',
  'transport',
]);
const KERNEL = new Set([
  'ro',
  'suid',
  'nosuid',
  'dev',
  'nodev',
  'exec',
  'noexec',
  'atime',
  'noatime',
  'diratime',
  'nodiratime',
  'relatime',
  'norelatime',
  'strictatime',
  'nostrictatime',
  'lazytime',
  'nolazytime',
  'sync',
  'async',
  'dirsync',
  'mand',
  'nomand',
  'allow_other',
  'default_permissions',
]);
const KERNEL_WITH_VALUE = /^(context|fscontext|defcontext|rootcontext|fsname|subtype)=/;

/** Reads the options of mount.glusterfs ('-o a,b=c'). An option that nobody knows is an error, as there. */
export function parseMountOptions(given: readonly string[]): ParsedMountOptions {
  const fuse: Mutable = { ...DEFAULT_MOUNT_OPTIONS };
  const kernel: string[] = [];
  const xlatorOptions: Record<string, string> = {};
  const texts: Record<string, string> = {};
  const backupServers: string[] = [];
  for (const option of given.flatMap(splitOptions)) {
    const cut = option.indexOf('=');
    const key = (cut < 0 ? option : option.slice(0, cut)).trim();
    const value = cut < 0 ? undefined : option.slice(cut + 1);
    const name = key.replaceAll('_', '-');
    if (KERNEL.has(key) || KERNEL_WITH_VALUE.test(option)) {
      kernel.push(option);
      if (key === 'ro') fuse.readOnly = true;
      continue;
    }
    switch (name) {
      case 'acl':
        fuse.acl = true;
        break;
      case 'selinux':
        fuse.selinux = true;
        break;
      case 'capability':
        fuse.capability = true;
        break;
      case 'direct-io-mode':
        fuse.directIo = yes(name, value);
        break;
      case 'fopen-keep-cache':
        fuse.keepCache = value === undefined || yes(name, value);
        break;
      case 'kernel-writeback-cache':
        fuse.writebackCache = yes(name, value);
        break;
      case 'use-readdirp':
        fuse.readdirp = yes(name, value);
        break;
      case 'auto-invalidation':
      case 'fuse-auto-invalidation':
        fuse.autoInvalidation = yes(name, value);
        break;
      case 'attribute-timeout':
        fuse.attributeTimeout = number(name, value);
        break;
      case 'entry-timeout':
        fuse.entryTimeout = number(name, value);
        break;
      case 'negative-timeout':
        fuse.negativeTimeout = number(name, value);
        break;
      case 'gid-timeout':
        fuse.gidTimeout = number(name, value);
        break;
      case 'background-qlen':
        fuse.backgroundQueue = number(name, value);
        break;
      case 'congestion-threshold':
        fuse.congestionThreshold = number(name, value);
        break;
      case 'lru-limit':
        fuse.lruLimit = number(name, value);
        break;
      case 'lookup-ahead':
        fuse.lookupAhead = number(name, value);
        break;
      case 'backupvolfile-server':
      case 'backup-volfile-servers':
        backupServers.push(...(value ?? '').split(/:(?![^[]*\])/).filter(server => server !== ''));
        break;
      case 'xlator-option': {
        const [, target, text] = /^([^=]+)=(.*)$/.exec(value ?? '') ?? [];
        if (target === undefined) throw new CliError(`xlator-option: 'XLATOR.OPTION=VALUE' is wanted`, 1);
        xlatorOptions[target] = text;
        break;
      }
      case 'log-level':
      case 'log-file':
      case 'server-port':
      case 'volume-name':
      case 'volfile-max-fetch-attempts':
      case 'dump-fuse':
      case 'volfile':
        texts[name] = value ?? '';
        break;
      default:
        if (WITHOUT_MEANING.has(name) || WITHOUT_MEANING.has(key) || name.startsWith('x-')) break;
        throw new CliError(`Invalid option ${option}`, 1);
    }
  }
  const { 'server-port': port, 'volfile-max-fetch-attempts': attempts } = texts;
  return {
    fuse,
    kernel,
    xlatorOptions,
    backupServers,
    logLevel: texts['log-level'],
    logFile: texts['log-file'],
    serverPort: port === undefined ? undefined : number('server-port', port),
    fetchAttempts: attempts === undefined ? undefined : number('volfile-max-fetch-attempts', attempts),
    volumeName: texts['volume-name'],
    dumpFuse: texts['dump-fuse'],
    volfile: texts['volfile'],
  };
}

/** At commas, but for those within double quotes (SELinux contexts have them). */
function splitOptions(text: string): string[] {
  return (text.match(/(?:[^,"]|"[^"]*")+/g) ?? [])
    .map(option => option.trim())
    .filter(option => option !== '');
}

function yes(name: string, value: string | undefined): boolean {
  if (/^(yes|on|true|enable|1)$/i.test(value ?? '')) return true;
  if (/^(no|off|false|disable|0)$/i.test(value ?? '')) return false;
  throw new CliError(`${name}: 'yes' or 'no' is wanted, not '${value ?? ''}'`, 1);
}

function number(name: string, value: string | undefined): number {
  const n = Number(value);
  if (value === undefined || value.trim() === '' || !Number.isFinite(n) || n < 0)
    throw new CliError(`${name}: a number of at least 0 is wanted, not '${value ?? ''}'`, 1);
  return n;
}
