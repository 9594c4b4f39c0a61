import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { NacreError } from '../../base/errors.ts';
import type { Message } from '../../ceph/messages/message.ts';
import { CEPH_MSG_OSD_OPREPLY } from '../../ceph/messages/message-types.ts';
import { MOSDOp } from '../../ceph/messages/mosdop.ts';
import type { MOSDOpReply } from '../../ceph/messages/mosdopreply.ts';
import { opWrite } from '../../ceph/messages/osd-op-build.ts';
import { FixedAuth, modesOf } from '../../ceph/messenger/fixed-auth.ts';
import {
  type Connection,
  createMessenger,
  type Dispatcher,
  lossyClient,
  type MessengerImpl,
  type NetworkStack,
} from '../../ceph/messenger/index.ts';
import { ENTITY_TYPE_CLIENT, ENTITY_TYPE_OSD } from '../../ceph/types/entity.ts';
import type { EntityAddrVec } from '../../ceph/types/entity-addr.ts';
import { NO_SHARD } from '../../ceph/types/pg.ts';
import { CEPH_OSD_FLAG_ONDISK, CEPH_OSD_FLAG_WRITE } from '../../ceph/types/rados.ts';
import type { Env } from '../../env/env.ts';
import { type Mode, type ServerStats, STATS_OBJECT } from './server.ts';

export interface ClientOptions {
  readonly env: Env;
  readonly addrs: EntityAddrVec;
  readonly mode: Mode;
  readonly jobs: number;
  /** Requests in flight of each job. */
  readonly depth: number;
  /** Bytes of each write. */
  readonly size: number;
  /** Ends after this many seconds ... */
  readonly seconds: number;
  /** ... or this many requests of each job, when not 0. */
  readonly ops: number;
  /** Milliseconds between an answer and the next request. */
  readonly thinkMs: number;
  /** Seconds before measuring begins; not used when `ops` is set. */
  readonly warmup: number;
  readonly stack?: NetworkStack;
}

export interface ClientResult {
  readonly ops: number;
  readonly seconds: number;
  readonly opsPerSecond: number;
  /** 10^6 bytes of payload a second. */
  readonly mbPerSecond: number;
  /** Milliseconds. */
  readonly latency: {
    readonly min: number;
    readonly mean: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** Bytes on the wire for each request, and for its answer. */
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** CPU time of this process for each request and its answer, microseconds. */
  readonly clientCpuUs: number;
  /** The same of the server's; undefined when it runs in this process too. */
  readonly serverCpuUs: number | undefined;
}

/** Keeps `depth` writes in flight to the server, with a messenger of its own. */
class Job implements Dispatcher {
  readonly messenger: MessengerImpl;
  private readonly run: Run;
  private readonly con: Connection;
  private readonly data: Buffer;
  private readonly started: Float64Array;
  private next = 0;
  private finished = 0;
  private stats: ((reply: MOSDOpReply) => void) | undefined;

  constructor(run: Run, number: number) {
    this.run = run;
    const { env, addrs, mode, depth, size, stack } = run.options;
    const auth = new FixedAuth(env.random, modesOf(mode));
    this.messenger = createMessenger({
      env,
      name: { type: ENTITY_TYPE_CLIENT, num: number + 1 },
      authClient: auth,
      stack,
      defaultPolicy: lossyClient(),
    });
    this.messenger.addDispatcher(this);
    this.data = Buffer.alloc(size);
    this.started = new Float64Array(depth);
    this.con = this.messenger.connectTo(ENTITY_TYPE_OSD, addrs);
  }

  private op(oid: string, tid: number, data: Buffer): MOSDOp {
    const spg = { pgid: { pool: 1, seed: 0 }, shard: NO_SHARD };
    const m = new MOSDOp(oid, { pool: 1, key: '', nspace: '', hash: -1 }, spg, 0, [opWrite(0, data)]);
    m.tid = tid;
    m.osdmapEpoch = 1;
    m.flags = CEPH_OSD_FLAG_WRITE | CEPH_OSD_FLAG_ONDISK;
    return m;
  }

  start(): void {
    for (let i = 0; i < this.run.options.depth; i++) this.send();
  }

  private send(): void {
    const { ops, depth, env } = this.run.options;
    if (this.run.over || (ops > 0 && this.next >= ops)) return;
    // Answers come in order, so the place of a request is free when its turn comes again.
    const tid = ++this.next;
    this.started[tid % depth] = env.clock.mono();
    this.con.send(this.op('object-name', tid, this.data));
  }

