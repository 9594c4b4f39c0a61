/** pg_pool_t.type. */
export const POOL_REPLICATED = 1;
export const POOL_ERASURE = 3;

export function poolTypeName(type: number): string {
  return type === POOL_REPLICATED ? 'replicated' : type === POOL_ERASURE ? 'erasure' : '???';
}

/** pg_pool_t.flags. */
/** The pool's id goes into the placement hash, so that pools do not lie on top of each other. */
export const POOL_FLAG_HASHPSPOOL = 1 << 0;
export const POOL_FLAG_FULL = 1 << 1;
export const POOL_FLAG_EC_OVERWRITES = 1 << 2;
export const POOL_FLAG_INCOMPLETE_CLONES = 1 << 3;
export const POOL_FLAG_NODELETE = 1 << 4;
export const POOL_FLAG_NOPGCHANGE = 1 << 5;
export const POOL_FLAG_NOSIZECHANGE = 1 << 6;
export const POOL_FLAG_WRITE_FADVISE_DONTNEED = 1 << 7;
export const POOL_FLAG_NOSCRUB = 1 << 8;
export const POOL_FLAG_NODEEP_SCRUB = 1 << 9;
/** Full because its quota is used up; FULL is set too. */
export const POOL_FLAG_FULL_QUOTA = 1 << 10;
export const POOL_FLAG_NEARFULL = 1 << 11;
export const POOL_FLAG_BACKFILLFULL = 1 << 12;
export const POOL_FLAG_SELFMANAGED_SNAPS = 1 << 13;
export const POOL_FLAG_POOL_SNAPS = 1 << 14;
/** Its first PGs are being created. */
export const POOL_FLAG_CREATING = 1 << 15;
/** Every client op fails with EIO. */
export const POOL_FLAG_EIO = 1 << 16;
export const POOL_FLAG_BULK = 1 << 17;
export const POOL_FLAG_CRIMSON = 1 << 18;

const FLAG_NAMES = [
  'hashpspool',
  'full',
  'ec_overwrites',
  'incomplete_clones',
  'nodelete',
  'nopgchange',
  'nosizechange',
  'write_fadvise_dontneed',
  'noscrub',
  'nodeep-scrub',
  'full_quota',
  'nearfull',
  'backfillfull',
  'selfmanaged_snaps',
  'pool_snaps',
  'creating',
  'eio',
  'bulk',
  'crimson',
];

/** 'hashpspool,pool_snaps'. */
export function poolFlagsText(flags: number): string {
  const names: string[] = [];
  for (let bit = 0; bit < 53; bit++)
    if (Math.floor(flags / 2 ** bit) % 2 === 1) names.push(FLAG_NAMES[bit] ?? '???');
  return names.join(',');
}

/** The flag's bit; 0 when there is none of that name. */
export function poolFlagByName(name: string): number {
  const bit = FLAG_NAMES.indexOf(name);
  return bit < 0 ? 0 : 2 ** bit;
}

/** pg_pool_t.cache_mode. */
export const CACHEMODE_NONE = 0;
export const CACHEMODE_WRITEBACK = 1;
export const CACHEMODE_FORWARD = 2;
export const CACHEMODE_READONLY = 3;
export const CACHEMODE_READFORWARD = 4;
export const CACHEMODE_READPROXY = 5;
export const CACHEMODE_PROXY = 6;

const CACHEMODES = ['none', 'writeback', 'forward', 'readonly', 'readforward', 'readproxy', 'proxy'];

export function cacheModeName(mode: number): string {
  return CACHEMODES[mode] ?? 'unknown';
}

/** pg_pool_t.pg_autoscale_mode. */
export const AUTOSCALE_OFF = 0;
export const AUTOSCALE_WARN = 1;
export const AUTOSCALE_ON = 2;
export const AUTOSCALE_UNKNOWN = 255;

export function autoscaleModeName(mode: number): string {
  return ['off', 'warn', 'on'][mode] ?? '???';
}

/** The mode of that name, AUTOSCALE_UNKNOWN when there is none. */
export function autoscaleModeByName(name: string): number {
  const mode = ['off', 'warn', 'on'].indexOf(name);
  return mode < 0 ? AUTOSCALE_UNKNOWN : mode;
}
