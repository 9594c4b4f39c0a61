import { Encoder } from '../../../base/encoder.ts';
import {
  DIFF_BANNER,
  DIFF_BANNER_V2,
  PROTECTION_LENGTH,
  TAG_DIFF_END,
  TAG_FROM_SNAP,
  TAG_IMAGE_SIZE,
  TAG_PROTECTION,
  TAG_TO_SNAP,
  TAG_WRITE,
  TAG_ZERO,
} from './tags.ts';

// Writes what formats/tags.ts describes.

export interface DiffHeader {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Of the snapshot `to`; version 2 only. */
  readonly isProtected?: boolean;
  /** Bytes of the image at the end. */
  readonly size: number;
}

function name(e: Encoder, version: 1 | 2, tag: number, value: string): void {
  e.u8(tag);
  if (version === 2) e.u64(Buffer.byteLength(value) + 4);
  e.str(value);
}

/** Everything before the first extent. */
export function diffHeader(version: 1 | 2, header: DiffHeader): Buffer {
  const e = new Encoder(128);
  e.bytes(Buffer.from(version === 1 ? DIFF_BANNER : DIFF_BANNER_V2, 'latin1'));
  if (header.from !== undefined) name(e, version, TAG_FROM_SNAP, header.from);
  if (header.to !== undefined) {
    name(e, version, TAG_TO_SNAP, header.to);
    if (version === 2) {
      e.u8(TAG_PROTECTION);
      e.u64(PROTECTION_LENGTH);
      e.bool(header.isProtected === true);
    }
  }
  e.u8(TAG_IMAGE_SIZE);
  if (version === 2) e.u64(8);
  e.u64(header.size);
  return e.result();
}

/** What stands before the data of a write, or all of a record of zeros. */
export function extentHead(version: 1 | 2, isData: boolean, offset: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(version === 1 ? 17 : 25);
  head[0] = isData ? TAG_WRITE : TAG_ZERO;
  let at = 1;
  const u64 = (value: number): void => {
    head.writeUInt32LE(value % 0x1_0000_0000, at);
    head.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
    at += 8;
  };
  if (version === 2) u64(isData ? 16 + length : 16);
  u64(offset);
  u64(length);
  return head;
}

export const DIFF_TAIL: Buffer = Buffer.from([TAG_DIFF_END]);
