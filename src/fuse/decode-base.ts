import { DecodeError } from '../base/errors.ts';
import { decodeCleanFileName } from '../base/file-name.ts';
import type { Frame } from './frame.ts';
import { IN_HEADER } from './protocol.ts';
import type { Request } from './request.ts';
import type { FuseOperations } from './types.ts';

/** Word of a request's body after fuse_in_header. */
export const B = IN_HEADER / 4;
const ENOSYS = 38;

/** What reading a request depends on beside its bytes. */
export interface DecodeContext {
  /** setxattr has its longer form. */
  setxattrExt: boolean;
  /** Small writes are copied out of the frame, because lately they were not answered at once. */
  copyWrites: boolean;
}

/**
 * Reads the body of one kind of request, up to byte `end`, and calls the operation. The result is the operation's: a promise, if
 * it is async. Throws DecodeError on bytes that are not what they claim to be.
 */
export type Decode = (
  ops: FuseOperations,
  request: Request,
  frame: Frame,
  end: number,
  context: DecodeContext,
) => unknown;

/** Checks that a body up to byte `end` has so many bytes. */
export function need(end: number, bytes: number, type: string): void {
  if (end - IN_HEADER < bytes)
    throw new DecodeError(type, end, `${bytes} bytes wanted, ${end - IN_HEADER} there`);
}

/** Byte after the name read last. */
export let cursor = 0;

/** A string up to its zero byte. */
export function text(frame: Frame, start: number, end: number, type: string): string {
  const { buffer } = frame;
  let at = start;
  while (at < end && buffer[at] !== 0) at++;
  if (at >= end) throw new DecodeError(type, start, 'no zero byte ends the name');
  cursor = at + 1;
  return decodeCleanFileName(buffer, start, at, type);
}

/** A component of a path. */
export function name(frame: Frame, start: number, end: number, type: string): string {
  const found = text(frame, start, end, type);
  if (found.length === 0) throw new DecodeError(type, start, 'an empty name');
  if (found.includes('/')) throw new DecodeError(type, start, 'a slash in a name');
  return found;
}

/** The answer for an operation that the file system does not have. */
export function missing(request: Request): undefined {
  request.error(ENOSYS);
}
