import type { Context } from '../../base/context.ts';
import { type PerfCounters, PerfCountersBuilder, PRIO_CRITICAL } from '../../base/perf-counters.ts';
import type { MOSDOp } from '../messages/mosdop.ts';
import { CEPH_OSD_FLAG_WRITE } from '../types/rados.ts';

/** Counters of an OSD, with the names of osd/osd_perf_counters.cc. */
export class OsdPerf {
  private readonly counters: PerfCounters;
  private readonly registered: Disposable;
  private readonly ids: {
    readonly op: number;
    readonly inBytes: number;
    readonly outBytes: number;
    readonly r: number;
    readonly rOut: number;
    readonly w: number;
    readonly wIn: number;
    readonly pgs: number;
    readonly primaries: number;
    readonly replicas: number;
    readonly epochs: number;
  };

  constructor(ctx: Context, _id: number) {
    const b = new PerfCountersBuilder('osd');
    const critical = { priority: PRIO_CRITICAL };
    this.ids = {
      op: b.u64Counter('op', 'Client operations', { ...critical, nick: 'ops' }),
      inBytes: b.u64Counter('op_in_bytes', 'Client operations total write size', { unit: 'bytes' }),
      outBytes: b.u64Counter('op_out_bytes', 'Client operations total read size', { unit: 'bytes' }),
      r: b.u64Counter('op_r', 'Client read operations'),
      rOut: b.u64Counter('op_r_out_bytes', 'Client data read', { unit: 'bytes' }),
      w: b.u64Counter('op_w', 'Client write operations'),
      wIn: b.u64Counter('op_w_in_bytes', 'Client data written', { unit: 'bytes' }),
      pgs: b.u64('numpg', 'Placement groups'),
      primaries: b.u64('numpg_primary', 'Placement groups for which this osd is primary'),
      replicas: b.u64('numpg_replica', 'Placement groups for which this osd is replica'),
      epochs: b.u64Counter('map_message_epochs', 'OSD map epochs'),
    };
    this.counters = b.build();
    this.registered = ctx.perf.add(this.counters);
  }

  op(m: MOSDOp, read: number, written: number): void {
    const { values } = this.counters;
    const { ids } = this;
    values[ids.op]++;
    values[ids.outBytes] += read;
    values[ids.inBytes] += written;
    if ((m.flags & CEPH_OSD_FLAG_WRITE) !== 0) {
      values[ids.w]++;
      values[ids.wIn] += written;
    } else {
      values[ids.r]++;
      values[ids.rOut] += read;
    }
  }

  epoch(): void {
    this.counters.inc(this.ids.epochs);
  }

  setPgs(all: number, primaries: number): void {
    this.counters.set(this.ids.pgs, all);
    this.counters.set(this.ids.primaries, primaries);
    this.counters.set(this.ids.replicas, all - primaries);
  }

  dump(): Record<string, unknown> {
    return this.counters.dump();
  }

  close(): void {
    this.registered[Symbol.dispose]();
  }
}
