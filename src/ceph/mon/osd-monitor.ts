import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { MOSDMap } from '../messages/mosd-map.ts';
import {
  createInitialOsdMap,
  decodeOsdMap,
  firstEpoch,
  IncrementalBuilder,
  type InitialMapOptions,
  type OsdMap,
} from '../osdmap/index.ts';
import { compareUTime, utimeFromMs } from '../types/utime.ts';
import { newFailureReports, type OsdFailureReports } from './failure-reports.ts';
import { PaxosService, type ServiceBase } from './paxos-service.ts';
import type { MonSession } from './session.ts';
import type { MonTransaction } from './store.ts';

/** osd_map_message_max: maps in one message. */
const MAP_MESSAGE_MAX = 40;
/** mon_min_osdmap_epochs: how many are kept. */
const MIN_EPOCHS = 500;
/** Trimming is worth it from so many on (paxos_service_trim_min). */
const TRIM_MIN = 250;

/** The OSDMap's keeper: full maps and incrementals by epoch, and the next epoch as it takes shape (mon/OSDMonitor.h). */
export class OsdMonitor extends PaxosService {
  /** The map as committed. */
  map!: OsdMap;
  /** OSD -> what its boot message said of itself. */
  readonly metadata = new Map<number, ReadonlyMap<string, string>>();
  readonly failures: OsdFailureReports = newFailureReports();
  /** OSD -> when it last gave a sign of life, monotonic milliseconds. */
  readonly lastReport = new Map<number, number>();
  /** OSD -> when it went down, wall-clock milliseconds. */
  readonly downSince = new Map<number, number>();
  /** A new epoch was committed. */
  onMap: (map: OsdMap) => void = () => {};
  private builder: IncrementalBuilder | undefined;
  private readonly initial: InitialMapOptions;
  /** Changes the first map before it is stored. */
  private readonly prepareInitial: ((map: OsdMap) => void) | undefined;

  constructor(base: ServiceBase, initial: InitialMapOptions, prepareInitial?: (map: OsdMap) => void) {
    super('osdmap', base);
    this.initial = initial;
    this.prepareInitial = prepareInitial;
  }

  get epoch(): number {
    return this.lastCommitted;
  }

  /** The next epoch, to be changed; propose() makes it so. */
  get pending(): IncrementalBuilder {
    this.builder ??= new IncrementalBuilder(this.map, utimeFromMs(this.env.clock.now()));
    return this.builder;
  }

  /** Whether an epoch is taking shape already. */
  get hasPending(): boolean {
    return this.builder !== undefined;
  }

  protected override createInitial(tx: MonTransaction): void {
    const map = createInitialOsdMap(this.initial);
    this.prepareInitial?.(map);
    const first = firstEpoch(map);
    this.map = first.map;
    tx.put(this.name, 1, first.incrementalBytes);
    tx.put(this.name, 'full_1', first.fullBytes);
  }

  protected override load(): void {
    const full = this.fullMap(this.lastCommitted);
    if (full === undefined)
      throw new NacreError('EIO', 'mon.osdmap', `the store has no full map of epoch ${this.lastCommitted}`);
    this.map = decodeOsdMap(new Decoder(full, 'OSDMap'));
  }

  protected override encodePending(tx: MonTransaction, version: number): (() => void) | undefined {
    const { builder } = this;
    this.builder = undefined;
    if (builder === undefined || builder.isEmpty) return undefined;
    builder.inc.modified = utimeFromMs(this.env.clock.now());
    this.expireBlocklist(builder);
    const { map, fullBytes, incrementalBytes } = builder.build();
    tx.put(this.name, version, incrementalBytes);
    tx.put(this.name, `full_${version}`, fullBytes);
    const keep = version - MIN_EPOCHS;
    if (keep - this.firstCommitted > TRIM_MIN)
      this.trimTo(keep, tx, v => {
        tx.erase(this.name, v);
        tx.erase(this.name, `full_${v}`);
      });
    return () => {
      this.noteDown(map);
      this.map = map;
    };
  }

  private noteDown(next: OsdMap): void {
    for (let osd = 0; osd < next.maxOsd; osd++) {
      if (next.isUp(osd)) this.downSince.delete(osd);
      else if (this.map.isUp(osd)) this.downSince.set(osd, this.env.clock.now());
    }
  }

  private expireBlocklist(builder: IncrementalBuilder): void {
    const now = builder.inc.modified;
    for (const { addr, until } of this.map.blocklist.values())
      if (compareUTime(until, now) < 0) builder.unblocklist(addr);
  }

  protected override committed(): void {
    this.onMap(this.map);
  }

  // What is in the store.

  fullMap(epoch: number): Buffer | undefined {
    return this.store.get(this.name, `full_${epoch}`);
  }

  incremental(epoch: number): Buffer | undefined {
    return this.store.get(this.name, epoch);
  }

  /** The map of an epoch, or the newest. ENOENT when it was trimmed or is not there yet. */
  mapOf(epoch: number | undefined): OsdMap {
    if (epoch === undefined || epoch === 0 || epoch === this.map.epoch) return this.map;
    const full = this.fullMap(epoch);
    if (full === undefined)
      throw new NacreError('ENOENT', 'mon.osdmap', `there is no map for epoch ${epoch}`);
    return decodeOsdMap(new Decoder(full, 'OSDMap'));
  }

  /** Epochs of the store from `first` on, as many as one message takes: a full map first if some are gone. */
  buildMessage(first: number): MOSDMap {
    const m = new MOSDMap(this.map.fsid);
    m.oldest = this.firstCommitted;
    m.newest = this.lastCommitted;
    const maps = new Map<number, Buffer>();
    const incs = new Map<number, Buffer>();
    let at = first;
    if (at <= this.firstCommitted) {
      at = this.firstCommitted;
      maps.set(at, this.fullMap(at)!);
      at++;
    }
    for (; at <= this.lastCommitted && maps.size + incs.size < MAP_MESSAGE_MAX; at++)
      incs.set(at, this.incremental(at)!);
    m.maps = maps;
    m.incrementals = incs;
    return m;
  }

  /** The newest map whole. */
  buildFullMessage(): MOSDMap {
    const m = new MOSDMap(this.map.fsid);
    m.oldest = this.firstCommitted;
    m.newest = this.lastCommitted;
    m.maps = new Map([[this.lastCommitted, this.fullMap(this.lastCommitted)!]]);
    return m;
  }

  /** Sends epochs from `first` to the newest; 0: the newest whole. */
  sendFrom(session: MonSession, first: number): void {
    if (first <= 0) {
      session.con.send(this.buildFullMessage());
      return;
    }
    for (let at = first; at <= this.lastCommitted; ) {
      const m = this.buildMessage(at);
      session.con.send(m);
      at = m.last + 1;
    }
  }

  checkSub(session: MonSession): void {
    const sub = session.subs.get('osdmap');
    if (sub === undefined || sub.next > this.lastCommitted) return;
    this.sendFrom(session, sub.next);
    if (sub.onetime) session.subs.delete('osdmap');
    else sub.next = this.lastCommitted + 1;
  }
}
