import type { BlockDevice } from './block-device.ts';
import { NBD_EINVAL, NBD_ENOSPC, NBD_ENOTSUP, NBD_EOVERFLOW, NBD_EPERM, NBD_ESHUTDOWN } from './errors.ts';
import {
  CMD_BLOCK_STATUS,
  CMD_CACHE,
  CMD_FLAG_DF,
  CMD_FLAG_FAST_ZERO,
  CMD_FLAG_FUA,
  CMD_FLAG_NO_HOLE,
  CMD_FLAG_REQ_ONE,
  CMD_FLUSH,
  CMD_READ,
  CMD_TRIM,
  CMD_WRITE,
  CMD_WRITE_ZEROES,
  MAX_PAYLOAD,
} from './protocol.ts';
import type { RequestHeader } from './request-parser.ts';

/** What was agreed on in the handshake. */
export interface Terms {
  /** Name of the export, as the server calls it. */
  readonly name: string;
  readonly device: BlockDevice;
  /** Bytes; what the client was told, for as long as it stays. */
  readonly size: number;
  readonly readOnly: boolean;
  readonly structured: boolean;
  /** Id of the context base:allocation, if it was chosen. */
  readonly allocation: number | undefined;
}

/** Why a request is not even tried. */
export interface Refusal {
  readonly error: number;
  readonly message: string;
}

export const SHUTTING_DOWN: Refusal = { error: NBD_ESHUTDOWN, message: 'the server is shutting down' };
export const FAILED: Refusal = { error: 0, message: 'the device reports an error' };
const UNKNOWN_COMMAND: Refusal = { error: NBD_EINVAL, message: 'unknown command' };
const UNKNOWN_FLAG: Refusal = { error: NBD_EINVAL, message: 'a flag that the command does not have' };
const READ_ONLY: Refusal = { error: NBD_EPERM, message: 'the export is read-only' };
const NO_CONTEXT: Refusal = { error: NBD_EINVAL, message: 'no metadata context was negotiated' };
const EMPTY: Refusal = { error: NBD_EINVAL, message: 'an empty range' };
const NOT_EMPTY: Refusal = { error: NBD_EINVAL, message: 'a flush has no range' };
const PAST_END: Refusal = { error: NBD_EINVAL, message: 'beyond the end of the export' };
const NO_SPACE: Refusal = { error: NBD_ENOSPC, message: 'beyond the end of the export' };
const TOO_LONG: Refusal = { error: NBD_EINVAL, message: 'more than the maximum block size' };
const TOO_LONG_WHOLE: Refusal = { error: NBD_EOVERFLOW, message: 'more than the maximum block size' };
const NOT_FAST: Refusal = { error: NBD_ENOTSUP, message: 'zeroing would be no faster than writing' };

/** Flags that a command may have. FUA is allowed with each, as clients are known to set it everywhere. */
const FLAGS = new Map<number, number>([
  [CMD_READ, CMD_FLAG_FUA | CMD_FLAG_DF],
  [CMD_WRITE, CMD_FLAG_FUA],
  [CMD_FLUSH, CMD_FLAG_FUA],
  [CMD_TRIM, CMD_FLAG_FUA],
  [CMD_CACHE, CMD_FLAG_FUA],
  [CMD_WRITE_ZEROES, CMD_FLAG_FUA | CMD_FLAG_NO_HOLE | CMD_FLAG_FAST_ZERO],
  [CMD_BLOCK_STATUS, CMD_FLAG_FUA | CMD_FLAG_REQ_ONE],
]);

/** What is wrong with a request, if anything. */
export function refusalOf(header: RequestHeader, terms: Terms): Refusal | undefined {
  const { type, flags, offset, length } = header;
  const allowed = FLAGS.get(type);
  if (allowed === undefined) return UNKNOWN_COMMAND;
  if ((flags & ~allowed) !== 0) return UNKNOWN_FLAG;
  if (type === CMD_FLUSH) return offset !== 0 || length !== 0 ? NOT_EMPTY : undefined;
  const writes = type === CMD_WRITE || type === CMD_WRITE_ZEROES;
  if ((writes || type === CMD_TRIM) && terms.readOnly) return READ_ONLY;
  if (type === CMD_READ) {
    if ((flags & CMD_FLAG_DF) !== 0 && !terms.structured) return UNKNOWN_FLAG;
    if (length > MAX_PAYLOAD) return (flags & CMD_FLAG_DF) !== 0 ? TOO_LONG_WHOLE : TOO_LONG;
  }
  if (type === CMD_WRITE && length > MAX_PAYLOAD) return TOO_LONG;
  if (type === CMD_BLOCK_STATUS) {
    if (terms.allocation === undefined) return NO_CONTEXT;
    if (length === 0) return EMPTY;
  }
  if (offset + length > terms.size) return writes ? NO_SPACE : PAST_END;
  if (type === CMD_WRITE_ZEROES && (flags & CMD_FLAG_FAST_ZERO) !== 0)
    if ((flags & CMD_FLAG_NO_HOLE) !== 0 || !terms.device.fastZero) return NOT_FAST;
  return undefined;
}
