import { crc32c } from '../../base/crc32c.ts';
import { NacreError } from '../../base/errors.ts';

/** Bytes that one checksum covers. */
const CSUM_BLOCK = 4096;
/** Neighbouring writes below this many bytes are gathered into one extent, so that tiny appends stay cheap. */
const GATHER_BELOW = 4096;
const GATHER_UP_TO = 65536;

interface Extent {
  /** Position in the object, bytes. */
  off: number;
  bytes: Uint8Array;
  /** crc32c of each CSUM_BLOCK of `bytes`, the last one of what is left. */
  csums: Uint32Array;
  /** Memory that only this extent uses, with room behind `bytes` to append to. */
  spare: Buffer | undefined;
}

function checksums(bytes: Uint8Array): Uint32Array {
  const blocks = Math.ceil(bytes.length / CSUM_BLOCK);
  const csums = new Uint32Array(blocks);
  for (let i = 0; i < blocks; i++) {
    const start = i * CSUM_BLOCK;
    csums[i] = crc32c(bytes, 0xffffffff, start, Math.min(start + CSUM_BLOCK, bytes.length));
  }
  return csums;
}

/**
 * Memory that is safe to keep: a small slice of a large read buffer would keep all of it alive, so such a
 * slice is copied; a payload that fills its memory is kept as it is.
 */
function keepable(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength <= bytes.length * 2 ? bytes : Buffer.from(bytes);
}

/** An object's data as non-overlapping extents in ascending order; what lies between them reads as zeros. */
export class Extents {
  private list: Extent[] = [];

  /** Bytes held. */
  stored = 0;

  /** A copy that shares memory; extents are never changed in place, so neither sees the other's writes. */
  clone(): Extents {
    const copy = new Extents();
    for (const extent of this.list) extent.spare = undefined;
    copy.list = this.list.map(extent => ({ ...extent }));
    copy.stored = this.stored;
    return copy;
  }

  /** Index of the first extent that ends after `off`. */
  private find(off: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const extent = this.list[middle];
      if (extent.off + extent.bytes.length <= off) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Checks the blocks of an extent that overlap [start, end), offsets within the extent. */
  private verify(extent: Extent, start: number, end: number): void {
    const { bytes, csums } = extent;
    for (let block = Math.floor(start / CSUM_BLOCK); block * CSUM_BLOCK < end; block++) {
      const from = block * CSUM_BLOCK;
      const crc = crc32c(bytes, 0xffffffff, from, Math.min(from + CSUM_BLOCK, bytes.length));
      if (crc !== csums[block])
        throw new NacreError(
          'EIO',
          'objectstore.read',
          `checksum of stored data does not match at ${extent.off + from}`,
        );
    }
  }

  /** The part [start, end) of an extent as an extent of its own. */
  private part(extent: Extent, start: number, end: number): Extent {
    const bytes = extent.bytes.subarray(start, end);
    const off = extent.off + start;
    if (start % CSUM_BLOCK === 0 && (end % CSUM_BLOCK === 0 || end === extent.bytes.length)) {
      const csums = extent.csums.subarray(start / CSUM_BLOCK, Math.ceil(end / CSUM_BLOCK));
      return { off, bytes, csums, spare: undefined };
    }
    this.verify(extent, start, end);
    return { off, bytes, csums: checksums(bytes), spare: undefined };
  }

  /** Removes [off, end): it then reads as zeros. */
  punch(off: number, end: number): void {
    const first = this.find(off);
    let last = first;
    const kept: Extent[] = [];
    for (; last < this.list.length && this.list[last].off < end; last++) {
      const extent = this.list[last];
      const extentEnd = extent.off + extent.bytes.length;
      this.stored -= Math.min(extentEnd, end) - Math.max(extent.off, off);
      if (extent.off < off) kept.push(this.part(extent, 0, off - extent.off));
      if (extentEnd > end) kept.push(this.part(extent, end - extent.off, extent.bytes.length));
    }
    if (last > first) this.list.splice(first, last - first, ...kept);
  }

  /** Replaces [off, off + bytes.length); the bytes may be kept and must not change afterwards. */
  write(off: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = off + bytes.length;
    const { list } = this;
    const whole = list.length === 1 && list[0].off >= off && list[0].off + list[0].bytes.length <= end;
    if (whole) {
      this.stored -= list[0].bytes.length;
      list.length = 0;
    } else if (list.length > 0) this.punch(off, end);
    this.stored += bytes.length;
    const at = list.length === 0 ? 0 : this.find(off);
    if (bytes.length < GATHER_BELOW && at > 0 && this.append(list[at - 1], off, bytes)) return;
    const kept = keepable(bytes);
    const extent = { off, bytes: kept, csums: checksums(kept), spare: undefined };
    if (at === list.length) list.push(extent);
    else list.splice(at, 0, extent);
  }

  /** Gathers a small write into the extent right before it. False when it does not fit there. */
  private append(extent: Extent, off: number, bytes: Uint8Array): boolean {
    const used = extent.bytes.length;
    if (extent.off + used !== off || used + bytes.length > GATHER_UP_TO) return false;
    const need = used + bytes.length;
    let spare = extent.spare;
    if (spare === undefined || spare.length < need) {
      spare = Buffer.allocUnsafeSlow(Math.min(GATHER_UP_TO, Math.max(256, need * 2)));
      spare.set(extent.bytes);
    }
    spare.set(bytes, used);
    const firstChanged = Math.floor(used / CSUM_BLOCK);
    if (used % CSUM_BLOCK !== 0) this.verify(extent, firstChanged * CSUM_BLOCK, used);
    extent.spare = spare;
    extent.bytes = spare.subarray(0, need);
    const csums = new Uint32Array(Math.ceil(need / CSUM_BLOCK));
    csums.set(extent.csums.subarray(0, firstChanged));
    for (let i = firstChanged; i < csums.length; i++)
      csums[i] = crc32c(spare, 0xffffffff, i * CSUM_BLOCK, Math.min((i + 1) * CSUM_BLOCK, need));
    extent.csums = csums;
    return true;
  }

  /**
   * [off, end) as one buffer: a view where one extent covers it, a copy with zeros in the holes otherwise.
   * @throws NacreError EIO when stored bytes no longer match their checksum.
   */
  read(off: number, end: number): Uint8Array {
    const first = this.find(off);
    if (first < this.list.length) {
      const extent = this.list[first];
      if (extent.off <= off && extent.off + extent.bytes.length >= end) {
        this.verify(extent, off - extent.off, end - extent.off);
        return extent.bytes.subarray(off - extent.off, end - extent.off);
      }
    }
    const out = Buffer.alloc(end - off);
    for (let i = first; i < this.list.length && this.list[i].off < end; i++) {
      const extent = this.list[i];
      const start = Math.max(off, extent.off);
      const stop = Math.min(end, extent.off + extent.bytes.length);
      this.verify(extent, start - extent.off, stop - extent.off);
      out.set(extent.bytes.subarray(start - extent.off, stop - extent.off), start - off);
    }
    return out;
  }

  /** The allocated ranges within [off, end) as [offset, length] pairs, neighbours joined. */
  map(off: number, end: number): [number, number][] {
    const found: [number, number][] = [];
    for (let i = this.find(off); i < this.list.length && this.list[i].off < end; i++) {
      const extent = this.list[i];
      const start = Math.max(off, extent.off);
      const length = Math.min(end, extent.off + extent.bytes.length) - start;
      const last = found[found.length - 1];
      if (last !== undefined && last[0] + last[1] === start) last[1] += length;
      else found.push([start, length]);
    }
    return found;
  }
}
