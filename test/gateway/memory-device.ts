import type {
  BlockDevice,
  DeviceCompletion,
  DeviceResult,
  Extent,
} from '../../src/gateway/nbd/block-device.ts';

const BLOCK = 4096;
const NOTHING: DeviceResult = { data: undefined, extents: undefined };

/** A disk in memory that knows which of its blocks were written. */
export class MemoryDevice implements BlockDevice {
  readonly bytes: Buffer;
  private readonly used: Uint8Array;
  readonly readOnly: boolean;
  readonly preferredBlockSize = 1 << 20;
  readonly durableWrites = false;
  readonly fastZero = true;
  readonly description = 'a disk in memory';
  /** What to fail every I/O with. */
  failWith = 0;
  flushes = 0;
  /** Holds I/O back until it is called, when set. */
  held: (() => void)[] | undefined;

  constructor(size: number, readOnly = false) {
    this.bytes = Buffer.alloc(size);
    this.used = new Uint8Array(Math.ceil(size / BLOCK));
    this.readOnly = readOnly;
  }

  get size(): number {
    return this.bytes.length;
  }

  release(): void {
    const { held } = this;
    this.held = undefined;
    for (const go of held ?? []) go();
  }

  private finish(completion: DeviceCompletion, work: () => DeviceResult): void {
    const go = () => {
      if (this.failWith !== 0) completion.ioFinished(NOTHING, -this.failWith);
      else completion.ioFinished(work(), 0);
    };
    if (this.held !== undefined) this.held.push(go);
    else setImmediate(go);
  }

  private runs(offset: number, length: number): Extent[] {
    const out: { length: number; hole: boolean }[] = [];
    for (let at = offset; at < offset + length; ) {
      const end = Math.min(offset + length, (Math.floor(at / BLOCK) + 1) * BLOCK);
      const hole = this.used[Math.floor(at / BLOCK)] === 0;
      const last = out.at(-1);
      if (last?.hole === hole) last.length += end - at;
      else out.push({ length: end - at, hole });
      at = end;
    }
    return out;
  }

  read(offset: number, length: number, sparse: boolean, completion: DeviceCompletion): void {
    this.finish(completion, () => {
      const data = Buffer.from(this.bytes.subarray(offset, offset + length));
      if (!sparse) return { data, extents: undefined };
      const extents: number[] = [];
      let at = 0;
      for (const run of this.runs(offset, length)) {
        if (!run.hole) extents.push(at, run.length);
        at += run.length;
      }
      return { data, extents };
    });
  }

  private mark(offset: number, length: number, value: number): void {
    if (length > 0)
      this.used.fill(value, Math.floor(offset / BLOCK), Math.floor((offset + length - 1) / BLOCK) + 1);
  }

  write(offset: number, data: readonly Uint8Array[], completion: DeviceCompletion): void {
    this.finish(completion, () => {
      let at = offset;
      for (const part of data) {
        this.bytes.set(part, at);
        at += part.length;
      }
      this.mark(offset, at - offset, 1);
      return NOTHING;
    });
  }

  flush(completion: DeviceCompletion): void {
    this.flushes++;
    this.finish(completion, () => NOTHING);
  }

  trim(offset: number, length: number, completion: DeviceCompletion): void {
    this.zero(offset, length, false, completion);
  }

  zero(offset: number, length: number, allocate: boolean, completion: DeviceCompletion): void {
    this.finish(completion, () => {
      this.bytes.fill(0, offset, offset + length);
      const from = Math.ceil(offset / BLOCK) * BLOCK;
      const to = Math.floor((offset + length) / BLOCK) * BLOCK;
      if (allocate) this.mark(offset, length, 1);
      else if (to > from) this.mark(from, to - from, 0);
      return NOTHING;
    });
  }

  cache(_offset: number, _length: number, completion: DeviceCompletion): void {
    this.finish(completion, () => NOTHING);
  }

  async extents(offset: number, length: number, max: number): Promise<Extent[]> {
    return this.runs(offset, length).slice(0, max);
  }
}