  askStats(): Promise<ServerStats> {
    return new Promise(resolve => {
      this.stats = reply => resolve(JSON.parse(Buffer.from(reply.ops[0].outdata!).toString()) as ServerStats);
      this.con.send(this.op(STATS_OBJECT, 2 ** 40, Buffer.alloc(1)));
    });
  }

  canFastDispatch(m: Message): boolean {
    return m.type === CEPH_MSG_OSD_OPREPLY;
  }

  fastDispatch(_con: Connection, m: Message): void {
    if (m.tid === 2 ** 40) {
      this.stats?.(m as MOSDOpReply);
      return;
    }
    const { options, histogram } = this.run;
    const { depth, env, ops, thinkMs } = options;
    const took = env.clock.mono() - this.started[m.tid % depth];
    histogram.record(Math.max(1, Math.round(took * 1e6)));
    this.run.done++;
    if (++this.finished === ops) this.run.jobDone();
    if (thinkMs === 0) this.send();
    else env.timers.set(() => this.send(), thinkMs);
  }

  dispatch(): boolean {
    return false;
  }

  handleReset(): void {
    this.run.fail(new NacreError('ECONNRESET', 'perf-msgr', 'the server closed the connection'));
  }

  handleRefused(): void {
    this.run.fail(new NacreError('ECONNREFUSED', 'perf-msgr', 'no server there'));
  }
}

class Run {
  readonly options: ClientOptions;
  readonly histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: 60e9, figures: 3 });
  done = 0;
  over = false;
  private jobsLeft: number;
  private ended!: () => void;
  private failed!: (error: Error) => void;
  readonly end: Promise<void>;

  constructor(options: ClientOptions) {
    this.options = options;
    this.jobsLeft = options.jobs;
    this.end = new Promise((resolve, reject) => {
      this.ended = resolve;
      this.failed = reject;
    });
    this.end.catch(() => {});
  }

  jobDone(): void {
    if (--this.jobsLeft === 0) this.ended();
  }

  stop(): void {
    this.ended();
  }

  fail(error: Error): void {
    if (!this.over) this.failed(error);
  }
}

const ms = (ns: number) => ns / 1e6;

/** Runs the benchmark against a server that is there. Rejects when the connection fails. */
export async function runClient(options: ClientOptions, local: boolean): Promise<ClientResult> {
  const { env } = options;
  const run = new Run(options);
  const jobs = Array.from({ length: options.jobs }, (_, i) => new Job(run, i));
  const cpu = () => {
    const { user, system } = env.host.cpuUsage();
    return user + system;
  };
  try {
    const first = jobs[0];
    await Promise.race([first.askStats(), run.end]);
    if (options.ops === 0 && options.warmup > 0) {
      for (const job of jobs) job.start();
      await Promise.race([new Promise<void>(done => env.timers.set(done, options.warmup * 1000)), run.end]);
    }
    const serverBefore = await Promise.race([first.askStats(), run.end]);
    run.histogram.reset();
    run.done = 0;
    const sent = () => jobs.reduce((n, job) => n + job.messenger.stats.msgr_send_bytes, 0);
    const received = () => jobs.reduce((n, job) => n + job.messenger.stats.msgr_recv_bytes, 0);
    const sentBefore = sent();
    const receivedBefore = received();
    const began = env.clock.mono();
    const cpuBefore = cpu();
    if (options.ops > 0 || options.warmup === 0) for (const job of jobs) job.start();
    if (options.ops === 0) env.timers.set(() => run.stop(), options.seconds * 1000);
    await run.end;
    const seconds = (env.clock.mono() - began) / 1000;
    const cpuUs = cpu() - cpuBefore;
    const ops = run.done;
    const requestBytes = (sent() - sentBefore) / ops;
    const replyBytes = (received() - receivedBefore) / ops;
    const serverAfter = await first.askStats();
    run.over = true;
    const { histogram: h } = run;
    const before = serverBefore as ServerStats;
    return {
      ops,
      seconds,
      opsPerSecond: ops / seconds,
      mbPerSecond: (ops * options.size) / seconds / 1e6,
      latency: {
        min: ms(h.min),
        mean: ms(h.mean),
        p50: ms(h.percentile(50)),
        p90: ms(h.percentile(90)),
        p99: ms(h.percentile(99)),
        p999: ms(h.percentile(99.9)),
        max: ms(h.max),
      },
      requestBytes,
      replyBytes,
      clientCpuUs: cpuUs / ops,
      serverCpuUs: local
        ? undefined
        : (serverAfter.cpuUs - before.cpuUs) / (serverAfter.messages - before.messages),
    };
  } finally {
    run.over = true;
    await Promise.all(jobs.map(job => job.messenger.shutdown()));
  }
}
