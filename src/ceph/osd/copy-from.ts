import type { ObjectCopyData } from '../types/replies.ts';

/** A whole object as copy-from got it, part by part put together. */
export interface CopiedObject {
  /** The first part's description of the object. */
  readonly head: ObjectCopyData;
  readonly attrs: ReadonlyMap<string, Uint8Array>;
  readonly data: readonly Uint8Array[];
  readonly omap: ReadonlyMap<string, Uint8Array>;
  readonly omapHeader: Uint8Array;
  readonly userVersion: number;
}
