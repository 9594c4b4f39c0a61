import { describe, expect, it } from 'vitest';
import { formatJson } from '../../src/base/format.ts';
import { PerfCollection, PerfCountersBuilder } from '../../src/base/perf-counters.ts';

function sample() {
  const b = new PerfCountersBuilder('objecter');
  const ids = {
    active: b.u64('op_active', 'Operations in flight'),
    ops: b.u64Counter('op', 'Operations', { nick: 'ops', priority: 10 }),
    bytes: b.u64Avg('op_bytes', 'Bytes of each', { unit: 'bytes' }),
    time: b.time('time', 'Time spent'),
    latency: b.timeAvg('op_latency', 'Latency'),
  };
  return { ids, counters: b.build() };
}

describe('performance counters', () => {
  it('count and dump as Ceph prints them', () => {
    const { ids, counters } = sample();
    counters.inc(ids.active, 3);
    counters.dec(ids.active);
    counters.inc(ids.ops);
    counters.inc(ids.bytes, 100);
    counters.inc(ids.bytes, 50);
    counters.tinc(ids.time, 2500);
    counters.tinc(ids.latency, 1);
    counters.tinc(ids.latency, 2);
    expect(counters.get(ids.active)).toBe(2);
    expect(formatJson(counters.dump())).toBe(
      '{"op_active":2,"op":1,"op_bytes":{"avgcount":2,"sum":150},"time":2.500000000,' +
        '"op_latency":{"avgcount":2,"sum":0.003000000,"avgtime":0.001500000}}',
    );
    counters.reset();
    expect(JSON.parse(formatJson(counters.dump()))).toEqual({
      op_active: 2,
      op: 0,
      op_bytes: { avgcount: 0, sum: 0 },
      time: 0,
      op_latency: { avgcount: 0, sum: 0, avgtime: 0 },
    });
  });

  it('describe themselves with the type numbers of perfcounter_type_d', () => {
    const { counters } = sample();
    const kinds = Object.entries(counters.schema()).map(([name, entry]) => {
      const { type, metric_type, value_type, units } = entry as Record<string, unknown>;
      return [name, type, metric_type, value_type, units];
    });
    expect(kinds).toEqual([
      ['op_active', 2, 'gauge', 'integer', 'none'],
      ['op', 10, 'counter', 'integer', 'none'],
      ['op_bytes', 6, 'gauge', 'integer-integer-pair', 'bytes'],
      ['time', 1, 'gauge', 'real', 'none'],
      ['op_latency', 5, 'gauge', 'real-integer-pair', 'none'],
    ]);
    expect(counters.schema('op')).toEqual({
      op: expect.objectContaining({ description: 'Operations', nick: 'ops', priority: 10 }),
    });
  });

  it('of one name are told apart, narrowed down, reset and taken out', () => {
    const all = new PerfCollection();
    const [a, b] = [sample(), sample()];
    const added = all.add(a.counters);
    all.add(b.counters);
    a.counters.inc(a.ids.ops);
    b.counters.inc(b.ids.ops, 2);
    expect(Object.keys(all.dump())).toEqual(['objecter', 'objecter-1']);
    expect(all.dump('objecter-1', 'op')).toEqual({ 'objecter-1': { op: 2 } });
    expect(all.dump('nosuch')).toEqual({});
    expect(all.reset('nosuch')).toBe(false);
    expect(all.reset('objecter')).toBe(true);
    expect([a.counters.get(a.ids.ops), b.counters.get(b.ids.ops)]).toEqual([0, 2]);
    expect(all.reset('all')).toBe(true);
    expect(b.counters.get(b.ids.ops)).toBe(0);
    added[Symbol.dispose]();
    expect(Object.keys(all.dump())).toEqual(['objecter']);
  });

  it('sort pairs into the ranges that the histogram shows', () => {
    const b = new PerfCountersBuilder('osd');
    const histogram = b.histogram(
      'latency_by_size',
      'Latency and size',
      { name: 'Latency (usec)', scale: 'log2', min: 0, quantSize: 100_000, buckets: 32 },
      { name: 'Size (bytes)', scale: 'linear', min: 10, quantSize: 5, buckets: 4 },
    );
    const all = new PerfCollection();
    all.add(b.build());
    const samples: [number, number][] = [
      [-1, 0],
      [0, 10],
      [99_999, 14],
      [100_000, 15],
      [399_999, 19],
      [400_000, 20],
      [1e15, 1e9],
    ];
    for (const [x, y] of samples) histogram.inc(x, y);
    const dump = all.dumpHistograms()['osd'] as Record<string, { axes: Axis[]; values: number[][] }>;
    const { axes, values } = dump['latency_by_size'];
    expect(axes[0].ranges.slice(0, 4)).toEqual([
      { max: -1 },
      { min: 0, max: 99_999 },
      { min: 100_000, max: 199_999 },
      { min: 200_000, max: 399_999 },
    ]);
    // As a C++ OSD prints the end of the same axis.
    expect(axes[0].ranges.slice(-2)).toEqual([
      { min: 26_843_545_600_000, max: 53_687_091_199_999 },
      { min: 53_687_091_200_000 },
    ]);
    expect(values.flat().reduce((sum, n) => sum + n)).toBe(samples.length);
    const inRange = (value: number, { min = -Infinity, max = Infinity }) => value >= min && value <= max;
    for (const [x, y] of samples) {
      const i = axes[0].ranges.findIndex(range => inRange(x, range));
      const j = axes[1].ranges.findIndex(range => inRange(y, range));
      expect(values[i][j], `${x}, ${y}`).toBeGreaterThan(0);
    }
  });
});

interface Axis {
  readonly ranges: { min?: number; max?: number }[];
}
