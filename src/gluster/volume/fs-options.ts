import type { NameEncoding } from './names.ts';
import type { Abortable } from './session.ts';

export interface StatOptions extends Abortable {
  bigint?: boolean;
}
export interface StatFs {
  /** Always GlusterFS's own: FUSE_SUPER_MAGIC, as a mount of it shows. */
  readonly type: number;
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}
export interface ReaddirOptions extends Abortable {
  encoding?: NameEncoding;
  withFileTypes?: boolean;
  recursive?: boolean;
}
export interface ReadFileOptions extends Abortable {
  encoding?: BufferEncoding | null;
  flag?: string | number;
}
export interface WriteFileOptions extends Abortable {
  encoding?: BufferEncoding | null;
  mode?: number;
  flag?: string | number;
  /** On disk before it resolves. */
  flush?: boolean;
}
export type Data = string | Uint8Array | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>;
export type Encoded<T> = BufferEncoding | null | T;
export interface CopyOptions {
  recursive?: boolean;
  force?: boolean;
  errorOnExist?: boolean;
  preserveTimestamps?: boolean;
}

/** Options where an encoding alone may stand for them. */
export function bag<T extends object>(
  options: Encoded<T> | undefined,
): Partial<T> & { encoding?: BufferEncoding | null } {
  if (typeof options === 'string') return { encoding: options } as Partial<T> & { encoding: BufferEncoding };
  return options ?? {};
}
