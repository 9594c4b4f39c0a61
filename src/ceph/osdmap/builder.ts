import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { decodeCrushMap, encodeCrushMap } from '../crush/codec.ts';
import type { CrushMap } from '../crush/map.ts';
import { addrKey } from '../types/addr-text.ts';
import { ADDR_ANY, ADDR_CIDR, type EntityAddr, type EntityAddrVec } from '../types/entity.ts';
import type { SnapInterval } from '../types/interval-set.ts';
import type { UTime } from '../types/utime.ts';
import type { Uuid } from '../types/uuid.ts';
import { applyIncremental } from './apply.ts';
import { makePool, type PoolOptions } from './build.ts';
import { cleanTemps } from './clean-temps.ts';
import { OSD_AUTOOUT, OSD_EXISTS, OSD_IN, OSD_NEW, OSD_OUT, OSD_UP } from './flags.ts';
import { OsdMapIncremental } from './incremental.ts';
import { encodeIncremental } from './incremental-codec.ts';
import { OSD_XINFO_ZERO, type OsdXinfo } from './osd-info.ts';
import { OsdMap } from './osdmap.ts';
import { encodeOsdMap } from './osdmap-codec.ts';
import type { PgPool } from './pool.ts';
import { POOL_FLAG_POOL_SNAPS, POOL_FLAG_SELFMANAGED_SNAPS } from './pool-flags.ts';
import { unionOf } from './snap-sets.ts';

/** One step of the map's history, ready to store and send. */
export interface OsdMapEpoch {
  readonly map: OsdMap;
  readonly incremental: OsdMapIncremental;
  readonly fullBytes: Buffer;
  readonly incrementalBytes: Buffer;
}

/**
 * Applies an incremental, and encodes it and the map that results, each with the crcs that others check.
 * @throws NacreError EINVAL as applyIncremental
 */
export function finishIncremental(old: OsdMap, inc: OsdMapIncremental): OsdMapEpoch {
  const map = applyIncremental(old, inc);
  const fullBytes = encodeOsdMap(map);
  inc.fullCrc = map.crc!;
  return { map, incremental: inc, fullBytes, incrementalBytes: encodeIncremental(inc) };
}

/** Epoch 1 of a new cluster: an incremental that brings the whole map. */
export function firstEpoch(map: OsdMap): OsdMapEpoch {
  const inc = new OsdMapIncremental(map.epoch);
  inc.fsid = map.fsid;
  inc.modified = map.modified;
  inc.fullmap = encodeOsdMap(map);
  const before = new OsdMap();
  before.epoch = map.epoch - 1;
  before.fsid = map.fsid;
  return finishIncremental(before, inc);
}

export interface OsdBoot {
  readonly uuid: Uuid;
  readonly client: EntityAddrVec;
  readonly cluster: EntityAddrVec;
  readonly hbBack: EntityAddrVec;
  readonly hbFront: EntityAddrVec;
  readonly features: bigint;
  /** From its superblock: epochs when it was mounted and cleanly shut down, 0 when never. */
  readonly mounted?: number;
  readonly cleanThru?: number;
  /** Whether it has no map yet: whatever it had before is lost. */
  readonly fresh?: boolean;
  /** 16.16; OSD_IN by default. */
  readonly weight?: number;
}

/**
 * Gathers changes to a map into one incremental, as a monitor does between two proposals. What it returns of the
 * map (`pool`, `state`) has the changes so far in it.
 */
export class IncrementalBuilder {
  readonly base: OsdMap;
  readonly inc: OsdMapIncremental;

  /** @param modified - stamp of the new epoch */
  constructor(base: OsdMap, modified: UTime) {
    this.base = base;
    this.inc = new OsdMapIncremental(base.epoch + 1);
    this.inc.fsid = base.fsid;
    this.inc.modified = modified;
  }

  /** Whether anything would change. */
  get isEmpty(): boolean {
    const blank = new OsdMapIncremental(this.inc.epoch);
    blank.fsid = this.inc.fsid;
    blank.modified = this.inc.modified;
    return encodeIncremental(blank).equals(encodeIncremental(this.inc));
  }

  /** The map and the incremental of the new epoch. The builder is used up. */
  build(): OsdMapEpoch {
    const { base, inc } = this;
    if (base.pgTemp.size + base.primaryTemp.size + inc.newPgTemp.size + inc.newPrimaryTemp.size > 0)
      cleanTemps(base, applyIncremental(base, inc), inc);
    this.stampChanges();
    return finishIncremental(base, inc);
  }

