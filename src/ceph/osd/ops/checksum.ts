import { crc32c } from '../../../base/crc32c.ts';
import { Decoder } from '../../../base/decoder.ts';
import { Encoder } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import {
  CEPH_OSD_CHECKSUM_OP_TYPE_CRC32C,
  CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH32,
  CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH64,
} from '../../types/rados.ts';
import { EINVAL } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { xxhash32, xxhash64 } from './xxhash.ts';

const NOTHING = Buffer.alloc(0);

/**
 * CHECKSUM: input is the initial value (u32, or u64 for xxhash64); output u32 count and a checksum for each
 * chunk. Chunk size 0 takes the whole range as one (PrimaryLogPG::do_checksum).
 */
export function doChecksum(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const { chunkSize, type } = op.checksum;
  if (type > CEPH_OSD_CHECKSUM_OP_TYPE_CRC32C) return EINVAL;
  if (chunkSize > 0 && (op.length === 0 || op.length % chunkSize !== 0)) return EINVAL;
  ctx.reads++;
  const { size } = ctx.oi;
  let { offset, length } = op;
  if (length === 0 && offset === 0) length = size;
  else if (offset >= size) length = 0;
  else if (length === 0 || offset + length > size) length = size - offset;
  if (offset >= size) offset = size;
  const d = new Decoder(op.indata ?? NOTHING, 'checksum init value');
  const wide = type === CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH64;
  const init32 = wide ? 0 : d.u32();
  const init64 = wide ? d.u64b() : 0n;
  const bytes = length > 0 ? pg.readObject(ctx.request, ctx.obc, offset, length) : NOTHING;
  if (chunkSize > 0 && bytes.length % chunkSize !== 0) return EINVAL;
  op.length = bytes.length;
  const chunk = chunkSize > 0 ? chunkSize : bytes.length;
  const e = new Encoder();
  const count = chunk === 0 ? 0 : bytes.length / chunk;
  e.u32(count);
  for (let i = 0; i < count; i++) {
    const start = i * chunk;
    const end = start + chunk;
    if (wide) e.u64b(xxhash64(bytes, init64, start, end));
    else if (type === CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH32) e.u32(xxhash32(bytes, init32, start, end));
    else e.u32(crc32c(bytes, init32, start, end));
  }
  op.outdata = e.result();
  ctx.readBytes += bytes.length;
  return 0;
}
