import type { OSDOp } from '../messages/osd-op.ts';
import * as build from '../messages/osd-op-build.ts';
import * as r from '../types/rados.ts';
import { type Data, toBytes } from './bytes.ts';
import { toValues, type Values } from './inputs.ts';
import type { IoBase } from './io-base.ts';
import { Operation } from './operation.ts';

const nothingOf = (): void => {};

/** Ops that write, done together or not at all. Each method adds one and returns the operation. */
export class WriteOperation extends Operation {
  private add(op: OSDOp, what: string): this {
    this.push(op, what, nothingOf);
    return this;
  }

  create(options: { exclusive?: boolean } = {}): this {
    return this.add(build.opCreate(options.exclusive === true), 'create');
  }

  write(offset: number, data: Data): this {
    return this.add(build.opWrite(offset, toBytes(data)), 'write');
  }

  writeFull(data: Data): this {
    return this.add(build.opWriteFull(toBytes(data)), 'writeFull');
  }

  writeSame(offset: number, length: number, data: Data): this {
    return this.add(build.opWriteSame(offset, length, toBytes(data)), 'writeSame');
  }

  append(data: Data): this {
    return this.add(build.opAppend(toBytes(data)), 'append');
  }

  truncate(size: number): this {
    return this.add(build.opTruncate(size), 'truncate');
  }

  zero(offset: number, length: number): this {
    return this.add(build.opZero(offset, length), 'zero');
  }

  remove(): this {
    return this.add(build.opDelete(), 'remove');
  }

  setXattr(name: string, value: Data): this {
    return this.add(build.opSetXattr(name, toBytes(value)), 'setXattr');
  }

  removeXattr(name: string): this {
    return this.add(build.opRmXattr(name), 'removeXattr');
  }

  omapSet(values: Values): this {
    return this.add(build.opOmapSetVals(toValues(values)), 'omapSet');
  }

  omapSetHeader(header: Data): this {
    return this.add(build.opOmapSetHeader(toBytes(header)), 'omapSetHeader');
  }

  omapRemoveKeys(keys: readonly string[]): this {
    return this.add(build.opOmapRmKeys(keys), 'omapRemoveKeys');
  }

  /** From `first` up to, and without, `end`. */
  omapRemoveRange(first: string, end: string): this {
    return this.add(build.opOmapRmKeyRange(first, end), 'omapRemoveRange');
  }

  omapClear(): this {
    return this.add(build.opOmapClear(), 'omapClear');
  }

  /** To the state at a snapshot. */
  rollback(snapshot: bigint): this {
    return this.add(build.opRollback(snapshot), 'rollback');
  }

  copyFrom(source: { io: IoBase; oid: string }, options: { snapshot?: bigint; version?: number } = {}): this {
    const { io, oid } = source;
    const { snapshot = io.snapid, version = 0 } = options;
    return this.add(build.opCopyFrom(oid, snapshot, io.locator, version), 'copyFrom');
  }

  /** Flags: ALLOC_HINT_*. */
  setAllocHint(expectedObjectSize: number, expectedWriteSize: number, flags = 0): this {
    return this.add(build.opSetAllocHint(expectedObjectSize, expectedWriteSize, flags), 'setAllocHint');
  }

  cachePin(): this {
    return this.add(build.opPlain(r.CEPH_OSD_OP_CACHE_PIN), 'cachePin');
  }

  cacheUnpin(): this {
    return this.add(build.opPlain(r.CEPH_OSD_OP_CACHE_UNPIN), 'cacheUnpin');
  }

  /** The cached object counts as the same as that of the base pool. */
  undirty(): this {
    return this.add(build.opPlain(r.CEPH_OSD_OP_UNDIRTY), 'undirty');
  }

  unsetManifest(): this {
    return this.add(build.opPlain(r.CEPH_OSD_OP_UNSET_MANIFEST), 'unsetManifest');
  }

  tierPromote(): this {
    return this.add(build.opPlain(r.CEPH_OSD_OP_TIER_PROMOTE), 'tierPromote');
  }
}
