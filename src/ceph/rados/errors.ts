import { errnoName, errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { Op } from '../objecter/op.ts';
import { EBLOCKLISTED } from '../types/rados.ts';

/** What one op of a compound operation came to. */
export interface OpOutcome {
  /** 0, a length, or a negative errno. */
  readonly code: number;
  readonly data: Buffer;
}

/** A compound operation that failed: which of its ops did, and what the others gave. */
export class OperationError extends NacreError {
  readonly results: readonly OpOutcome[];
  /** Where in its data a compareExt found the first difference, when that is what failed. */
  readonly mismatch: number | undefined;

  constructor(result: number, op: string, message: string, results: readonly OpOutcome[]) {
    super(radosErrorCode(result), op, message);
    this.name = 'OperationError';
    this.results = results;
    this.mismatch = result <= -MAX_ERRNO ? -MAX_ERRNO - result : undefined;
  }
}

/** Largest errno: cmpext tells the place of a difference by going beyond it. */
export const MAX_ERRNO = 4095;

/** Errno of a daemon's answer -> code; Ceph's own name where it has one. */
export function radosErrorCode(errno: number): string {
  if (errno <= -MAX_ERRNO) return 'ECANCELED';
  return Math.abs(errno) === EBLOCKLISTED ? 'EBLOCKLISTED' : errnoName(errno);
}

/** Why an op on an object failed, as the promise of it rejects. An AbortSignal's own reason comes through as it is. */
export function opError(name: string, op: Op, result: number): unknown {
  if (op.reply === undefined && op.aborter?.signal.aborted === true) return op.aborter.signal.reason;
  const { baseOid, baseOloc } = op.target;
  const where = `pool ${baseOloc.pool}${baseOloc.nspace === '' ? '' : ` namespace '${baseOloc.nspace}'`}`;
  const what = baseOid === '' ? where : `object '${baseOid}' in ${where}`;
  const code = op.reply === undefined ? errnoName(result) : radosErrorCode(result);
  return new NacreError(code, `rados.${name}`, `${errnoText(result)}: ${what}`);
}
