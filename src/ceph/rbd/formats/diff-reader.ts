import type { ByteSource } from './byte-source.ts';
import {
  DIFF_BANNER,
  DIFF_BANNER_V2,
  MAX_NAME,
  PROTECTION_LENGTH,
  TAG_DIFF_END,
  TAG_FROM_SNAP,
  TAG_IMAGE_SIZE,
  TAG_PROTECTION,
  TAG_TO_SNAP,
  TAG_WRITE,
  TAG_ZERO,
} from './tags.ts';

/** One record of a diff. The data of a write is still in the stream: see DiffReader. */
export type DiffRecord =
  | { readonly type: 'from'; readonly name: string }
  | { readonly type: 'to'; readonly name: string }
  | { readonly type: 'size'; readonly size: number }
  | { readonly type: 'protection'; readonly isProtected: boolean }
  | { readonly type: 'write'; readonly offset: number; readonly length: number }
  | { readonly type: 'zero'; readonly offset: number; readonly length: number }
  /** Version 2 only: one that we do not know. */
  | { readonly type: 'unknown'; readonly tag: number; readonly length: number };

/** Reads a diff (formats/tags.ts), record by record. After a 'write' its data is taken, or skipped by the next `next`. */
export class DiffReader {
  readonly source: ByteSource;
  readonly version: 1 | 2;
  /** Bytes of the last write's data that are still in the stream. */
  dataLeft = 0;
  private ended = false;

  private constructor(source: ByteSource, version: 1 | 2) {
    this.source = source;
    this.version = version;
  }

  /** Reads the banner. EINVAL when it is another. */
  static async open(source: ByteSource, version: 1 | 2): Promise<DiffReader> {
    await source.banner(version === 1 ? DIFF_BANNER : DIFF_BANNER_V2);
    return new DiffReader(source, version);
  }

  /** Undefined behind the last one. EBADMSG when the stream is not what it should be. */
  async next(): Promise<DiffRecord | undefined> {
    const { source } = this;
    if (this.dataLeft > 0) await this.skipData();
    if (this.ended) return undefined;
    const tag = await source.u8('a tag');
    if (tag === TAG_DIFF_END) {
      this.ended = true;
      return undefined;
    }
    const length = this.version === 2 ? await source.u64('the length of a record') : -1;
    const from = source.position;
    const record = await this.body(tag, length);
    const used = source.position - from + this.dataLeft;
    if (length >= 0 && used !== length && !(tag === TAG_PROTECTION && length === PROTECTION_LENGTH))
      source.fail(`record '${String.fromCharCode(tag)}' has ${used} bytes and says ${length}`);
    return record;
  }

  private async body(tag: number, length: number): Promise<DiffRecord> {
    const { source } = this;
    switch (tag) {
      case TAG_FROM_SNAP:
        return { type: 'from', name: await source.str(MAX_NAME, 'a snapshot name') };
      case TAG_TO_SNAP:
        return { type: 'to', name: await source.str(MAX_NAME, 'a snapshot name') };
      case TAG_IMAGE_SIZE:
        return { type: 'size', size: await source.u64('the size of the image') };
      case TAG_WRITE:
      case TAG_ZERO: {
        const at = await source.u64('the offset of an extent');
        const bytes = await source.u64('the length of an extent');
        if (!Number.isSafeInteger(at + bytes)) source.fail(`extent ${at}~${bytes} goes beyond 2^53`);
        if (tag === TAG_ZERO) return { type: 'zero', offset: at, length: bytes };
        this.dataLeft = bytes;
        return { type: 'write', offset: at, length: bytes };
      }
      default:
        if (this.version === 2 && tag === TAG_PROTECTION)
          return { type: 'protection', isProtected: (await source.u8('the protection')) !== 0 };
        // Without a length nobody knows where the next record begins.
        if (length < 0) source.fail(`tag 0x${tag.toString(16)} is none of a diff's`);
        await source.skip(length, 'a record');
        return { type: 'unknown', tag, length };
    }
  }

  /** Data of the write, exactly `n` bytes (at most what is left of it). */
  async take(n: number): Promise<Buffer> {
    const bytes = await this.source.exact(Math.min(n, this.dataLeft), 'the data of a write');
    this.dataLeft -= bytes.length;
    return bytes;
  }

  async skipData(n = this.dataLeft): Promise<void> {
    const bytes = Math.min(n, this.dataLeft);
    await this.source.skip(bytes, 'the data of a write');
    this.dataLeft -= bytes;
  }
}
