import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { Encoder } from '../../src/base/encoder.ts';
import { messageDecoder } from '../../src/ceph/messages/index.ts';
import { ALL_FEATURES } from '../../src/ceph/types/features.ts';
import { goldenPath } from '../support/golden.ts';
import { readPcap } from '../support/pcap.ts';
import { messagesOfV1Stream } from '../support/v1-messages.ts';
import { messagesOfStream } from '../support/v2-messages.ts';

const wire = goldenPath('peers/golden/ceph/wire');
const captures =
  wire === undefined ? [] : readdirSync(wire).filter(name => /^v(1|2-crc)-.*\.pcap$/.test(name));

describe.skipIf(wire === undefined)('messages of captured sessions', () => {
  it.each(captures)('%s: every message decodes whole and encodes to the same bytes', name => {
    const counts = new Map<number, number>();
    const split = name.startsWith('v1') ? messagesOfV1Stream : messagesOfStream;
    for (const { client, server } of readPcap(join(wire!, name)))
      for (const stream of [client, server])
        for (const w of split(stream.bytes)) {
          const what = `${stream.from} > ${stream.to} seq ${w.seq} type ${w.type} v${w.version}`;
          const decode = messageDecoder(w.type);
          expect(decode, what).toBeDefined();
          const d = new Decoder(w.front, what);
          const m = decode!(d, w, w.data, w.middle);
          expect(d.remaining, what).toBe(0);
          const before = Buffer.concat(m.data);
          expect(before.equals(w.data ?? Buffer.alloc(0)), `${what}: data`).toBe(true);
          const e = new Encoder();
          m.encodePayload(e, ALL_FEATURES);
          expect(e.result().toString('hex'), what).toBe(w.front.toString('hex'));
          expect(Buffer.concat(m.data).equals(before), `${what}: data again`).toBe(true);
          expect([m.type, m.version, m.compatVersion], what).toEqual([w.type, w.version, w.compatVersion]);
          expect(m.describe(), what).toMatch(/^[\w-]+/);
          counts.set(w.type, (counts.get(w.type) ?? 0) + 1);
        }
    expect(counts.size).toBeGreaterThan(5);
  });
});
