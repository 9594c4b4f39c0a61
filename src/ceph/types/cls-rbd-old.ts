import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

// Images of format 1 (include/rbd_types.h): the header is an object's data, '<image>.rbd'.

export const RBD_OLD_TEXT = '<<< Rados Block Device Image >>>\n';
/** In place of the text while an image migrates. */
export const RBD_OLD_MIGRATE_TEXT = '<<< Migrating RBD Image      >>>\n';
export const RBD_OLD_SIGNATURE = 'RBD';
export const RBD_OLD_VERSION = '001.005';

/** Bytes before the snapshots. */
export const RBD_OLD_HEADER_BYTES = 112;

export interface OldSnap {
  readonly id: bigint;
  /** Bytes. */
  readonly imageSize: number;
  /** Bytes of the name, one a character. */
  readonly name: string;
}

export interface OldHeader {
  /** 40 bytes up to the first zero. */
  readonly text: string;
  /** Prefix of data objects: 'rb.0.1011.6b8b4567'. */
  readonly blockName: string;
  readonly signature: string;
  readonly version: string;
  /** Of an object's size: 22 for 4 MiB. */
  readonly order: number;
  readonly cryptType: number;
  readonly compType: number;
  /** Bytes. */
  readonly imageSize: number;
  readonly snapSeq: bigint;
  /** Newest first. */
  readonly snaps: readonly OldSnap[];
}

function fixedText(d: Decoder, n: number): string {
  const bytes = d.bytes(n);
  const zero = bytes.indexOf(0);
  return bytes.toString('latin1', 0, zero < 0 ? n : zero);
}

function putFixed(e: Encoder, text: string, n: number): void {
  const bytes = Buffer.alloc(n);
  bytes.write(text, 'latin1');
  e.bytes(bytes);
}

/**
 * rbd_obj_header_ondisk: text[40], block_name[24], signature[4], version[8], u8 order, crypt type, compression type,
 * unused, u64 image size, u64 snap seq, u32 snapshots, u32 reserved, u64 bytes of their names; then u64 id and u64
 * size of each snapshot; then the names, each with a zero after it.
 */
export function decodeOldHeader(d: Decoder): OldHeader {
  d.type = 'rbd_obj_header_ondisk';
  const text = fixedText(d, 40);
  const blockName = fixedText(d, 24);
  const signature = fixedText(d, 4);
  const version = fixedText(d, 8);
  const order = d.u8();
  const cryptType = d.u8();
  const compType = d.u8();
  d.skip(1);
  const imageSize = d.u64();
  const snapSeq = d.u64b();
  const count = d.u32();
  d.skip(4);
  const namesBytes = d.u64();
  if (count * 16 + namesBytes > d.remaining)
    d.fail(`${count} snapshots with ${namesBytes} bytes of names, ${d.remaining} bytes left`);
  const ids: { id: bigint; imageSize: number }[] = [];
  for (let i = 0; i < count; i++) ids.push({ id: d.u64b(), imageSize: d.u64() });
  const names = d.bytes(namesBytes).toString('latin1').split('\0');
  if (names.length <= count) d.fail(`${count} snapshots, ${names.length - 1} names`);
  const snaps = ids.map((snap, i) => ({ ...snap, name: names[i] }));
  return {
    text,
    blockName,
    signature,
    version,
    order,
    cryptType,
    compType,
    imageSize,
    snapSeq,
    snaps,
  };
}

export function encodeOldHeader(e: Encoder, h: OldHeader): void {
  putFixed(e, h.text, 40);
  putFixed(e, h.blockName, 24);
  putFixed(e, h.signature, 4);
  putFixed(e, h.version, 8);
  e.u8(h.order);
  e.u8(h.cryptType);
  e.u8(h.compType);
  e.u8(0);
  e.u64(h.imageSize);
  e.u64b(h.snapSeq);
  e.u32(h.snaps.length);
  e.u32(0);
  const names = Buffer.from(h.snaps.map(snap => `${snap.name}\0`).join(''), 'latin1');
  e.u64(names.length);
  for (const snap of h.snaps) {
    e.u64b(snap.id);
    e.u64(snap.imageSize);
  }
  e.bytes(names);
}