  private stampChanges(): void {
    const { base, inc } = this;
    let up = inc.newUpClient.size > 0;
    for (const bits of inc.newState.values()) if ((bits & OSD_UP) !== 0) up = true;
    if (up) inc.newLastUpChange = inc.modified;
    for (const [osd, weight] of inc.newWeight)
      if (base.isOut(osd) === weight > 0) inc.newLastInChange = inc.modified;
  }

  // OSDs.

  private get maxOsd(): number {
    return this.inc.newMaxOsd >= 0 ? this.inc.newMaxOsd : this.base.maxOsd;
  }

  /** An OSD's state with the changes so far. */
  state(osd: number): number {
    let was = osd < this.base.maxOsd ? this.base.osdState[osd] : 0;
    // A weight comes into force before a state, and makes the OSD exist.
    if ((this.inc.newWeight.get(osd) ?? 0) > 0) was = (was | OSD_EXISTS) & ~(OSD_AUTOOUT | OSD_NEW);
    return was ^ (this.inc.newState.get(osd) ?? 0);
  }

  /** The lowest number that no OSD has. */
  nextOsd(): number {
    let osd = 0;
    while (osd < this.maxOsd && (this.state(osd) & OSD_EXISTS) !== 0) osd++;
    return osd;
  }

  private flipState(osd: number, bits: number): void {
    const next = (this.inc.newState.get(osd) ?? 0) ^ bits;
    if (next === 0) this.inc.newState.delete(osd);
    else this.inc.newState.set(osd, next);
  }

  /** Sets or clears OSD_* bits. */
  setState(osd: number, bits: number, on: boolean): void {
    const is = this.state(osd) & bits;
    this.flipState(osd, on ? bits & ~is : is);
  }

  /** Adds an OSD that is in and did not boot yet (`ceph osd new`). */
  createOsd(osd: number, uuid: Uuid): void {
    if (osd >= this.maxOsd) this.inc.newMaxOsd = osd + 1;
    this.inc.newWeight.set(osd, OSD_IN);
    this.setState(osd, OSD_NEW, true);
    this.inc.newUuid.set(osd, uuid);
  }

  /** Forgets an OSD (`ceph osd rm`). */
  removeOsd(osd: number): void {
    this.inc.newState.set(osd, OSD_EXISTS);
  }

  /** An OSD that said it is there goes up, and in if it is new or was out only for being down. */
  bootOsd(osd: number, boot: OsdBoot): void {
    const { base, inc } = this;
    if (osd >= this.maxOsd) inc.newMaxOsd = osd + 1;
    inc.newUpClient.set(osd, boot.client);
    inc.newUpCluster.set(osd, boot.cluster);
    inc.newHbBackUp.set(osd, boot.hbBack);
    inc.newHbFrontUp.set(osd, boot.hbFront);
    const known = base.exists(osd);
    if (!known || base.osdUuid[osd] !== boot.uuid) inc.newUuid.set(osd, boot.uuid);
    const old: OsdXinfo | undefined = base.osdXinfo[osd];
    const xinfo = { ...OSD_XINFO_ZERO, ...old, features: boot.features };
    if (known) {
      const info = base.osdInfo[osd];
      if (boot.fresh === true && info.upFrom > info.lostAt) inc.newLost.set(osd, base.epoch);
      const [begin, end] = [boot.mounted ?? 0, boot.cleanThru ?? 0];
      if (begin > info.lastCleanBegin || (begin === info.lastCleanBegin && end > info.lastCleanEnd))
        inc.newLastCleanInterval.set(osd, [begin, end]);
    }
    if (!known || (this.state(osd) & (OSD_AUTOOUT | OSD_NEW)) !== 0) {
      inc.newWeight.set(osd, xinfo.oldWeight > 0 ? xinfo.oldWeight : (boot.weight ?? OSD_IN));
      xinfo.oldWeight = 0;
    }
    inc.newXinfo.set(osd, xinfo);
  }

  /** @param dead - whether it is known to run no more, not only to be silent */
  markDown(osd: number, dead = false): void {
    if (!this.base.isUp(osd)) return;
    this.inc.newState.set(osd, (this.inc.newState.get(osd) ?? 0) | OSD_UP);
    if (dead) this.changeXinfo(osd, { deadEpoch: this.base.epoch });
  }

  private changeXinfo(osd: number, change: Partial<OsdXinfo>): void {
    const was = this.inc.newXinfo.get(osd) ?? this.base.osdXinfo[osd] ?? OSD_XINFO_ZERO;
    this.inc.newXinfo.set(osd, { ...was, ...change });
  }

