import { Readable, Writable } from 'node:stream';
import type { FileHandle } from './file-handle.ts';
import type { Abortable } from './session.ts';

export interface StreamOptions extends Abortable {
  start?: number;
  /** Last byte, inclusive. */
  end?: number;
  highWaterMark?: number;
  encoding?: BufferEncoding;
  /** Closes the handle with the stream. Default true. */
  autoClose?: boolean;
  /** Writing: on disk before the stream is finished. */
  flush?: boolean;
}

/** Bytes that a stream reads ahead or gathers. */
const HIGH_WATER = 256 * 1024;

/** A stream over a file; `open` is called when it is first used, and what fails there fails the stream. */
export function readable(open: () => Promise<FileHandle>, options: StreamOptions = {}): Readable {
  const { end = Number.POSITIVE_INFINITY, autoClose = true } = options;
  let file: FileHandle | undefined;
  let at = options.start;
  return new Readable({
    highWaterMark: options.highWaterMark ?? HIGH_WATER,
    encoding: options.encoding,
    signal: options.signal,
    construct(callback) {
      open().then(opened => {
        file = opened;
        at ??= opened.offset;
        callback();
      }, callback);
    },
    read(size) {
      const want = Math.min(size, end + 1 - at!);
      if (want <= 0) {
        this.push(null);
        return;
      }
      file!.read(Buffer.allocUnsafeSlow(want), 0, want, at).then(
        ({ bytesRead, buffer }) => {
          at! += bytesRead;
          this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead));
        },
        error => this.destroy(error),
      );
    },
    destroy(error, callback) {
      finish(file, autoClose, error, callback);
    },
  });
}

export function writable(open: () => Promise<FileHandle>, options: StreamOptions = {}): Writable {
  const { autoClose = true } = options;
  let file: FileHandle | undefined;
  let at = options.start;
  const put = (pieces: Uint8Array[], callback: (error?: Error | null) => void) => {
    const from = at!;
    for (const piece of pieces) at! += piece.length;
    file!.writev(pieces, from).then(() => callback(), callback);
  };
  return new Writable({
    highWaterMark: options.highWaterMark ?? HIGH_WATER,
    defaultEncoding: options.encoding,
    signal: options.signal,
    construct(callback) {
      open().then(opened => {
        file = opened;
        at ??= opened.offset;
        callback();
      }, callback);
    },
    write: (chunk, _encoding, callback) => put([chunk], callback),
    writev: (chunks, callback) =>
      put(
        chunks.map(({ chunk }) => chunk),
        callback,
      ),
    final(callback) {
      if (options.flush === true) file!.sync().then(() => callback(), callback);
      else callback();
    },
    destroy(error, callback) {
      finish(file, autoClose, error, callback);
    },
  });
}

function finish(
  file: FileHandle | undefined,
  autoClose: boolean,
  error: Error | null,
  callback: (error?: Error | null) => void,
): void {
  if (file === undefined || !autoClose) {
    callback(error);
    return;
  }
  file.close().then(
    () => callback(error),
    failure => callback(error ?? failure),
  );
}
