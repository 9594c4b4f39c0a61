import { Decoder } from '../../base/decoder.ts';
import { META_COLLECTION } from '../object-store/collection.ts';
import { Transaction } from '../object-store/transaction.ts';
import type { ObjectStore } from '../object-store/types.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import { decodeOsdMap, encodeOsdMap } from '../osdmap/osdmap-codec.ts';
import { type HObject, makeGHObject } from '../types/hobject.ts';
import { SNAP_NOSNAP } from '../types/snap.ts';
import type { OsdMaps } from './osd-maps.ts';
import type { PG } from './pg.ts';

const MAP_KEY = 'osdmap.';
const CLEAN_KEY = 'clean';
/** Epochs kept over a restart, from which intervals are told. */
const MAPS_KEPT = 20;

/** What an OSD keeps of itself in its store, beside its PGs: written at a clean stop, taken away when it starts again. */
export class OsdState {
  private readonly store: ObjectStore;
  private readonly oid = makeGHObject({
    key: '',
    oid: 'osd_state',
    snap: SNAP_NOSNAP,
    hash: 0,
    max: false,
    nspace: '',
    pool: -1,
  } satisfies HObject);

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /** Undefined for a new store. What a crash left without info comes back as PGs that have nothing to show. */
  load(): { maps: OsdMap[] } | undefined {
    const { store, oid } = this;
    if (!store.collectionExists(META_COLLECTION)) {
      const t = new Transaction();
      t.createCollection(META_COLLECTION, 0);
      t.touch(META_COLLECTION, oid);
      store.queue(t, () => {});
      return undefined;
    }
    const maps: OsdMap[] = [];
    for (const [key, value] of store.omapIterate(META_COLLECTION, oid, MAP_KEY))
      if (key.startsWith(MAP_KEY)) maps.push(decodeOsdMap(new Decoder(value, 'OSDMap')));
    return maps.length === 0 ? undefined : { maps };
  }

  async save(maps: OsdMaps, pgs: readonly PG[]): Promise<void> {
    const t = new Transaction();
    const values = new Map<string, Uint8Array>([[CLEAN_KEY, Buffer.from([1])]]);
    for (let epoch = Math.max(maps.oldest, maps.epoch - MAPS_KEPT + 1); epoch <= maps.epoch; epoch++) {
      const map = maps.at(epoch);
      if (map === undefined) continue;
      values.set(MAP_KEY + String(epoch).padStart(10, '0'), encodeOsdMap(map));
    }
    t.omapClear(META_COLLECTION, this.oid);
    t.omapSetKeys(META_COLLECTION, this.oid, values);
    for (const pg of pgs) if (this.store.collectionExists(pg.cid)) pg.save(t);
    await new Promise<void>(resolve => this.store.queue(t, resolve));
  }
}
