import { decodeCrushMap, encodeCrushMap } from '../../../src/ceph/crush/codec.ts';
import type { Registry } from '../registry-entry.ts';

export const registry: Registry = {
  CrushWrapper: { decode: decodeCrushMap, encode: encodeCrushMap },
};
