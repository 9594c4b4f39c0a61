import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  extentToFile,
  fileToExtents,
  imageOffset,
  objectCount,
  objectOf,
  pruneExtents,
} from '../../src/ceph/rbd/io/striper.ts';
import type { StripeLayout } from '../../src/ceph/rbd/types.ts';

const layouts = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 5 }))
  .map(
    ([unit, units, stripeCount]): StripeLayout => ({
      stripeUnit: 2 ** unit,
      objectSize: 2 ** (unit + units),
      stripeCount,
    }),
  );
const ranges = fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 300 }));

/** Deals the image's bytes out to objects, unit by unit, as one would by hand. */
function deal(layout: StripeLayout, bytes: number): { objectNo: number; offset: number }[] {
  const { objectSize, stripeUnit, stripeCount } = layout;
  const filled: number[] = [];
  const places: { objectNo: number; offset: number }[] = [];
  let set = 0;
  let turn = 0;
  while (places.length < bytes) {
    if (turn === 0 && (filled[set * stripeCount] ?? 0) === objectSize) set++;
    const objectNo = set * stripeCount + turn;
    for (let i = 0; i < stripeUnit; i++) {
      places.push({ objectNo, offset: filled[objectNo] ?? 0 });
      filled[objectNo] = (filled[objectNo] ?? 0) + 1;
    }
    turn = (turn + 1) % stripeCount;
  }
  return places;
}

describe('striping', () => {
  it('puts every byte where dealing them out puts it', () => {
    fc.assert(
      fc.property(layouts, ranges, (layout, [offset, length]) => {
        const places = deal(layout, offset + length + 1);
        const seen: ({ objectNo: number; offset: number } | undefined)[] = new Array(length).fill(undefined);
        for (const extent of fileToExtents(layout, offset, length, 0)) {
          let at = extent.offset;
          for (let i = 0; i < extent.buffers.length; i += 2)
            for (let j = 0; j < extent.buffers[i + 1]; j++) {
              const place = { objectNo: extent.objectNo, offset: at++ };
              expect(seen[extent.buffers[i] + j]).toBeUndefined();
              seen[extent.buffers[i] + j] = place;
            }
          expect(at).toBe(extent.offset + extent.length);
        }
        expect(seen).toEqual(places.slice(offset, offset + length));
        expect(objectOf(layout, offset)).toBe(places[offset].objectNo);
        expect(imageOffset(layout, places[offset].objectNo, places[offset].offset)).toBe(offset);
      }),
    );
  });

  it('finds the way back', () => {
    fc.assert(
      fc.property(layouts, ranges, (layout, [offset, length]) => {
        const covered = new Set<number>();
        for (const extent of fileToExtents(layout, offset, length))
          for (const [at, n] of extentToFile(layout, extent.objectNo, extent.offset, extent.length))
            for (let i = 0; i < n; i++) covered.add(at + i);
        expect([...covered].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => offset + i));
      }),
    );
  });

  it('counts the objects of an image', () => {
    fc.assert(
      fc.property(layouts, fc.integer({ min: 1, max: 500 }), (layout, size) => {
        const objects = new Set(
          deal(layout, size)
            .slice(0, size)
            .map(({ objectNo }) => objectNo),
        );
        expect(objectCount(layout, size)).toBe(objects.size);
      }),
    );
  });

  it('cuts off what a parent does not cover', () => {
    const extents = [
      [0, 10],
      [20, 10],
      [40, 10],
    ] as const;
    expect(pruneExtents(extents, 25)).toEqual([
      [0, 10],
      [20, 5],
    ]);
  });
});
