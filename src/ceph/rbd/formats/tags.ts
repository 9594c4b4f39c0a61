// Banners and record tags of rbd's files (tools/rbd/Utils.h). All numbers are little-endian; a string is a u32 length
// and its bytes.
//
// Diff, version 1:  "rbd diff v1\n", records, 'e'
//   'f' string             snapshot that it starts from
//   't' string             snapshot that it ends with
//   's' u64                size of the image at the end
//   'w' u64 u64 bytes      offset, length, data
//   'z' u64 u64            offset, length: zeros
// Version 2: "rbd diff v2\n"; behind each tag but 'e' a u64 with the bytes that follow in the record; and
//   'p' u8                 whether the snapshot at the end is protected; the length says 8 in files of rbd 16.2, and
//                          1 in later ones: readers take one byte, whatever it says
//
// Image, version 2: "rbd image v2\n", records with lengths as above, 'E'
//   'O' u64  order     'T' u64  features     'U' u64  stripe unit     'C' u64  stripe count
//   'M' string string  one pair of metadata
// then "rbd image diffs v2\n", u64 count, and that many diffs of version 2: one a snapshot, oldest first, and one of the
// head. An image of version 1 is its bytes and nothing else.

export const DIFF_BANNER = 'rbd diff v1\n';
export const DIFF_BANNER_V2 = 'rbd diff v2\n';
export const IMAGE_BANNER_V2 = 'rbd image v2\n';
export const IMAGE_DIFFS_BANNER_V2 = 'rbd image diffs v2\n';

const code = (letter: string): number => letter.charCodeAt(0);

export const TAG_FROM_SNAP = code('f');
export const TAG_TO_SNAP = code('t');
export const TAG_IMAGE_SIZE = code('s');
export const TAG_WRITE = code('w');
export const TAG_ZERO = code('z');
export const TAG_DIFF_END = code('e');
export const TAG_PROTECTION = code('p');

export const TAG_ORDER = code('O');
export const TAG_FEATURES = code('T');
export const TAG_STRIPE_UNIT = code('U');
export const TAG_STRIPE_COUNT = code('C');
export const TAG_META = code('M');
export const TAG_IMAGE_END = code('E');

/** What rbd 16.2 writes as the length of its one byte. */
export const PROTECTION_LENGTH = 8;

/** Longest snapshot name that is believed, bytes. */
export const MAX_NAME = 4096;
/** Longest record of metadata that is believed, bytes. */
export const MAX_META = 1 << 20;
/** Data of a record is handed on in pieces of this size, bytes. */
export const PIECE = 4 << 20;
/** rbd's --sparse-size, bytes. */
export const SPARSE_SIZE = 4096;
