import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/*
 * ONC RPC (RFC 5531).
 *
 *   record mark     u32: bit 31 "last fragment", bits 0-30 length of the fragment (section 11)
 *   call            xid, 0, rpcvers 2, prog, vers, proc, cred {flavor, opaque body<400>}, verf {flavor, opaque body<400>}
 *   accepted reply  xid, 1, 0, verf {flavor, body}, accept_stat: 0 and the results | 2 and {low, high} | another
 *   denied reply    xid, 1, 1, reject_stat: 0 and {low, high} | 1 and auth_stat
 */
export const LAST_FRAGMENT = 0x8000_0000;
export const CALL = 0;
export const REPLY = 1;
const MAX_AUTH = 400;

/** AUTH_GLUSTERFS flavors (rpc-lib/src/rpcsvc.h). */
export const AUTH_NONE = 0;
export const AUTH_GLUSTERFS_V2 = 390039;
export const AUTH_GLUSTERFS_V3 = 390040;

/** Who asks, as far as the credentials of a call say. The same fields as a frame's root. */
export interface Caller {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** One character a byte; of the pid when empty. */
  readonly lkOwner: string;
  readonly flags: number;
  readonly ctime: number;
  readonly ctimeNsec: number;
}

/** Of the client itself: handshakes, portmap, pings, releases. */
export const SELF: Caller = {
  pid: 0,
  uid: 0,
  gid: 0,
  groups: [],
  lkOwner: '',
  flags: 0,
  ctime: 0,
  ctimeNsec: 0,
};

/**
 * Begins a record: mark and header of a call. Give the mark that is returned to `endRecord`.
 *
 *   AUTH_GLUSTERFS_V2 { int pid; u32 uid, gid; u32 groups<>; opaque lk_owner<>; }
 *   AUTH_GLUSTERFS_V3 { int pid; u32 uid, gid, flags, ctime_nsec; u64 ctime_sec; u32 groups<>; opaque lk_owner<>; }
 *
 * The body has at most 400 bytes: groups that do not fit are left off, as Gluster's client does.
 */
export function beginCall(
  e: XdrEncoder,
  xid: number,
  program: number,
  version: number,
  procedure: number,
  flavor: number,
  who: Caller,
): number {
  e.begin();
  const mark = e.hold();
  e.u32(xid);
  e.u32(CALL);
  e.u32(2);
  e.u32(program);
  e.u32(version);
  e.u32(procedure);
  e.u32(flavor);
  const body = e.hold();
  if (flavor !== AUTH_NONE) {
    e.u32(who.pid);
    e.u32(who.uid);
    e.u32(who.gid);
    const v3 = flavor === AUTH_GLUSTERFS_V3;
    if (v3) {
      e.u32(who.flags);
      e.u32(who.ctimeNsec);
      e.u64(who.ctime);
    }
    const { groups, lkOwner } = who;
    // Counted as Gluster counts: each byte of the owner takes the place of a group.
    const room = (v3 ? 91 : 95) - (lkOwner.length === 0 ? 4 : lkOwner.length);
    const n = Math.max(0, Math.min(groups.length, room));
    e.u32(n);
    for (let i = 0; i < n; i++) e.u32(groups[i]);
    if (lkOwner.length === 0) {
      const { pid } = who;
      e.u32(4);
      e.u32(((pid & 0xff) << 24) | ((pid & 0xff00) << 8) | ((pid >>> 8) & 0xff00) | (pid >>> 24));
    } else e.text(lkOwner);
    e.fill(body, e.since(body));
  }
  e.u32(AUTH_NONE);
  e.u32(0);
  return mark;
}

/** Ends a record: fills its mark. What was referenced counts too. */
export function endRecord(e: XdrEncoder, mark: number): void {
  e.fill(mark, (LAST_FRAGMENT | (e.recordLength - mark - 4)) >>> 0);
  e.end();
}

export interface CallHeader {
  xid: number;
  program: number;
  version: number;
  procedure: number;
  flavor: number;
  caller: Caller;
}

/** After xid and message type. */
export function decodeCallHeader(d: XdrDecoder, xid: number): CallHeader {
  d.type = 'RPC call';
  const rpcVersion = d.u32();
  if (rpcVersion !== 2) d.fail(`RPC version ${rpcVersion}`);
  const program = d.u32();
  const version = d.u32();
  const procedure = d.u32();
  const flavor = d.u32();
  const length = d.u32();
  if (length > MAX_AUTH) d.fail(`credentials of ${length} bytes`);
  const end = d.offset + ((length + 3) & ~3);
  const caller = decodeCaller(d, flavor);
  d.offset = d.limit < end ? d.fail('credentials are cut off') : end;
  d.skip(4);
  const verifier = d.u32();
  if (verifier > MAX_AUTH) d.fail(`verifier of ${verifier} bytes`);
  d.skip((verifier + 3) & ~3);
  return { xid, program, version, procedure, flavor, caller };
}

function decodeCaller(d: XdrDecoder, flavor: number): Caller {
  if (flavor !== AUTH_GLUSTERFS_V2 && flavor !== AUTH_GLUSTERFS_V3) return SELF;
  const pid = d.i32();
  const uid = d.u32();
  const gid = d.u32();
  const v3 = flavor === AUTH_GLUSTERFS_V3;
  const flags = v3 ? d.u32() : 0;
  const ctimeNsec = v3 ? d.u32() : 0;
  const ctime = v3 ? d.u64n() : 0;
  const groups: number[] = [];
  for (let n = d.count(4); n > 0; n--) groups.push(d.u32());
  return { pid, uid, gid, flags, ctimeNsec, ctime, groups, lkOwner: d.text() };
}

const ACCEPT_STAT = [
  '',
  'the program is not there',
  'the version of the program is not there',
  'the procedure is not there',
  'the arguments were not understood',
  'the server failed',
];

/** After xid and message type: undefined, and the results follow; or why there are none. */
export function decodeReplyHeader(d: XdrDecoder): string | undefined {
  d.type = 'RPC reply';
  const denied = d.u32();
  if (denied === 0) {
    d.skip(4);
    const verifier = d.u32();
    if (verifier > MAX_AUTH) d.fail(`verifier of ${verifier} bytes`);
    d.skip((verifier + 3) & ~3);
    const stat = d.u32();
    return stat === 0 ? undefined : (ACCEPT_STAT[stat] ?? `refused (${stat})`);
  }
  if (denied !== 1) d.fail(`reply of kind ${denied}`);
  const why = d.u32();
  if (why === 0) return `RPC versions ${d.u32()} to ${d.u32()} only`;
  return `authentication refused (${d.u32()})`;
}
