import { RecordReader } from '../../src/gluster/rpc/record-reader.ts';
import { readPcap } from './pcap.ts';

/** A captured call and its reply, without their record marks. */
export interface Exchange {
  readonly call: Buffer;
  readonly reply: Buffer | undefined;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
}

function records(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  const reader = new RecordReader(64 << 20, d => {
    found.push(Buffer.from(d.buf.subarray(d.offset, d.limit)));
  });
  reader.consume(bytes, bytes.length);
  return found;
}

/** All calls of a capture of clients of GlusterFS, those of the servers' own (callbacks) too. */
export function exchangesOf(pcap: string): Exchange[] {
  const all: Exchange[] = [];
  for (const { client, server } of readPcap(pcap)) {
    const up = records(client.bytes);
    const down = records(server.bytes);
    const replies = new Map(down.filter(r => r.readUInt32BE(4) === 1).map(r => [r.readUInt32BE(0), r]));
    for (const call of [...up, ...down]) {
      if (call.readUInt32BE(4) !== 0) continue;
      const [program, version, procedure] = [12, 16, 20].map(at => call.readUInt32BE(at));
      all.push({ call, reply: replies.get(call.readUInt32BE(0)), program, version, procedure });
    }
  }
  return all;
}
