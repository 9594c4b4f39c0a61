import type { EntityAddr, EntityName } from '../../types/entity.ts';
import type { UTime } from '../../types/utime.ts';

/** CLS_METHOD_* (include/rados/objclass.h). */
export const CLS_METHOD_RD = 1;
export const CLS_METHOD_WR = 2;

/**
 * What a method may do with the object that it was called on (objclass/objclass.h). Reads see the object as it was
 * before the request; changes belong to the request's transaction. Numbers returned are 0 or negative errnos.
 */
export interface ClsContext {
  readonly exists: boolean;
  /** Bytes, with the changes of the request so far. */
  readonly size: number;
  readonly mtime: UTime;
  /** Who calls. */
  readonly origin: { readonly name: EntityName; readonly addr: EntityAddr };
  /** Version that users see. */
  readonly userVersion: number;
  /** The newest snapshot that the object knows of, as before the request. */
  readonly snapSetSeq: bigint;
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  random(bytes: number): Buffer;
  create(exclusive: boolean): number;
  remove(): number;
  read(offset: number, length: number): Buffer | number;
  write(offset: number, data: Uint8Array): number;
  writeFull(data: Uint8Array): number;
  truncate(size: number): number;
  getXattr(name: string): Buffer | number;
  getXattrs(): Map<string, Buffer> | number;
  setXattr(name: string, value: Uint8Array): number;
  removeXattr(name: string): number;
  omapGet(key: string): Buffer | number;
  /** Entries after a key, at most `max`. */
  omapList(after: string, prefix: string, max: number): { entries: Map<string, Buffer>; more: boolean };
  omapSet(values: ReadonlyMap<string, Uint8Array>): number;
  omapRemove(keys: readonly string[]): number;
  omapGetHeader(): Buffer;
  omapSetHeader(value: Uint8Array): number;
  omapClear(): number;
  /** What the caller gets. */
  setOutput(bytes: Buffer): void;
}

/** Runs with the caller's input. A DecodeError out of it is answered with EINVAL. */
export type ClsHandler = (ctx: ClsContext, input: Buffer) => number;

export interface ClsMethod {
  /** CLS_METHOD_*. */
  readonly flags: number;
  readonly run: ClsHandler;
}

/** Object classes by name (osd/ClassHandler.h). */
export class ClassRegistry {
  private readonly classes = new Map<string, Map<string, ClsMethod>>();

  register(className: string, methods: Readonly<Record<string, ClsMethod>>): void {
    const known = this.classes.get(className) ?? new Map<string, ClsMethod>();
    for (const [name, method] of Object.entries(methods)) known.set(name, method);
    this.classes.set(className, known);
  }

  method(className: string, name: string): ClsMethod | undefined {
    return this.classes.get(className)?.get(name);
  }

  names(): string[] {
    return [...this.classes.keys()].sort();
  }
}
