import { describe, expect, it } from 'vitest';
import type { ObjectClone, ObjectSnaps } from '../../src/ceph/rados/outputs.ts';
import {
  difference,
  intersection,
  type Painted,
  paint,
  type Ranges,
  union,
} from '../../src/ceph/rbd/operations/diff-ranges.ts';
import { snapSetDiff } from '../../src/ceph/rbd/operations/diff-snap-set.ts';
import { SNAP_HEAD } from '../../src/ceph/types/snap.ts';
import { random } from './formats-model.ts';

const LENGTH = 64;

const bitsOf = (ranges: Ranges): boolean[] => {
  const bits = new Array<boolean>(LENGTH).fill(false);
  for (let i = 0; i < ranges.length; i += 2) bits.fill(true, ranges[i], ranges[i + 1]);
  return bits;
};

const rangesOf = (bits: readonly boolean[]): Ranges => {
  const ranges: Ranges = [];
  for (let i = 0; i <= bits.length; i++) if ((bits[i] ?? false) !== (bits[i - 1] ?? false)) ranges.push(i);
  return ranges;
};

describe('ranges', () => {
  it('are united, intersected and subtracted as sets of bytes are', () => {
    const next = random(3);
    for (let i = 0; i < 2000; i++) {
      const [a, b] = [1, 2].map(() => Array.from({ length: LENGTH }, () => next(3) === 0));
      const [x, y] = [rangesOf(a), rangesOf(b)];
      expect(bitsOf(union(x, y))).toEqual(a.map((bit, k) => bit || b[k]));
      expect(union(x, y)).toEqual(rangesOf(bitsOf(union(x, y))));
      expect(intersection(x, y)).toEqual(rangesOf(a.map((bit, k) => bit && b[k])));
      expect(difference(x, y)).toEqual(rangesOf(a.map((bit, k) => bit && !b[k])));
    }
  });

  it('painted over one another keep the last colour', () => {
    const next = random(4);
    for (let i = 0; i < 500; i++) {
      const model = new Array<number>(LENGTH).fill(0);
      const map: Painted = [];
      for (let n = next(12); n > 0; n--) {
        const start = next(LENGTH);
        const end = start + next(LENGTH - start + 1);
        const state = 1 + next(3);
        model.fill(state, start, end);
        paint(map, start, end, state);
      }
      const painted = new Array<number>(LENGTH).fill(0);
      for (let k = 0; k < map.length; k += 3) {
        painted.fill(map[k + 2], map[k], map[k + 1]);
        // Neighbours of one state are one.
        if (k > 0) expect(map[k] > map[k - 2] || map[k + 2] !== map[k - 1]).toBe(true);
      }
      expect(painted).toEqual(model);
    }
  });
});

/** An object and its snapshots, kept as an OSD keeps clones. */
class History {
  /** Content at each snapshot; undefined: not there. */
  readonly at = new Map<bigint, Buffer | undefined>();
  private content: Buffer | undefined;
  private readonly clones: ObjectClone[] = [];
  private pending: bigint[] = [];
  private seq = 0n;
  private overlap: Ranges = [];
  private headSeq = 0n;

  snapshot(id: bigint): void {
    this.seq = id;
    this.at.set(id, this.content && Buffer.from(this.content));
    this.pending.push(id);
  }

  /** Before a change: the content is kept for the snapshots that were taken since the last. */
  private preserve(): void {
    const snaps = this.pending.filter(id => id > this.headSeq);
    if (this.content !== undefined && snaps.length > 0) {
      this.close();
      this.overlap = [0, this.content.length];
      this.clones.push({ id: this.seq, snaps, overlap: [], size: this.content.length });
    }
    this.headSeq = this.seq;
    this.pending = [];
  }

  private close(): void {
    const last = this.clones.at(-1);
    if (last === undefined) return;
    const overlap: { offset: number; length: number }[] = [];
    for (let i = 0; i < this.overlap.length; i += 2)
      overlap.push({ offset: this.overlap[i], length: this.overlap[i + 1] - this.overlap[i] });
    this.clones[this.clones.length - 1] = {
      ...last,
      overlap: last.overlap.length > 0 ? last.overlap : overlap,
    };
    this.overlap = [];
  }

  write(offset: number, data: Buffer): void {
    this.preserve();
    const size = Math.max(this.content?.length ?? 0, offset + data.length);
    const content = Buffer.alloc(size);
    this.content?.copy(content);
    data.copy(content, offset);
    this.content = content;
    this.overlap = difference(this.overlap, [offset, offset + data.length]);
  }

  remove(): void {
    this.preserve();
    if (this.content !== undefined) this.overlap = [];
    this.content = undefined;
  }

  finish(): ObjectSnaps {
    this.at.set(SNAP_HEAD, this.content);
    const clones = [...this.clones];
    const last = clones.at(-1);
    if (last !== undefined && last.overlap.length === 0) {
      this.close();
      clones[clones.length - 1] = this.clones[this.clones.length - 1];
    }
    if (this.content !== undefined)
      clones.push({ id: SNAP_HEAD, snaps: [], overlap: [], size: this.content.length });
    return { seq: this.headSeq, clones };
  }
}

describe('snap sets', () => {
  it('tell of every byte that changed, of being there, and of the size', () => {
    const next = random(9);
    for (let round = 0; round < 400; round++) {
      const object = new History();
      const ids: bigint[] = [];
      for (let i = 0; i < 12; i++) {
        const what = next(10);
        if (what < 4) {
          ids.push(BigInt(ids.length + 1) * 2n);
          object.snapshot(ids.at(-1)!);
        } else if (what < 9) object.write(next(40), Buffer.alloc(1 + next(20), 1 + next(255)));
        else object.remove();
      }
      const set = object.finish();
      const points = [0n, ...ids, SNAP_HEAD];
      for (const [i, from] of points.entries())
        for (const to of points.slice(i + 1)) {
          const before = from === 0n ? undefined : object.at.get(from);
          const after = object.at.get(to);
          const { diff, exists, endSize } = snapSetDiff(set, from, to);
          expect(exists).toBe(after !== undefined);
          if (after !== undefined) expect(endSize).toBe(after.length);
          const bits = bitsOf(diff);
          for (let k = 0; k < LENGTH; k++)
            if ((before?.[k] ?? -1) !== (after?.[k] ?? -1) && !bits[k])
              throw new Error(`round ${round}: byte ${k} from ${from} to ${to}`);
        }
    }
  });
});
