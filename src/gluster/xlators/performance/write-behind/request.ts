import type { Fd } from '../../../graph/fd.ts';
import type { WriteAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Slab } from './slabs.ts';

export const WRITE = 0;
export const FLUSH = 1;
export const FSYNC = 2;
export const OTHER = 3;

/** Anything that stands in a file's queue. */
export class Request {
  readonly kind: number;
  /** The bytes that it depends on and that depend on it: from `start` up to `end`. */
  start: number;
  end: number;
  /** The queue's generation when it came: it waits for lies that are older only. */
  gen = 0;
  /** A write at the end of the file, wherever that is: everything after it waits for it. */
  append = false;
  /** A write that may be answered before it is written. */
  tempted = false;
  /** It was. */
  lied = false;
  /** Written, or not and its failure told. */
  fulfilled = false;
  /** Enough was joined to it. */
  go = false;
  /** Under way. */
  wip = false;
  /** Errno of the last try, or, of a flush or fsync, of a write that it waited for. */
  failed = 0;
  tries = 0;
  /** Starts what is no write, or the write that is answered when written. */
  begin: (() => void) | undefined = undefined;
  reject: ((errno: number) => void) | undefined = undefined;

  constructor(kind: number, start: number, end: number) {
    this.kind = kind;
    this.start = start;
    this.end = end;
  }
}

/** A write that may be answered early. */
export class WriteRequest extends Request {
  readonly frame: Frame;
  readonly fd: Fd;
  readonly flags: number;
  readonly lkOwner: string;
  offset: number;
  /** Of what is still to be written, joined writes included. */
  size: number;
  /** As it came: what the answer says. */
  readonly written: number;
  /** The caller's while it has no answer, ours from then on. */
  data: readonly Buffer[];
  /** Where each of `data` lies, when it is ours. */
  slabs: Slab[] | undefined = undefined;
  answer: ((answer: WriteAnswer) => void) | undefined = undefined;

  constructor(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    size: number,
    offset: number,
    flags: number,
    start: number,
  ) {
    super(WRITE, start, offset + size);
    this.frame = frame;
    this.fd = fd;
    this.data = data;
    this.size = size;
    this.written = size;
    this.offset = offset;
    this.flags = flags;
    this.lkOwner = frame.root.lkOwner;
    this.tempted = true;
  }
}

export function overlap(a: Request, b: Request): boolean {
  return a.start < b.end && b.start < a.end;
}

export function sizeOf(data: readonly Buffer[]): number {
  if (data.length === 1) return data[0].length;
  let size = 0;
  for (const piece of data) size += piece.length;
  return size;
}

/** `data` without its first `n` bytes. */
export function skip(data: readonly Buffer[], n: number): Buffer[] {
  const rest: Buffer[] = [];
  let left = n;
  for (const piece of data) {
    if (left >= piece.length) left -= piece.length;
    else {
      rest.push(left === 0 ? piece : piece.subarray(left));
      left = 0;
    }
  }
  return rest;
}

export function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at === 0) list.shift();
  else if (at > 0) list.splice(at, 1);
}

/** Pieces of memory in one write to the child. */
export const MOST_PIECES = 8;

/** Adds a write to the last group when it goes on where that ends. */
export function gather(heads: WriteRequest[][], write: WriteRequest, most: number): void {
  const group = heads.at(-1);
  const head = group?.[0];
  if (group !== undefined && head !== undefined) {
    const last = group[group.length - 1];
    // As GlusterFS counts: what joins the first, without the first.
    let size = write.size;
    let pieces = write.data.length;
    for (let i = 0; i < group.length; i++) {
      if (i > 0) size += group[i].size;
      pieces += group[i].data.length;
    }
    const same = head.fd === write.fd && head.lkOwner === write.lkOwner && head.flags === write.flags;
    if (same && last.offset + last.size === write.offset && size <= most && pieces <= MOST_PIECES) {
      group.push(write);
      return;
    }
  }
  heads.push([write]);
}
