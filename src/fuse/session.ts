import { writeSync, writevSync } from 'node:fs';
import { ERRNO } from '../base/errno.ts';
import { DecodeError, NacreError } from '../base/errors.ts';
import { IdTable } from '../base/id-table.ts';
import { type TraceDetail, tracing, unwind, wind } from '../base/trace.ts';
import { bodyEnd, DECODERS, decodeBatchForget, decodeForget, decodeInterrupt } from './decode.ts';
import type { DecodeContext } from './decode-base.ts';
import { Device } from './device.ts';
import { Directory } from './directory.ts';
import { describeForget, describeReply, describeRequest } from './dump.ts';
import { type Frame, FramePool, frameSize } from './frame.ts';
import { DEFAULT_MAX_WRITE, decodeInit, encodeInit, INIT_OUT, negotiate } from './init.ts';
import { loadNative } from './native.ts';
import { Notifier } from './notify.ts';
import { FUSE_MAJOR, FUSE_MINOR_MIN, IN_HEADER, INIT, OPCODE, OPCODE_NAMES, OUT_HEADER } from './protocol.ts';
import { type ReplySink, Request, SMALL_REPLY } from './request.ts';
import type { FuseConnection, FuseInitOptions, FuseNotify, FuseOperations } from './types.ts';

export interface FuseSessionOptions extends FuseInitOptions {
  /** Told what went wrong inside a file system's method, or in an answer that the kernel refused [a process warning]. */
  onError?: (error: unknown) => void;
  /** Gets each request ('> 48 LOOKUP node=1 name=new'), answer ('< 48 LOOKUP error=-2') and notification ('! ...') as text. */
  dump?: (line: string) => void;
}

const LAYERS = OPCODE_NAMES.map(name => `FUSE.${name}`);
/** Frames kept for use when nobody holds them: as many large writes are under way without new memory. */
const SPARE_FRAMES = 16;

/** Serves a file system on an open descriptor of /dev/fuse. `mount()` makes both. */
export class FuseSession implements ReplySink {
  /** Answers are written at once, so one piece of memory serves all the small ones. */
  readonly out: Buffer;
  readonly outWords: Uint32Array;
  /** Resolves when INIT has been answered. */
  readonly ready: Promise<FuseConnection>;
  /** Resolves when the connection has ended and its descriptor is closed. */
  readonly closed: Promise<void>;
  readonly notify: FuseNotify;
  /** Requests so far, by opcode. */
  readonly counts = new Float64Array(64);
  dump: ((line: string) => void) | undefined;
  connection: FuseConnection | undefined;

  readonly #ops: FuseOperations;
  readonly #options: FuseSessionOptions;
  readonly #fd: number;
  readonly #device: Device;
  readonly #notifier: Notifier;
  readonly #pending = new IdTable<Request>();
  readonly #context: DecodeContext = { setxattrExt: false, copyWrites: false };
  #spareDirectory: Buffer | undefined;
  #ended = false;
  #readyWith!: (connection: FuseConnection) => void;
  #readyFailed!: (error: unknown) => void;
  #closedWith!: () => void;

