import { ERRNO, errnoName } from './errno.ts';

/** What went wrong, told as node:fs tells it: a code, its number, the operation and what it was tried on. */
export class NacreError extends Error {
  /** Symbolic name: 'ENOENT'. */
  readonly code: string;
  /** Negative errno, as in node:fs and in Ceph's replies. */
  readonly errno: number;
  /** The operation that failed, in the field's terms: 'rados.read'. */
  readonly op: string;

  constructor(code: string, op: string, message: string, options?: { cause?: unknown }) {
    super(`${code}: ${message}, ${op}`, options);
    this.name = 'NacreError';
    this.code = code;
    this.errno = -(ERRNO[code] ?? ERRNO['EIO']);
    this.op = op;
  }

  /** From a reply's result code (negative or positive errno). */
  static fromErrno(errno: number, op: string, message: string, options?: { cause?: unknown }): NacreError {
    return new NacreError(errnoName(errno), op, message, options);
  }
}

/** Bytes that are not what they claim to be. Names the type that was being decoded and the offset. */
export class DecodeError extends NacreError {
  /** The wire type that was being decoded. */
  readonly type: string;
  /** Offset in bytes from the start of the buffer given to the decoder. */
  readonly offset: number;

  constructor(type: string, offset: number, message: string) {
    super('EBADMSG', 'decode', `${type} at offset ${offset}: ${message}`);
    this.name = 'DecodeError';
    this.type = type;
    this.offset = offset;
  }
}
