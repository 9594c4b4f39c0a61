import { Iatt } from '../../../types/iatt.ts';

/** Attributes that say nothing: what the file is like is not known before everything that was answered is written. */
export const UNKNOWN: Iatt = Object.freeze(new Iatt());