  /** Takes the descriptor over. */
  constructor(fd: number, ops: FuseOperations, options: FuseSessionOptions = {}) {
    this.#fd = fd;
    this.#ops = ops;
    this.#options = options;
    this.dump = options.dump;
    this.out = Buffer.allocUnsafeSlow(OUT_HEADER + SMALL_REPLY + 256);
    this.outWords = new Uint32Array(this.out.buffer, 0, this.out.length >>> 2);
    this.ready = new Promise((resolve, reject) => {
      this.#readyWith = resolve;
      this.#readyFailed = reject;
    });
    this.ready.catch(() => {});
    this.closed = new Promise(resolve => {
      this.#closedWith = resolve;
    });
    this.#notifier = new Notifier(fd, () => this.dump);
    this.notify = this.#notifier;
    const pool = new FramePool(frameSize(options.maxWrite ?? DEFAULT_MAX_WRITE), SPARE_FRAMES);
    this.#device = new Device(
      fd,
      pool,
      {
        request: frame => this.#request(frame),
        ending: error => this.#ending(error),
        idle: () => this.#notifier.end(),
        closed: () => this.#finish(),
      },
      loadNative(),
    );
  }

  /** How many requests have not been answered yet. */
  get unanswered(): number {
    return this.#pending.size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Leaves requests with the kernel until `resume`; those that were read go on. */
  pause(): void {
    this.#device.pause();
  }

  resume(): void {
    this.#device.resume();
  }

  /** Closes the device: unless it was unmounted before, the mount point answers ENOTCONN from now on. */
  close(): Promise<void> {
    this.#device.close();
    return this.closed;
  }

  /** Whether the session keeps the process alive. */
  ref(): void {
    this.#device.ref();
  }

  unref(): void {
    this.#device.unref();
  }

  #ending(error: NodeJS.ErrnoException | undefined): void {
    this.#ended = true;
    this.#readyFailed(
      new NacreError('ENOTCONN', 'fuse.init', 'the connection ended before it was set up', { cause: error }),
    );
  }

  #finish(): void {
    // Those who wait for a lock or the like wait for nobody any more.
    for (const request of this.#pending.values()) this.#guard(() => request.interrupt());
    this.#pending.clear();
    this.#guard(() => this.#ops.destroy?.());
    this.#closedWith();
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    if (this.#options.onError !== undefined) this.#options.onError(error);
    else process.emitWarning(error instanceof Error ? error : String(error), 'FuseWarning');
  }

  #request(frame: Frame): void {
    const { words } = frame;
    if (frame.length < IN_HEADER || words[0] !== frame.length) {
      this.#report(
        new DecodeError('fuse_in_header', 0, `says ${words[0]} bytes of the ${frame.length} that were read`),
      );
      return;
    }
    const opcode = words[1];
    if (opcode < 64) this.counts[opcode]++;
    if (this.dump !== undefined) this.dump(describeRequest(frame, this.#context.setxattrExt));
    const request = new Request(this, words);
    try {
      switch (opcode) {
        case OPCODE.FORGET:
        case OPCODE.BATCH_FORGET:
          this.#forget(frame, opcode);
          return;
        case OPCODE.INTERRUPT:
          this.#interrupt(decodeInterrupt(frame));
          return;
        case OPCODE.INIT:
          this.#init(frame, request);
          return;
        case OPCODE.DESTROY:
          request.ok();
          return;
      }
      this.#operate(frame, request);
    } catch (error) {
      this.#thrown(request, error);
    }
    if (request.answered) return;
    // Only now does it cost anything that the answer comes later.
    request.pending = true;
    this.#pending.set(request.unique, request);
    if (opcode === OPCODE.WRITE) {
      this.#context.copyWrites = true;
      request.frame?.hold();
    }
  }

  #operate(frame: Frame, request: Request): void {
    const { opcode } = request;
    const decode = opcode < DECODERS.length ? DECODERS[opcode] : undefined;
    if (decode === undefined) {
      request.error(ERRNO['ENOSYS']);
      return;
    }
    if (tracing()) request.span = wind(LAYERS[opcode], undefined, detailOf(frame, request));
    const result = decode(this.#ops, request, frame, bodyEnd(frame), this.#context);
    // Where data is done with at once, the next small write need not be copied either.
    if (opcode === OPCODE.WRITE && request.answered) this.#context.copyWrites = request.kept;
    if (result !== undefined && typeof (result as PromiseLike<unknown>)?.then === 'function')
      (result as PromiseLike<unknown>).then(undefined, error => this.#thrown(request, error));
  }

  #thrown(request: Request, error: unknown): void {
    if (!(error instanceof NacreError) || request.answered || error instanceof DecodeError)
      this.#report(error);
    if (!request.answered) this.#guard(() => request.fail(error instanceof DecodeError ? EIO : error));
  }

  #forget(frame: Frame, opcode: number): void {
    const { forget, batchForget } = this.#ops;
    if (opcode === OPCODE.FORGET) {
      const one = decodeForget(frame);
      if (forget !== undefined) forget.call(this.#ops, one.nodeid, one.count);
      else batchForget?.call(this.#ops, [one]);
      return;
    }
    const forgets = decodeBatchForget(frame);
    if (this.dump !== undefined) for (const one of forgets) this.dump(describeForget(one));
    if (batchForget !== undefined) batchForget.call(this.#ops, forgets);
    else if (forget !== undefined) for (const one of forgets) forget.call(this.#ops, one.nodeid, one.count);
  }

  #interrupt(unique: number): void {
    // What is not there has been answered already; the answer overtook the interrupt.
    const request = this.#pending.get(unique);
    if (request === undefined) return;
    request.interrupt();
    if (!request.answered) this.#ops.interrupt?.(request);
  }

  #init(frame: Frame, request: Request): void {
    const offer = decodeInit(frame);
    if (offer.major > FUSE_MAJOR) {
      // The kernel asks again in the version that we name.
      request.answered = true;
      this.outWords.fill(0, 4, 4 + INIT_OUT / 4);
      this.outWords[4] = FUSE_MAJOR;
      this.send(request, 0, INIT_OUT);
      return;
    }
    if (offer.major < FUSE_MAJOR || offer.minor < FUSE_MINOR_MIN) {
      request.error(ERRNO['EPROTO']);
      this.#readyFailed(
        new NacreError('ENOTSUP', 'fuse.init', `the kernel speaks FUSE ${offer.major}.${offer.minor} only`),
      );
      this.#device.close();
      return;
    }
    const connection = negotiate(offer, this.#options, this.#ops);
    this.connection = connection;
    this.#context.setxattrExt = (connection.flags & INIT.SETXATTR_EXT) !== 0;
    try {
      this.#ops.init?.(connection);
    } catch (error) {
      request.fail(error);
      this.#readyFailed(error);
      this.#device.close();
      return;
    }
    request.answered = true;
    encodeInit(this.outWords, 4, connection);
    this.send(request, 0, INIT_OUT);
    this.#readyWith(connection);
  }

  /** fuse_out_header: u32 len; i32 error; u64 unique */
  send(request: Request, error: number, length: number): void {
    const words = this.outWords;
    const total = OUT_HEADER + (error === 0 ? length : 0);
    words[0] = total;
    words[1] = -error;
    words[2] = request.uniqueLow;
    words[3] = request.uniqueHigh;
    if (request.pending || request.span !== undefined || this.dump !== undefined)
      this.#answered(request, error, words, total);
    if (this.#ended) return;
    try {
      writeSync(this.#fd, this.out, 0, total);
    } catch (problem) {
      this.#refused(request, problem as NodeJS.ErrnoException);
    }
  }

  sendParts(request: Request, parts: readonly Uint8Array[], length: number): void {
    const words = this.outWords;
    words[0] = OUT_HEADER + length;
    words[1] = 0;
    words[2] = request.uniqueLow;
    words[3] = request.uniqueHigh;
    if (request.pending || request.span !== undefined || this.dump !== undefined)
      this.#answered(request, 0, words, OUT_HEADER + length);
    if (this.#ended) return;
    try {
      writevSync(this.#fd, [this.out.subarray(0, OUT_HEADER), ...parts]);
    } catch (problem) {
      this.#refused(request, problem as NodeJS.ErrnoException);
    }
  }

  makeDirectory(plus: boolean, size: number): Directory {
    const wanted = OUT_HEADER + size;
    const spare = this.#spareDirectory;
    this.#spareDirectory = undefined;
    const memory = spare !== undefined && spare.length >= wanted ? spare : Buffer.allocUnsafeSlow(wanted);
    return new Directory(plus, size, memory);
  }

  sendDirectory(request: Request, directory: Directory): void {
    const { words, length } = directory;
    words[0] = length;
    words[1] = 0;
    words[2] = request.uniqueLow;
    words[3] = request.uniqueHigh;
    if (request.pending || request.span !== undefined || this.dump !== undefined)
      this.#answered(request, 0, words, length);
    if (!this.#ended) {
      try {
        writeSync(this.#fd, directory.buffer, 0, length);
      } catch (problem) {
        this.#refused(request, problem as NodeJS.ErrnoException);
      }
    }
    this.#spareDirectory = directory.buffer;
  }

  /** What an answer ends, apart from the request itself. */
  #answered(request: Request, error: number, words: Uint32Array, total: number): void {
    if (request.pending) {
      request.pending = false;
      this.#pending.delete(request.unique);
      const { frame } = request;
      request.frame = undefined;
      frame?.release();
    }
    if (request.span !== undefined) unwind(request.span, error === 0 ? undefined : errorText(error));
    this.dump?.(describeReply(request, error, words, total));
  }

  #refused(request: Request, problem: NodeJS.ErrnoException): void {
    // The caller has gone (ENOENT), or the mount.
    const { code } = problem;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'ECONNABORTED' || code === 'EPERM') return;
    this.#report(
      new NacreError(
        'EIO',
        'fuse.reply',
        `the kernel refused the answer to ${OPCODE_NAMES[request.opcode]} of node ${request.nodeid}`,
        { cause: problem },
      ),
    );
    const words = this.outWords;
    words[0] = OUT_HEADER;
    words[1] = -ERRNO['EIO'];
    words[2] = request.uniqueLow;
    words[3] = request.uniqueHigh;
    try {
      writeSync(this.#fd, this.out, 0, OUT_HEADER);
    } catch {
      // It has taken the refused answer for one after all.
    }
  }
}

const EIO = { errno: ERRNO['EIO'] };

function errorText(error: number): string {
  return NacreError.fromErrno(error, 'fuse', 'answered').code;
}

function detailOf(frame: Frame, request: Request): TraceDetail {
  return { node: request.nodeid, pid: request.pid, request: describeRequest(frame, false) };
}
