/**
 * State bits of a PG (PG_STATE_* of osd/osd_types.h). There are more than 32, so they are numbers to be added,
 * not to be or-ed with `|`: use `pgStateHas`.
 */
export const PG_STATE_CREATING = 2 ** 0;
export const PG_STATE_ACTIVE = 2 ** 1;
export const PG_STATE_CLEAN = 2 ** 2;
export const PG_STATE_DOWN = 2 ** 4;
export const PG_STATE_RECOVERY_UNFOUND = 2 ** 5;
export const PG_STATE_BACKFILL_UNFOUND = 2 ** 6;
export const PG_STATE_PREMERGE = 2 ** 7;
export const PG_STATE_SCRUBBING = 2 ** 8;
export const PG_STATE_DEGRADED = 2 ** 10;
export const PG_STATE_INCONSISTENT = 2 ** 11;
export const PG_STATE_PEERING = 2 ** 12;
export const PG_STATE_REPAIR = 2 ** 13;
export const PG_STATE_RECOVERING = 2 ** 14;
export const PG_STATE_BACKFILL_WAIT = 2 ** 15;
export const PG_STATE_INCOMPLETE = 2 ** 16;
export const PG_STATE_STALE = 2 ** 17;
export const PG_STATE_REMAPPED = 2 ** 18;
export const PG_STATE_DEEP_SCRUB = 2 ** 19;
export const PG_STATE_BACKFILLING = 2 ** 20;
export const PG_STATE_BACKFILL_TOOFULL = 2 ** 21;
export const PG_STATE_RECOVERY_WAIT = 2 ** 22;
export const PG_STATE_UNDERSIZED = 2 ** 23;
export const PG_STATE_ACTIVATING = 2 ** 24;
export const PG_STATE_PEERED = 2 ** 25;
export const PG_STATE_SNAPTRIM = 2 ** 26;
export const PG_STATE_SNAPTRIM_WAIT = 2 ** 27;
export const PG_STATE_RECOVERY_TOOFULL = 2 ** 28;
export const PG_STATE_SNAPTRIM_ERROR = 2 ** 29;
export const PG_STATE_FORCED_RECOVERY = 2 ** 30;
export const PG_STATE_FORCED_BACKFILL = 2 ** 31;
export const PG_STATE_FAILED_REPAIR = 2 ** 32;
export const PG_STATE_LAGGY = 2 ** 33;
export const PG_STATE_WAIT = 2 ** 34;

/** In the order in which Ceph prints them. */
const NAMES: readonly (readonly [number, string])[] = [
  [PG_STATE_STALE, 'stale'],
  [PG_STATE_CREATING, 'creating'],
  [PG_STATE_ACTIVE, 'active'],
  [PG_STATE_ACTIVATING, 'activating'],
  [PG_STATE_CLEAN, 'clean'],
  [PG_STATE_RECOVERY_WAIT, 'recovery_wait'],
  [PG_STATE_RECOVERY_TOOFULL, 'recovery_toofull'],
  [PG_STATE_RECOVERING, 'recovering'],
  [PG_STATE_FORCED_RECOVERY, 'forced_recovery'],
  [PG_STATE_DOWN, 'down'],
  [PG_STATE_RECOVERY_UNFOUND, 'recovery_unfound'],
  [PG_STATE_BACKFILL_UNFOUND, 'backfill_unfound'],
  [PG_STATE_UNDERSIZED, 'undersized'],
  [PG_STATE_DEGRADED, 'degraded'],
  [PG_STATE_REMAPPED, 'remapped'],
  [PG_STATE_PREMERGE, 'premerge'],
  [PG_STATE_SCRUBBING, 'scrubbing'],
  [PG_STATE_DEEP_SCRUB, 'deep'],
  [PG_STATE_INCONSISTENT, 'inconsistent'],
  [PG_STATE_PEERING, 'peering'],
  [PG_STATE_REPAIR, 'repair'],
  [PG_STATE_BACKFILL_WAIT, 'backfill_wait'],
  [PG_STATE_BACKFILLING, 'backfilling'],
  [PG_STATE_FORCED_BACKFILL, 'forced_backfill'],
  [PG_STATE_BACKFILL_TOOFULL, 'backfill_toofull'],
  [PG_STATE_INCOMPLETE, 'incomplete'],
  [PG_STATE_PEERED, 'peered'],
  [PG_STATE_SNAPTRIM, 'snaptrim'],
  [PG_STATE_SNAPTRIM_WAIT, 'snaptrim_wait'],
  [PG_STATE_SNAPTRIM_ERROR, 'snaptrim_error'],
  [PG_STATE_FAILED_REPAIR, 'failed_repair'],
  [PG_STATE_LAGGY, 'laggy'],
  [PG_STATE_WAIT, 'wait'],
];

export function pgStateHas(state: number, flag: number): boolean {
  return Math.floor(state / flag) % 2 === 1;
}

/** 'active+clean'; 'unknown' for none. */
export function pgStateText(state: number): string {
  let text = '';
  for (const [flag, name] of NAMES) if (pgStateHas(state, flag)) text += `${text === '' ? '' : '+'}${name}`;
  return text === '' ? 'unknown' : text;
}

/** The bit of one name ('clean'), 0 for 'unknown'; undefined for a name that is none. */
export function pgStateFromName(name: string): number | undefined {
  if (name === 'unknown') return 0;
  return NAMES.find(([, known]) => known === name)?.[0];
}
