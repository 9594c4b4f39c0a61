import { NacreError } from '../../base/errors.ts';
import { addBucket, insertItem } from '../crush/edit.ts';
import { CrushMap } from '../crush/map.ts';
import { setItemName } from '../crush/names.ts';
import { addSimpleRule } from '../crush/rules.ts';
import { UTIME_ZERO, type UTime } from '../types/utime.ts';
import { UUID_ZERO, type Uuid } from '../types/uuid.ts';
import {
  OSD_EXISTS,
  OSD_IN,
  OSDMAP_PGLOG_HARDLIMIT,
  OSDMAP_PURGED_SNAPDIRS,
  OSDMAP_RECOVERY_DELETES,
  OSDMAP_SORTBITWISE,
  RELEASE_LUMINOUS,
  RELEASE_PACIFIC,
} from './flags.ts';
import { OsdMap } from './osdmap.ts';
import { PgPool } from './pool.ts';
import {
  AUTOSCALE_ON,
  POOL_ERASURE,
  POOL_FLAG_CREATING,
  POOL_FLAG_HASHPSPOOL,
  POOL_REPLICATED,
} from './pool-flags.ts';
import { STR_HASH_RJENKINS } from './str-hash.ts';

/** Names of CRUSH types in new maps, by number. */
const CRUSH_TYPES = [
  'osd',
  'host',
  'chassis',
  'rack',
  'row',
  'pdu',
  'pod',
  'room',
  'datacenter',
  'zone',
  'region',
  'root',
];

/** osd_pool_default_erasure_code_profile. */
const DEFAULT_PROFILE: ReadonlyMap<string, string> = new Map([
  ['k', '2'],
  ['m', '2'],
  ['plugin', 'jerasure'],
  ['technique', 'reed_sol_van'],
]);

/** Where an OSD is in the hierarchy: name of a bucket by type name. */
export type OsdLocation = ReadonlyMap<string, string>;

export interface SimpleCrushOptions {
  readonly numOsds: number;
  /** Those that go into the hierarchy, in this order; all by default. */
  readonly osds?: readonly number[];
  /** CRUSH type of which each replica gets its own; 'host'. */
  readonly failureDomain?: string;
  /** All on one host by default. */
  readonly location?: (osd: number) => OsdLocation;
  /** 1 by default. */
  readonly weight?: (osd: number) => number;
}

const ONE_HOST: OsdLocation = new Map([
  ['host', 'localhost'],
  ['rack', 'localrack'],
  ['root', 'default'],
]);

/** The hierarchy of a new cluster with its one rule (OSDMap::build_simple_crush_map). */
export function buildSimpleCrush(options: SimpleCrushOptions): CrushMap {
  const crush = new CrushMap();
  CRUSH_TYPES.forEach((name, type) => {
    crush.types.set(type, name);
  });
  setItemName(crush, addBucket(crush, { type: CRUSH_TYPES.indexOf('root') }), 'default');
  const osds = options.osds ?? Array.from({ length: options.numOsds }, (_, osd) => osd);
  for (const osd of osds)
    insertItem(crush, osd, options.weight?.(osd) ?? 1, `osd.${osd}`, options.location?.(osd) ?? ONE_HOST);
  addSimpleRule(crush, {
    name: 'replicated_rule',
    root: 'default',
    failureDomain: options.failureDomain ?? 'host',
    mode: 'firstn',
    type: POOL_REPLICATED,
  });
  crush.finalize();
  return crush;
}

export interface PoolOptions {
  /** 3 by default. */
  readonly size?: number;
  /** Half of the size and one more, by default; k + 1 or so for erasure pools. */
  readonly minSize?: number;
  /** 32 by default. */
  readonly pgNum?: number;
  readonly pgpNum?: number;
  readonly crushRule?: number;
  /** Makes an erasure pool with this profile, which must be in the map. */
  readonly erasureCodeProfile?: string;
  /** Bytes of one stripe over all data chunks; erasure pools have to give it. */
  readonly stripeWidth?: number;
  readonly autoscaleMode?: number;
  readonly createTime?: UTime;
  readonly applications?: readonly string[];
  /** POOL_FLAG_* beyond hashpspool. */
  readonly flags?: number;
  readonly expectedNumObjects?: number;
  readonly fastRead?: boolean;
  /** Whether the pool is marked as waiting for its first PGs. */
  readonly creating?: boolean;
}