  /** @param automatically - whether it may come in again by itself, with its old weight */
  markOut(osd: number, automatically = false): void {
    this.inc.newWeight.set(osd, OSD_OUT);
    if (!automatically) return;
    this.setState(osd, OSD_AUTOOUT, true);
    this.changeXinfo(osd, { oldWeight: this.base.osdWeight[osd] });
  }

  markIn(osd: number): void {
    const { oldWeight } = this.inc.newXinfo.get(osd) ?? this.base.osdXinfo[osd];
    this.inc.newWeight.set(osd, oldWeight > 0 ? oldWeight : OSD_IN);
  }

  // The whole map.

  setFlag(flag: number): void {
    this.inc.newFlags = (this.inc.newFlags >= 0 ? this.inc.newFlags : this.base.flags) | flag;
  }

  clearFlag(flag: number): void {
    this.inc.newFlags = (this.inc.newFlags >= 0 ? this.inc.newFlags : this.base.flags) & ~flag;
  }

  /** Changes the CRUSH map; returns what `change` returns. */
  changeCrush<T>(change: (crush: CrushMap) => T): T {
    const from =
      this.inc.crush.length > 0 ? this.inc.crush : encodeToBuffer(e => encodeCrushMap(e, this.base.crush));
    const crush = decodeCrushMap(new Decoder(from));
    const result = change(crush);
    this.inc.crush = encodeToBuffer(e => encodeCrushMap(e, crush));
    return result;
  }

  /** Shuts an address out of all I/O until a time; without port and nonce the whole host. */
  blocklist(addr: EntityAddr, until: UTime): void {
    const any = { ...addr, type: ADDR_ANY };
    this.inc.newBlocklist.set(addrKey(any), { addr: any, until });
  }

  unblocklist(addr: EntityAddr): void {
    const any = { ...addr, type: ADDR_ANY };
    if (!this.inc.newBlocklist.delete(addrKey(any))) this.inc.oldBlocklist = [...this.inc.oldBlocklist, any];
  }

  /** Shuts out all addresses that have the first `bits` bits of this one. */
  blocklistRange(addr: EntityAddr, bits: number, until: UTime): void {
    const range = { ...addr, type: ADDR_CIDR, port: 0, nonce: bits };
    this.inc.newRangeBlocklist.set(addrKey(range), { addr: range, until });
  }

  unblocklistRange(addr: EntityAddr, bits: number): void {
    const range = { ...addr, type: ADDR_CIDR, port: 0, nonce: bits };
    if (!this.inc.newRangeBlocklist.delete(addrKey(range)))
      this.inc.oldRangeBlocklist = [...this.inc.oldRangeBlocklist, range];
  }

  // Pools.

  /** The pool to change: in the incremental already, or a copy of the map's. @throws NacreError ENOENT */
  pool(id: number): PgPool {
    const known = this.inc.newPools.get(id);
    if (known !== undefined) return known;
    const pool = this.base.pools.get(id)?.clone();
    if (pool === undefined || this.inc.oldPools.includes(id))
      throw new NacreError('ENOENT', 'osdmap.pool', `no pool ${id}`);
    this.inc.newPools.set(id, pool);
    return pool;
  }

  /** Adds a pool and returns its id. @throws NacreError EEXIST, EINVAL */
  createPool(name: string, options: PoolOptions = {}): number {
    const taken = this.base.poolIdByName(name);
    const renamed = [...this.inc.newPoolNames.values()].includes(name);
    if (renamed || (taken !== undefined && !this.inc.oldPools.includes(taken)))
      throw new NacreError('EEXIST', 'osdmap.create_pool', `pool '${name}' already exists`);
    const { erasureCodeProfile: profile } = options;
    if (
      profile !== undefined &&
      !this.base.erasureCodeProfiles.has(profile) &&
      !this.inc.newErasureCodeProfiles.has(profile)
    )
      throw new NacreError('EINVAL', 'osdmap.create_pool', `no erasure code profile '${profile}'`);
    const id = Math.max(this.base.poolMax, this.inc.newPoolMax) + 1;
    const pool = makePool({ createTime: this.inc.modified, ...options });
    pool.lastChange = this.inc.epoch;
    this.inc.newPoolMax = id;
    this.inc.newPools.set(id, pool);
    this.inc.newPoolNames.set(id, name);
    return id;
  }

