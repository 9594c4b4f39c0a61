import type { ProgramDetail } from './programs.ts';
import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/* Program GF-DUMP (rpc-common-xdr.x): which programs a server has. DUMP { u64 gfs_id; }; Gluster's client sends 0xcaed. */
export function dumpRequest(e: XdrEncoder): void {
  e.u64(0xcaed);
}

/* gf_dump_rsp { u64 gfs_id; int op_ret, op_errno; list of { string progname<>; u64 prognum, progver; } } */
export function dumpReply(d: XdrDecoder): { ret: number; errno: number; programs: ProgramDetail[] } {
  d.type = 'gf_dump_rsp';
  d.skip(8);
  const ret = d.i32();
  const errno = d.i32();
  const programs: ProgramDetail[] = [];
  while (d.u32() !== 0) {
    const name = d.textz();
    const number = d.u64n();
    programs.push({ name, number, version: d.u64n() });
  }
  return { ret, errno, programs };
}

/* PING has no arguments; gf_common_rsp { int op_ret, op_errno; opaque xdata<>; } */
export function pingReply(d: XdrDecoder): { ret: number; errno: number } {
  d.type = 'ping';
  const ret = d.i32();
  return { ret, errno: d.i32() };
}
