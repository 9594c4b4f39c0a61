import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeEnv } from '../../../src/env/node.ts';
import { unserializeDict } from '../../../src/gluster/rpc/dict.ts';
import {
  DUMP_PROGRAM,
  FOP_PROGRAM,
  HNDSK_GETSPEC,
  HNDSK_PROGRAM,
  HNDSK_SETVOLUME,
  OP,
  PMAP_PROGRAM,
} from '../../../src/gluster/rpc/programs.ts';
import { RecordReader } from '../../../src/gluster/rpc/record-reader.ts';
import { GlusterdClient } from '../../../src/gluster/volume/glusterd-client.ts';
import { BrickGraph, frameOf } from '../../support/gluster-brick.ts';
import { type Exchange, exchangesOf } from '../../support/gluster-records.ts';
import { goldenPath } from '../../support/golden.ts';

const capture = goldenPath('peers/golden/gluster/wire/dist-basic.pcap');
const volfile = goldenPath('peers/golden/gluster/volfiles/dist/trusted-dist.tcp-fuse.vol');

/** Gives recorded replies to the calls of the same procedure, and keeps what it was asked. */
class Replay {
  readonly asked: Buffer[] = [];
  readonly server: Server;

  constructor(reply: (program: number, procedure: number) => Buffer | undefined) {
    this.server = createServer(socket => {
      socket.on('error', () => {});
      const reader = new RecordReader(1 << 20, d => {
        const call = Buffer.from(d.buf.subarray(d.offset, d.limit));
        this.asked.push(call);
        const recorded = reply(call.readUInt32BE(12), call.readUInt32BE(20));
        if (recorded === undefined) return;
        const body = Buffer.from(recorded);
        call.copy(body, 0, 0, 4);
        const mark = Buffer.alloc(4);
        mark.writeUInt32BE((0x8000_0000 | body.length) >>> 0);
        socket.write(Buffer.concat([mark, body]));
      });
      socket.on('data', (data: Buffer) => reader.consume(data, data.length));
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as { port: number }).port;
  }

  of(program: number, procedure: number): Buffer {
    return this.asked.find(c => c.readUInt32BE(12) === program && c.readUInt32BE(20) === procedure)!;
  }
}

/** All of a call but its number. */
const withoutXid = (call: Buffer) => call.subarray(4).toString('hex');

describe.skipIf(capture === undefined || volfile === undefined)('what a real mount says at first', () => {
  const exchanges = capture === undefined ? [] : exchangesOf(capture);
  const recorded = (program: number, procedure: number, more: (x: Exchange) => boolean = () => true) =>
    exchanges.find(
      x => x.program === program && x.procedure === procedure && x.reply !== undefined && more(x),
    )!;
  const servers: Replay[] = [];

  async function replay(reply: (program: number, procedure: number) => Buffer | undefined) {
    const made = new Replay(reply);
    servers.push(made);
    return { made, port: await made.listen() };
  }

  afterEach(() => {
    for (const { server } of servers.splice(0)) server.close();
  });

  it('to glusterd: GETSPEC, byte for byte', async () => {
    const { call, reply } = recorded(HNDSK_PROGRAM, HNDSK_GETSPEC);
    const { made, port } = await replay(() => reply);
    await using client = new GlusterdClient(nodeEnv, [{ host: '127.0.0.1', port }], 'dist', { tls: 'off' });
    expect(await client.fetch()).toBe(readFileSync(volfile!, 'utf8'));
    expect(withoutXid(made.asked[0])).toBe(withoutXid(call));
  });

  it('to a brick: DUMP, PORTBYBRICK, SETVOLUME, STATFS', async () => {
    const ofGlusterd = recorded(DUMP_PROGRAM, 1, x => x.reply!.includes('Gluster Portmap'));
    const ofBrick = recorded(DUMP_PROGRAM, 1, x => !x.reply!.includes('Gluster Portmap'));
    const portmap = recorded(PMAP_PROGRAM, 1, x => x.call.includes('/dist/b0'));
    const setvolume = recorded(HNDSK_PROGRAM, HNDSK_SETVOLUME, x => x.call.includes('dist-client-0'));
    const statfs = recorded(FOP_PROGRAM, OP.STATFS);
    const brick = await replay((program, procedure) => {
      if (program === DUMP_PROGRAM) return procedure === 1 ? ofBrick.reply : undefined;
      return program === HNDSK_PROGRAM ? setvolume.reply : statfs.reply;
    });
    const glusterd = await replay((program, procedure) => {
      if (program === DUMP_PROGRAM) return procedure === 1 ? ofGlusterd.reply : undefined;
      const reply = Buffer.from(portmap.reply!);
      reply.writeUInt32BE(brick.port, reply.length - 4);
      return reply;
    });
    const text = readFileSync(volfile!, 'utf8').split('end-volume')[0];
    const options = Object.fromEntries([...text.matchAll(/option (\S+) (.+)/g)].map(([, k, v]) => [k, v]));
    const { 'remote-host': _host, ...rest } = options;
    await using client = new BrickGraph(
      {
        ...rest,
        'remote-host': '127.0.0.1',
        'remote-port': glusterd.port,
        'volfile-key': 'dist',
      },
      'dist-client-0',
    );
    client.graph.activate();
    await client.graph.ready({ timeout: 5000 });
    const answer = await client.fops.statfs(frameOf('statfs', { pid: 0 }), client.root);
    expect(answer.statfs.namemax).toBe(255);
    expect(withoutXid(glusterd.made.of(DUMP_PROGRAM, 1))).toBe(withoutXid(ofGlusterd.call));
    expect(withoutXid(glusterd.made.of(PMAP_PROGRAM, 1))).toBe(withoutXid(portmap.call));
    expect(withoutXid(brick.made.of(DUMP_PROGRAM, 1))).toBe(withoutXid(ofBrick.call));
    expect(withoutXid(brick.made.of(FOP_PROGRAM, OP.STATFS))).toBe(withoutXid(statfs.call));
    const entries = (call: Buffer) => {
      const start = call.lastIndexOf('opversion') - 12;
      const dict = unserializeDict(call.subarray(start, start + call.readUInt32BE(start - 4)), message => {
        throw new Error(message);
      });
      // What names this process and this connection, and what the test had to change.
      const own = ['process-uuid', 'process-name', 'remote-host', 'remote-port'];
      return [...dict.entries.keys()]
        .filter(key => !own.includes(key))
        .map(key => `${key}=${dict.string(key)}`)
        .sort();
    };
    const ours = brick.made.of(HNDSK_PROGRAM, HNDSK_SETVOLUME);
    expect(entries(ours)).toEqual(entries(setvolume.call));
    // Header and credentials are the same to the last byte.
    expect(ours.subarray(4, 76).toString('hex')).toBe(setvolume.call.subarray(4, 76).toString('hex'));
  });
});
