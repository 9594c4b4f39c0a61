import { ERRNO, errnoName } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { Dict } from '../types/dict.ts';

const ENOENT = ERRNO['ENOENT'];
const ESTALE = ERRNO['ESTALE'];

/**
 * How a fop fails on its way up: `op_errno` and what came with it. No Error, as ENOENT is the commonest answer of all and a stack
 * trace would cost more than the fop; whoever hands it to a user makes one of it (`toError`).
 */
export class FopError {
  /** Positive errno, Linux's numbers. */
  readonly errno: number;
  readonly xdata: Dict | undefined;
  /** Name of the xlator that it comes from. */
  readonly origin: string | undefined;

  constructor(errno: number, origin?: string, xdata?: Dict) {
    this.errno = errno;
    this.origin = origin;
    this.xdata = xdata;
  }

  /** 'ENOENT'. */
  get code(): string {
    return errnoName(this.errno);
  }

  /** For users: `op` as in 'gluster.open', `what` it was tried on. */
  toError(op: string, what: string): NacreError {
    const where = this.origin === undefined ? '' : ` (${this.origin})`;
    return NacreError.fromErrno(this.errno, op, what + where);
  }
}

/** The file is not there, or not there any more. */
export function isMissing(errno: number): boolean {
  return errno === ENOENT || errno === ESTALE;
}

/** The errno of whatever was thrown; EIO for what is no FopError or NacreError, which is a mistake of ours that must not go unseen. */
export function errnoOf(thrown: unknown): number {
  if (thrown instanceof FopError) return thrown.errno;
  if (thrown instanceof NacreError) return -thrown.errno;
  const code = (thrown as { code?: unknown } | null)?.code;
  const known = typeof code === 'string' ? ERRNO[code] : undefined;
  if (known !== undefined) return known;
  process.emitWarning(
    thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    'FopWarning',
  );
  return ERRNO['EIO'];
}
