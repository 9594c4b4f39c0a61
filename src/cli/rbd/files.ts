import { type FileHandle, open } from 'node:fs/promises';
import { isZero, zeros } from '../../base/zeros.ts';
import { strerror } from '../shared/errors.ts';
import { ToolError } from './errors.ts';
import { nextData } from './holes.ts';

/** Bytes read from a file at a time. */
const CHUNK = 4 << 20;
/** Chunks that are being read at a time. */
const READS_AHEAD = 3;

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

/** Reads all that there is of `length` bytes at an offset; fewer only at the end of the file. */
async function readAt(file: FileHandle, buffer: Buffer, length: number, offset: number): Promise<number> {
  let got = 0;
  while (got < length) {
    const { bytesRead } = await file.read(buffer, got, length - got, offset + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return got;
}

/** The bytes of a file whose size is not known, a pipe's or a device's, until it ends. */
async function* readToEnd(file: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * The bytes of a file, in chunks of 4 MiB, each read while its predecessors are worked on. Chunks within a hole are not read,
 * where the system says so; what else comes back all zeros is memory to read into again. What is handed on for either is a
 * constant that is known as zeros without another look.
 */
export async function* readChunks(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  if (size === 0) return yield* readToEnd(file);
  const allHole = (await file.stat()).blocks === 0;
  const spare: Buffer[] = [];
  let data = 0;
  const isHole = (at: number, end: number): boolean => {
    if (data <= at) data = nextData(file.fd, at);
    return data >= end;
  };
  const read = async (at: number): Promise<Buffer> => {
    const length = Math.min(CHUNK, size - at);
    if (allHole || isHole(at, at + length)) return zeros(length);
    const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
    const got = await readAt(file, buffer, length, at);
    if (!isZero(buffer, 0, got)) return buffer.subarray(0, got);
    spare.push(buffer);
    return zeros(got);
  };
  const running: Promise<Buffer>[] = [];
  try {
    for (let at = 0, next = 0; at < size; ) {
      for (; next < size && running.length < READS_AHEAD; next += CHUNK) {
        const reading = read(next);
        reading.catch(() => {}); // it is heard of when its turn comes
        running.push(reading);
      }
      const chunk = await running.shift()!;
      if (chunk.length === 0) return; // the file became shorter
      yield chunk;
      at += chunk.length;
      if (chunk.length < CHUNK) return;
    }
  } finally {
    await Promise.allSettled(running);
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
