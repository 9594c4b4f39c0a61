import { NacreError } from '../../base/errors.ts';
import {
  DICT_DOUBLE,
  DICT_GFUUID,
  DICT_IATT,
  DICT_INT,
  DICT_MDATA,
  DICT_PTR,
  DICT_STR,
  DICT_STR_OLD,
  DICT_UINT,
  DICT_UNKNOWN,
  Dict,
  type DictValue,
} from '../types/dict.ts';
import { decodeIattx, decodeMdata, encodeIattx, encodeMdata } from './iatt.ts';
import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/*
 * Dicts of protocol 4.x (glusterfs4-xdr.x, dict_to_xdr in glusterfs3.h):
 *
 *   struct gfx_dict { u32 xdr_size; int count; gfx_dict_pair pairs<>; }
 *   struct gfx_dict_pair { opaque key<>; int type; value by type }
 *
 * `xdr_size` is the length of the pairs; count -1 is "no dict". Keys end with a NUL that is counted, and so does text.
 */
export function encodeGfxDict(e: XdrEncoder, dict: Dict | undefined): void {
  if (dict === undefined) {
    e.u32(0);
    e.u32(0xffff_ffff);
    e.u32(0);
    return;
  }
  const size = e.hold();
  const count = e.hold();
  const pairs = e.hold();
  let n = 0;
  for (const [key, value] of dict.entries) {
    if (value.type === DICT_UNKNOWN) continue; // as in Gluster: what has no type does not travel
    e.textz(key);
    e.u32(value.type);
    encodeValue(e, value);
    n++;
  }
  e.fill(size, e.since(pairs));
  e.fill(count, n);
  e.fill(pairs, n);
}

function encodeValue(e: XdrEncoder, value: DictValue): void {
  switch (value.type) {
    case DICT_INT:
      if (typeof value.value === 'bigint') e.u64b(value.value);
      else e.i64(value.value);
      return;
    case DICT_UINT:
      if (typeof value.value === 'bigint') e.u64b(value.value);
      else e.u64(value.value);
      return;
    case DICT_DOUBLE:
      e.f64(value.value);
      return;
    case DICT_STR:
      e.textz(value.value);
      return;
    case DICT_GFUUID:
      e.fixed(value.value, 16);
      return;
    case DICT_IATT:
      encodeIattx(e, value.value);
      return;
    case DICT_MDATA:
      encodeMdata(e, value.value);
      return;
    case DICT_PTR:
    case DICT_STR_OLD:
      e.opaque(value.value);
  }
}

/** Undefined for "no dict". */
export function decodeGfxDict(d: XdrDecoder): Dict | undefined {
  d.skip(4);
  const count = d.i32();
  const pairs = d.count(12);
  if (count < 0 && pairs === 0) return undefined;
  const dict = new Dict();
  const { entries } = dict;
  for (let i = 0; i < pairs; i++) {
    const key = d.textz();
    const value = decodeValue(d, d.i32());
    if (value !== undefined) entries.set(key, value);
  }
  return dict;
}

function decodeValue(d: XdrDecoder, type: number): DictValue | undefined {
  switch (type) {
    case DICT_INT:
      return { type, value: d.i64any() };
    case DICT_UINT:
      return { type, value: d.u64any() };
    case DICT_DOUBLE:
      return { type, value: d.f64() };
    case DICT_STR:
      return { type, value: d.textz() };
    case DICT_GFUUID:
      return { type, value: d.gfid() };
    case DICT_IATT:
      return { type, value: decodeIattx(d) };
    case DICT_MDATA:
      return { type, value: decodeMdata(d) };
    case DICT_PTR:
    case DICT_STR_OLD:
      return { type, value: d.keep() };
    default:
      return d.fail(`type ${type} of a dict's value is not known`);
  }
}

/*
 * Dicts everywhere else (dict_serialize, libglusterfs/src/dict.c), themselves an opaque<> in the calls:
 *
 *   u32 count, then for each: u32 length of the key, u32 length of the value, the key and a NUL, the value
 *
 * nothing padded or aligned. Numbers are decimal text, and text ends with a NUL that is counted.
 */
export function serializeDict(dict: Dict): Buffer {
  const values: Buffer[] = [];
  let length = 4;
  for (const [key, value] of dict.entries) {
    const bytes = plainValue(key, value);
    values.push(bytes);
    length += 9 + key.length + bytes.length;
  }
  const out = Buffer.allocUnsafe(length);
  let at = out.writeUInt32BE(values.length);
  let i = 0;
  for (const key of dict.entries.keys()) {
    const bytes = values[i++];
    at = out.writeUInt32BE(key.length, at);
    at = out.writeUInt32BE(bytes.length, at);
    at += out.write(key, at, 'latin1');
    out[at++] = 0;
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

function plainValue(key: string, value: DictValue): Buffer {
  switch (value.type) {
    case DICT_INT:
    case DICT_UINT:
      return Buffer.from(`${value.value}\0`, 'latin1');
    case DICT_DOUBLE:
      return Buffer.from(`${value.value.toFixed(6)}\0`, 'latin1');
    case DICT_STR:
      return Buffer.from(`${value.value}\0`, 'latin1');
    case DICT_GFUUID:
      return Buffer.from(value.value, 'latin1');
    case DICT_PTR:
    case DICT_STR_OLD:
    case DICT_UNKNOWN:
      return value.value;
    default:
      throw new NacreError(
        'ENOTSUP',
        'gluster.rpc',
        `attributes in a dict (${key}) do not travel in protocol 3.3`,
      );
  }
}

/** Of one serialized dict; its values are of type DICT_STR_OLD. They are copies unless `d.owned` and long. */
export function unserializeDict(bytes: Buffer, fail: (message: string) => never): Dict {
  const dict = new Dict();
  if (bytes.length === 0) return dict;
  if (bytes.length < 4) return fail('a dict of less than 4 bytes');
  const count = bytes.readInt32BE(0);
  if (count < 0 || count * 9 > bytes.length) return fail(`a dict of ${count} pairs in ${bytes.length} bytes`);
  let at = 4;
  for (let i = 0; i < count; i++) {
    if (at + 8 > bytes.length) return fail(`pair ${i} of a dict is cut off`);
    const keyLength = bytes.readUInt32BE(at);
    const valueLength = bytes.readUInt32BE(at + 4);
    at += 8;
    if (at + keyLength + 1 + valueLength > bytes.length) return fail(`pair ${i} of a dict is cut off`);
    const key = bytes.toString('latin1', at, at + keyLength);
    at += keyLength + 1;
    dict.entries.set(key, {
      type: DICT_STR_OLD,
      value: Buffer.from(bytes.subarray(at, at + valueLength)),
    });
    at += valueLength;
  }
  return dict;
}

/** opaque<> that holds a serialized dict; empty for "no dict". */
export function encodeOldDict(e: XdrEncoder, dict: Dict | undefined): void {
  if (dict === undefined) e.u32(0);
  else e.opaque(serializeDict(dict));
}

export function decodeOldDict(d: XdrDecoder): Dict | undefined {
  const bytes = d.opaque();
  if (bytes.length === 0) return undefined;
  return unserializeDict(bytes, message => d.fail(message));
}
