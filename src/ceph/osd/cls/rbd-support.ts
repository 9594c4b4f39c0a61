import { Decoder } from '../../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../../base/encoder.ts';
import { DecodeError } from '../../../base/errors.ts';
import type { Codec } from '../../types/codec.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime, utimeFromMs } from '../../types/utime.ts';
import { EIO, ENOENT } from '../errors.ts';
import { CLS_METHOD_RD, CLS_METHOD_WR, type ClsContext, type ClsMethod } from './registry.ts';

// What the methods of class "rbd" have in common.

/** Ends a method with a result. */
export class Failure extends Error {
  readonly result: number;

  constructor(result: number) {
    super(`class rbd: result ${result}`);
    this.result = result;
  }
}

export function fail(result: number): never {
  throw new Failure(result);
}

/** Ends the method when something that it did failed. */
export function check(result: number): void {
  if (result < 0) throw new Failure(result);
}

function resultOf(error: unknown): number {
  if (error instanceof Failure) return error.result;
  throw error;
}

/** A method that reads. */
export function reads(answer: (ctx: ClsContext, d: Decoder) => Buffer): ClsMethod {
  return {
    flags: CLS_METHOD_RD,
    run: (ctx, input) => {
      try {
        ctx.setOutput(answer(ctx, new Decoder(input, 'rbd method')));
        return 0;
      } catch (error) {
        return resultOf(error);
      }
    },
  };
}

/** A method that writes. */
export function writes(change: (ctx: ClsContext, d: Decoder) => void): ClsMethod {
  return {
    flags: CLS_METHOD_RD | CLS_METHOD_WR,
    run: (ctx, input) => {
      try {
        change(ctx, new Decoder(input, 'rbd method'));
        return 0;
      } catch (error) {
        return resultOf(error);
      }
    },
  };
}

export const answer = (encode: (e: Encoder) => void): Buffer => encodeToBuffer(encode);

export function mustExist(ctx: ClsContext): void {
  if (!ctx.exists) fail(ENOENT);
}

/** What the class itself stored. Damage is EIO. */
export function decodeStored<T>(codec: Pick<Codec<T>, 'decode'>, value: Uint8Array): T {
  try {
    return codec.decode(new Decoder(value));
  } catch (error) {
    if (error instanceof DecodeError) fail(EIO);
    throw error;
  }
}

/** An entry of the omap; undefined when there is none. */
export function findKey<T>(ctx: ClsContext, key: string, codec: Pick<Codec<T>, 'decode'>): T | undefined {
  const value = ctx.omapGet(key);
  if (typeof value !== 'number') return decodeStored(codec, value);
  if (value !== ENOENT) fail(value);
  return undefined;
}

/** An entry that must be there: ENOENT. */
export function readKey<T>(ctx: ClsContext, key: string, codec: Pick<Codec<T>, 'decode'>): T {
  return findKey(ctx, key, codec) ?? fail(ENOENT);
}

export function writeKey<T>(ctx: ClsContext, key: string, codec: Pick<Codec<T>, 'encode'>, value: T): void {
  check(ctx.omapSet(new Map([[key, encodeToBuffer(e => codec.encode(e, value))]])));
}

/** Also when it is not there. */
export function removeKey(ctx: ClsContext, key: string): void {
  const r = ctx.omapRemove([key]);
  if (r !== ENOENT) check(r);
}

/** The entries of a prefix after a key that begins with it, in order. */
export function listKeys(ctx: ClsContext, prefix: string, after = '', max = Number.MAX_SAFE_INTEGER) {
  return ctx.omapList(prefix + after, prefix, max).entries;
}

/** Bytes of the object; none when it is not there. */
export function readData(ctx: ClsContext, offset = 0, length = 0): Buffer {
  const data = ctx.read(offset, length);
  if (typeof data !== 'number') return data;
  if (data !== ENOENT) fail(data);
  return Buffer.alloc(0);
}

export const clockNow = (ctx: ClsContext): UTime => utimeFromMs(ctx.now());

/** A moment of the header; zero when it has none. */
export function timestampOf(ctx: ClsContext, key: string): Buffer {
  const time = findKey(ctx, key, { decode: decodeUTime }) ?? UTIME_ZERO;
  return answer(e => encodeUTime(e, time));
}

export function isValidId(id: string): boolean {
  return /^[0-9A-Za-z]+$/.test(id);
}
