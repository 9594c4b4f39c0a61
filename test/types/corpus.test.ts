import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { corpusDir, corpusSamples } from '../support/golden.ts';
import type { Registry, RegistryEntry, Release } from './registry-entry.ts';

const types = new Map<string, RegistryEntry>();
const folder = join(import.meta.dirname, 'registry');
for (const file of readdirSync(folder).filter(f => f.endsWith('.ts'))) {
  const room = (await import(join(folder, file))) as { registry: Registry };
  for (const [type, entry] of Object.entries(room.registry)) {
    if (types.has(type)) throw new Error(`${type} is registered twice, the second time in ${file}`);
    types.set(type, entry);
  }
}

/** Versions of structs may differ after a change of version; nothing else may. */
function withoutVersions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutVersions);
  if (value instanceof Map)
    return new Map([...value].map(([k, v]) => [withoutVersions(k), withoutVersions(v)]));
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [k, v] of Object.entries(value)) if (k !== 'structV') copy[k] = withoutVersions(v);
  return copy;
}

/** Where two buffers part: some bytes of each from a little before the first difference. */
function difference(ours: Buffer, theirs: Buffer): string {
  let at = 0;
  while (at < ours.length && at < theirs.length && ours[at] === theirs[at]) at++;
  if (at === ours.length && at === theirs.length) return 'none';
  const from = Math.max(0, at - 8);
  const some = (b: Buffer): string => b.subarray(from, at + 32).toString('hex');
  return `at ${at}: ${ours.length} bytes ..${some(ours)}.. not ${theirs.length} bytes ..${some(theirs)}..`;
}

describe.skipIf(corpusDir() === undefined)('objects encoded by Ceph 15.2, 16.2, 18.2 and 19.2', () => {
  describe.each([...types])('%s', (type, entry) => {
    const samples = corpusSamples(type);

    it('decodes every sample and writes the same bytes', () => {
      expect(samples.length).toBeGreaterThan(0);
      const differing = new Set<Release>();
      for (const sample of samples) {
        if (entry.broken?.[basename(sample.path)] !== undefined) continue;
        const release = sample.version.slice(0, 2) as Release;
        const bytes = readFileSync(sample.path);
        const d = new Decoder(bytes);
        const value = entry.decode(d) as never;
        expect(d.remaining, `${sample.path}: bytes left`).toBe(0);
        if (entry.encode === undefined) {
          expect(entry.reencode, `${type} is not written: why?`).toBeTypeOf('string');
          continue;
        }
        const again = encodeToBuffer(e => entry.encode!(e, value));
        if (again.equals(bytes)) continue;
        differing.add(release);
        const why = typeof entry.reencode === 'string' ? entry.reencode : entry.reencode?.[release];
        if (why === undefined) expect(difference(again, bytes), sample.path).toBe('none');
        const d2 = new Decoder(again);
        expect(withoutVersions(entry.decode(d2)), sample.path).toEqual(withoutVersions(value));
        expect(d2.remaining).toBe(0);
      }
      if (typeof entry.reencode === 'object')
        expect([...differing].sort(), 'releases whose samples differ').toEqual(
          Object.keys(entry.reencode).sort(),
        );
      else if (entry.reencode !== undefined && entry.encode !== undefined)
        expect(differing.size, `${type}: no sample differs`).toBeGreaterThan(0);
    });

    it('survives damaged input', () => {
      const some = samples.filter((_, i) => i % Math.ceil(samples.length / 6) === 0);
      fuzzDecoder(
        type,
        entry.decode,
        some.map(s => readFileSync(s.path)),
        300,
      );
    });
  });
});
