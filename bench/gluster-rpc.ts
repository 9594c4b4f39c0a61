/**
 * What Gluster's RPC costs. Without arguments: encoding a call and decoding its reply, of captured calls (test/vectors/gluster). With
 * `--brick`: fops of protocol/client on a real brick, with the CPU of this process an operation. Needs GlusterFS and port 24007.
 *
 *   npx tsx bench/gluster-rpc.ts [--brick] [--seconds 3] [--depth 16]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Loc } from '../src/gluster/graph/loc.ts';
import { ReplyHead, WIRE_4 } from '../src/gluster/rpc/fop-wire.ts';
import { beginCall, decodeCallHeader, decodeReplyHeader, endRecord } from '../src/gluster/rpc/message.ts';
import { FOP_PROGRAM, OP } from '../src/gluster/rpc/programs.ts';
import { XdrDecoder } from '../src/gluster/rpc/xdr-decoder.ts';
import { XdrEncoder } from '../src/gluster/rpc/xdr-encoder.ts';
import { BrickGraph, frameOf, gfidRequest } from '../test/support/gluster-brick.ts';
import { REPLIES } from '../test/support/gluster-replies.ts';
import { REQUESTS } from '../test/support/gluster-requests.ts';
import { RealGluster } from '../test/support/real-gluster.ts';

const { values } = parseArgs({
  options: {
    brick: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '3' },
    depth: { type: 'string', default: '16' },
  },
});
const seconds = Number(values.seconds);
const depth = Number(values.depth);

const VECTORS = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'test', 'vectors', 'gluster', 'rpc.json'), 'utf8'),
) as { program: number; procedure: number; call: string; reply?: string }[];

function micro(): void {
  const names = Object.entries(OP) as [string, number][];
  console.log('procedure      bytes out   encode us   bytes in   decode us');
  for (const { program, procedure, call, reply } of VECTORS) {
    if (program !== FOP_PROGRAM || reply === undefined) continue;
    const bytes = Buffer.from(call, 'hex');
    const d = new XdrDecoder(bytes);
    d.skip(8);
    const { flavor, caller } = decodeCallHeader(d, 1);
    const encode = REQUESTS[procedure](WIRE_4, d);
    const e = new XdrEncoder();
    const encodeUs = timeOf(() => {
      const mark = beginCall(e, 1, FOP_PROGRAM, 400, procedure, flavor, caller);
      encode(e);
      endRecord(e, mark);
      if (e.length > 8192) e.take();
    });
    const answer = Buffer.from(reply, 'hex');
    const head = new ReplyHead();
    const r = new XdrDecoder(answer);
    const decodeUs = timeOf(() => {
      r.reset(answer, 0, answer.length, false);
      r.skip(8);
      decodeReplyHeader(r);
      REPLIES[procedure](WIRE_4, r, head);
    });
    const name = names.find(([, number]) => number === procedure)![0];
    console.log(
      `${name.padEnd(14)} ${String(bytes.length).padStart(9)} ${encodeUs.toFixed(2).padStart(11)} ${String(answer.length).padStart(10)} ${decodeUs.toFixed(2).padStart(11)}`,
    );
  }
}

function timeOf(work: () => void): number {
  for (let i = 0; i < 20_000; i++) work();
  const n = 100_000;
  const start = process.hrtime.bigint();
  for (let i = 0; i < n; i++) work();
  return Number(process.hrtime.bigint() - start) / 1000 / n;
}

/** Keeps `depth` of `op` in flight for some seconds. */
async function measure(what: string, op: (i: number) => Promise<unknown>, inFlight = depth): Promise<void> {
  let next = 0;
  let done = 0;
  const run = async (until: number) => {
    while (Date.now() < until) {
      await op(next++);
      done++;
    }
  };
  const warm = Date.now() + 500;
  await Promise.all(Array.from({ length: inFlight }, () => run(warm)));
  done = 0;
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const until = Date.now() + seconds * 1000;
  await Promise.all(Array.from({ length: inFlight }, () => run(until)));
  const { user, system } = process.cpuUsage(cpu);
  const elapsed = Number(process.hrtime.bigint() - start) / 1e9;
  const perOp = (us: number) => (us / done).toFixed(1);
  console.log(
    `${what.padEnd(22)} ${(done / elapsed).toFixed(0).padStart(8)} ops/s   ${perOp(user + system).padStart(7)} us CPU (${perOp(user)} user)`,
  );
}

async function onBrick(): Promise<void> {
  await using gluster = await RealGluster.start({ logLevel: 'WARNING' });
  await gluster.createVolume('bench', { bricks: 1 });
  await using brick = await BrickGraph.of(gluster, 'bench', 0);
  const { graph } = brick;
  const { fops } = graph;
  const made = async (name: string) => {
    const loc = brick.at(name);
    const fd = graph.inodes.openFd(loc.inode, 2, process.pid, '');
    const { stat } = await fops.create(frameOf('create'), loc, 0o102, 0o644, 0, fd, gfidRequest());
    const inode = graph.inodes.link(loc.inode, loc.parent, loc.name, stat);
    return { fd, loc: new Loc(inode, loc.parent, loc.name, loc.path) };
  };
  const read = async (size: number, offset: number) => {
    const { memory } = await fops.readv(frameOf('readv'), fd, size, offset, 0);
    memory?.recycle();
  };
  const { fd, loc } = await made('file');
  const block = Buffer.alloc(4096, 7);
  const large = Buffer.alloc(1 << 20, 9);
  for (let i = 0; i < 16; i++) await fops.writev(frameOf('writev'), fd, [large], i << 20, 0);
  await measure('stat', () => fops.stat(frameOf('stat'), loc));
  await measure('lookup', () => fops.lookup(frameOf('lookup'), loc));
  await measure('read 4 KiB', i => read(4096, (i % 4096) * 4096));
  await measure('write 4 KiB', i => fops.writev(frameOf('writev'), fd, [block], (i % 4096) * 4096, 0));
  await measure('create', async i => (await made(`c${i}`)).fd.release());
  await measure('read 128 KiB', i => read(131072, (i % 128) * 131072), 4);
  await measure('read 1 MiB', i => read(1 << 20, (i % 16) << 20), 4);
  await measure('write 1 MiB', i => fops.writev(frameOf('writev'), fd, [large], (i % 16) << 20, 0), 4);
  console.log(`resident ${(process.memoryUsage().rss / 1048576).toFixed(0)} MiB`);
}

micro();
if (values.brick) await onBrick();