/** A pool with the defaults of a pacific monitor (OSDMonitor::prepare_new_pool). */
export function makePool(options: PoolOptions = {}): PgPool {
  const p = new PgPool();
  p.type = options.erasureCodeProfile === undefined ? POOL_REPLICATED : POOL_ERASURE;
  p.size = options.size ?? 3;
  p.minSize = options.minSize ?? p.size - Math.floor(p.size / 2);
  p.crushRule = options.crushRule ?? 0;
  p.objectHash = STR_HASH_RJENKINS;
  p.flags = POOL_FLAG_HASHPSPOOL;
  if (options.creating === true) p.setFlag(POOL_FLAG_CREATING);
  for (let bit = 1; bit <= (options.flags ?? 0); bit *= 2)
    if (((options.flags ?? 0) & bit) !== 0) p.setFlag(bit);
  const pgNum = options.pgNum ?? 32;
  p.setPgNum(pgNum);
  p.setPgpNum(options.pgpNum ?? pgNum);
  p.pgNumTarget = pgNum;
  p.pgpNumTarget = p.pgpNum;
  p.autoscaleMode = options.autoscaleMode ?? AUTOSCALE_ON;
  p.createTime = options.createTime ?? UTIME_ZERO;
  p.erasureCodeProfile = options.erasureCodeProfile ?? '';
  p.stripeWidth = options.stripeWidth ?? 0;
  p.expectedNumObjects = options.expectedNumObjects ?? 0;
  p.fastRead = options.fastRead ?? false;
  p.cacheTargetDirtyRatioMicro = 400_000;
  p.cacheTargetDirtyHighRatioMicro = 600_000;
  p.cacheTargetFullRatioMicro = 800_000;
  for (const app of options.applications ?? []) p.applicationMetadata.set(app, new Map());
  return p;
}

export interface SimpleMapOptions extends SimpleCrushOptions {
  readonly fsid?: Uuid;
  readonly created: UTime;
  /** Makes pool 1, 'rbd', with numOsds << pgBits PGs. */
  readonly defaultPool?: boolean;
  /** 6 by default. */
  readonly pgBits?: number;
  readonly pgpBits?: number;
  /** Erasure-code profile 'default'; jerasure with k=2, m=2 unless given. */
  readonly defaultProfile?: ReadonlyMap<string, string>;
}

/** A map at epoch 0 with max_osd and hierarchy for OSDs that do not exist yet (OSDMap::build_simple). */
export function buildSimpleMap(options: SimpleMapOptions): OsdMap {
  const map = new OsdMap();
  map.fsid = options.fsid ?? UUID_ZERO;
  map.created = options.created;
  map.modified = options.created;
  map.setMaxOsd(options.numOsds);
  map.setCrush(buildSimpleCrush(options));
  if (options.defaultPool === true) {
    const pgBits = options.pgBits ?? 6;
    const base = options.numOsds === 0 ? 1 : options.numOsds;
    const pgNum = base * 2 ** pgBits;
    if (!(pgNum > 0 && pgNum < 2 ** 31))
      throw new NacreError('EINVAL', 'osdmap.build', `${base} << ${pgBits} is no number of PGs`);
    const pool = makePool({
      pgNum,
      pgpNum: base * 2 ** Math.min(pgBits, options.pgpBits ?? 6),
      applications: ['rbd'],
    });
    // The simple map's pool leaves alone what only monitors set.
    pool.cacheTargetDirtyRatioMicro = 0;
    pool.cacheTargetDirtyHighRatioMicro = 0;
    pool.cacheTargetFullRatioMicro = 0;
    map.poolMax = 1;
    map.pools.set(1, pool);
    map.poolNames.set(1, 'rbd');
  }
  map.erasureCodeProfiles.set('default', options.defaultProfile ?? DEFAULT_PROFILE);
  return map;
}

export interface InitialMapOptions extends Partial<SimpleCrushOptions> {
  readonly fsid: Uuid;
  readonly created: UTime;
  readonly defaultProfile?: ReadonlyMap<string, string>;
  /** Uuids of OSDs that exist from the start, in and down; others are added when they boot. */
  readonly osdUuids?: readonly Uuid[];
}

/** What a new cluster's monitor starts from, at epoch 1 (OSDMonitor::create_initial). */
export function createInitialOsdMap(options: InitialMapOptions): OsdMap {
  const map = buildSimpleMap({ ...options, numOsds: options.numOsds ?? options.osdUuids?.length ?? 0 });
  map.epoch = 1;
  map.flags = OSDMAP_SORTBITWISE | OSDMAP_RECOVERY_DELETES | OSDMAP_PURGED_SNAPDIRS | OSDMAP_PGLOG_HARDLIMIT;
  map.fullRatio = Math.fround(0.95);
  map.backfillfullRatio = Math.fround(0.9);
  map.nearfullRatio = Math.fround(0.85);
  map.requireOsdRelease = RELEASE_PACIFIC;
  map.requireMinCompatClient = RELEASE_LUMINOUS;
  options.osdUuids?.forEach((uuid, osd) => {
    map.osdUuid[osd] = uuid;
    map.setState(osd, OSD_EXISTS);
    map.setWeight(osd, OSD_IN);
  });
  return map;
}
