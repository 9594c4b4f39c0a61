import type { Span } from '../../base/trace.ts';

// What the gateway needs of a disk. I/O calls back instead of returning promises, as an image's I/O does; the shapes
// of completion and result are such that an image can take the gateway's completions as they are.

/** What an I/O brought. */
export interface DeviceResult {
  /** What was read, holes as zeros. Undefined for everything but a read. */
  readonly data: Buffer | undefined;
  /** Of a sparse read: where data was, as pairs of offset and length within the read, in order. */
  readonly extents: readonly number[] | undefined;
}

/** Who hears of the end of an I/O; called once. */
export interface DeviceCompletion {
  /** `result`: a negative errno, or not negative. */
  ioFinished(io: DeviceResult, result: number): void;
}

/** A part of a disk that is all data, or all zeros with no space taken. */
export interface Extent {
  /** Bytes. */
  readonly length: number;
  readonly hole: boolean;
}

/**
 * A disk. All offsets and lengths are bytes; the caller has checked them against the size that it told its client,
 * which may be more than the disk has by now (EINVAL then). Calls return at once; the completion may be called before
 * they do.
 */
export interface BlockDevice {
  /** Bytes, as of now. */
  readonly size: number;
  readonly readOnly: boolean;
  /** Bytes of an I/O that serves the disk best, a power of two; a hint. */
  readonly preferredBlockSize: number;
  /** What is written is safe when the write is finished: no flush is needed for that. */
  readonly durableWrites: boolean;
  /** For people to read. */
  readonly description: string;

  /** `sparse`: wants to know of holes. */
  read(offset: number, length: number, sparse: boolean, completion: DeviceCompletion, span?: Span): void;
  /** `data` is the device's until the completion is called; it does not change. */
  write(offset: number, data: readonly Uint8Array[], completion: DeviceCompletion, span?: Span): void;
  /** Makes safe all that was finished before, through whichever connection. */
  flush(completion: DeviceCompletion): void;
  /** The range is of no interest any more; what it reads as is open. */
  trim(offset: number, length: number, completion: DeviceCompletion, span?: Span): void;
  /** The range reads as zeros; `allocate`: and takes up its space. */
  zero(offset: number, length: number, allocate: boolean, completion: DeviceCompletion, span?: Span): void;
  /** Zeroing without `allocate` is faster than writing zeros. */
  readonly fastZero: boolean;
  /** The range will be read soon. */
  cache(offset: number, length: number, completion: DeviceCompletion): void;
  /**
   * The extents of a range from its start, neighbours of different kinds. At most `max`, and they may cover less than
   * the range, but one at least.
   */
  extents(offset: number, length: number, max: number): Promise<Extent[]>;
}
