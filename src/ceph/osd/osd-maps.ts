import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { MOSDMap } from '../messages/mosd-map.ts';
import { applyIncremental } from '../osdmap/apply.ts';
import { decodeIncremental } from '../osdmap/incremental-codec.ts';
import { OsdMap } from '../osdmap/osdmap.ts';
import { decodeOsdMap } from '../osdmap/osdmap-codec.ts';

/** Epochs that are kept, for intervals and for those who are behind. */
const KEPT = 500;
/** Epochs in one message (osd_map_message_max). */
const PER_MESSAGE = 40;

/** The maps of the last epochs, as they are and as they came. */
export class OsdMaps {
  current = new OsdMap();
  private readonly maps = new Map<number, OsdMap>();
  private readonly incrementals = new Map<number, Uint8Array>();
  private readonly fulls = new Map<number, Uint8Array>();
  oldest = 0;

  get epoch(): number {
    return this.current.epoch;
  }

  at(epoch: number): OsdMap | undefined {
    return this.maps.get(epoch);
  }

  /**
   * Takes what a message has for the epochs after ours, calling back for each in order. Returns false when there is a
   * gap before the message's first epoch, which has to be asked for.
   * @throws DecodeError for maps that do not decode
   */
  take(m: MOSDMap, advanced: (map: OsdMap, before: OsdMap) => void): boolean {
    for (let epoch = this.epoch + 1; epoch <= m.last; epoch++) {
      const before = this.current;
      // The first epoch is an incremental on nothing.
      const inc = before.epoch === epoch - 1 ? m.incrementals.get(epoch) : undefined;
      const full = inc === undefined ? m.maps.get(epoch) : undefined;
      if (inc === undefined && full === undefined) {
        if (before.epoch === 0) continue;
        if (epoch >= m.oldest) return false;
        // Nobody has what is between: the newest full map has to do.
        continue;
      }
      // A message's buffer is small and its own: the views into it may stay.
      if (inc !== undefined) this.incrementals.set(epoch, inc);
      else this.fulls.set(epoch, full!);
      const map =
        inc !== undefined
          ? applyIncremental(before, decodeIncremental(new Decoder(inc, 'OSDMap::Incremental')))
          : decodeOsdMap(new Decoder(full!, 'OSDMap'));
      if (map.epoch !== epoch)
        throw new NacreError('EINVAL', 'osd.map', `map of epoch ${map.epoch} came as ${epoch}`);
      this.add(map);
      advanced(map, before);
    }
    return true;
  }

  /** A map from the store. */
  add(map: OsdMap): void {
    this.current = map;
    this.maps.set(map.epoch, map);
    if (this.oldest === 0) this.oldest = map.epoch;
    while (this.maps.size > KEPT) {
      this.maps.delete(this.oldest);
      this.incrementals.delete(this.oldest);
      this.fulls.delete(this.oldest);
      this.oldest++;
    }
  }

  /** What someone at `since` needs to come up to our epoch, or as far as one message goes. */
  share(since: number): MOSDMap | undefined {
    const { epoch } = this;
    if (since >= epoch || epoch === 0) return undefined;
    const m = new MOSDMap(this.current.fsid);
    const incrementals = new Map<number, Uint8Array>();
    const maps = new Map<number, Uint8Array>();
    let first = Math.max(since + 1, this.oldest);
    if (epoch - first >= PER_MESSAGE) first = Math.max(first, since > 0 ? first : epoch - PER_MESSAGE);
    for (let e = first; e <= epoch && incrementals.size + maps.size < PER_MESSAGE; e++) {
      const inc = this.incrementals.get(e);
      const full = this.fulls.get(e);
      if (inc !== undefined) incrementals.set(e, inc);
      else if (full !== undefined) maps.set(e, full);
    }
    if (incrementals.size + maps.size === 0) return undefined;
    m.incrementals = incrementals;
    m.maps = maps;
    m.oldest = this.oldest;
    m.newest = epoch;
    return m;
  }
}
