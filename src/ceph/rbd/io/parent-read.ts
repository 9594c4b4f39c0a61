import type { Span } from '../../../base/trace.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { ImageExtent } from './striper.ts';
import type { ImageRequest, IoCompletion } from './types.ts';

/** Who wants a parent's data. */
export interface ParentReader {
  /** Once: 0 or a negative errno; where data was, as ObjectRead.extents. */
  parentRead(result: number, extents: number[]): void;
}

/**
 * Reads ranges of the parent one behind the other into memory: an object of the child is not one of the parent, whose striping
 * is its own. What lies behind the ranges becomes zeros, as does what was not there in the parent.
 */
export class ParentRead {
  private readonly parent: ImageCtx;
  private readonly extents: readonly ImageExtent[];
  private readonly into: Buffer;
  private readonly span: Span | undefined;
  private readonly reader: ParentReader;
  private readonly parts: Part[] = [];
  private left: number;
  private result = 0;

  constructor(
    parent: ImageCtx,
    extents: readonly ImageExtent[],
    into: Buffer,
    span: Span | undefined,
    reader: ParentReader,
  ) {
    this.parent = parent;
    this.extents = extents;
    this.into = into;
    this.span = span;
    this.reader = reader;
    this.left = extents.length;
  }

  send(): void {
    const { parent, extents, into, span } = this;
    let at = 0;
    for (const [, length] of extents) {
      this.parts.push(new Part(this, at));
      at += length;
    }
    into.fill(0, at);
    for (let i = 0; i < extents.length; i++) {
      const [offset, length] = extents[i];
      const part = this.parts[i];
      const memory = into.subarray(part.at, part.at + length);
      parent.io.read(offset, length, part, { into: memory, sparse: true, span });
    }
  }

  partFinished(result: number): void {
    if (result < 0) this.result = result;
    if (--this.left > 0) return;
    const extents: number[] = [];
    if (this.result === 0) for (const part of this.parts) part.addTo(extents);
    this.reader.parentRead(this.result, extents);
  }
}

class Part implements IoCompletion {
  private readonly whole: ParentRead;
  /** In the memory that is read into. */
  readonly at: number;
  private request: ImageRequest | undefined = undefined;

  constructor(whole: ParentRead, at: number) {
    this.whole = whole;
    this.at = at;
  }

  ioFinished(request: ImageRequest, result: number): void {
    this.request = request;
    this.whole.partFinished(result);
  }

  addTo(extents: number[]): void {
    const { at } = this;
    const { length, extents: own } = this.request!;
    if (own === undefined) addExtent(extents, at, length);
    else for (let i = 0; i < own.length; i += 2) addExtent(extents, at + own[i], own[i + 1]);
  }
}

/** Adds an extent behind the others, joining it to the last one where they meet. */
export function addExtent(extents: number[], offset: number, length: number): void {
  const last = extents.length - 2;
  if (last >= 0 && extents[last] + extents[last + 1] === offset) extents[last + 1] += length;
  else extents.push(offset, length);
}
