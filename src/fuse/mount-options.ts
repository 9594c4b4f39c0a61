import { NacreError } from '../base/errors.ts';

/** Options of the mount itself, as mount(8) knows them. */
export interface FuseMountOptions {
  /** First column of df and mount ['nacre']. */
  fsname?: string;
  /** Type is shown as fuse.SUBTYPE. */
  subtype?: string;
  /** Other users than the mounter may use it; without it not even root may. */
  allowOther?: boolean;
  /** The kernel checks permissions by the attributes. */
  defaultPermissions?: boolean;
  readOnly?: boolean;
  nosuid?: boolean;
  nodev?: boolean;
  noexec?: boolean;
  noatime?: boolean;
  nodiratime?: boolean;
  sync?: boolean;
  dirsync?: boolean;
  /** Largest read in one request; the kernel's own limit without it. */
  maxRead?: number;
  /** SELinux context of all files, and the others of its kin. */
  context?: string;
  fscontext?: string;
  defcontext?: string;
  rootcontext?: string;
  /** Readahead of the mount in bytes; root only, else left at what the kernel takes (128 KiB). */
  readahead?: number;
}

const FLAGS: readonly (readonly [keyof FuseMountOptions, number, string])[] = [
  ['readOnly', 1, 'ro'],
  ['nosuid', 2, 'nosuid'],
  ['nodev', 4, 'nodev'],
  ['noexec', 8, 'noexec'],
  ['sync', 16, 'sync'],
  ['dirsync', 128, 'dirsync'],
  ['noatime', 1024, 'noatime'],
  ['nodiratime', 2048, 'nodiratime'],
];

/** MS_* bits for mount(2). */
export function mountFlags(options: FuseMountOptions): number {
  let flags = 0;
  for (const [key, flag] of FLAGS) if (options[key] === true) flags |= flag;
  return flags;
}

/** The same as words for mount(8) and fusermount3. */
export function mountWords(options: FuseMountOptions): string[] {
  return FLAGS.filter(([key]) => options[key] === true).map(([, , word]) => word);
}

/** What the FUSE driver itself reads, apart from the descriptor and the owner. */
export function driverWords(options: FuseMountOptions): string[] {
  const words: string[] = [];
  if (options.allowOther) words.push('allow_other');
  if (options.defaultPermissions) words.push('default_permissions');
  if (options.maxRead !== undefined) words.push(`max_read=${options.maxRead}`);
  for (const key of ['context', 'fscontext', 'defcontext', 'rootcontext'] as const) {
    const value = options[key];
    if (value !== undefined) words.push(`${key}="${value.replaceAll('"', '')}"`);
  }
  return words;
}

/** fsname and subtype are given to fusermount3 and mount(8) in a list of words. */
export function quoteWord(value: string): string {
  return value.replace(/[\\,]/g, '\\$&');
}

/** Takes `-o` words as mount(8) gives them to a helper; returns those that are none of FUSE's. */
export function parseMountWords(words: readonly string[], options: FuseMountOptions): string[] {
  const rest: string[] = [];
  for (const word of words) {
    const equals = word.indexOf('=');
    const key = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? '' : word.slice(equals + 1);
    const flag = FLAGS.find(([, , known]) => known === key);
    if (flag !== undefined) (options as Record<string, unknown>)[flag[0]] = true;
    else if (key === 'rw') options.readOnly = false;
    else if (key === 'suid') options.nosuid = false;
    else if (key === 'dev') options.nodev = false;
    else if (key === 'exec') options.noexec = false;
    else if (key === 'atime') options.noatime = false;
    else if (key === 'allow_other') options.allowOther = true;
    else if (key === 'default_permissions') options.defaultPermissions = true;
    else if (key === 'fsname') options.fsname = value;
    else if (key === 'subtype') options.subtype = value;
    else if (key === 'max_read') options.maxRead = numberOf(key, value);
    else if (key === 'context' || key === 'fscontext' || key === 'defcontext' || key === 'rootcontext')
      options[key] = value;
    else rest.push(word);
  }
  return rest;
}

function numberOf(key: string, value: string): number {
  if (!/^\d+$/.test(value))
    throw new NacreError('EINVAL', 'fuse.mount', `option ${key}=${value} is not a number`);
  return Number(value);
}
