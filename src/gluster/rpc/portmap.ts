import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/* Glusterd's program "Gluster Portmap" (portmap-xdr.x). PORTBYBRICK { string brick<>; }: the brick's path on its node */
export function portByBrickRequest(e: XdrEncoder, brick: string): void {
  e.text(brick);
}

/* pmap_port_by_brick_rsp { int op_ret, op_errno, status, port; } */
export function portByBrickReply(d: XdrDecoder): {
  ret: number;
  errno: number;
  status: number;
  port: number;
} {
  d.type = 'pmap_port_by_brick_rsp';
  const ret = d.i32();
  const errno = d.i32();
  const status = d.i32();
  return { ret, errno, status, port: d.i32() };
}

/* BRICKBYPORT { int port; } */
export function brickByPortRequest(e: XdrEncoder, port: number): void {
  e.i32(port);
}

/* pmap_brick_by_port_rsp { int op_ret, op_errno, status; string brick<>; } */
export function brickByPortReply(d: XdrDecoder): {
  ret: number;
  errno: number;
  status: number;
  brick: string;
} {
  d.type = 'pmap_brick_by_port_rsp';
  const ret = d.i32();
  const errno = d.i32();
  const status = d.i32();
  return { ret, errno, status, brick: d.textz() };
}
