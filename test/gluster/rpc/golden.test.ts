import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeCallback } from '../../../src/gluster/rpc/callback.ts';
import { decodeOldDict } from '../../../src/gluster/rpc/dict.ts';
import { dumpReply, dumpRequest, pingReply } from '../../../src/gluster/rpc/dump.ts';
import { ReplyHead } from '../../../src/gluster/rpc/fop-wire.ts';
import {
  getspecReply,
  getspecRequest,
  setvolumeReply,
  setvolumeRequest,
} from '../../../src/gluster/rpc/handshake.ts';
import {
  AUTH_GLUSTERFS_V3,
  beginCall,
  decodeCallHeader,
  decodeReplyHeader,
  endRecord,
} from '../../../src/gluster/rpc/message.ts';
import { portByBrickReply, portByBrickRequest } from '../../../src/gluster/rpc/portmap.ts';
import {
  CBK_PROGRAM,
  DUMP_PING,
  DUMP_PROGRAM,
  FOP_PROGRAM,
  HNDSK_GETSPEC,
  HNDSK_PROGRAM,
  HNDSK_SETVOLUME,
  OP,
  PMAP_PORTBYBRICK,
  PMAP_PROGRAM,
} from '../../../src/gluster/rpc/programs.ts';
import { XdrDecoder } from '../../../src/gluster/rpc/xdr-decoder.ts';
import { XdrEncoder } from '../../../src/gluster/rpc/xdr-encoder.ts';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { type Exchange, exchangesOf } from '../../support/gluster-records.ts';
import { REPLIES } from '../../support/gluster-replies.ts';
import { REQUESTS, wireOf } from '../../support/gluster-requests.ts';
import { goldenPath } from '../../support/golden.ts';

/** Reads a call's arguments and says how to encode them again. */
function argumentsOf(x: Exchange, d: XdrDecoder): (e: XdrEncoder) => void {
  switch (x.program) {
    case FOP_PROGRAM:
      return REQUESTS[x.procedure](wireOf(x.version), d);
    case DUMP_PROGRAM:
      if (x.procedure === DUMP_PING) return () => {};
      d.skip(8);
      return dumpRequest;
    case PMAP_PROGRAM: {
      expect(x.procedure).toBe(PMAP_PORTBYBRICK);
      const brick = d.text();
      return e => portByBrickRequest(e, brick);
    }
    case HNDSK_PROGRAM: {
      if (x.procedure === HNDSK_SETVOLUME) {
        const dict = decodeOldDict(d) ?? new Dict();
        return e => setvolumeRequest(e, dict);
      }
      expect(x.procedure).toBe(HNDSK_GETSPEC);
      const flags = d.u32();
      const key = d.text();
      const xdata = decodeOldDict(d);
      return e => getspecRequest(e, flags, key, xdata);
    }
    default:
      throw new Error(`program ${x.program}`);
  }
}

function readReply(x: Exchange, d: XdrDecoder): void {
  expect(decodeReplyHeader(d)).toBeUndefined();
  if (x.program === FOP_PROGRAM) {
    const head = new ReplyHead();
    const answer = REPLIES[x.procedure](wireOf(x.version), d, head);
    if (head.ret < 0) expect(head.errno).toBeGreaterThan(0);
    else expect(answer).toBeDefined();
    // What comes after a failure's error, or after a dict's statistics, is nobody's business.
    const xattr = [OP.GETXATTR, OP.FGETXATTR, OP.XATTROP, OP.FXATTROP] as number[];
    if (answer !== undefined) expect(d.remaining).toBe(xattr.includes(x.procedure) ? 296 : 0);
    return;
  }
  if (x.program === DUMP_PROGRAM) {
    if (x.procedure === DUMP_PING) expect(pingReply(d).ret).toBe(0);
    else expect(dumpReply(d).programs.length).toBeGreaterThan(1);
  } else if (x.program === PMAP_PROGRAM) expect(portByBrickReply(d).port).toBeGreaterThan(1024);
  else if (x.procedure === HNDSK_SETVOLUME) expect(setvolumeReply(d).dict.has('process-uuid')).toBe(true);
  else expect(getspecReply(d).spec).toMatch(/^volume [\s\S]+end-volume\n$/);
}

function check(x: Exchange): void {
  const d = new XdrDecoder(x.call);
  d.skip(8);
  const header = decodeCallHeader(d, x.call.readUInt32BE(0));
  if (x.program === CBK_PROGRAM) {
    expect(decodeCallback(d, x.procedure).kind).not.toBe('unknown');
    return;
  }
  const encode = argumentsOf(x, d);
  expect(d.remaining, `${x.program}.${x.procedure}`).toBe(0);
  const e = new XdrEncoder();
  const mark = beginCall(e, header.xid, x.program, x.version, x.procedure, header.flavor, header.caller);
  encode(e);
  endRecord(e, mark);
  const bytes = e.result();
  expect(bytes.readUInt32BE(0)).toBe((0x8000_0000 | x.call.length) >>> 0);
  expect(bytes.subarray(4).toString('hex'), `${x.program}.${x.procedure}`).toBe(x.call.toString('hex'));
  if (x.program === FOP_PROGRAM) expect(header.flavor).toBe(AUTH_GLUSTERFS_V3);
  if (x.reply === undefined) return;
  const r = new XdrDecoder(x.reply);
  r.skip(8);
  readReply(x, r);
}

describe.each(['dist-basic', 'rep', 'ec42'])('the capture %s', capture => {
  const path = goldenPath(`peers/golden/gluster/wire/${capture}.pcap`);

  it.skipIf(path === undefined)('decodes, and its calls encode to the same bytes', () => {
    const exchanges = exchangesOf(path!);
    expect(exchanges.length).toBeGreaterThan(50);
    for (const x of exchanges) check(x);
    expect(new Set(exchanges.map(x => `${x.program}.${x.procedure}`)).size).toBeGreaterThan(20);
  });
});

/** One call of each procedure of those captures and its reply. */
const VECTORS = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', '..', 'vectors', 'gluster', 'rpc.json'), 'utf8'),
) as { program: number; version: number; procedure: number; call: string; reply?: string }[];

it.each(VECTORS)('vector $program.$procedure', ({ call, reply, ...x }) => {
  check({
    ...x,
    call: Buffer.from(call, 'hex'),
    reply: reply === undefined ? undefined : Buffer.from(reply, 'hex'),
  });
});
