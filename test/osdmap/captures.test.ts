import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { messageDecoder } from '../../src/ceph/messages/index.ts';
import { CEPH_MSG_OSD_MAP } from '../../src/ceph/messages/message-types.ts';
import type { MOSDMap } from '../../src/ceph/messages/mosd-map.ts';
import {
  applyIncremental,
  decodeIncremental,
  decodeOsdMap,
  encodeIncremental,
  encodeOsdMap,
  type OsdMap,
} from '../../src/ceph/osdmap/index.ts';
import { goldenPath } from '../support/golden.ts';
import { messageVectors, vectorNames } from '../support/message-vectors.ts';
import { readPcap } from '../support/pcap.ts';
import { messagesOfV1Stream } from '../support/v1-messages.ts';
import { messagesOfStream } from '../support/v2-messages.ts';

/** Follows one receiver's maps: a full map starts, incrementals go on. */
class Follower {
  map: OsdMap | undefined;
  full = 0;
  incrementals = 0;

  take(m: MOSDMap): void {
    for (let epoch = m.first; epoch <= m.last; epoch++) {
      const bytes = m.incrementals.get(epoch);
      if (bytes !== undefined) {
        const inc = decodeIncremental(new Decoder(bytes));
        expect(encodeIncremental(inc).equals(bytes), `incremental ${epoch}`).toBe(true);
        if (this.map?.epoch === epoch - 1) {
          this.map = applyIncremental(this.map, inc);
          encodeOsdMap(this.map);
          expect(this.map.crc, `epoch ${epoch}`).toBe(inc.fullCrc);
        }
        this.incrementals++;
      }
      const whole = m.maps.get(epoch);
      if (whole === undefined) continue;
      const map = decodeOsdMap(new Decoder(whole));
      expect(encodeOsdMap(map).equals(whole), `map ${epoch}`).toBe(true);
      if (this.map?.epoch === epoch) expect(this.map.crc).toBe(map.crc);
      this.map = map;
      this.full++;
    }
  }
}

const wire = goldenPath('peers/golden/ceph/wire');
const captures =
  wire === undefined ? [] : readdirSync(wire).filter(name => /^v(1|2-crc)-.*\.pcap$/.test(name));

describe.skipIf(captures.length === 0)('maps in captured sessions', () => {
  it.each(captures)('%s: each receiver can follow the maps that it was sent', name => {
    let full = 0;
    for (const { client, server } of readPcap(join(wire!, name)))
      for (const stream of [client, server]) {
        const follower = new Follower();
        const split = name.startsWith('v1') ? messagesOfV1Stream : messagesOfStream;
        for (const w of split(stream.bytes))
          if (w.type === CEPH_MSG_OSD_MAP)
            follower.take(messageDecoder(w.type)!(new Decoder(w.front), w, w.data, undefined) as MOSDMap);
        full += follower.full;
      }
    expect(full).toBeGreaterThan(0);
  });
});

describe.skipIf(!vectorNames().includes('MOSDMap'))('MOSDMap messages of a running cluster', () => {
  it('hold maps and incrementals that encode to the same bytes', () => {
    const follower = new Follower();
    for (const w of messageVectors('MOSDMap'))
      follower.take(messageDecoder(w.type)!(new Decoder(w.front), w, w.data, undefined) as MOSDMap);
    expect(follower.full + follower.incrementals).toBeGreaterThan(0);
  });
});
