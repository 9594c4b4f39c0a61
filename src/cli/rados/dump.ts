import { Decoder } from '../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { decodeHObject, encodeHObject, HOBJECT_MIN, type HObject, NO_GEN } from '../../ceph/types/hobject.ts';
import { encodeObjectInfo, makeObjectInfo } from '../../ceph/types/object-info.ts';
import { NO_SHARD } from '../../ceph/types/pg.ts';
import { SNAP_NOSNAP } from '../../ceph/types/snap.ts';

// The file of `rados export` (tools/RadosDump.h):
//
//   u32 magic 0xffceffce, u32 version 2, u32 header length 18, u32 footer length 10
//   sections: header, body, footer; those without a body have no footer either
//     header   v1: u32 (type << 24 | type << 16 | 0xffce), s64 length of the body
//     footer   v1: u32 0xecffffce
//   POOL_BEGIN, then for each object OBJECT_BEGIN, DATA..., ATTRS, OMAP_HDR, OMAP..., OBJECT_END; last POOL_END
//
// Files of ceph-objectstore-tool begin with PG_BEGIN, have PG_METADATA somewhere and end with PG_END.

const SHORT_MAGIC = 0xffce;
const SUPER_MAGIC = ((SHORT_MAGIC << 16) | SHORT_MAGIC) >>> 0;
const END_MAGIC = ((0xecff << 16) | SHORT_MAGIC) >>> 0;
const SUPER_VERSION = 2;
export const SUPER_LENGTH = 16;
const HEADER_LENGTH = 18;
const FOOTER_LENGTH = 10;

export const PG_BEGIN = 1;
export const PG_END = 2;
export const OBJECT_BEGIN = 3;
export const OBJECT_END = 4;
export const DATA = 5;
export const ATTRS = 6;
export const OMAP_HDR = 7;
export const OMAP = 8;
export const PG_METADATA = 9;
export const POOL_BEGIN = 10;
export const POOL_END = 11;
export const END_OF_TYPES = 12;

export function encodeSuper(): Buffer {
  return encodeToBuffer(e => {
    e.u32(SUPER_MAGIC);
    e.u32(SUPER_VERSION);
    e.u32(HEADER_LENGTH);
    e.u32(FOOTER_LENGTH);
  });
}

/** Lengths of headers and footers. @throws NacreError EFAULT for another kind of file, EINVAL for a later version. */
export function decodeSuper(bytes: Uint8Array): { headerLength: number; footerLength: number } {
  const d = new Decoder(bytes, 'export');
  const magic = d.u32();
  if (magic !== SUPER_MAGIC) {
    const found = `0x${magic.toString(16)} vs. 0x${SUPER_MAGIC.toString(16)}`;
    throw new NacreError('EFAULT', 'import', `Invalid magic number: ${found}`);
  }
  const version = d.u32();
  if (version > SUPER_VERSION)
    throw new NacreError('EINVAL', 'import', `Can't handle export format version=${version}`);
  return { headerLength: d.u32(), footerLength: d.u32() };
}

function encodeHeader(e: Encoder, type: number, length: number): void {
  const mark = e.start(1, 1);
  e.u32(((type << 24) | (type << 16) | SHORT_MAGIC) >>> 0);
  e.u64(length);
  e.finish(mark);
}

/** A section with a body of its own struct. */
export function encodeSection(type: number, body: Uint8Array): Buffer[] {
  const header = encodeToBuffer(e => encodeHeader(e, type, body.length));
  const footer = encodeToBuffer(e => {
    const mark = e.start(1, 1);
    e.u32(END_MAGIC);
    e.finish(mark);
  });
  return [header, Buffer.from(body.buffer, body.byteOffset, body.length), footer];
}

/** A section without a body. */
export function encodeMark(type: number): Buffer {
  return encodeToBuffer(e => encodeHeader(e, type, 0));
}

export function decodeHeader(bytes: Uint8Array): { type: number; length: number } {
  const d = new Decoder(bytes, 'section header');
  const end = d.start('header', 1);
  const type = d.u32() >>> 24;
  const length = d.u64();
  d.finish(end);
  return { type, length };
}

/** @throws NacreError EFAULT when the section does not end where it should. */
export function checkFooter(bytes: Uint8Array): void {
  const d = new Decoder(bytes, 'section footer');
  const end = d.start('footer', 1);
  const magic = d.u32();
  d.finish(end);
  if (magic !== END_MAGIC) throw new NacreError('EFAULT', 'import', 'Bad footer magic');
}

/** object_begin v3: hobject_t, u64 generation, s8 shard, object_info_t (not filled in). */
export function encodeObjectBegin(oid: string, nspace: string, key: string): Buffer {
  return encodeToBuffer(e => {
    const mark = e.start(3, 1);
    encodeHObject(e, { ...HOBJECT_MIN, oid, nspace, key, snap: SNAP_NOSNAP });
    e.u64b(NO_GEN);
    e.u8(NO_SHARD & 0xff);
    encodeObjectInfo(e, makeObjectInfo(HOBJECT_MIN));
    e.finish(mark);
  });
}

/** The object's name; what else the exporter knew of it is of no use in another pool. */
export function decodeObjectBegin(bytes: Uint8Array): HObject {
  const d = new Decoder(bytes, 'object_begin');
  const end = d.start('object_begin', 3);
  const hobj = decodeHObject(d);
  d.finish(end);
  return hobj;
}

/** data_section v1: u64 offset, u64 length, blob. */
export function encodeData(offset: number, data: Uint8Array): Buffer {
  return encodeToBuffer(e => {
    const mark = e.start(1, 1);
    e.u64(offset);
    e.u64(data.length);
    e.blob(data);
    e.finish(mark);
  });
}

export function decodeData(bytes: Uint8Array): { offset: number; data: Buffer } {
  const d = new Decoder(bytes, 'data_section');
  const end = d.start('data_section', 1);
  const offset = d.u64();
  d.u64();
  const data = d.blob();
  d.finish(end);
  return { offset, data };
}

/** attr_section, omap_section v1: map str -> blob. */
export function encodeValues(values: ReadonlyMap<string, Uint8Array>): Buffer {
  return encodeToBuffer(e => {
    const mark = e.start(1, 1);
    e.u32(values.size);
    for (const [key, value] of values) {
      e.str(key);
      e.blob(value);
    }
    e.finish(mark);
  });
}

export function decodeValues(bytes: Uint8Array): Map<string, Buffer> {
  const d = new Decoder(bytes, 'values');
  const end = d.start('attr_section', 1);
  const values = new Map<string, Buffer>();
  for (let n = d.count(8); n > 0; n--) {
    const key = d.str();
    values.set(key, d.blob());
  }
  d.finish(end);
  return values;
}

/** omap_hdr_section v1: blob. */
export function encodeOmapHeader(header: Uint8Array): Buffer {
  return encodeToBuffer(e => {
    const mark = e.start(1, 1);
    e.blob(header);
    e.finish(mark);
  });
}

export function decodeOmapHeader(bytes: Uint8Array): Buffer {
  const d = new Decoder(bytes, 'omap_hdr_section');
  const end = d.start('omap_hdr_section', 1);
  const header = d.blob();
  d.finish(end);
  return header;
}

/** pg_begin v3: pg_t, superblock, s8 shard at the end. Only whether it is a shard of an erasure-coded PG. */
export function pgBeginShard(bytes: Uint8Array): number {
  const d = new Decoder(bytes, 'pg_begin');
  d.start('pg_begin', 3);
  return d.structV < 3 ? NO_SHARD : (bytes[bytes.length - 1] << 24) >> 24;
}
