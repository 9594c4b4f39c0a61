import * as ia from '../types/iatt.ts';
import { Iatt } from '../types/iatt.ts';

/** A time as node:fs takes it: seconds since the epoch (with a fraction), a Date, or a text of a number. */
export type TimeLike = number | string | Date;

/** What setattr is to change: the values and which of them count. */
export interface AttributeChange {
  readonly stat: Iatt;
  readonly valid: number;
}

export function changeMode(mode: number | string): AttributeChange {
  const stat = new Iatt();
  stat.mode = typeof mode === 'string' ? Number.parseInt(mode, 8) : mode;
  return { stat, valid: ia.SET_ATTR_MODE };
}

/** -1 leaves one as it is. */
export function changeOwner(uid: number, gid: number): AttributeChange {
  const stat = new Iatt();
  let valid = 0;
  if (uid >= 0) {
    stat.uid = uid;
    valid |= ia.SET_ATTR_UID;
  }
  if (gid >= 0) {
    stat.gid = gid;
    valid |= ia.SET_ATTR_GID;
  }
  return { stat, valid };
}

export function changeTimes(atime: TimeLike, mtime: TimeLike): AttributeChange {
  const stat = new Iatt();
  [stat.atime, stat.atimeNsec] = time(atime);
  [stat.mtime, stat.mtimeNsec] = time(mtime);
  return { stat, valid: ia.SET_ATTR_ATIME | ia.SET_ATTR_MTIME };
}

function time(value: TimeLike): [seconds: number, nsec: number] {
  const ms = value instanceof Date ? value.getTime() : Number(value) * 1000;
  if (!Number.isFinite(ms)) throw new TypeError(`'${value}' is no time`);
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))];
}
