import { type FileHandle, open } from 'node:fs/promises';
import { strerror } from '../shared/errors.ts';
import { ToolError } from './errors.ts';

/** Bytes read from a file at a time. */
const CHUNK = 4 << 20;
const ZEROS = Buffer.alloc(CHUNK);

/** errno of what node:fs failed with, positive. */
function fileErrno(error: unknown): number {
  return Math.abs((error as NodeJS.ErrnoException).errno ?? 5);
}

/** Opens a file to write that must not be there; `verb` begins the line of an error. */
export async function createFile(path: string, verb: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o644);
  } catch (error) {
    const errno = fileErrno(error);
    throw new ToolError(`rbd: ${verb} error: ${strerror(errno)}`, errno);
  }
}

/** Opens a file to read; `verb` begins the second line of an error. */
export async function openFile(path: string, verb: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const errno = fileErrno(error);
    throw new ToolError(`rbd: error opening ${path}\nrbd: ${verb} failed: ${strerror(errno)}`, errno);
  }
}

/** What a file says of where its data is; without that, everything is data. */
export interface SparseInput {
  readonly chunks: AsyncIterable<Buffer>;
}

/**
 * The bytes of a file, in chunks of 4 MiB. A stretch that the file system has no blocks for is not read: node:fs has no
 * SEEK_DATA, so only a file that is all hole (no blocks at all) is known to be zeros without a look.
 */
export async function* readChunks(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  const { blocks } = await file.stat();
  let at = 0;
  const isHole = blocks === 0 && size > 0;
  while (at < size || size === 0) {
    const length = size === 0 ? CHUNK : Math.min(CHUNK, size - at);
    if (isHole) {
      yield ZEROS.subarray(0, length);
      at += length;
      continue;
    }
    const buffer = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await file.read(buffer, 0, length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield bytesRead === length ? buffer : buffer.subarray(0, bytesRead);
  }
}

/** Writes all of a buffer at the end of what was written before, to a file or a pipe. */
export async function writeAll(file: FileHandle | undefined, bytes: Uint8Array): Promise<void> {
  if (file === undefined) {
    if (!process.stdout.write(bytes))
      await new Promise<void>(resolve => process.stdout.once('drain', resolve));
    return;
  }
  let at = 0;
  while (at < bytes.length) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
}

/** Writes all of a buffer at an offset. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
}

/** Whether all bytes are zero. */
export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const end = Math.min(bytes.length, at + ZEROS.length);
    if (bytes.compare(ZEROS, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}
