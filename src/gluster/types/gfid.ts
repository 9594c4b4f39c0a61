/**
 * A file's identity in a volume: the 16 bytes of its UUID, kept as a string of one character a byte (latin1), so that it is
 * compared with `===`, serves as a key of a Map, and goes to and from the wire by one latin1 copy.
 */
export type Gfid = string & { readonly gfid: unique symbol };

export const GFID_LENGTH = 16;
/** Of no file: "not known". */
export const GFID_NULL = '\0'.repeat(16) as Gfid;
/** Of a volume's root directory: 00000000-0000-0000-0000-000000000001. */
export const GFID_ROOT = `${'\0'.repeat(15)}\x01` as Gfid;

/** From 16 bytes at `offset`; the caller has checked that they are there. */
export function gfidFromBytes(bytes: Buffer, offset = 0): Gfid {
  return bytes.toString('latin1', offset, offset + GFID_LENGTH) as Gfid;
}

/** Of 16 random bytes at `offset`, which it changes: a version 4 UUID (RFC 9562). */
export function gfidFromRandom(random: Buffer, offset = 0): Gfid {
  random[offset + 6] = (random[offset + 6] & 0x0f) | 0x40;
  random[offset + 8] = (random[offset + 8] & 0x3f) | 0x80;
  return gfidFromBytes(random, offset);
}

/** As people and logs write it: '88cb6a3d-…'. */
export function formatGfid(gfid: Gfid): string {
  const hex = Buffer.from(gfid, 'latin1').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Undefined when it is no UUID. */
export function parseGfid(text: string): Gfid | undefined {
  if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)) return undefined;
  return gfidFromBytes(Buffer.from(text.replaceAll('-', ''), 'hex'));
}

/** Upper 32 bits of the inode number that a mount shows: bytes 8 to 11 of the gfid, big-endian. */
export function inoHigh(gfid: Gfid): number {
  return u32(gfid, 8);
}

/** Lower 32 bits: bytes 12 to 15. */
export function inoLow(gfid: Gfid): number {
  return u32(gfid, 12);
}

function u32(s: string, at: number): number {
  return (
    ((s.charCodeAt(at) << 24) |
      (s.charCodeAt(at + 1) << 16) |
      (s.charCodeAt(at + 2) << 8) |
      s.charCodeAt(at + 3)) >>>
    0
  );
}
