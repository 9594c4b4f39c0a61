// Nanoseconds that MOSDOp and MOSDOpReply take to make, encode and decode: what every client operation pays.
// Run: npx tsx bench/micro-messages.ts   (or node --cpu-prof on the built file)
import { Decoder } from '../src/base/decoder.ts';
import { Encoder, encodeToBuffer } from '../src/base/encoder.ts';
import {
  type MessageHeader,
  MOSDOp,
  MOSDOpReply,
  MOSDRepOp,
  messageDecoder,
  opRead,
  opWrite,
} from '../src/ceph/messages/index.ts';
import { ALL_FEATURES } from '../src/ceph/types/features.ts';
import { makeLocator } from '../src/ceph/types/object-locator.ts';
import { pgStat } from '../src/ceph/types/pg-stat.ts';
import { SNAP_NOSNAP } from '../src/ceph/types/snap.ts';

const ROUNDS = 400_000;
const spg = { pgid: { pool: 3, seed: 0x1f }, shard: -1 };
const oloc = makeLocator(3);
const payload = Buffer.alloc(4096, 7);
const mtime = { sec: 1_600_000_000, nsec: 5 };
const encoder = new Encoder(1024);

function make(write: boolean, tid: number): MOSDOp {
  const op = write ? opWrite(0, payload) : opRead(0, 4096);
  const m = new MOSDOp('benchmark_data_host_12345_object67', oloc, spg, 0x12345678, [op]);
  m.tid = tid;
  m.osdmapEpoch = 20;
  m.flags = write ? 0x400024 : 0x400014;
  m.mtime = mtime;
  m.retryAttempt = 0;
  return m;
}

function header(m: { type: number; version: number; compatVersion: number }): MessageHeader {
  return { type: m.type, version: m.version, compatVersion: m.compatVersion, tid: 1, priority: 63 };
}

function front(m: MOSDOp | MOSDOpReply): Buffer {
  const e = new Encoder();
  m.encodePayload(e, ALL_FEATURES);
  return Buffer.from(e.result());
}

let sink = 0;

function time(name: string, run: (i: number) => void): void {
  for (let i = 0; i < 50_000; i++) run(i);
  let best = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < 5; pass++) {
    const begin = process.cpuUsage();
    for (let i = 0; i < ROUNDS; i++) run(i);
    const { user, system } = process.cpuUsage(begin);
    best = Math.min(best, ((user + system) * 1000) / ROUNDS);
  }
  console.log(`${name.padEnd(34)} ${best.toFixed(0).padStart(6)} ns`);
}

for (const write of [false, true]) {
  const what = write ? 'write' : 'read';
  const message = make(write, 1);
  const opFront = front(message);
  const opHeader = header(message);
  const opData = write ? payload : undefined;
  const reply = MOSDOpReply.to(message, 0, 20, 4, true);
  if (!write) reply.ops[0].outdata = payload;
  const replyFront = front(reply);
  const replyHeader = header(reply);
  const replyData = write ? undefined : payload;
  const decodeOp = messageDecoder(message.type)!;
  const decodeReply = messageDecoder(reply.type)!;
  time(`MOSDOp ${what}: make`, i => {
    sink += make(write, i).tid;
  });
  time(`MOSDOp ${what}: make and encode`, i => {
    encoder.reset();
    make(write, i).encodePayload(encoder, ALL_FEATURES);
    sink += encoder.length;
  });
  time(`MOSDOp ${what}: decode`, () => {
    sink += decodeOp(new Decoder(opFront), opHeader, opData, undefined).version;
  });
  time(`MOSDOpReply ${what}: make and encode`, () => {
    encoder.reset();
    MOSDOpReply.to(message, 0, 20, 4, true).encodePayload(encoder, ALL_FEATURES);
    sink += encoder.length;
  });
  time(`MOSDOpReply ${what}: decode`, () => {
    sink += decodeReply(new Decoder(replyFront), replyHeader, replyData, undefined).version;
  });
}

const head = {
  key: '',
  oid: 'benchmark_data_host_12345_object67',
  snap: SNAP_NOSNAP,
  hash: 0x12345678,
  max: false,
};
const poid = { ...head, nspace: '', pool: 3 };
const reqid = { name: { type: 8, num: 4123 }, tid: 1, inc: 0 };
const stats = encodeToBuffer(e => pgStat.encode(e, pgStat.zero()));
const log = Buffer.alloc(180, 1);
const from = { osd: 1, shard: -1 };
const version = { version: 7, epoch: 20 };
function makeRepOp(): MOSDRepOp {
  return new MOSDRepOp(reqid, spg, poid, version, from, log, stats);
}
const repFront = Buffer.from(encodeToBuffer(e => makeRepOp().encodePayload(e)));
const repHeader = header(makeRepOp());
const decodeRepOp = messageDecoder(repHeader.type)!;
time('MOSDRepOp: make and encode', () => {
  encoder.reset();
  makeRepOp().encodePayload(encoder);
  sink += encoder.length;
});
time('MOSDRepOp: decode', () => {
  sink += decodeRepOp(new Decoder(repFront), repHeader, payload, undefined).version;
});
if (sink === 0) throw new Error('nothing was done');
