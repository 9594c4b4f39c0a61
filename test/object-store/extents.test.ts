import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Extents } from '../../src/ceph/object-store/extents.ts';

const SPAN = 20_000;

/** Random writes, holes and clones, each as [kind, offset, length, byte]. */
const steps = fc.array(
  fc.tuple(
    fc.constantFrom('write', 'punch', 'clone'),
    fc.nat(SPAN - 1),
    fc.integer({ min: 1, max: 6000 }),
    fc.nat(255),
  ),
  { maxLength: 40 },
);

describe('Extents', () => {
  it('reads back what a plain array would hold, and clones stay as they were', () => {
    fc.assert(
      fc.property(steps, script => {
        let extents = new Extents();
        const model = Buffer.alloc(SPAN);
        const frozen: { extents: Extents; content: Buffer }[] = [];
        for (const [kind, off, wanted, byte] of script) {
          const end = Math.min(SPAN, off + wanted);
          if (kind === 'write') {
            const bytes = Buffer.alloc(end - off, byte);
            bytes.copy(model, off);
            extents.write(off, bytes);
          } else if (kind === 'punch') {
            model.fill(0, off, end);
            extents.punch(off, end);
          } else {
            frozen.push({ extents, content: Buffer.from(model) });
            extents = extents.clone();
          }
          expect(Buffer.compare(extents.read(0, SPAN), model)).toBe(0);
          expect(Buffer.compare(extents.read(off, end), model.subarray(off, end))).toBe(0);
          const mapped = extents.map(0, SPAN);
          expect(mapped.reduce((sum, [, length]) => sum + length, 0)).toBe(extents.stored);
        }
        for (const { extents: old, content } of frozen)
          expect(Buffer.compare(old.read(0, SPAN), content)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('notices stored bytes that were changed behind its back', () => {
    const extents = new Extents();
    const bytes = Buffer.alloc(10_000, 7);
    extents.write(0, bytes);
    bytes[5000] ^= 1;
    expect(extents.read(0, 4096)).toHaveLength(4096);
    expect(() => extents.read(4096, 10_000)).toThrow(/EIO.*checksum/);
  });

  it('does not keep a large buffer alive for a small slice of it', () => {
    const extents = new Extents();
    extents.write(0, Buffer.alloc(1 << 20, 1).subarray(0, 100));
    expect(extents.read(0, 100).buffer.byteLength).toBeLessThan(1 << 16);
  });
});
