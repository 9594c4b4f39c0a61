import { errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { OSDOp } from '../messages/osd-op.ts';
import * as build from '../messages/osd-op-build.ts';
import type { Op } from '../objecter/op.ts';
import * as r from '../types/rados.ts';
import { type Data, EMPTY, toBytes } from './bytes.ts';
import type { OpOutcome } from './errors.ts';
import { radosErrorCode } from './errors.ts';
import { CHECKSUM_TYPES, type Comparison } from './flags.ts';
import {
  type ChecksumRequest,
  checksumRequest,
  type OmapConditions,
  omapComparison,
  xattrComparison,
} from './inputs.ts';
import {
  decodeChecksums,
  decodeOmapKeys,
  decodeOmapPage,
  decodeSnaps,
  decodeSparse,
  decodeStat,
  decodeValues,
  decodeWatchers,
  type ObjectSnaps,
  type ObjectStat,
  type OmapPage,
  type SparseData,
  type Watcher,
} from './outputs.ts';

/** What one op of a compound operation gave, once that is done. */
export class OpResult<T> {
  private readonly what: string;
  private readonly decode: (data: Buffer, code: number) => T;
  private outcome: OpOutcome | undefined;

  constructor(what: string, decode: (data: Buffer, code: number) => T) {
    this.what = what;
    this.decode = decode;
  }

  /** 0, a length, or a negative errno; undefined while the operation was not answered. */
  get code(): number | undefined {
    return this.outcome?.code;
  }

  /** The op's value. Throws what went wrong with this op, and EINPROGRESS before the operation is done. */
  get value(): T {
    const { outcome, what } = this;
    if (outcome === undefined)
      throw new NacreError('EINPROGRESS', `rados.${what}`, 'the operation that it belongs to is not done');
    if (outcome.code < 0)
      throw new NacreError(radosErrorCode(outcome.code), `rados.${what}`, errnoText(outcome.code));
    return this.decode(outcome.data, outcome.code);
  }

  /** For the operation. */
  settle(outcome: OpOutcome | undefined): void {
    this.outcome = outcome;
  }
}

const bytesOf = (data: Buffer): Buffer => data;
const nothingOf = (): void => {};

/**
 * Ops on one object that are done together, all or none, in order; the first that fails ends it
 * (unless its flags say OP_FAILOK). May be used again once it is done.
 */
export abstract class Operation {
  readonly ops: OSDOp[] = [];
  private readonly handles: (OpResult<unknown> | undefined)[] = [];

  get length(): number {
    return this.ops.length;
  }

  protected push<T>(op: OSDOp, what: string, decode: (data: Buffer, code: number) => T): OpResult<T> {
    const handle = new OpResult(what, decode);
    this.ops.push(op);
    this.handles.push(handle);
    return handle;
  }

  /** OP_* flags for the op added last. */
  opFlags(flags: number): this {
    const last = this.ops.at(-1);
    if (last === undefined) throw new NacreError('EINVAL', 'rados.operation', 'flags come after an op');
    last.flags |= flags;
    return this;
  }

  // Conditions: the operation fails when one does not hold.

  /** ENOENT when the object is not there. */
  assertExists(): this {
    this.push(build.opStat(), 'assertExists', nothingOf);
    return this;
  }

  /** ERANGE when the object's version is below, EOVERFLOW when it is above. */
  assertVersion(version: number): this {
    this.push(build.opAssertVer(version), 'assertVersion', nothingOf);
    return this;
  }

  /** ECANCELED when the stored value does not compare so to the one given. */
  compareXattr(name: string, op: Comparison, value: Data | bigint): this {
    this.push(xattrComparison(name, op, value), 'compareXattr', nothingOf);
    return this;
  }

  /** ECANCELED when one does not hold. */
  omapCompare(conditions: OmapConditions): this {
    this.push(omapComparison(conditions), 'omapCompare', nothingOf);
    return this;
  }

  /** ECANCELED when the data at the offset differs; the error's `mismatch` says where. */
  compareExt(offset: number, data: Data): this {
    this.push(build.opCmpExt(offset, toBytes(data)), 'compareExt', nothingOf);
    return this;
  }

  /** Runs a method of an object class. The output of one in a write only comes with OPERATION_RETURNVEC. */
  exec(cls: string, method: string, input?: Data): OpResult<Buffer>;
  /** The same; `decode` turns the output into a value. */
  exec<T>(cls: string, method: string, input: Data, decode: (data: Buffer) => T): OpResult<T>;
  exec(
    cls: string,
    method: string,
    input: Data = EMPTY,
    decode: (data: Buffer) => unknown = bytesOf,
  ): OpResult<unknown> {
    return this.push(build.opCall(cls, method, toBytes(input)), 'exec', decode);
  }

  /** For the operation that is finished: hands each op what it gave. */
  settle(op: Op): OpOutcome[] {
    const outcomes: OpOutcome[] = [];
    const ops = op.reply?.ops;
    for (let i = 0; i < this.ops.length; i++) {
      const out = ops?.[i];
      const outcome = out === undefined ? undefined : { code: out.rval, data: out.outdata ?? EMPTY };
      this.handles[i]?.settle(outcome);
      if (outcome !== undefined) outcomes.push(outcome);
    }
    return outcomes;
  }
}

/** Ops that read; what each gives is in the OpResult that adding it returned, once `operate` resolved. */
export class ReadOperation extends Operation {
  /** `length` 0: to the end. */
  read(offset = 0, length = 0): OpResult<Buffer> {
    return this.push(build.opRead(offset, length), 'read', bytesOf);
  }

  sparseRead(offset: number, length: number): OpResult<SparseData> {
    return this.push(build.opSparseRead(offset, length), 'sparseRead', decodeSparse);
  }

  checksum(request: ChecksumRequest): OpResult<number[] | bigint[]> {
    const type = CHECKSUM_TYPES[request.type];
    return this.push(checksumRequest(request), 'checksum', data => decodeChecksums(data, type));
  }

  stat(): OpResult<ObjectStat> {
    return this.push(build.opStat(), 'stat', decodeStat);
  }

  getXattr(name: string): OpResult<Buffer> {
    return this.push(build.opGetXattr(name), 'getXattr', bytesOf);
  }

  getXattrs(): OpResult<Map<string, Buffer>> {
    return this.push(build.opGetXattrs(), 'getXattrs', decodeValues);
  }

  omapGet(keys: readonly string[]): OpResult<Map<string, Buffer>> {
    return this.push(build.opOmapGetValsByKeys(keys), 'omapGet', decodeValues);
  }

  omapGetPage(
    range: { after?: string; prefix?: string; max?: number } = {},
  ): OpResult<OmapPage<Map<string, Buffer>>> {
    const { after = '', prefix = '', max = 1024 } = range;
    return this.push(build.opOmapGetVals(after, prefix, max), 'omapGetPage', decodeOmapPage);
  }

  omapGetKeysPage(range: { after?: string; max?: number } = {}): OpResult<OmapPage<string[]>> {
    const { after = '', max = 1024 } = range;
    return this.push(build.opOmapGetKeys(after, max), 'omapGetKeysPage', decodeOmapKeys);
  }

  omapGetHeader(): OpResult<Buffer> {
    return this.push(build.opOmapGetHeader(), 'omapGetHeader', bytesOf);
  }

  listWatchers(): OpResult<Watcher[]> {
    return this.push(build.opListWatchers(), 'listWatchers', decodeWatchers);
  }

  /** Only as the sole op, on an IoCtx at snapshot SNAP_DIR. */
  listSnaps(): OpResult<ObjectSnaps> {
    return this.push(build.opListSnaps(), 'listSnaps', decodeSnaps);
  }

  /** Whether the cached object has changes that the base pool lacks. */
  isDirty(): OpResult<boolean> {
    return this.push(
      build.opPlain(r.CEPH_OSD_OP_ISDIRTY),
      'isDirty',
      data => data.length > 0 && data[0] !== 0,
    );
  }
}
