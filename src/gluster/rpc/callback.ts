import type { Dict } from '../types/dict.ts';
import type { Flock } from '../types/fs.ts';
import { type Gfid, parseGfid } from '../types/gfid.ts';
import type { Iatt } from '../types/iatt.ts';
import { decodeOldDict } from './dict.ts';
import { decodeGfIatt } from './iatt.ts';
import { decodeFlock } from './parts.ts';
import {
  CBK_CACHE_INVALIDATION,
  CBK_CHILD_DOWN,
  CBK_CHILD_UP,
  CBK_ENTRYLK_CONTENTION,
  CBK_EVENT_NOTIFY,
  CBK_FETCHSPEC,
  CBK_GET_SNAPS,
  CBK_INO_FLUSH,
  CBK_INODELK_CONTENTION,
  CBK_RECALL_LEASE,
  CBK_STATEDUMP,
} from './programs.ts';
import type { XdrDecoder } from './xdr-decoder.ts';

/** Bits of a cache invalidation's `flags` (glusterfs/upcall-utils.h): what became stale, and what happened. */
export const UP_NLINK = 0x1;
export const UP_MODE = 0x2;
export const UP_OWN = 0x4;
export const UP_SIZE = 0x8;
export const UP_TIMES = 0x10;
export const UP_ATIME = 0x20;
export const UP_PERM = 0x40;
export const UP_RENAME = 0x80;
export const UP_FORGET = 0x100;
export const UP_PARENT_TIMES = 0x200;
export const UP_XATTR = 0x400;
export const UP_XATTR_RM = 0x800;
export const UP_EXPLICIT_LOOKUP = 0x1000;
export const UP_INVAL_ATTR = 0x2000;

/**
 * What a server tells its clients by itself (program "GlusterFS Callback"; calls that get no reply). 'unknown': of a newer server.
 */
export type Callback =
  | { readonly kind: 'fetchspec' }
  | { readonly kind: 'ino-flush' }
  | { readonly kind: 'event'; readonly op: number; readonly dict: Dict | undefined }
  | { readonly kind: 'get-snaps' }
  | {
      readonly kind: 'cache-invalidation';
      readonly gfid: Gfid;
      /** UP_*. */
      readonly flags: number;
      readonly expireTimeAttr: number;
      readonly stat: Iatt;
      readonly parentStat: Iatt;
      readonly oldParentStat: Iatt;
      readonly dict: Dict | undefined;
    }
  | { readonly kind: 'child-up' }
  | { readonly kind: 'child-down' }
  | {
      readonly kind: 'recall-lease';
      readonly gfid: Gfid;
      readonly leaseType: number;
      readonly tid: string;
      readonly dict: Dict | undefined;
    }
  | { readonly kind: 'statedump'; readonly pid: number }
  | {
      readonly kind: 'inodelk-contention';
      readonly gfid: Gfid;
      readonly flock: Flock;
      readonly pid: number;
      readonly domain: string;
      readonly dict: Dict | undefined;
    }
  | {
      readonly kind: 'entrylk-contention';
      readonly gfid: Gfid;
      readonly type: number;
      readonly pid: number;
      readonly name: string;
      readonly domain: string;
      readonly dict: Dict | undefined;
    }
  | { readonly kind: 'unknown'; readonly procedure: number };

/*
 * FETCHSPEC, INO_FLUSH, GET_SNAPS, CHILD_UP, CHILD_DOWN: nothing. EVENT_NOTIFY { int op; opaque dict<>; }
 * CACHE_INVALIDATION { string gfid<>; u32 event_type, flags, expire_time_attr; gf_iatt stat, parent_stat, oldparent_stat; opaque xdata<>; }
 * RECALL_LEASE { opaque gfid[16]; u32 lease_type; opaque tid[16]; opaque xdata<>; } STATEDUMP { u32 pid; }
 * INODELK_CONTENTION { opaque gfid[16]; gf_proto_flock flock; u32 pid; string domain<>; opaque xdata<>; }
 * ENTRYLK_CONTENTION { opaque gfid[16]; u32 type, pid; string name<>, domain<>; opaque xdata<>; }
 */
export function decodeCallback(d: XdrDecoder, procedure: number): Callback {
  d.type = 'callback';
  switch (procedure) {
    case CBK_FETCHSPEC:
      return { kind: 'fetchspec' };
    case CBK_INO_FLUSH:
      return { kind: 'ino-flush' };
    case CBK_EVENT_NOTIFY: {
      const op = d.i32();
      return { kind: 'event', op, dict: decodeOldDict(d) };
    }
    case CBK_GET_SNAPS:
      return { kind: 'get-snaps' };
    case CBK_CACHE_INVALIDATION: {
      const text = d.textz();
      const gfid = parseGfid(text) ?? d.fail(`no gfid: ${JSON.stringify(text.slice(0, 40))}`);
      d.skip(4);
      const flags = d.u32();
      const expireTimeAttr = d.u32();
      const stat = decodeGfIatt(d);
      const parentStat = decodeGfIatt(d);
      const oldParentStat = decodeGfIatt(d);
      const dict = decodeOldDict(d);
      return {
        kind: 'cache-invalidation',
        gfid,
        flags,
        expireTimeAttr,
        stat,
        parentStat,
        oldParentStat,
        dict,
      };
    }
    case CBK_CHILD_UP:
      return { kind: 'child-up' };
    case CBK_CHILD_DOWN:
      return { kind: 'child-down' };
    case CBK_RECALL_LEASE: {
      const gfid = d.gfid();
      const leaseType = d.u32();
      const tid = d.fixed(16);
      return { kind: 'recall-lease', gfid, leaseType, tid, dict: decodeOldDict(d) };
    }
    case CBK_STATEDUMP:
      return { kind: 'statedump', pid: d.u32() };
    case CBK_INODELK_CONTENTION: {
      const gfid = d.gfid();
      const flock = decodeFlock(d);
      const pid = d.i32();
      const domain = d.textz();
      return { kind: 'inodelk-contention', gfid, flock, pid, domain, dict: decodeOldDict(d) };
    }
    case CBK_ENTRYLK_CONTENTION: {
      const gfid = d.gfid();
      const type = d.u32();
      const pid = d.i32();
      const name = d.textz();
      const domain = d.textz();
      return { kind: 'entrylk-contention', gfid, type, pid, name, domain, dict: decodeOldDict(d) };
    }
    default:
      return { kind: 'unknown', procedure };
  }
}
