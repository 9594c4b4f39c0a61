import type { Gfid } from './gfid.ts';
import type { Iatt, MdataIatt } from './iatt.ts';

/** Types of a dict's values (`gf_dict_data_type_t`, libglusterfs/glusterfs-fops.h). */
export const DICT_UNKNOWN = 0;
/** Serialized by a peer that did not know types: text or bytes. */
export const DICT_STR_OLD = 1;
export const DICT_INT = 2;
export const DICT_UINT = 3;
export const DICT_DOUBLE = 4;
/** Text; on the wire it ends with a NUL that is counted. */
export const DICT_STR = 5;
export const DICT_PTR = 6;
export const DICT_GFUUID = 7;
export const DICT_IATT = 8;
export const DICT_MDATA = 9;

/** A value with its type. Text is a string of one character a byte; integers beyond 2^53 are `bigint`. */
export type DictValue =
  | { readonly type: typeof DICT_INT | typeof DICT_UINT; readonly value: number | bigint }
  | { readonly type: typeof DICT_DOUBLE; readonly value: number }
  | { readonly type: typeof DICT_STR; readonly value: string }
  | { readonly type: typeof DICT_PTR | typeof DICT_STR_OLD | typeof DICT_UNKNOWN; readonly value: Buffer }
  | { readonly type: typeof DICT_GFUUID; readonly value: Gfid }
  | { readonly type: typeof DICT_IATT; readonly value: Iatt }
  | { readonly type: typeof DICT_MDATA; readonly value: MdataIatt };

/**
 * Named values that travel with a fop (`dict_t`): extended attributes, and requests and answers between translators (`xdata`).
 * Keys are strings of one character a byte. The order is that of insertion.
 */
export class Dict {
  readonly entries: Map<string, DictValue>;

  constructor(entries?: Iterable<readonly [string, DictValue]>) {
    this.entries = new Map(entries);
  }

  /** A copy of `dict`, or an empty dict. Whoever adds to what it was given adds to a copy. */
  static from(dict: Dict | undefined): Dict {
    return new Dict(dict?.entries);
  }

  get size(): number {
    return this.entries.size;
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  get(key: string): DictValue | undefined {
    return this.entries.get(key);
  }

  set(key: string, value: DictValue): this {
    this.entries.set(key, value);
    return this;
  }

  delete(key: string): boolean {
    return this.entries.delete(key);
  }

  setInt(key: string, value: number | bigint): this {
    return this.set(key, { type: DICT_INT, value });
  }

  setUint(key: string, value: number | bigint): this {
    return this.set(key, { type: DICT_UINT, value });
  }

  /** Text, one character a byte. */
  setString(key: string, value: string): this {
    return this.set(key, { type: DICT_STR, value });
  }

  setBytes(key: string, value: Buffer): this {
    return this.set(key, { type: DICT_PTR, value });
  }

  setGfid(key: string, value: Gfid): this {
    return this.set(key, { type: DICT_GFUUID, value });
  }

  setIatt(key: string, value: Iatt): this {
    return this.set(key, { type: DICT_IATT, value });
  }

  /** An integer, also where a peer sent it as decimal text. Undefined when absent, no integer, or beyond 2^53. */
  int(key: string): number | undefined {
    const found = this.entries.get(key);
    if (found === undefined) return undefined;
    switch (found.type) {
      case DICT_INT:
      case DICT_UINT:
      case DICT_DOUBLE: {
        const n = Number(found.value);
        return Number.isSafeInteger(n) ? n : undefined;
      }
      case DICT_STR:
      case DICT_PTR:
      case DICT_STR_OLD: {
        const text = this.string(key) ?? '';
        return /^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined;
      }
      default:
        return undefined;
    }
  }

  /** Text, one character a byte, without a NUL at its end. Undefined when absent or neither text nor bytes. */
  string(key: string): string | undefined {
    const found = this.entries.get(key);
    if (found === undefined) return undefined;
    if (found.type === DICT_STR) return found.value;
    if (found.type !== DICT_PTR && found.type !== DICT_STR_OLD && found.type !== DICT_UNKNOWN)
      return undefined;
    const text = found.value.toString('latin1');
    return text.endsWith('\0') ? text.slice(0, -1) : text;
  }

  /** Bytes; text as its bytes. Undefined when absent or of another type. */
  bytes(key: string): Buffer | undefined {
    const found = this.entries.get(key);
    if (found === undefined) return undefined;
    switch (found.type) {
      case DICT_PTR:
      case DICT_STR_OLD:
      case DICT_UNKNOWN:
        return found.value;
      case DICT_STR:
      case DICT_GFUUID:
        return Buffer.from(found.value, 'latin1');
      default:
        return undefined;
    }
  }

  gfid(key: string): Gfid | undefined {
    const found = this.entries.get(key);
    if (found === undefined) return undefined;
    if (found.type === DICT_GFUUID) return found.value;
    if ((found.type === DICT_PTR || found.type === DICT_STR_OLD) && found.value.length === 16)
      return found.value.toString('latin1') as Gfid;
    return undefined;
  }

  iatt(key: string): Iatt | undefined {
    const found = this.entries.get(key);
    return found?.type === DICT_IATT ? found.value : undefined;
  }
}
