import { createContext } from '../../src/base/context.ts';
import type { Message } from '../../src/ceph/messages/message.ts';
import { MOSDMap } from '../../src/ceph/messages/mosd-map.ts';
import type { MOSDOp } from '../../src/ceph/messages/mosdop.ts';
import { MOSDOpReply } from '../../src/ceph/messages/mosdopreply.ts';
import type { OSDOp } from '../../src/ceph/messages/osd-op.ts';
import { opRead, opWrite } from '../../src/ceph/messages/osd-op-build.ts';
import type { Connection, Messenger } from '../../src/ceph/messenger/types.ts';
import type { MonClient } from '../../src/ceph/mon-client/index.ts';
import { Objecter } from '../../src/ceph/objecter/objecter.ts';
import { Op, type OpCompletion } from '../../src/ceph/objecter/op.ts';
import { applyIncremental } from '../../src/ceph/osdmap/apply.ts';
import { createInitialOsdMap, makePool, type OsdLocation } from '../../src/ceph/osdmap/build.ts';
import { OSD_IN, OSD_UP } from '../../src/ceph/osdmap/flags.ts';
import { OsdMapIncremental } from '../../src/ceph/osdmap/incremental.ts';
import { encodeIncremental } from '../../src/ceph/osdmap/incremental-codec.ts';
import type { OsdMap } from '../../src/ceph/osdmap/osdmap.ts';
import { encodeOsdMap } from '../../src/ceph/osdmap/osdmap-codec.ts';
import {
  ADDR_MSGR2,
  ENTITY_TYPE_MON,
  ENTITY_TYPE_OSD,
  type EntityAddrVec,
  makeEntityAddr,
} from '../../src/ceph/types/entity.ts';
import { ALL_FEATURES } from '../../src/ceph/types/features.ts';
import { makeLocator } from '../../src/ceph/types/object-locator.ts';
import { CEPH_OSD_FLAG_ONDISK, CEPH_OSD_FLAG_READ, CEPH_OSD_FLAG_WRITE } from '../../src/ceph/types/rados.ts';
import type { Env, TimerHandle } from '../../src/env/env.ts';
import { fakeEnv } from '../base/fake-env.ts';

const FSID = '0f0e0d0c-0b0a-0908-0706-050403020100';

/** A clock that moves when told to. */
export class ManualTime {
  now = 1000;
  private readonly waiting = new Map<object, { at: number; fn: () => void; every: number }>();

  env(): Env {
    const set = (fn: () => void, ms: number, every: number): TimerHandle => {
      const handle = {};
      this.waiting.set(handle, { at: this.now + ms, fn, every });
      return handle;
    };
    return {
      ...fakeEnv(),
      clock: { now: () => 1_600_000_000_000 + this.now, mono: () => this.now },
      timers: {
        set: (fn, ms) => set(fn, ms, 0),
        every: (fn, ms) => set(fn, ms, ms),
        clear: handle => this.waiting.delete(handle),
        immediate: fn => setImmediate(fn),
      },
    };
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.waiting].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      const [handle, timer] = due;
      this.now = timer.at;
      if (timer.every > 0) timer.at += timer.every;
      else this.waiting.delete(handle);
      timer.fn();
    }
    this.now = end;
  }

  get timers(): number {
    return this.waiting.size;
  }
}

/** The objecter's end of a connection: what it sends is kept. */
export class FakeConnection implements Connection {
  readonly sent: Message[] = [];
  readonly peerType: number;
  readonly peerAddrs: EntityAddrVec;
  readonly peerName: { type: number; num: number };
  readonly features = ALL_FEATURES;
  isConnected = true;
  readonly isLossy = true;
  readonly peer = undefined;
  readonly globalId = 0n;
  session: unknown;
  readonly lastKeepaliveAck = 0;
  lastActive = 1;
  down = false;

  constructor(peerType: number, num: number, peerAddrs: EntityAddrVec) {
    this.peerType = peerType;
    this.peerName = { type: peerType, num };
    this.peerAddrs = peerAddrs;
  }

  send(m: Message): void {
    if (!this.down) this.sent.push(m);
  }
  sendKeepalive(): void {}
  markDown(): void {
    this.down = true;
  }

  /** Takes what was sent of one class out. */
  take<T extends Message>(type: abstract new (...args: never[]) => T): T[] {
    const found = this.sent.filter(m => m instanceof type) as T[];
    this.sent.length = 0;
    return found;
  }
}

/** Waits for the end of an op. */
export class Outcome implements OpCompletion {
  calls = 0;
  result = Number.NaN;
  op: Op | undefined;

  opFinished(op: Op, result: number): void {
    this.calls++;
    this.op = op;
    this.result = result;
  }

  get done(): boolean {
    return this.calls > 0;
  }
}

/** The objecter among neighbours that do what a test says: maps and OSDs of its choice. */
export class FakeCluster {
  readonly time = new ManualTime();
  readonly connections: FakeConnection[] = [];
  readonly wants: [string, number, boolean][] = [];
  /** Questions for the newest epoch that wait for an answer. */
  readonly versions: ((newest: number) => void)[] = [];
  readonly monSent: Message[] = [];
  readonly monCon = new FakeConnection(ENTITY_TYPE_MON, 0, []);
  readonly objecter: Objecter;
  map: OsdMap;

