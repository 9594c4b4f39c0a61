import type { Dict } from '../types/dict.ts';
import type { DirEntry } from '../types/fs.ts';
import { beginReply, endReply, type FopWire, type ReplyHead } from './fop-wire.ts';
import type { XdrDecoder } from './xdr-decoder.ts';

/** With a good readdir: there is nothing after these entries. */
const ENOENT = 2;

/*
 * Entries of a directory, a list: u32 1 before each, u32 0 after the last (glusterfs4-xdr.x)
 *
 *   gfx_dirlist  { u64 d_ino, d_off; u32 d_len, d_type; string name<>; }
 *   gfx_dirplist { u64 d_ino, d_off; u32 d_len, d_type; string name<>; iatt stat; dict dict; }
 */
export function readdirReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { entries: DirEntry[]; eof: boolean; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  const entries: DirEntry[] = [];
  while (d.u32() !== 0) {
    d.skip(8);
    const dOff = d.u64b();
    d.skip(4);
    const type = d.u32();
    entries.push({ name: d.textz(), dOff, type });
  }
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { entries, eof: head.errno === ENOENT, xdata: head.xdata };
}

export function readdirpReply(
  w: FopWire,
  d: XdrDecoder,
  head: ReplyHead,
): { entries: DirEntry[]; eof: boolean; xdata: Dict | undefined } | undefined {
  beginReply(w, d, head);
  const entries: DirEntry[] = [];
  while (d.u32() !== 0) {
    d.skip(8);
    const dOff = d.u64b();
    d.skip(4);
    const type = d.u32();
    const name = d.textz();
    const stat = w.readIatt(d);
    const dict = w.readDict(d);
    entries.push({ name, dOff, type, stat, dict });
  }
  endReply(w, d, head);
  return head.ret < 0 ? undefined : { entries, eof: head.errno === ENOENT, xdata: head.xdata };
}
