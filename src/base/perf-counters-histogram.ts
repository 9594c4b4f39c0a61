/** One axis of a histogram (common/perf_histogram.h axis_config_d). */
export interface HistogramAxis {
  readonly name: string;
  readonly scale: 'linear' | 'log2';
  /** Where the second bucket begins; what is below goes into the first. */
  readonly min: number;
  /** Width of the second bucket. */
  readonly quantSize: number;
  /** How many there are; what is above goes into the last. */
  readonly buckets: number;
}

/** Quanta from `min` to the end of bucket `i`. */
function quanta(axis: HistogramAxis, i: number): number {
  return axis.scale === 'linear' ? i : 2 ** (i - 1);
}

function bucketOf(axis: HistogramAxis, value: number): number {
  if (value < axis.min) return 0;
  const at = (value - axis.min) / axis.quantSize;
  const bucket = axis.scale === 'linear' ? Math.floor(at) + 1 : at < 1 ? 1 : Math.floor(Math.log2(at)) + 2;
  return Math.min(bucket, axis.buckets - 1);
}

/** The bounds of each bucket, both inside it; the first has no lower one, the last no upper one. */
function ranges(axis: HistogramAxis): { min?: number; max?: number }[] {
  const found: { min?: number; max?: number }[] = [{ max: axis.min - 1 }];
  let from = axis.min;
  for (let i = 1; i < axis.buckets - 1; i++) {
    const to = axis.min + quanta(axis, i) * axis.quantSize;
    found.push({ min: from, max: to - 1 });
    from = to;
  }
  found.push({ min: from });
  return found;
}

/** How often each pair of ranges was met. */
export class PerfHistogram {
  readonly name: string;
  readonly desc: string;
  private readonly x: HistogramAxis;
  private readonly y: HistogramAxis;
  private readonly values: Float64Array;

  constructor(name: string, desc: string, x: HistogramAxis, y: HistogramAxis) {
    this.name = name;
    this.desc = desc;
    this.x = x;
    this.y = y;
    this.values = new Float64Array(x.buckets * y.buckets);
  }

  inc(x: number, y: number): void {
    this.values[bucketOf(this.x, x) * this.y.buckets + bucketOf(this.y, y)]++;
  }

  reset(): void {
    this.values.fill(0);
  }

  schema(): Record<string, unknown> {
    return {
      // PERFCOUNTER_U64 | PERFCOUNTER_COUNTER | PERFCOUNTER_HISTOGRAM
      type: 0x1a,
      metric_type: 'counter',
      value_type: 'integer-2d-histogram',
      description: this.desc,
      nick: '',
      priority: 0,
      units: 'none',
    };
  }

  /** Axes with their ranges, and a row of counts for each bucket of the first axis. */
  dump(): Record<string, unknown> {
    const axes = [this.x, this.y].map(axis => ({
      name: axis.name,
      min: axis.min,
      quant_size: axis.quantSize,
      buckets: axis.buckets,
      scale_type: axis.scale,
      ranges: ranges(axis),
    }));
    const values: number[][] = [];
    for (let i = 0; i < this.x.buckets; i++)
      values.push([...this.values.subarray(i * this.y.buckets, (i + 1) * this.y.buckets)]);
    return { axes, values };
  }
}
