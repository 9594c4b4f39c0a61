import type { EntityAddr } from '../types/entity.ts';
import { ipBytes } from '../types/ip.ts';

/** Whether an address lies in a range: an address whose nonce is the length of the prefix that counts, in bits. */
export function inAddrRange(addr: EntityAddr, range: EntityAddr): boolean {
  if (addr.family !== range.family || addr.ip === '' || range.ip === '') return false;
  const a = ipBytes(addr.ip);
  const b = ipBytes(range.ip);
  let bits = Math.min(range.nonce, a.length * 8);
  for (let i = 0; bits > 0; i++, bits -= 8) {
    const mask = bits >= 8 ? 0xff : (0xff << (8 - bits)) & 0xff;
    if ((a[i] & mask) !== (b[i] & mask)) return false;
  }
  return true;
}
