import type { Decoder } from '../../src/base/decoder.ts';
import type { Encoder } from '../../src/base/encoder.ts';
import type { Codec } from '../../src/ceph/types/codec.ts';

/** Major releases that the archive of encoded objects covers. */
export type Release = '15' | '16' | '18' | '19';

/**
 * How the corpus test reads and writes one type. Each room lists its types in a file of test/types/registry/
 * that exports `registry`, by the type's name in the archive.
 */
export interface RegistryEntry {
  decode(d: Decoder): unknown;
  /** Absent for types that we only read; `reencode` says why. */
  encode?(e: Encoder, value: never): void;
  /** Why what we write is not the same bytes, for all samples or by release. The value must survive all the same. */
  readonly reencode?: string | Readonly<Partial<Record<Release, string>>>;
  /** Samples, by file name, that are not an encoding of the type, and what is wrong with them. */
  readonly broken?: Readonly<Record<string, string>>;
}

export type Registry = Readonly<Record<string, RegistryEntry>>;

export function entry<T>(codec: Codec<T>, reencode?: RegistryEntry['reencode']): RegistryEntry {
  return {
    decode: codec.decode,
    encode: (e: Encoder, value: never) => codec.encode(e, value as T),
    reencode,
  };
}