  /** Drops a pool and all exceptions for its PGs. */
  deletePool(id: number): void {
    const { base, inc } = this;
    inc.oldPools = [...inc.oldPools, id];
    inc.newPools.delete(id);
    inc.newPoolNames.delete(id);
    for (const [{ pool, seed }] of base.pgTemp) if (pool === id) inc.newPgTemp.set(pool, seed, []);
    for (const [{ pool, seed }] of base.primaryTemp) if (pool === id) inc.newPrimaryTemp.set(pool, seed, -1);
    const gone = [...base.pgUpmap].map(([pg]) => pg).filter(pg => pg.pool === id);
    inc.oldPgUpmap = [...inc.oldPgUpmap, ...gone];
    const items = [...base.pgUpmapItems].map(([pg]) => pg).filter(pg => pg.pool === id);
    inc.oldPgUpmapItems = [...inc.oldPgUpmapItems, ...items];
    const primaries = [...base.pgUpmapPrimaries].map(([pg]) => pg).filter(pg => pg.pool === id);
    inc.oldPgUpmapPrimary = [...inc.oldPgUpmapPrimary, ...primaries];
  }

  renamePool(id: number, name: string): void {
    this.inc.newPoolNames.set(id, name);
  }

  setProfile(name: string, profile: ReadonlyMap<string, string>): void {
    this.inc.newErasureCodeProfiles.set(name, profile);
  }

  removeProfile(name: string): void {
    if (!this.inc.newErasureCodeProfiles.delete(name))
      this.inc.oldErasureCodeProfiles = [...this.inc.oldErasureCodeProfiles, name];
  }

  // Snapshots.

  /**
   * Takes a snapshot of a pool and returns its id.
   * @throws NacreError EINVAL for a pool whose clients manage snapshots, EEXIST for a name that is taken
   */
  addPoolSnap(id: number, name: string, stamp: UTime = this.inc.modified): bigint {
    const pool = this.pool(id);
    if (pool.isUnmanagedSnapsMode)
      throw new NacreError('EINVAL', 'osdmap.mksnap', `pool ${id} is in unmanaged snaps mode`);
    if (pool.snapByName(name) !== undefined)
      throw new NacreError('EEXIST', 'osdmap.mksnap', `pool ${id} has a snapshot '${name}'`);
    pool.setFlag(POOL_FLAG_POOL_SNAPS);
    const snapid = ++pool.snapSeq;
    pool.snaps.set(snapid, { snapid, name, stamp });
    pool.snapEpoch = this.inc.epoch;
    return snapid;
  }

  /** @throws NacreError ENOENT when there is no such snapshot */
  removePoolSnap(id: number, name: string): void {
    const pool = this.pool(id);
    const snap = pool.snapByName(name);
    if (snap === undefined)
      throw new NacreError('ENOENT', 'osdmap.rmsnap', `pool ${id} has no snapshot '${name}'`);
    pool.snaps.delete(snap);
    pool.snapSeq++;
    this.removedSnap(id, snap);
  }

  /**
   * Gives a client an id for a snapshot that it keeps track of.
   * @throws NacreError EINVAL for a pool with snapshots of its own
   */
  addSelfmanagedSnap(id: number): bigint {
    const pool = this.pool(id);
    if (pool.isPoolSnapsMode)
      throw new NacreError('EINVAL', 'osdmap.selfmanaged_snap_create', `pool ${id} has pool snapshots`);
    pool.setFlag(POOL_FLAG_SELFMANAGED_SNAPS);
    // The first one is never given: 1 once said that the pool has such snapshots.
    if (pool.snapSeq === 0n) pool.snapSeq = 1n;
    pool.snapEpoch = this.inc.epoch;
    return ++pool.snapSeq;
  }

  /** @throws NacreError EINVAL for a pool with snapshots of its own, ENOENT for an id that was never given */
  removeSelfmanagedSnap(id: number, snap: bigint): void {
    const pool = this.pool(id);
    if (pool.isPoolSnapsMode)
      throw new NacreError('EINVAL', 'osdmap.selfmanaged_snap_remove', `pool ${id} has pool snapshots`);
    if (snap > pool.snapSeq)
      throw new NacreError('ENOENT', 'osdmap.selfmanaged_snap_remove', `pool ${id} has no snapshot ${snap}`);
    pool.snapSeq++;
    this.removedSnap(id, snap);
  }

  private removedSnap(id: number, snap: bigint): void {
    this.pool(id).snapEpoch = this.inc.epoch;
    const removed = this.inc.newRemovedSnaps.get(id) ?? [];
    this.inc.newRemovedSnaps.set(id, unionOf(removed, [{ start: snap, length: 1n }]));
  }

  /** OSDs have dropped the objects of these snapshots: they leave the queue. */
  purgeSnaps(id: number, snaps: readonly SnapInterval[]): void {
    this.inc.newPurgedSnaps.set(id, unionOf(this.inc.newPurgedSnaps.get(id) ?? [], snaps));
  }
}
