/**
 * The OSDMap: full maps and incrementals, pools, and where they place objects.
 */
export { applyIncremental } from './apply.ts';
export {
  buildSimpleCrush,
  buildSimpleMap,
  createInitialOsdMap,
  type InitialMapOptions,
  makePool,
  type PoolOptions,
} from './build.ts';
export {
  finishIncremental,
  firstEpoch,
  IncrementalBuilder,
  type OsdBoot,
  type OsdMapEpoch,
} from './builder.ts';
export { cleanTemps } from './clean-temps.ts';
export { cleanUpmaps, rulePermits } from './clean-upmaps.ts';
export {
  type ObjectMapping,
  osdDumpText,
  osdLspoolsJson,
  osdLspoolsText,
  osdMapObject,
  osdPoolLsDetailJson,
  osdPoolLsDetailText,
  osdPoolLsText,
} from './commands.ts';
export { dumpAddrVec, dumpOsd, dumpOsdMap, dumpPool, dumpProfiles } from './dump.ts';
export * from './flags.ts';
export { checkHealth, dumpHealthChecks, type HealthCheck, type HealthChecks } from './health.ts';
export { OsdMapIncremental } from './incremental.ts';
export { decodeIncremental, encodeIncremental } from './incremental-codec.ts';
export { OSD_INFO_ZERO, OSD_XINFO_ZERO, type OsdInfo, type OsdXinfo } from './osd-info.ts';
export { type Blocklist, type BlocklistEntry, OsdMap, type PoolSnapIntervals } from './osdmap.ts';
export { decodeOsdMap, encodeOsdMap } from './osdmap-codec.ts';
export { PgMap } from './pg-map.ts';
export { type PgMapping, PgPlacement, pgRole } from './placement.ts';
export { PgPool, pgParent, stableMod } from './pool.ts';
export { decodePgPool, encodePgPool } from './pool-codec.ts';
export * from './pool-flags.ts';
export { POOL_OPTS, type PoolOpts } from './pool-opts.ts';
export {
  osdListText,
  osdSummaryJson,
  osdSummaryText,
  osdText,
  poolsText,
  poolText,
  printOsdMap,
  timespanText,
} from './print.ts';
export { minCompatClient, requiredFeatures } from './required-features.ts';
export { hashObjectName, STR_HASH_LINUX, STR_HASH_RJENKINS } from './str-hash.ts';
export { osdTreeJson, osdTreeText, type TreeFilter } from './tree.ts';
