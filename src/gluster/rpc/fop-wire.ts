import type { Dict } from '../types/dict.ts';
import type { Iatt } from '../types/iatt.ts';
import { decodeGfxDict, decodeOldDict, encodeGfxDict, encodeOldDict } from './dict.ts';
import { decodeGfIatt, decodeIattx, encodeGfIatt, encodeIattx } from './iatt.ts';
import { AUTH_GLUSTERFS_V2, AUTH_GLUSTERFS_V3 } from './message.ts';
import { FOP_VERSION_3, FOP_VERSION_4 } from './programs.ts';
import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/**
 * What the file programs 3.3 and 4.x do differently. Requests have the same fields in the same order but for what their
 * functions say; dicts and attributes have other formats, and in replies the dict comes after `op_errno` in 4.x and last in 3.3.
 */
export interface FopWire {
  readonly version: number;
  readonly v4: boolean;
  /** The flavor of credentials that goes with it. */
  readonly flavor: number;
  dict(e: XdrEncoder, dict: Dict | undefined): void;
  iatt(e: XdrEncoder, stat: Iatt): void;
  readDict(d: XdrDecoder): Dict | undefined;
  readIatt(d: XdrDecoder): Iatt;
}

export const WIRE_4: FopWire = {
  version: FOP_VERSION_4,
  v4: true,
  flavor: AUTH_GLUSTERFS_V3,
  dict: encodeGfxDict,
  iatt: encodeIattx,
  readDict: decodeGfxDict,
  readIatt: decodeIattx,
};

export const WIRE_3: FopWire = {
  version: FOP_VERSION_3,
  v4: false,
  flavor: AUTH_GLUSTERFS_V2,
  dict: encodeOldDict,
  iatt: encodeGfIatt,
  readDict: decodeOldDict,
  readIatt: decodeGfIatt,
};

/** A dict that Gluster's client leaves as it was made: empty in 4.x (count 0), absent in 3.3. */
export function noDict(w: FopWire, e: XdrEncoder): void {
  e.u32(0);
  if (w.v4) {
    e.u32(0);
    e.u32(0);
  }
}

/** What every reply begins with, read into one object that goes from reply to reply. */
export class ReplyHead {
  ret = 0;
  errno = 0;
  xdata: Dict | undefined = undefined;
}

/* int op_ret; int op_errno; 4.x: gfx_dict xdata; */
export function beginReply(w: FopWire, d: XdrDecoder, head: ReplyHead): void {
  head.ret = d.i32();
  head.errno = d.i32();
  head.xdata = w.v4 ? w.readDict(d) : undefined;
}

/* 3.3: opaque xdata<>; */
export function endReply(w: FopWire, d: XdrDecoder, head: ReplyHead): void {
  if (!w.v4) head.xdata = w.readDict(d);
}