  constructor(
    osds = 3,
    config: Record<string, string | number> = {},
    location?: (osd: number) => OsdLocation,
  ) {
    const env = this.time.env();
    const context = createContext({ env, conf: null, ignoreEnvironment: true, overrides: config });
    const messenger = {
      addDispatcher() {},
      connectTo: (type: number, addrs: EntityAddrVec) => {
        const con = new FakeConnection(type, addrs[0].port - 6800, addrs);
        this.connections.push(con);
        return con;
      },
    } as unknown as Messenger;
    const cluster = this;
    const mon = {
      fsid: FSID,
      globalId: 4100n,
      get activeConnection() {
        return cluster.monCon.down ? undefined : cluster.monCon;
      },
      subWant: (what: string, start: number, onetime: boolean) => {
        cluster.wants.push([what, start, onetime]);
        return true;
      },
      renewSubs() {},
      subGot() {},
      sendMonMessage: (m: Message) => cluster.monSent.push(m),
      getVersion: () =>
        new Promise(resolve => cluster.versions.push(newest => resolve({ newest, oldest: 1 }))),
    } as unknown as MonClient;
    this.objecter = new Objecter(context, messenger, mon);
    this.map = createInitialOsdMap({
      fsid: FSID,
      created: { sec: 1, nsec: 0 },
      failureDomain: 'osd',
      location,
      osdUuids: Array.from({ length: osds }, (_, i) => `00000000-0000-0000-0000-00000000000${i + 1}`),
    });
    this.objecter.start();
    this.sendFull();
    this.change(inc => {
      for (let osd = 0; osd < osds; osd++) {
        this.boot(inc, osd, 1);
        inc.newWeight.set(osd, OSD_IN);
      }
      inc.newPoolMax = 1;
      inc.newPools.set(1, makePool({ pgNum: 8 }));
      inc.newPoolNames.set(1, 'data');
    });
  }

  addrOf(osd: number, nonce = 1): EntityAddrVec {
    return [makeEntityAddr(ADDR_MSGR2, '127.0.0.1', 6800 + osd, nonce)];
  }

  private sendFull(): void {
    const m = new MOSDMap(FSID);
    m.maps = new Map([[this.map.epoch, encodeOsdMap(this.map)]]);
    m.oldest = 1;
    m.newest = this.map.epoch;
    this.objecter.dispatch(this.monCon, m);
  }

  /** Makes the next map. Gives the encoded incremental; the objecter gets it unless `keep`. */
  change(edit: (inc: OsdMapIncremental) => void, keep = false): Buffer {
    const inc = new OsdMapIncremental();
    inc.fsid = FSID;
    inc.epoch = this.map.epoch + 1;
    edit(inc);
    const bytes = encodeIncremental(inc);
    this.map = applyIncremental(this.map, inc);
    if (!keep) this.sendMaps([[inc.epoch, bytes]]);
    return bytes;
  }

  sendMaps(incrementals: [number, Uint8Array][], oldest = 1): void {
    const m = new MOSDMap(FSID);
    m.incrementals = new Map(incrementals);
    m.oldest = oldest;
    m.newest = this.map.epoch;
    this.objecter.dispatch(this.monCon, m);
  }

  boot(inc: OsdMapIncremental, osd: number, nonce: number): void {
    inc.newState.set(osd, OSD_UP);
    inc.newUpClient.set(osd, this.addrOf(osd, nonce));
    inc.newUpCluster.set(osd, this.addrOf(osd, nonce));
    inc.newHbBackUp.set(osd, this.addrOf(osd, nonce));
    inc.newHbFrontUp.set(osd, this.addrOf(osd, nonce));
  }

  osdDown(osd: number): void {
    this.change(inc => inc.newState.set(osd, OSD_UP));
  }

  osdUp(osd: number, nonce = 2): void {
    this.change(inc => this.boot(inc, osd, nonce));
  }

  /** The connection in use with an OSD. */
  con(osd: number): FakeConnection {
    const con = this.connections.findLast(
      c => c.peerType === ENTITY_TYPE_OSD && c.peerName.num === osd && !c.down,
    );
    if (con === undefined) throw new Error(`no connection to osd.${osd}`);
    return con;
  }

  get live(): FakeConnection[] {
    return this.connections.filter(c => !c.down);
  }

  /** The OSD that an object of pool 1 lies on. */
  primary(oid: string): number {
    const pg = this.map.placement.objectToPg(1, oid)!;
    return this.map.placement.pgToUpActing(pg).actingPrimary;
  }

  /** The first of name0, name1 ... whose primary is that OSD. */
  objectOn(osd: number, name = 'obj'): string {
    for (let i = 0; ; i++) if (this.primary(`${name}${i}`) === osd) return `${name}${i}`;
  }

  write(oid: string, data = 'data', flags = 0, signal?: AbortSignal): { op: Op; outcome: Outcome } {
    return this.submit(oid, CEPH_OSD_FLAG_WRITE | flags, [opWrite(0, Buffer.from(data))], signal);
  }

  read(oid: string, flags = 0, length = 4096): { op: Op; outcome: Outcome } {
    return this.submit(oid, CEPH_OSD_FLAG_READ | flags, [opRead(0, length)]);
  }

  submit(oid: string, flags: number, ops: OSDOp[], signal?: AbortSignal): { op: Op; outcome: Outcome } {
    const outcome = new Outcome();
    const op = new Op(oid, makeLocator(1), flags, ops, outcome);
    this.objecter.submit(op, signal);
    return { op, outcome };
  }

  /** An OSD's answer, over the connection that the request went over. */
  reply(con: FakeConnection, m: MOSDOp, result = 0, edit?: (reply: MOSDOpReply) => void): void {
    const reply = MOSDOpReply.to(m, result, this.map.epoch, CEPH_OSD_FLAG_ONDISK, true);
    edit?.(reply);
    if (this.objecter.canFastDispatch(reply)) this.objecter.fastDispatch(con, reply);
  }

  reset(con: FakeConnection): void {
    con.down = true;
    this.objecter.handleReset(con);
  }
}

/** Lets promises and microtasks run. */
export function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
