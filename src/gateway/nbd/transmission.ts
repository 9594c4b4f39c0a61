import type { Socket } from 'node:net';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { DeviceResult } from './block-device.ts';
import type { Budget } from './budget.ts';
import { NBD_EINVAL, NBD_EIO, NBD_ENOSPC, nbdError } from './errors.ts';
import {
  CMD_BLOCK_STATUS,
  CMD_CACHE,
  CMD_DISC,
  CMD_FLAG_DF,
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
import { sendRead } from './read-reply.ts';
import { FAILED, type Refusal, refusalOf, SHUTTING_DOWN, type Terms } from './refusals.ts';
import { ReplyStream } from './reply-stream.ts';
import { NbdRequest, type RequestOwner } from './request.ts';
import { type PayloadPlan, type RequestHeader, RequestParser, type RequestSink } from './request-parser.ts';

/** Bytes of a trim, write-zeroes or cache command that are given to the device at once. */
const STEP = 256 << 20;
const CACHE_STEP = 4 << 20;
/** Descriptors in the answer to one block status command. */
const MAX_EXTENTS = 256;
/** A write of more than the maximum is read over and refused up to here; beyond, the client is dropped. */
const MAX_SKIP = 2 * MAX_PAYLOAD;

const NAMES: Readonly<Record<number, string>> = {
  [CMD_READ]: 'NBD.read',
  [CMD_WRITE]: 'NBD.write',
  [CMD_FLUSH]: 'NBD.flush',
  [CMD_TRIM]: 'NBD.trim',
  [CMD_CACHE]: 'NBD.cache',
  [CMD_WRITE_ZEROES]: 'NBD.write_zeroes',
  [CMD_BLOCK_STATUS]: 'NBD.block_status',
};

export interface TransmissionLimits {
  /** Requests of one client that may be under way, replies that it has not taken included. */
  readonly maxRequests: number;
  /** Bytes of theirs. */
  readonly maxBytes: number;
}

/** Whom a transmission tells of its end. */
export interface TransmissionOwner {
  /** All is answered, after the client's farewell or a `drain`: the socket may go once it has written everything. */
  finished(): void;
  /** The client broke the protocol: it is to be dropped. */
  violation(message: string): void;
  /** Whether the socket should be read. */
  flow(on: boolean): void;
}

/**
 * The transmission phase of one connection. No more is read from the socket while the client has as much under way as
 * it may have, so that the memory it can take is bounded whatever it sends, and whether or not it reads the replies.
 */
export class Transmission implements RequestSink, RequestOwner {
  readonly parser: RequestParser = new RequestParser(this);
  private readonly terms: Terms;
  private readonly limits: TransmissionLimits;
  private readonly budget: Budget;
  private readonly owner: TransmissionOwner;
  private readonly replies: ReplyStream;
  /** With the device. */
  private inFlight = 0;
  /** Requests whose reply is not written yet, those with the device included. */
  private open = 0;
  /** Bytes charged for requests that are open, and for the payload that is coming in. */
  private bytes = 0;
  /** Of these: of replies that wait to be written. */
  private replyBytes = 0;
  /** Charged for the payload that is coming in. */
  private incoming = 0;
  private refusal: Refusal | undefined;
  private stopped = false;
  private draining = false;
  private leaving = false;
  private reported = false;
  private closed = false;
  /** Requests that were begun, of all kinds. */
  requests = 0;

  constructor(
    socket: Socket,
    terms: Terms,
    limits: TransmissionLimits,
    budget: Budget,
    owner: TransmissionOwner,
  ) {
    this.terms = terms;
    this.limits = limits;
    this.budget = budget;
    this.owner = owner;
    this.replies = new ReplyStream(socket, (requests, bytes) => this.drained(requests, bytes));
  }

  /** Bytes came that were not read into what the parser lent. True when `chunk` is kept. */
  feed(chunk: Buffer): boolean {
    if (this.leaving || this.closed) return false;
    const kept = this.parser.feed(chunk);
    this.regulate();
    return kept;
  }

  /** So many bytes came into what the parser lent. */
  filledRoom(bytes: number): void {
    this.parser.filledRoom(bytes);
    this.regulate();
  }

  /** Refuses all that comes from now on, and reports when what is under way is answered. */
  drain(): void {
    this.draining = true;
    this.reportIfDone();
  }

  /** The socket is gone. What the device works on goes on; nobody hears of it. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.budget.leave(this);
    this.budget.give(this.replyBytes + this.incoming);
  }

  get ready(): boolean {
    if (this.leaving) return false;
    if (this.open === 0) return true;
    const { maxRequests, maxBytes } = this.limits;
    return this.open < maxRequests && this.bytes < maxBytes && this.budget.free;
  }

  writeBegins(header: RequestHeader): PayloadPlan {
    this.refusal = this.draining ? SHUTTING_DOWN : refusalOf(header, this.terms);
    if (this.refusal !== undefined) {
      if (header.length > MAX_SKIP) this.owner.violation(`a write of ${header.length} bytes`);
      return 'skip';
    }
    this.incoming = header.length;
    this.bytes += header.length;
    this.budget.take(header.length);
    return 'keep';
  }

  request(header: RequestHeader, payload: Buffer[]): void {
    const { type, length } = header;
    if (type === CMD_DISC) {
      this.leaving = true;
      this.reportIfDone();
      return;
    }
    if (this.closed) return;
    this.requests++;
    this.open++;
    const isWrite = type === CMD_WRITE;
    const refusal = isWrite ? this.refusal : this.draining ? SHUTTING_DOWN : refusalOf(header, this.terms);
    const charged = refusal === undefined && (isWrite || type === CMD_READ);
    const request = new NbdRequest(this, header, charged ? length : 0);
    if (refusal !== undefined) {
      this.fail(request, refusal.error, refusal);
      return;
    }
    if (isWrite) this.incoming = 0;
    else if (charged) {
      this.bytes += length;
      this.budget.take(length);
    }
    if (tracing()) request.span = wind(NAMES[type], undefined, { offset: header.offset, length });
    this.inFlight++;
    if (length === 0 && type !== CMD_FLUSH) this.succeed(request);
    else this.start(request, payload);
  }

  violation(message: string): void {
    this.leaving = true;
    this.owner.violation(message);
  }

  private start(request: NbdRequest, payload: Buffer[]): void {
    const { device, structured } = this.terms;
    const { type, flags, offset, length, span } = request;
    switch (type) {
      case CMD_READ:
        device.read(offset, length, structured && (flags & CMD_FLAG_DF) === 0, request, span);
        return;
      case CMD_WRITE:
        device.write(offset, payload, request, span);
        return;
      case CMD_FLUSH:
        device.flush(request);
        return;
      case CMD_BLOCK_STATUS:
        this.blockStatus(request);
        return;
      default:
        this.step(request);
    }
  }

  /** The next part of a command that may be over gigabytes. */
  private step(request: NbdRequest): void {
    const { device } = this.terms;
    const { type, flags, span } = request;
    const at = request.offset + request.begun;
    const bytes = Math.min(type === CMD_CACHE ? CACHE_STEP : STEP, request.length - request.begun);
    request.begun += bytes;
    if (type === CMD_TRIM) device.trim(at, bytes, request, span);
    else if (type === CMD_CACHE) device.cache(at, bytes, request);
    else device.zero(at, bytes, (flags & CMD_FLAG_NO_HOLE) !== 0, request, span);
  }

  private blockStatus(request: NbdRequest): void {
    const max = (request.flags & CMD_FLAG_REQ_ONE) !== 0 ? 1 : MAX_EXTENTS;
    this.terms.device.extents(request.offset, request.length, max).then(
      extents => {
        if (!this.closed) this.replies.blockStatus(request, this.terms.allocation!, extents);
        this.end(request);
      },
      (error: unknown) => {
        const errno = (error as { errno?: unknown }).errno;
        this.failed(request, typeof errno === 'number' ? errno : -NBD_EIO);
      },
    );
  }

  stepFinished(request: NbdRequest, io: DeviceResult, result: number): void {
    const { type, flags } = request;
    if (result < 0) this.failed(request, result);
    else if (type === CMD_READ) this.readFinished(request, io);
    else if (request.begun > 0 && request.begun < request.length) {
      if (this.closed) this.end(request);
      else this.step(request);
    } else if (
      (flags & CMD_FLAG_FUA) !== 0 &&
      !request.flushing &&
      !this.terms.device.durableWrites &&
      (type === CMD_WRITE || type === CMD_TRIM || type === CMD_WRITE_ZEROES)
    ) {
      request.flushing = true;
      this.terms.device.flush(request);
    } else this.succeed(request);
  }

  private readFinished(request: NbdRequest, io: DeviceResult): void {
    const { data } = io;
    if (data === undefined || data.length !== request.length) this.failed(request, -NBD_EIO);
    else {
      if (!this.closed) sendRead(this.replies, request, data, io.extents, this.terms.structured);
      this.end(request);
    }
  }

  private succeed(request: NbdRequest): void {
    if (!this.closed) {
      if (request.type === CMD_READ && this.terms.structured) this.replies.none(request);
      else this.replies.simple(request, 0);
    }
    this.end(request);
  }

  /** The device failed the request. */
  private failed(request: NbdRequest, result: number): void {
    let error = nbdError(result);
    // The image has shrunk since this client was told its size.
    const end = request.offset + request.length;
    if (error === NBD_EINVAL && end > this.terms.device.size && request.type === CMD_WRITE)
      error = NBD_ENOSPC;
    this.inFlight--;
    this.fail(request, error, FAILED);
  }

  private fail(request: NbdRequest, error: number, refusal: Refusal): void {
    if (!this.closed) {
      if (this.terms.structured) this.replies.error(request, error, refusal.message);
      else this.replies.simple(request, error);
    }
    if (request.span !== undefined) unwind(request.span, `error ${error}`);
    this.answered(request);
  }

  private end(request: NbdRequest): void {
    this.inFlight--;
    if (request.span !== undefined) unwind(request.span);
    this.answered(request);
  }

  private answered(request: NbdRequest): void {
    if (this.closed) {
      this.budget.give(request.charge);
      return;
    }
    this.replyBytes += request.charge;
    this.replies.end(request.charge);
  }

  private drained(requests: number, bytes: number): void {
    if (this.closed) return;
    this.open -= requests;
    this.bytes -= bytes;
    this.replyBytes -= bytes;
    this.budget.give(bytes);
    this.wake();
    this.reportIfDone();
  }

  /** There may be room for more. */
  wake(): void {
    if (this.closed || this.draining) return;
    if (this.stopped && this.ready) this.parser.resume();
    this.regulate();
  }

  private regulate(): void {
    const stop = this.parser.blocked;
    if (stop && !this.closed && !this.budget.free) this.budget.wait(this);
    if (stop === this.stopped) return;
    this.stopped = stop;
    this.owner.flow(!stop);
  }

  private reportIfDone(): void {
    if (this.reported || this.closed || !(this.leaving || this.draining)) return;
    if (this.inFlight > 0 || !this.replies.idle) return;
    this.reported = true;
    this.owner.finished();
  }
}
