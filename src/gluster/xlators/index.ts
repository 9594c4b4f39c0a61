import type { XlatorClass } from '../graph/xlator.ts';

/** Every translator there is, by the type that volfiles name. */
const TYPES: Readonly<Record<string, XlatorClass>> = {};

/** The class of a type; undefined for a type that is not there. */
export function xlatorRegistry(type: string): XlatorClass | undefined {
  return Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
}
