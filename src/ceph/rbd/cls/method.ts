import { Decoder } from '../../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../../base/encoder.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import type { Operation, OpResult } from '../../rados/operation.ts';
import type { WriteOperation } from '../../rados/write-operation.ts';
import { RBD_CLASS } from '../../types/cls-rbd.ts';

/** A method of an object class that reads. Called, it asks at once. */
export interface Reader<A extends readonly unknown[], T> {
  (io: IoCtx, oid: string, ...args: A): Promise<T>;
  /** Makes it one op of many; the result has the value once the operation is done. */
  add(op: Operation, ...args: A): OpResult<T>;
}

const EMPTY = Buffer.alloc(0);

/** `input` writes the method's arguments, `output` reads its answer. */
export function reader<A extends readonly unknown[], T>(
  method: string,
  input: ((e: Encoder, ...args: A) => void) | undefined,
  output: (d: Decoder) => T,
  cls: string = RBD_CLASS,
): Reader<A, T> {
  const type = `${cls}.${method}`;
  const decode = (data: Buffer): T => output(new Decoder(data, type));
  const encode = (args: A): Buffer => (input === undefined ? EMPTY : encodeToBuffer(e => input(e, ...args)));
  const call = async (io: IoCtx, oid: string, ...args: A): Promise<T> =>
    decode(await io.exec(oid, cls, method, encode(args)));
  return Object.assign(call, {
    add: (op: Operation, ...args: A): OpResult<T> => op.exec(cls, method, encode(args), decode),
  });
}

/** A method that writes: adds itself to an operation, which it returns. */
export type Writer<A extends readonly unknown[]> = (op: WriteOperation, ...args: A) => WriteOperation;

export function writer<A extends readonly unknown[]>(
  method: string,
  input?: (e: Encoder, ...args: A) => void,
  cls: string = RBD_CLASS,
): Writer<A> {
  return (op, ...args) => {
    op.exec(cls, method, input === undefined ? EMPTY : encodeToBuffer(e => input(e, ...args)));
    return op;
  };
}

/** Entries that a listing asks for at a time. */
export const PAGE = 1024;

/** All of a listing that comes in pages, which begin after a key. */
export async function allPages<T>(
  page: (after: string) => Promise<ReadonlyMap<string, T>>,
): Promise<Map<string, T>> {
  const all = new Map<string, T>();
  for (let after = ''; ; ) {
    const entries = await page(after);
    for (const [key, value] of entries) {
      all.set(key, value);
      after = key;
    }
    if (entries.size < PAGE) return all;
  }
}
