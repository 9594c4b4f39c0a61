import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError, NacreError } from '../../src/base/errors.ts';
import {
  bodyEnd,
  DECODERS,
  decodeBatchForget,
  decodeForget,
  decodeInterrupt,
} from '../../src/fuse/decode.ts';
import { Directory } from '../../src/fuse/directory.ts';
import { describeReply, describeRequest } from '../../src/fuse/dump.ts';
import { Frame, FramePool } from '../../src/fuse/frame.ts';
import { decodeInit } from '../../src/fuse/init.ts';
import { OPCODE } from '../../src/fuse/protocol.ts';
import { type ReplySink, Request } from '../../src/fuse/request.ts';
import type { FuseEntry, FuseOperations } from '../../src/fuse/types.ts';
import { prng } from '../support/fuzz.ts';

const SIZE = 4096;

/** Takes the answers of requests that no kernel waits for. */
class Answers implements ReplySink {
  readonly out = Buffer.alloc(64 * 1024);
  readonly outWords = new Uint32Array(this.out.buffer, 0, this.out.length / 4);
  errors: number[] = [];
  bytes: Buffer[] = [];

  send(_request: Request, error: number, length: number): void {
    this.errors.push(error);
    this.bytes.push(Buffer.from(this.out.subarray(16, 16 + length)));
  }

  sendParts(_request: Request, parts: readonly Uint8Array[], _length: number): void {
    this.errors.push(0);
    this.bytes.push(Buffer.concat(parts));
  }

  sendDirectory(_request: Request, directory: Directory): void {
    this.errors.push(0);
    this.bytes.push(Buffer.from(directory.buffer.subarray(16, directory.length)));
  }

  makeDirectory(plus: boolean, size: number): Directory {
    return new Directory(plus, size, Buffer.alloc(Math.min(size, SIZE) + 16));
  }
}

type Seen = unknown[];

/** Every operation notes what it was called with and does nothing else. */
function witness(): { ops: FuseOperations; seen: Seen } {
  const seen: Seen = [];
  const ops = new Proxy({} as FuseOperations, {
    get: (_target, name) => {
      return (...args: unknown[]) => {
        seen.push([name, ...args.slice(1).map(arg => (Buffer.isBuffer(arg) ? Buffer.from(arg) : arg))]);
        (args[0] as Request).error(5);
      };
    },
  });
  return { ops, seen };
}

const pool = new FramePool(SIZE, 1);

function frameOf(opcode: number, body: Uint8Array, length = 40 + body.length, extensions = 0): Frame {
  const frame = new Frame(SIZE, pool);
  frame.buffer.fill(0xee);
  frame.words.fill(0, 0, 10);
  frame.words[0] = length;
  frame.words[1] = opcode;
  frame.words[2] = 4;
  frame.words[4] = 1;
  frame.words[9] = extensions;
  frame.buffer.set(body, 40);
  frame.length = length;
  return frame;
}

function decode(frame: Frame, ops: FuseOperations, setxattrExt = false): Request {
  const request = new Request(new Answers(), frame.words);
  DECODERS[frame.words[1]]?.(ops, request, frame, bodyEnd(frame), { setxattrExt, copyWrites: false });
  return request;
}

const text = (value: string) => Buffer.from(`${value}\0`);
const u32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
const u64 = (value: bigint) => Buffer.from(BigUint64Array.of(value).buffer);

