import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { Encoder } from '../../src/base/encoder.ts';
import { messageDecoder } from '../../src/ceph/messages/index.ts';
import { ALL_FEATURES } from '../../src/ceph/types/features.ts';
import { messageVectors, vectorNames } from '../support/message-vectors.ts';
import { unseen } from './unseen.ts';

describe('messages of Ceph 16.2.15', () => {
  it.each(vectorNames())('%s decodes whole and encodes to the same bytes', name => {
    for (const w of messageVectors(name)) {
      const d = new Decoder(w.front, name);
      const m = messageDecoder(w.type)!(d, w, w.data, undefined);
      m.tid = w.tid;
      expect(d.remaining).toBe(0);
      expect(m.constructor.name).toBe(name);
      expect(Buffer.concat(m.data).equals(w.data ?? Buffer.alloc(0))).toBe(true);
      const e = new Encoder();
      m.encodePayload(e, ALL_FEATURES);
      expect(e.result().toString('hex')).toBe(w.front.toString('hex'));
      expect(Buffer.concat(m.data).equals(w.data ?? Buffer.alloc(0))).toBe(true);
      expect([m.type, m.version, m.compatVersion]).toEqual([w.type, w.version, w.compatVersion]);
      if (w.text !== undefined) expect(m.describe()).toBe(w.text);
    }
  });

  it.each(unseen().map(m => [m.constructor.name, m] as const))('%s comes back as it was', (_name, m) => {
    const e = new Encoder();
    m.encodePayload(e, ALL_FEATURES);
    const front = Buffer.from(e.result());
    const d = new Decoder(front);
    const back = messageDecoder(m.type)!(d, m, undefined, undefined);
    expect(d.remaining).toBe(0);
    expect(back).toEqual(m);
    expect(back.describe()).toBe(m.describe());
  });

  it('has vectors of every message but those that no session showed', () => {
    const source = join(import.meta.dirname, '..', '..', 'src', 'ceph', 'messages');
    const classes = readdirSync(source).flatMap(file =>
      [...readFileSync(join(source, file), 'utf8').matchAll(/^export class (M\w+) extends/gm)].map(m => m[1]),
    );
    const without = classes.filter(name => !vectorNames().includes(name)).sort();
    expect(without).toEqual(
      unseen()
        .map(m => m.constructor.name)
        .sort(),
    );
  });
});
