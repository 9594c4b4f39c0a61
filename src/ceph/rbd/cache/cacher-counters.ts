import { type PerfCounters, PerfCountersBuilder } from '../../../base/perf-counters.ts';

/** Counters of one cache, named as ObjectCacher's (osdc/ObjectCacher.h). */
export class CacherCounters {
  readonly opsHit: number;
  readonly opsMiss: number;
  readonly bytesHit: number;
  readonly bytesMiss: number;
  readonly dataRead: number;
  readonly dataWritten: number;
  readonly dataFlushed: number;
  readonly overwritten: number;
  readonly opsBlocked: number;
  readonly bytesBlocked: number;
  readonly timeBlocked: number;
  readonly perf: PerfCounters;

  constructor(name: string) {
    const b = new PerfCountersBuilder(`objectcacher-${name}`);
    this.opsHit = b.u64Counter('cache_ops_hit', 'Hit operations');
    this.opsMiss = b.u64Counter('cache_ops_miss', 'Miss operations');
    this.bytesHit = b.u64Counter('cache_bytes_hit', 'Hit data', { unit: 'bytes' });
    this.bytesMiss = b.u64Counter('cache_bytes_miss', 'Miss data', { unit: 'bytes' });
    this.dataRead = b.u64Counter('data_read', 'Read data');
    this.dataWritten = b.u64Counter('data_written', 'Data written to cache');
    this.dataFlushed = b.u64Counter('data_flushed', 'Data flushed');
    this.overwritten = b.u64Counter('data_overwritten_while_flushing', 'Data overwritten while flushing');
    this.opsBlocked = b.u64Counter('write_ops_blocked', 'Write operations, delayed due to dirty limits');
    this.bytesBlocked = b.u64Counter('write_bytes_blocked', 'Write data blocked on dirty limit', {
      unit: 'bytes',
    });
    this.timeBlocked = b.time('write_time_blocked', 'Time spent blocking a write due to dirty limits');
    this.perf = b.build();
  }
}