test('bodies arrive as arguments', () => {
  const { ops, seen } = witness();
  decode(frameOf(OPCODE.LOOKUP, text('naïve')), ops);
  decode(frameOf(OPCODE.RENAME2, Buffer.concat([u64(7n), u32(2, 0), text('a'), text('b')])), ops);
  decode(frameOf(OPCODE.SYMLINK, Buffer.concat([text('name'), text('../to/where')])), ops);
  const lock = [u64(9n), u64(0xfedcba9876543210n), u64(5n), u64(0x7fffffffffffffffn), u32(1, 77, 1, 0)];
  const request = decode(frameOf(OPCODE.SETLKW, Buffer.concat(lock)), ops);
  expect([request.ownerHigh, request.ownerLow]).toEqual([0xfedcba98, 0x76543210]);
  const write = [u64(3n), u64(1n << 40n), u32(4, 1), u64(0n), u32(2, 0), Buffer.from('data')];
  decode(frameOf(OPCODE.WRITE, Buffer.concat(write)), ops);
  const setxattr = Buffer.concat([u32(3, 1, 1, 0), text('user.x'), Buffer.from('val')]);
  decode(frameOf(OPCODE.SETXATTR, setxattr), ops, true);
  decode(frameOf(OPCODE.SETXATTR, Buffer.concat([u32(3, 2), text('user.y'), Buffer.from('val')])), ops);
  expect(seen).toEqual([
    ['lookup', 'naïve'],
    ['rename', 'a', 7, 'b', 2],
    ['symlink', 'name', '../to/where'],
    ['setlkw', 9, { type: 1, start: 5, end: Number.POSITIVE_INFINITY, pid: 77, flock: true }],
    ['write', 3, 2 ** 40, Buffer.from('data'), 2, 1],
    ['setxattr', 'user.x', Buffer.from('val'), 1, 1],
    ['setxattr', 'user.y', Buffer.from('val'), 2, 0],
  ]);
});

test('lengths and names that lie are refused', () => {
  const { ops, seen } = witness();
  const bad: Frame[] = [
    frameOf(OPCODE.LOOKUP, Buffer.from('no zero')),
    frameOf(OPCODE.LOOKUP, text('')),
    frameOf(OPCODE.LOOKUP, text('a/b')),
    frameOf(OPCODE.RENAME, Buffer.concat([u64(7n), text('only one')])),
    frameOf(OPCODE.GETATTR, u32(0)),
    frameOf(OPCODE.WRITE, Buffer.concat([u64(3n), u64(0n), u32(0xffffffff, 0), u64(0n), u32(0, 0)])),
    frameOf(
      OPCODE.WRITE,
      Buffer.concat([u64(3n), u64(0n), u32(5, 0), u64(0n), u32(0, 0), Buffer.from('four')]),
    ),
    frameOf(OPCODE.SETXATTR, Buffer.concat([u32(100, 0), text('user.x'), Buffer.from('val')])),
    frameOf(OPCODE.IOCTL, Buffer.concat([u64(3n), u32(0, 0), u64(0n), u32(0x7fffffff, 0)])),
    frameOf(OPCODE.LOOKUP, text('name'), undefined, 0xffff),
  ];
  for (const frame of bad) expect(() => decode(frame, ops)).toThrow(DecodeError);
  expect(() => decodeBatchForget(frameOf(OPCODE.BATCH_FORGET, u32(0xffffffff, 0)))).toThrow(DecodeError);
  expect(() => decodeForget(frameOf(OPCODE.FORGET, u32(1)))).toThrow(DecodeError);
  expect(seen).toEqual([]);
});

test('what is missing answers ENOSYS, except closing and statfs', () => {
  const body = Buffer.concat([Buffer.alloc(160), text('x')]);
  const quiet = new Set<number>([OPCODE.RELEASE, OPCODE.RELEASEDIR, OPCODE.STATFS]);
  for (let opcode = 0; opcode < DECODERS.length; opcode++) {
    const decoder = DECODERS[opcode];
    if (decoder === undefined) continue;
    const frame = frameOf(opcode, body);
    const answers = new Answers();
    const request = new Request(answers, frame.words);
    decoder({}, request, frame, bodyEnd(frame), { setxattrExt: false, copyWrites: false });
    expect(answers.errors, `opcode ${opcode}`).toEqual([quiet.has(opcode) ? 0 : 38]);
  }
});

