import type { PerfCollection } from '../../base/perf-counters.ts';
import { PerfCountersBuilder } from '../../base/perf-counters.ts';
import type { OSDOp } from '../messages/osd-op.ts';
import { CEPH_OSD_OP_MODE_WR, opModeRead, opTypeAttr, opTypeData } from '../types/rados.ts';
import type { Op } from './op.ts';

/** Bytes that an op keeps in flight: what a write sends, what a read asks for (Objecter::calc_op_budget). */
export function opBudget(ops: readonly OSDOp[]): number {
  let bytes = 0;
  for (let i = 0; i < ops.length; i++) {
    const o = ops[i];
    if ((o.op & CEPH_OSD_OP_MODE_WR) !== 0) bytes += o.indata === undefined ? 0 : o.indata.length;
    else if (opModeRead(o.op)) {
      if (opTypeData(o.op)) bytes += o.arg === undefined ? o.length : 0;
      else if (opTypeAttr(o.op) && o.arg !== undefined) bytes += o.xattr.nameLen + o.xattr.valueLen;
    }
  }
  return bytes;
}

/**
 * objecter_inflight_ops and objecter_inflight_op_bytes: ops beyond them wait in the order of their submission.
 * An op larger than the whole budget goes alone. A limit of 0 means none.
 */
export class OpBudget {
  maxOps: number;
  maxBytes: number;
  ops = 0;
  bytes = 0;
  private readonly waiting: Op[] = [];
  /** Index of the first that waits, so that taking it does not move the others. */
  private head = 0;

  constructor(maxOps: number, maxBytes: number) {
    this.maxOps = maxOps;
    this.maxBytes = maxBytes;
  }

  get waiters(): number {
    return this.waiting.length - this.head;
  }

  private fits(bytes: number): boolean {
    return (
      (this.maxOps === 0 || this.ops < this.maxOps) &&
      (this.maxBytes === 0 || this.bytes === 0 || this.bytes + bytes <= this.maxBytes)
    );
  }

  /** Takes the op's share. False: it is queued, and `next` will return it. */
  take(op: Op): boolean {
    if (this.head < this.waiting.length || !this.fits(op.budget)) {
      this.waiting.push(op);
      return false;
    }
    this.ops++;
    this.bytes += op.budget;
    return true;
  }

  put(op: Op): void {
    this.ops--;
    this.bytes -= op.budget;
  }

  /** The first that waits, if there is room for it; its share is then taken. */
  next(): Op | undefined {
    const { waiting } = this;
    if (this.head === waiting.length || !this.fits(waiting[this.head].budget)) return undefined;
    const op = waiting[this.head++];
    if (this.head === waiting.length) {
      waiting.length = 0;
      this.head = 0;
    } else if (this.head >= 1024) {
      waiting.splice(0, this.head);
      this.head = 0;
    }
    this.ops++;
    this.bytes += op.budget;
    return op;
  }

  /** Takes a waiting op out. */
  remove(op: Op): void {
    const at = this.waiting.indexOf(op, this.head);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  /** Every op that waits, in order; they no longer wait. */
  drain(): Op[] {
    const ops = this.waiting.slice(this.head);
    this.waiting.length = 0;
    this.head = 0;
    return ops;
  }

  /** Shows fill and limit as Ceph's throttles do: 'throttle-objecter_ops' and 'throttle-objecter_bytes'. */
  publish(perf: PerfCollection): { refresh(): void; [Symbol.dispose](): void } {
    const level = (name: string) => {
      const b = new PerfCountersBuilder(`throttle-${name}`);
      const val = b.u64('val', 'Currently taken slots');
      const max = b.u64('max', 'Max value for throttle');
      const counters = b.build();
      const registration = perf.add(counters);
      const set = (v: number, m: number) => {
        counters.set(val, v);
        counters.set(max, m);
      };
      return { set, registration };
    };
    const bytes = level('objecter_bytes');
    const ops = level('objecter_ops');
    return {
      refresh: () => {
        bytes.set(this.bytes, this.maxBytes);
        ops.set(this.ops, this.maxOps);
      },
      [Symbol.dispose]: () => {
        bytes.registration[Symbol.dispose]();
        ops.registration[Symbol.dispose]();
      },
    };
  }
}
