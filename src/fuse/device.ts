import { readSync } from 'node:fs';
import net from 'node:net';
import { NacreError } from '../base/errors.ts';
import type { Frame, FramePool } from './frame.ts';
import type { Native } from './native.ts';
import { OPCODE } from './protocol.ts';

/** Requests handled in one go before sockets and timers get their turn. */
const BATCH = 32;
/** Wakeups at the most that bring one request each before it is tried again whether there are more. */
const MOST_SKIPPED = 7;
const EAGAIN = 11;

/** Requests that no program waits for: whoever caused one goes on at once, and what he asks for next is mostly there already. */
const UNWAITED = new Uint8Array(64);
for (const opcode of [OPCODE.FORGET, OPCODE.BATCH_FORGET, OPCODE.RELEASE, OPCODE.RELEASEDIR])
  UNWAITED[opcode] = 1;

export interface DeviceEvents {
  /** A request of frame.length bytes. Whoever wants to keep the frame holds it. */
  request(frame: Frame): void;
  /** The connection is over: unmounted (ENODEV), aborted, or closed by us. The descriptor must not be used any more. */
  ending(error: NodeJS.ErrnoException | undefined): void;
  /** Resolves when nothing uses the descriptor any more, so that it can be closed. */
  idle(): Promise<void>;
  closed(): void;
}

interface PipeHandle {
  open(fd: number): number;
  close(): void;
}

/**
 * Reads requests in the main thread when the device is readable. libuv can wait for any descriptor that epoll knows, but the only
 * way to it in Node is a pipe's handle, opened on the descriptor. libuv then reads one request a wakeup; what else is there is read at
 * once, since a call that finds nothing costs less than another round of the event loop.
 */
export class Device {
  readonly #pool: FramePool;
  readonly #events: DeviceEvents;
  readonly #socket: DeviceSocket;
  readonly #read: (buffer: Buffer) => number;
  #frame: Frame;
  #paused = false;
  #skip = 0;
  #misses = 0;

  constructor(fd: number, pool: FramePool, events: DeviceEvents, native: Native | undefined) {
    this.#pool = pool;
    this.#events = events;
    this.#frame = pool.take();
    this.#read = native === undefined ? plainReader(fd) : nativeReader(fd, native);
    const handle = new (pipeConstructor())(0);
    const failed = handle.open(fd);
    if (failed !== 0)
      throw NacreError.fromErrno(failed, 'fuse.open', `descriptor ${fd} cannot be waited for`);
    this.#socket = new DeviceSocket(handle, events, this);
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => events.closed());
  }

  /** Closes the descriptor, which makes the kernel abort the connection if it is the last one. */
  close(): void {
    this.#socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  /** Leaves requests with the kernel until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  /** Where libuv reads the next request to. */
  nextBuffer(): Buffer {
    return this.#frame.buffer;
  }

  readable(length: number): void {
    let unwaited = this.#handle(length);
    let found = false;
    for (let i = 1; i < BATCH && !this.#socket.destroyed && !this.#paused; i++) {
      // Who has one request under way at a time never leaves another: after misses a look is taken less often.
      if (!unwaited && this.#skip > 0) {
        this.#skip--;
        return;
      }
      const more = this.#read(this.#frame.buffer);
      if (more <= 0) {
        if (unwaited) return;
        this.#misses = found ? 0 : Math.min(this.#misses + 1, MOST_SKIPPED);
        this.#skip = this.#misses;
        return;
      }
      found ||= !unwaited;
      unwaited = this.#handle(more);
    }
  }

  /** Whether no program waits for the answer. */
  #handle(length: number): boolean {
    const frame = this.#frame;
    const unwaited = UNWAITED[frame.words[1]] === 1;
    frame.length = length;
    this.#events.request(frame);
    if (frame.holders > 1) {
      frame.release();
      this.#frame = this.#pool.take();
    }
    return unwaited;
  }
}

class DeviceSocket extends net.Socket {
  readonly #events: DeviceEvents;

  constructor(handle: PipeHandle, events: DeviceEvents, device: Device) {
    const options = {
      handle,
      readable: true,
      writable: false,
      onread: {
        buffer: () => device.nextBuffer(),
        callback: (length: number) => {
          device.readable(length);
          return true;
        },
      },
    };
    super(options as unknown as net.SocketConstructorOpts);
    this.#events = events;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#events.ending(error ?? undefined);
    // A thread may be writing to the descriptor, whose number must not go to another file meanwhile.
    this.#events.idle().then(() => super._destroy(error, callback));
  }
}

/** Reads without exceptions: "nothing there" is the usual answer. */
function nativeReader(fd: number, native: Native): (buffer: Buffer) => number {
  return buffer => native.read(fd, buffer, buffer.length);
}

/** readSync throws when nothing is there, which costs as much as a request: after misses it is tried less often. */
function plainReader(fd: number): (buffer: Buffer) => number {
  let skip = 0;
  let wait = 1;
  return buffer => {
    if (skip > 0) {
      skip--;
      return 0;
    }
    try {
      const length = readSync(fd, buffer, 0, buffer.length, null);
      wait = 1;
      return length;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno === -EAGAIN) {
        skip = wait;
        wait = Math.min(64, wait * 2);
      }
      return -1;
    }
  };
}

let pipe: (new (type: number) => PipeHandle) | undefined;

/** Node does not export the class of pipe handles, but every socket on a path has one, from the moment it starts to connect. */
function pipeConstructor(): new (type: number) => PipeHandle {
  if (pipe === undefined) {
    const socket = new net.Socket();
    socket.on('error', () => {});
    socket.connect({ path: '/dev/null' });
    const handle = (socket as unknown as { _handle: PipeHandle | null })._handle;
    pipe = handle?.constructor as typeof pipe;
    socket.destroy();
    if (pipe === undefined)
      throw new NacreError(
        'ENOTSUP',
        'fuse.open',
        'this Node has no pipe handles to wait for the device with',
      );
  }
  return pipe;
}
