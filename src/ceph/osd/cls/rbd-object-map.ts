import { Decoder } from '../../../base/decoder.ts';
import { encodeToBuffer } from '../../../base/encoder.ts';
import {
  BIT_VECTOR_BLOCK,
  BIT_VECTOR_HEADER,
  BitVector,
  bitVectorBlockCrc,
  decodeBitVector,
  decodeBitVectorHeader,
  encodeBitVector,
} from '../../types/cls-rbd-bit-vector.ts';
import { MAX_OBJECT_MAP_OBJECT_COUNT } from '../../types/cls-rbd-features.ts';
import { EINVAL, ENOENT, ERANGE, ESTALE } from '../errors.ts';
import { answer, check, fail, mustExist, readData, reads, writes } from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

// rbd_object_map.<id>: a BitVector as the object's data.

const EXISTS = 1;
const EXISTS_CLEAN = 3;

/** Undefined when there is none. A damaged one is EINVAL. */
function load(ctx: ClsContext): BitVector | undefined {
  if (!ctx.exists || ctx.size === 0) return undefined;
  return decodeBitVector(new Decoder(readData(ctx), 'object map'));
}

function store(ctx: ClsContext, map: BitVector): void {
  check(ctx.writeFull(encodeToBuffer(e => encodeBitVector(e, map))));
}

const mapLoad = reads(ctx => {
  const map = load(ctx) ?? fail(ENOENT);
  return answer(e => encodeBitVector(e, map, false));
});

const mapResize = writes((ctx, d) => {
  const count = d.u64();
  const state = d.u8();
  if (count > MAX_OBJECT_MAP_OBJECT_COUNT) fail(EINVAL);
  const map = load(ctx)?.clone() ?? new BitVector();
  const before = map.size;
  for (let i = count; i < before; i++) if (map.get(i) !== state) fail(ESTALE);
  map.resize(count);
  if (count > before) map.fill(state, before, count);
  store(ctx, map);
});

/** Reads and writes only the blocks that have the objects, and their checksums. */
const mapUpdate = writes((ctx, d) => {
  const start = d.u64();
  const end = d.u64();
  const state = d.u8();
  const current = d.bool() ? d.u8() : undefined;
  mustExist(ctx);
  const { size } = decodeBitVectorHeader(new Decoder(readData(ctx, 0, BIT_VECTOR_HEADER), 'object map'));
  if (start >= end || end > size) fail(ERANGE);
  const bytes = Math.ceil(size / 4);
  const firstBlock = Math.floor((start >>> 2) / BIT_VECTOR_BLOCK);
  const lastBlock = Math.floor(((end - 1) >>> 2) / BIT_VECTOR_BLOCK);
  const dataStart = firstBlock * BIT_VECTOR_BLOCK;
  const dataEnd = Math.min(bytes, (lastBlock + 1) * BIT_VECTOR_BLOCK);
  const data = Buffer.from(readData(ctx, BIT_VECTOR_HEADER + dataStart, dataEnd - dataStart));
  // Before the checksums: the footer's length, the header's checksum, the number of blocks.
  const crcsAt = BIT_VECTOR_HEADER + bytes + 12 + firstBlock * 4;
  const crcs = readData(ctx, crcsAt, (lastBlock - firstBlock + 1) * 4);
  if (data.length !== dataEnd - dataStart) fail(EINVAL);
  for (let block = firstBlock; block <= lastBlock; block++) {
    const at = (block - firstBlock) * 4;
    const stored = at + 4 <= crcs.length ? crcs.readUInt32LE(at) : 0;
    if (stored !== bitVectorBlockCrc(data, block - firstBlock)) fail(EINVAL);
  }
  const part = new BitVector(data.length * 4, data);
  const shift = dataStart * 4;
  let updated = false;
  for (let i = start - shift; i < end - shift; i++) {
    const have = part.get(i);
    if (have === state) continue;
    if (current !== undefined && have !== current && !(current === EXISTS && have === EXISTS_CLEAN)) continue;
    part.set(i, state);
    updated = true;
  }
  if (!updated) return;
  check(ctx.write(BIT_VECTOR_HEADER + dataStart, data));
  const sums = Buffer.alloc((lastBlock - firstBlock + 1) * 4);
  for (let block = 0; block * BIT_VECTOR_BLOCK < data.length; block++)
    sums.writeUInt32LE(bitVectorBlockCrc(data, block), block * 4);
  check(ctx.write(crcsAt, sums));
});

const snapAdd = writes(ctx => {
  const map = load(ctx)?.clone() ?? fail(ENOENT);
  let updated = false;
  for (let i = 0; i < map.size; i++) {
    if (map.get(i) !== EXISTS) continue;
    map.set(i, EXISTS_CLEAN);
    updated = true;
  }
  if (updated) store(ctx, map);
});

const snapRemove = writes((ctx, d) => {
  const of = decodeBitVector(d);
  const map = load(ctx)?.clone() ?? fail(ENOENT);
  let updated = false;
  for (let i = 0; i < map.size; i++) {
    if (map.get(i) !== EXISTS_CLEAN || (i < of.size && of.get(i) !== EXISTS)) continue;
    map.set(i, EXISTS);
    updated = true;
  }
  if (updated) store(ctx, map);
});

export const objectMapMethods: Readonly<Record<string, ClsMethod>> = {
  object_map_load: mapLoad,
  object_map_save: writes((ctx, d) => store(ctx, decodeBitVector(d))),
  object_map_resize: mapResize,
  object_map_update: mapUpdate,
  object_map_snap_add: snapAdd,
  object_map_snap_remove: snapRemove,
};
