import { createContext } from '../../src/base/context.ts';
import type { Message } from '../../src/ceph/messages/message.ts';
import { MOSDOp } from '../../src/ceph/messages/mosdop.ts';
import type { MOSDOpReply } from '../../src/ceph/messages/mosdopreply.ts';
import type { OSDOp } from '../../src/ceph/messages/osd-op.ts';
import '../../src/ceph/messages/index.ts';
import type { Connection } from '../../src/ceph/messenger/types.ts';
import { MemStore } from '../../src/ceph/object-store/index.ts';
import { standardClasses } from '../../src/ceph/osd/index.ts';
import { limitsFrom } from '../../src/ceph/osd/limits.ts';
import { OpRequest } from '../../src/ceph/osd/op-request.ts';
import type { PgHost } from '../../src/ceph/osd/pg-host.ts';
import { PrimaryLogPG } from '../../src/ceph/osd/primary-log-pg.ts';
import { OsdSession } from '../../src/ceph/osd/session.ts';
import { OsdMap, PgPool } from '../../src/ceph/osdmap/index.ts';
import { ENTITY_TYPE_CLIENT } from '../../src/ceph/types/entity.ts';
import { ALL_FEATURES } from '../../src/ceph/types/features.ts';
import { makeLocator } from '../../src/ceph/types/object-locator.ts';
import { NO_SHARD } from '../../src/ceph/types/pg.ts';
import { nodeEnv } from '../../src/env/node.ts';

const POOL = 1;

/** One active PG of one pool on a MemStore, and a client that talks to it without a network. */
export class OnePg {
  readonly store = new MemStore();
  readonly map = new OsdMap();
  readonly pool = new PgPool();
  /** Everything that was sent to the client. */
  readonly sent: Message[] = [];
  pg!: PrimaryLogPG;
  private tid = 0;
  private readonly con: Connection;
  private readonly session: OsdSession;

  private constructor(gid: number) {
    this.con = {
      peerType: ENTITY_TYPE_CLIENT,
      peerName: { type: ENTITY_TYPE_CLIENT, num: gid },
      peerAddrs: [],
      features: ALL_FEATURES,
      peer: { entityName: 'client.admin', globalId: BigInt(gid), caps: undefined, allowAll: true },
      send: (m: Message) => this.sent.push(m),
    } as unknown as Connection;
    this.session = new OsdSession(this.con);
  }

  static async create(): Promise<OnePg> {
    const one = new OnePg(4100);
    await one.store.mount();
    const { map, pool, store } = one;
    map.epoch = 5;
    pool.size = 1;
    pool.minSize = 1;
    pool.objectHash = 2;
    pool.setPgNum(1);
    pool.setPgpNum(1);
    map.pools.set(POOL, pool);
    const ctx = createContext({ env: nodeEnv, conf: null, ignoreEnvironment: true });
    let tid = 0;
    const host: PgHost = {
      whoami: 0,
      env: nodeEnv,
      store,
      classes: standardClasses(),
      limits: limitsFrom(ctx.config),
      map,
      mapAt: () => undefined,
      oldestMap: 5,
      sendToOsd: () => {},
      sendToMon: () => {},
      statsChanged: () => {},
      nextTid: () => ++tid,
      nextNotifyId: () => BigInt(++tid),
      fetchObject: () => Promise.reject(new Error('no other OSD')),
      log: () => {},
      logs: () => false,
      countOp: () => {},
    };
    const mapping = { up: [0], upPrimary: 0, acting: [0], actingPrimary: 0, primaryShard: NO_SHARD };
    one.pg = new PrimaryLogPG(host, { pool: POOL, seed: 0 }, pool, mapping, 5);
    one.pg.load();
    one.pg.begin();
    return one;
  }

  message(oid: string, ops: OSDOp[]): MOSDOp {
    const hash = this.pool.hashKey(oid);
    const m = new MOSDOp(
      oid,
      makeLocator(POOL),
      { pgid: { pool: POOL, seed: 0 }, shard: NO_SHARD },
      hash,
      ops,
    );
    m.tid = ++this.tid;
    m.osdmapEpoch = this.map.epoch;
    return m;
  }

  /** Gives a message to the PG without waiting. */
  submit(m: MOSDOp): void {
    this.pg.doRequest(new OpRequest(this.con, this.session, m));
  }

  /** Runs a request to its answer. */
  async run(m: MOSDOp): Promise<MOSDOpReply> {
    const before = this.sent.length;
    this.submit(m);
    await new Promise<void>(resolve => setImmediate(resolve));
    const reply = this.sent.slice(before).find(sent => sent.tid === m.tid);
    if (reply === undefined) throw new Error(`no answer to ${m.describe()}`);
    return reply as MOSDOpReply;
  }

  ops(oid: string, ...ops: OSDOp[]): Promise<MOSDOpReply> {
    return this.run(this.message(oid, ops));
  }
}
