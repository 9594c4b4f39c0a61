import { describe, expect, it } from 'vitest';
import { DrawIds, drawAll, drawEach, prepareDraws } from '../../src/ceph/crush/draw.ts';
import { hash32_3 } from '../../src/ceph/crush/hash.ts';
import { prng } from '../support/fuzz.ts';

function expectDraws(ids: DrawIds, x: number, r: number): void {
  const wanted = Array.from(ids.list, id => hash32_3(x, id, r) & 0xffff);
  expect([...drawAll(x, r, ids).subarray(0, ids.list.length)]).toEqual(wanted);
  const each = new Int32Array(ids.list.length);
  drawEach(x, r, ids.list.length, ids.list, each);
  expect([...each]).toEqual(wanted);
}

describe('draws for all items of a bucket', () => {
  const next = prng(31);
  const idsOf = (n: number) => new DrawIds(Array.from({ length: n }, () => next() | 0));

  it('are the hashes, for buckets of every size', () => {
    prepareDraws(200);
    for (let n = 1; n < 40; n++) expectDraws(idsOf(n), next() | 0, next() % 200);
  });

  it('are the hashes when more ids have been drawn from than there is room for', () => {
    prepareDraws(16384);
    const first = idsOf(50);
    expectDraws(first, 1, 2);
    for (let i = 0; i < 40; i++) expectDraws(idsOf(16384), i, i);
    expectDraws(first, 3, 4);
  });

  it('are the hashes for a bucket beyond that room', () => {
    prepareDraws(300_000);
    expectDraws(idsOf(300_000), -5, 6);
    expectDraws(idsOf(3), -5, 6);
  });
});
