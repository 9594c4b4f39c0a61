import { DIFF_TAIL, diffHeader, extentHead } from '../../src/ceph/rbd/formats/diff-writer.ts';

// Diffs made by chance, and what they do to an image's bytes.

export interface Extent {
  readonly offset: number;
  readonly length: number;
  /** Undefined: zeros. */
  readonly data: Buffer | undefined;
}

export interface Diff {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly size: number;
  readonly extents: readonly Extent[];
}

/** Numbers of a linear congruential generator: the same for the same seed. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export function randomDiff(next: (below: number) => number, size: number, names: [string?, string?]): Diff {
  const extents: Extent[] = [];
  for (let at = next(50); at < size; ) {
    const length = Math.min(size - at, 1 + next(200));
    const data = next(3) === 0 ? undefined : Buffer.alloc(length, 1 + next(255));
    extents.push({ offset: at, length, data });
    at += length + (next(4) === 0 ? 0 : next(100));
  }
  return { from: names[0], to: names[1], size, extents };
}

export function encodeDiff(version: 1 | 2, { from, to, size, extents }: Diff): Buffer {
  const parts = [diffHeader(version, { from, to, size, isProtected: true })];
  for (const { offset, length, data } of extents) {
    parts.push(extentHead(version, data !== undefined, offset, length));
    if (data !== undefined) parts.push(data);
  }
  return Buffer.concat([...parts, DIFF_TAIL]);
}

export function apply(image: Buffer, { size, extents }: Diff): Buffer {
  const out = Buffer.alloc(size);
  image.copy(out);
  for (const { offset, length, data } of extents)
    if (data === undefined) out.fill(0, offset, Math.min(size, offset + length));
    else data.copy(out, offset);
  return out;
}

/** The bytes in chunks of other sizes. */
export function* chunked(bytes: Buffer, next: (below: number) => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const n = 1 + next(60);
    yield bytes.subarray(at, at + n);
    at += n;
  }
}
