import { writev } from 'node:fs';
import { NacreError } from '../base/errors.ts';
import { encodeFileName } from '../base/file-name.ts';
import { put64 } from './frame.ts';
import { EXPIRE_ONLY, NOTIFY, OUT_HEADER } from './protocol.ts';
import type { FuseNotify } from './types.ts';

const ENOENT = 2;
const ZERO = Buffer.alloc(1);

interface Note {
  readonly parts: Uint8Array[];
  readonly what: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Notifications, one at a time through libuv's pool. The kernel takes a directory's lock for invalEntry and a page's for invalInode and
 * store; who holds it may be waiting for our answer, so this thread must never wait there, and only one of the pool's threads may.
 *
 * fuse_out_header with the code in the place of the error and unique 0, then
 *   POLL:        u64 kh
 *   INVAL_INODE: u64 ino; i64 off, len
 *   INVAL_ENTRY: u64 parent; u32 namelen, flags; name, zero byte
 *   STORE:       u64 nodeid, offset; u32 size, padding; data
 *   DELETE:      u64 parent, child; u32 namelen, padding; name, zero byte
 */
export class Notifier implements FuseNotify {
  readonly #fd: number;
  readonly #queue: Note[] = [];
  #writing = false;
  #ended = false;
  #idle: (() => void)[] = [];
  readonly #dump: (() => ((line: string) => void) | undefined) | undefined;

  constructor(fd: number, dump?: () => ((line: string) => void) | undefined) {
    this.#fd = fd;
    this.#dump = dump;
  }

  invalInode(nodeid: number, offset = 0, length = 0): Promise<void> {
    const { buffer, words } = note(24);
    put64(words, 4, nodeid);
    put64(words, 6, offset);
    put64(words, 8, length);
    return this.#send(
      NOTIFY.INVAL_INODE,
      [buffer],
      `INVAL_INODE node=${nodeid.toString(16)} off=${offset} len=${length}`,
    );
  }

  invalEntry(parent: number, name: string, expireOnly = false): Promise<void> {
    const { buffer, words } = note(16);
    const bytes = encodeFileName(name);
    put64(words, 4, parent);
    words[6] = bytes.length;
    words[7] = expireOnly ? EXPIRE_ONLY : 0;
    return this.#send(
      NOTIFY.INVAL_ENTRY,
      [buffer, bytes, ZERO],
      `INVAL_ENTRY parent=${parent.toString(16)} name=${name}`,
    );
  }

  delete(parent: number, child: number, name: string): Promise<void> {
    const { buffer, words } = note(24);
    const bytes = encodeFileName(name);
    put64(words, 4, parent);
    put64(words, 6, child);
    words[8] = bytes.length;
    return this.#send(
      NOTIFY.DELETE,
      [buffer, bytes, ZERO],
      `DELETE parent=${parent.toString(16)} child=${child.toString(16)} name=${name}`,
    );
  }

  store(nodeid: number, offset: number, data: Uint8Array): Promise<void> {
    const { buffer, words } = note(24);
    put64(words, 4, nodeid);
    put64(words, 6, offset);
    words[8] = data.length;
    return this.#send(
      NOTIFY.STORE,
      [buffer, data],
      `STORE node=${nodeid.toString(16)} off=${offset} size=${data.length}`,
    );
  }

  poll(wakeup: number): Promise<void> {
    const { buffer, words } = note(8);
    put64(words, 4, wakeup);
    return this.#send(NOTIFY.POLL, [buffer], `POLL kh=${wakeup}`);
  }

  /** Takes no more, drops what waits, and resolves when the thread that writes has come back. */
  end(): Promise<void> {
    this.#ended = true;
    for (const waiting of this.#queue.splice(0)) waiting.resolve();
    if (!this.#writing) return Promise.resolve();
    return new Promise(resolve => this.#idle.push(resolve));
  }

  #send(code: number, parts: Uint8Array[], what: string): Promise<void> {
    // A kernel that has unmounted has nothing cached that could be wrong.
    if (this.#ended) return Promise.resolve();
    const head = new Uint32Array(parts[0].buffer, parts[0].byteOffset, 4);
    let length = 0;
    for (const part of parts) length += part.length;
    head[0] = length;
    head[1] = code;
    return new Promise((resolve, reject) => {
      this.#queue.push({ parts, what, resolve, reject });
      if (!this.#writing) this.#next();
    });
  }

  #next(): void {
    const next = this.#queue.shift();
    if (next === undefined) {
      this.#writing = false;
      for (const idle of this.#idle.splice(0)) idle();
      return;
    }
    this.#writing = true;
    this.#dump?.()?.(`! ${next.what}`);
    writev(this.#fd, next.parts, error => {
      const errno = -(error?.errno ?? 0);
      if (errno === 0 || errno === ENOENT || this.#ended) next.resolve();
      else next.reject(NacreError.fromErrno(errno, 'fuse.notify', next.what, { cause: error }));
      this.#next();
    });
  }
}

function note(body: number): { buffer: Buffer; words: Uint32Array } {
  const buffer = Buffer.alloc(OUT_HEADER + body);
  return { buffer, words: new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length / 4) };
}
