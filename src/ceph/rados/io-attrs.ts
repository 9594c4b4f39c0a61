import { ERRNO } from '../../base/errno.ts';
import {
  opGetXattr,
  opGetXattrs,
  opOmapClear,
  opOmapGetHeader,
  opOmapGetKeys,
  opOmapGetVals,
  opOmapGetValsByKeys,
  opOmapRmKeyRange,
  opOmapRmKeys,
  opOmapSetHeader,
  opOmapSetVals,
  opRmXattr,
  opSetXattr,
} from '../messages/osd-op-build.ts';
import type { Op } from '../objecter/op.ts';
import { type Data, toBytes } from './bytes.ts';
import { opError } from './errors.ts';
import type { Comparison } from './flags.ts';
import { type OmapConditions, omapComparison, toValues, type Values, xattrComparison } from './inputs.ts';
import type { CallOptions, WriteCallOptions } from './io-base.ts';
import { IoObjects } from './io-objects.ts';
import { dataOf, decodeOmapKeys, decodeOmapPage, decodeValues, type OmapPage, versionOf } from './outputs.ts';

/** Which part of an omap; keys come in the order of their bytes. */
export interface OmapRange {
  /** Keys after this one; from the beginning by default. */
  readonly after?: string;
  /** Only keys that begin so. */
  readonly prefix?: string;
}

/** Entries that one request of an iteration asks for; OSDs give 1024 at most (osd_max_omap_entries_per_request). */
const OMAP_PAGE = 1024;

const valuesOf = (op: Op): Map<string, Buffer> => decodeValues(dataOf(op));
const pageOf = (op: Op): OmapPage<Map<string, Buffer>> => decodeOmapPage(dataOf(op));
const keysOf = (op: Op): OmapPage<string[]> => decodeOmapKeys(dataOf(op));

/** A comparison that does not hold makes the op fail with ECANCELED. */
function heldOf(name: string): (op: Op, result: number) => boolean {
  return (op, result) => {
    if (result >= 0) return true;
    if (op.reply !== undefined && result === -ERRNO['ECANCELED']) return false;
    throw opError(name, op, result);
  };
}
const xattrHeld = heldOf('compareXattr');
const omapHeld = heldOf('omapCompare');

/** Operations on the xattrs and the omap (a sorted map of keys to values, not in erasure-coded pools) of objects. */
export abstract class IoAttrs extends IoObjects {
  /** ENODATA when the object has no such xattr. */
  getXattr(oid: string, name: string, options?: CallOptions): Promise<Buffer> {
    return this.readOp('getXattr', oid, [opGetXattr(name)], dataOf, options);
  }

  getXattrs(oid: string, options?: CallOptions): Promise<Map<string, Buffer>> {
    return this.readOp('getXattrs', oid, [opGetXattrs()], valuesOf, options);
  }

  setXattr(oid: string, name: string, value: Data, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('setXattr', oid, [opSetXattr(name, toBytes(value))], versionOf, options);
  }

  removeXattr(oid: string, name: string, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('removeXattr', oid, [opRmXattr(name)], versionOf, options);
  }

  /**
   * Whether the stored value compares so to the one given. A bigint compares as a number, with the stored
   * text read as a decimal one.
   */
  compareXattr(
    oid: string,
    name: string,
    op: Comparison,
    value: Data | bigint,
    options?: CallOptions,
  ): Promise<boolean> {
    return this.readOp('compareXattr', oid, [xattrComparison(name, op, value)], xattrHeld, options, true);
  }

  /** Values of those of the keys that exist. */
  omapGet(oid: string, keys: readonly string[], options?: CallOptions): Promise<Map<string, Buffer>> {
    return this.readOp('omapGet', oid, [opOmapGetValsByKeys(keys)], valuesOf, options);
  }

  /** At most `max` entries; the OSD may give fewer and say that there are more. */
  omapGetPage(
    oid: string,
    options: OmapRange & CallOptions & { max?: number } = {},
  ): Promise<OmapPage<Map<string, Buffer>>> {
    const { after = '', prefix = '', max = OMAP_PAGE } = options;
    return this.readOp('omapGetPage', oid, [opOmapGetVals(after, prefix, max)], pageOf, options);
  }

  /** All entries of a range, or the first `max`, fetched as they are asked for. */
  async *omapGetRange(
    oid: string,
    options: OmapRange & CallOptions & { max?: number } = {},
  ): AsyncGenerator<[string, Buffer], void, void> {
    let left = options.max ?? Number.POSITIVE_INFINITY;
    let after = options.after ?? '';
    while (left > 0) {
      const page = await this.omapGetPage(oid, { ...options, after, max: Math.min(left, OMAP_PAGE) });
      for (const [key, value] of page.values) {
        yield [key, value];
        after = key;
        left--;
      }
      if (!page.more || page.values.size === 0) return;
    }
  }

  /** At most `max` keys after one. */
  omapGetKeysPage(
    oid: string,
    options: CallOptions & { after?: string; max?: number } = {},
  ): Promise<OmapPage<string[]>> {
    const op = opOmapGetKeys(options.after ?? '', options.max ?? OMAP_PAGE);
    return this.readOp('omapGetKeysPage', oid, [op], keysOf, options);
  }

  /** All keys, or the first `max`. */
  async *omapGetKeys(
    oid: string,
    options: CallOptions & { after?: string; max?: number } = {},
  ): AsyncGenerator<string, void, void> {
    let left = options.max ?? Number.POSITIVE_INFINITY;
    let after = options.after ?? '';
    while (left > 0) {
      const page = await this.omapGetKeysPage(oid, { ...options, after, max: Math.min(left, OMAP_PAGE) });
      for (const key of page.values) {
        yield key;
        after = key;
        left--;
      }
      if (!page.more || page.values.length === 0) return;
    }
  }

  omapSet(oid: string, values: Values, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('omapSet', oid, [opOmapSetVals(toValues(values))], versionOf, options);
  }

  omapRemoveKeys(oid: string, keys: readonly string[], options?: WriteCallOptions): Promise<number> {
    return this.writeOp('omapRemoveKeys', oid, [opOmapRmKeys(keys)], versionOf, options);
  }

  /** Removes the keys from `first` up to, and without, `end`. */
  omapRemoveRange(oid: string, first: string, end: string, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('omapRemoveRange', oid, [opOmapRmKeyRange(first, end)], versionOf, options);
  }

  /** Removes all keys and the header. */
  omapClear(oid: string, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('omapClear', oid, [opOmapClear()], versionOf, options);
  }

  omapGetHeader(oid: string, options?: CallOptions): Promise<Buffer> {
    return this.readOp('omapGetHeader', oid, [opOmapGetHeader()], dataOf, options);
  }

  omapSetHeader(oid: string, header: Data, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('omapSetHeader', oid, [opOmapSetHeader(toBytes(header))], versionOf, options);
  }

  /** Whether all conditions hold. */
  omapCompare(oid: string, conditions: OmapConditions, options?: CallOptions): Promise<boolean> {
    return this.readOp('omapCompare', oid, [omapComparison(conditions)], omapHeld, options, true);
  }
}