test('random, truncated and changed requests: an operation or a DecodeError, never anything else', () => {
  const next = prng(20);
  const { ops, seen } = witness();
  const readers = [decodeForget, decodeBatchForget, decodeInterrupt, decodeInit];
  for (let i = 0; i < 40_000; i++) {
    const body = Buffer.alloc(next() % 200);
    const kind = next() % 3;
    for (let k = 0; k < body.length; k++) {
      if (kind === 0) body[k] = next();
      else if (kind === 1) body[k] = next() % 4 === 0 ? next() % 64 : 0;
      else body[k] = k < 16 ? next() % 3 : next() % 5 === 0 ? 0 : 97;
    }
    const opcode = next() % 60;
    const frame = frameOf(opcode, body, undefined, next() % 20 === 0 ? next() & 0xffff : 0);
    // Whatever the bytes are, the dump has a line for them.
    if (!describeRequest(frame, i % 2 === 0).startsWith('> ')) throw new Error('no description');
    try {
      const request = decode(frame, ops, i % 2 === 0);
      if (request.answered) describeReply(request, 0, frame.words, 16);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
    try {
      readers[i % readers.length](frame);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  expect(seen.length).toBeGreaterThan(1000);
});

test('a second answer is refused, whatever it is', () => {
  const frame = frameOf(OPCODE.GETATTR, Buffer.alloc(16));
  const answers = new Answers();
  const request = new Request(answers, frame.words);
  request.ok();
  for (const again of [() => request.ok(), () => request.error(2), () => request.replyWritten(1)])
    expect(again).toThrow(NacreError);
  expect(answers.errors).toEqual([0]);
});

test('errnos that the kernel would refuse become EIO', () => {
  const frame = frameOf(OPCODE.GETATTR, Buffer.alloc(16));
  const errno = (answer: (request: Request) => void) => {
    const answers = new Answers();
    answer(new Request(answers, frame.words));
    return answers.errors[0];
  };
  expect(errno(r => r.error(-2))).toBe(2);
  expect(errno(r => r.error(2))).toBe(2);
  expect(errno(r => r.error(0))).toBe(5);
  expect(errno(r => r.error(100000))).toBe(5);
  expect(errno(r => r.error(Number.NaN))).toBe(5);
  expect(errno(r => r.fail(new NacreError('ENOSPC', 'x', 'y')))).toBe(28);
  expect(errno(r => r.fail(Object.assign(new Error(), { code: 'EACCES' })))).toBe(13);
  expect(errno(r => r.fail('text'))).toBe(5);
});

test('listings: what does not fit is not there, records are aligned, names keep their bytes', () => {
  const attr = { inoHigh: 1, inoLow: 2, mode: 0o040755, size: 3, blocks: 0, atime: -1, atimeNsec: 5 };
  const rest = {
    mtime: 0,
    mtimeNsec: 0,
    ctime: 0,
    ctimeNsec: 0,
    nlink: 2,
    uid: 0,
    gid: 0,
    rdev: 0,
    blksize: 0,
  };
  const entry: FuseEntry = {
    nodeid: 9,
    generation: 0,
    entryTimeout: 1.5,
    attrTimeout: 0,
    attr: { ...attr, ...rest },
  };
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' })),
      fc.boolean(),
      (names, plus) => {
        const size = 1024;
        const directory = new Directory(plus, size, Buffer.alloc(size + 16, 0xff));
        const fitted: string[] = [];
        for (const name of names) {
          const before = directory.length;
          const done = plus
            ? directory.addEntry(name, entry, fitted.length + 1)
            : directory.add(name, 3, 4, 8, 1);
          if (!done) {
            expect(directory.length).toBe(before);
            break;
          }
          fitted.push(name);
        }
        expect(directory.length).toBeLessThanOrEqual(size + 16);
        const found: string[] = [];
        let at = 16 + (plus ? 128 : 0);
        while (at < directory.length) {
          const { buffer } = directory;
          const length = buffer.readUInt32LE(at + 16);
          found.push(buffer.toString('utf8', at + 24, at + 24 + length));
          expect(buffer.readBigUInt64LE(at)).toBe(plus ? 0x100000002n : 0x300000004n);
          if (plus) expect(buffer.readBigUInt64LE(at - 128)).toBe(9n);
          at += ((24 + length + 7) & ~7) + (plus ? 128 : 0);
        }
        expect(found).toEqual(fitted);
      },
    ),
  );
});
