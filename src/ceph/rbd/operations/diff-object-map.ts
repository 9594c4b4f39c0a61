import { NacreError } from '../../../base/errors.ts';
import { BitVector } from '../../types/cls-rbd-bit-vector.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { objectMapLoad } from '../cls/object-map.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import {
  OBJECT_EXISTS_CLEAN,
  OBJECT_NONEXISTENT,
  OBJECT_PENDING,
  RBD_FEATURE_FAST_DIFF,
  RBD_FLAG_FAST_DIFF_INVALID,
} from '../types.ts';
import { objectMapName } from './object-map-name.ts';

// Fast diff: what changed between snapshots, from their object maps alone (librbd::object_map::DiffRequest).

/** Neither then nor now. */
export const DIFF_HOLE = 0;
/** There, the same as before. */
export const DIFF_DATA = 1;
/** It was there. */
export const DIFF_HOLE_UPDATED = 2;
/** There, and other than before. */
export const DIFF_DATA_UPDATED = 3;

/**
 * States (DIFF_*) of the image's objects between two snapshots (`from` 0n: from the beginning). Undefined when the maps
 * cannot tell: without fast diff, or where it is flagged invalid.
 *
 * `iterate`: only beginning and end count; an object that came and went in between is a hole. Without it such are told,
 * and objects behind the end of a shrunk image too, as a copy of all snapshots needs it.
 */
export async function fastDiff(
  ctx: ImageCtx,
  from: bigint,
  to: bigint,
  iterate: boolean,
): Promise<BitVector | undefined> {
  if (!ctx.has(RBD_FEATURE_FAST_DIFF)) return undefined;
  const ids: bigint[] = [];
  if (!iterate || from !== 0n) {
    if (from !== 0n) ids.push(from);
    for (let i = ctx.state.snaps.length - 1; i >= 0; i--) {
      const { id } = ctx.state.snaps[i];
      if (id > from && id < to) ids.push(id);
    }
  }
  ids.push(to);
  let diff = new BitVector(0);
  for (const id of ids) {
    const between = id !== from && id !== to;
    const size = ctx.sizeAt(id);
    const flags = id === SNAP_HEAD ? ctx.state.flags : ctx.snap(id)?.flags;
    if (size === undefined || flags === undefined) {
      if (between) continue;
      throw new NacreError('ENOENT', 'rbd.diff', `snapshot ${id} of '${ctx.identity.name}' is gone`);
    }
    if ((flags & RBD_FLAG_FAST_DIFF_INVALID) !== 0n) return undefined;
    const map = await load(ctx, id, between);
    if (map === 'gone') continue;
    const objects = objectCount(ctx.identity.layout, size);
    if (map === undefined || map.size < objects) return undefined;
    diff = step(diff, map, objects, { iterate, isStart: id === from, isEnd: id === to });
  }
  return diff;
}

/** A map that is missing or broken does not fail the diff: it is made the slow way. */
async function load(ctx: ImageCtx, id: bigint, between: boolean): Promise<BitVector | 'gone' | undefined> {
  try {
    return await objectMapLoad(ctx.header, objectMapName(ctx.identity.id, id));
  } catch (error) {
    // A snapshot that was removed meanwhile is told by the next one.
    if (between && error instanceof NacreError && error.code === 'ENOENT') return 'gone';
    return undefined;
  }
}

interface Step {
  readonly iterate: boolean;
  readonly isStart: boolean;
  readonly isEnd: boolean;
}

/** Takes one more map into account. Exported for tests. */
export function step(before: BitVector, map: BitVector, objects: number, how: Step): BitVector {
  const { iterate, isStart, isEnd } = how;
  const count = iterate ? objects : Math.max(objects, before.size);
  const diff = new BitVector(count);
  for (let i = 0; i < count; i++) {
    const state = i < objects ? map.get(i) : OBJECT_NONEXISTENT;
    let now = DIFF_HOLE;
    if (i >= before.size) {
      if (state === OBJECT_NONEXISTENT) now = DIFF_HOLE;
      else if (isStart) now = state === OBJECT_PENDING ? DIFF_DATA_UPDATED : DIFF_DATA;
      else now = iterate && !isEnd ? DIFF_HOLE : DIFF_DATA_UPDATED;
    } else {
      now = before.get(i);
      const exists = state !== OBJECT_NONEXISTENT;
      if (now === DIFF_HOLE) {
        if (exists && (!iterate || isEnd)) now = DIFF_DATA_UPDATED;
      } else if (!exists) now = DIFF_HOLE_UPDATED;
      else if (now === DIFF_HOLE_UPDATED || state !== OBJECT_EXISTS_CLEAN) now = DIFF_DATA_UPDATED;
    }
    diff.set(i, now);
  }
  return diff;
}
