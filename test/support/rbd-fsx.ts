/** A disk under test. What a target cannot do it leaves out. Offsets and lengths are bytes. */
export interface FsxTarget {
  read(offset: number, length: number): Promise<Buffer>;
  write(offset: number, data: Buffer): Promise<void>;
  discard?(offset: number, length: number): Promise<void>;
  writeZeroes?(offset: number, length: number, thick: boolean): Promise<void>;
  writeSame?(offset: number, length: number, pattern: Buffer): Promise<void>;
  /** Resolves to the first offset that differs; undefined when it was written. */
  compareAndWrite?(offset: number, compare: Buffer, data: Buffer): Promise<number | undefined>;
  flush?(): Promise<void>;
  resize?(size: number): Promise<void>;
  snapshot?(name: string): Promise<void>;
  rollback?(name: string): Promise<void>;
  /** Goes on with a clone of what is there. */
  clone?(): Promise<void>;
  flatten?(): Promise<void>;
}

export interface FsxOptions {
  readonly seed: number;
  readonly ops: number;
  /** Bytes of the disk at the beginning, and at most. */
  readonly size: number;
  readonly maxSize?: number;
  readonly maxLength?: number;
  /** What discards leave out; 0: nothing. They are sent in multiples of it. */
  readonly granularity?: number;
  /** Called between operations: the next target to go on with. */
  readonly target: (n: number) => FsxTarget | Promise<FsxTarget>;
  /** What the disk holds at the beginning; zeros by default. */
  readonly content?: Buffer;
}

/** xorshift32: the same numbers for the same seed everywhere. */
export class FsxRandom {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0 || 1;
  }

  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  below(n: number): number {
    return this.next() % n;
  }

  bytes(n: number): Buffer {
    const out = Buffer.allocUnsafe(n);
    for (let i = 0; i < n; i++) out[i] = this.next() >>> 8;
    return out;
  }
}

type Step = 'read' | 'write' | keyof Omit<FsxTarget, 'read' | 'write'>;

const WEIGHTS: readonly [Step, number][] = [
  ['read', 30],
  ['write', 30],
  ['discard', 8],
  ['writeZeroes', 5],
  ['writeSame', 4],
  ['compareAndWrite', 4],
  ['flush', 3],
  ['resize', 3],
  ['snapshot', 3],
  ['rollback', 2],
  ['clone', 1],
  ['flatten', 1],
];

/** Does random operations and compares each read with a model. On a difference it throws, with the operations so far. */
export class Fsx {
  readonly log: string[] = [];
  model: Buffer;
  private readonly random: FsxRandom;
  private readonly options: FsxOptions;
  private readonly snapshots = new Map<string, Buffer>();
  private count = 0;

  constructor(options: FsxOptions) {
    this.options = options;
    this.random = new FsxRandom(options.seed);
    this.model = Buffer.from(options.content ?? Buffer.alloc(options.size));
  }

  async run(): Promise<void> {
    const { ops, target } = this.options;
    for (let n = 0; n < ops; n++) {
      const disk = await target(n);
      try {
        await this.step(disk, this.pick(disk));
      } catch (error) {
        throw this.failure(String((error as Error).stack ?? error));
      }
    }
  }

  /** Compares all of a disk with the model. */
  async check(disk: FsxTarget, chunk = 1 << 20): Promise<void> {
    for (let at = 0; at < this.model.length; at += chunk) {
      const length = Math.min(chunk, this.model.length - at);
      this.compare(await disk.read(at, length), at, length);
    }
  }

  private failure(what: string): Error {
    const { seed } = this.options;
    return new Error(
      `fsx, seed ${seed}, operation ${this.log.length}: ${what}\n${this.log.slice(-200).join('\n')}`,
    );
  }

  private pick(disk: FsxTarget): Step {
    const known = WEIGHTS.filter(([step]) => disk[step] !== undefined);
    let at = this.random.below(known.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [step, weight] of known) {
      if (at < weight) return step;
      at -= weight;
    }
    return 'read';
  }

  private range(unit = 1): [number, number] {
    const { random, model } = this;
    const most = Math.min(this.options.maxLength ?? 65536, model.length);
    let length = 1 + random.below(most);
    if (random.below(3) === 0) length = Math.min(model.length, Math.ceil(length / 512) * 512);
    let offset = random.below(model.length - length + 1);
    if (random.below(2) === 0) offset -= offset % 512;
    if (unit > 1) {
      offset -= offset % unit;
      length = Math.min(model.length - offset, Math.ceil(length / unit) * unit);
      length -= length % unit;
    }
    return [offset, length];
  }

  private note(text: string): void {
    this.log.push(`${this.log.length} ${text}`);
  }

  private compare(data: Buffer, offset: number, length: number): void {
    const want = this.model.subarray(offset, offset + length);
    if (data.equals(want)) return;
    let at = 0;
    while (at < Math.min(data.length, length) && data[at] === want[at]) at++;
    throw new Error(
      `read ${offset}~${length}: ${data.length} bytes, at ${offset + at} there is ${data[at]}, not ${want[at]}`,
    );
  }

  private async step(disk: FsxTarget, step: Step): Promise<void> {
    const { random, model } = this;
    const unit = step === 'discard' ? (this.options.granularity ?? 1) || 1 : step === 'writeSame' ? 512 : 1;
    const [offset, length] = this.range(unit);
    if (length === 0) return;
    switch (step) {
      case 'read':
        this.note(`read ${offset}~${length}`);
        this.compare(await disk.read(offset, length), offset, length);
        return;
      case 'write': {
        this.note(`write ${offset}~${length}`);
        const data = random.bytes(length);
        await disk.write(offset, data);
        data.copy(model, offset);
        return;
      }
      case 'discard':
        this.note(`discard ${offset}~${length}`);
        await disk.discard!(offset, length);
        model.fill(0, offset, offset + length);
        return;
      case 'writeZeroes': {
        const thick = random.below(2) === 0;
        this.note(`writeZeroes ${offset}~${length}${thick ? ' thick' : ''}`);
        await disk.writeZeroes!(offset, length, thick);
        model.fill(0, offset, offset + length);
        return;
      }
      case 'writeSame': {
        const pattern = random.below(4) === 0 ? Buffer.alloc(512) : random.bytes(512);
        this.note(`writeSame ${offset}~${length}`);
        await disk.writeSame!(offset, length, pattern);
        model.fill(pattern, offset, offset + length);
        return;
      }
      case 'compareAndWrite':
        await this.compareAndWrite(disk, offset - (offset % 512));
        return;
      case 'flush':
        this.note('flush');
        await disk.flush!();
        return;
      case 'resize':
        await this.resize(disk);
        return;
      default:
        await this.whole(disk, step);
    }
  }

  private async compareAndWrite(disk: FsxTarget, offset: number): Promise<void> {
    const { random, model } = this;
    const length = Math.min(512, model.length - offset);
    const compare = Buffer.from(model.subarray(offset, offset + length));
    const differs = random.below(2) === 0 ? random.below(length) : undefined;
    if (differs !== undefined) compare[differs] ^= 1;
    this.note(`compareAndWrite ${offset}~${length} ${differs ?? 'same'}`);
    const data = random.bytes(length);
    const mismatch = await disk.compareAndWrite!(offset, compare, data);
    const want = differs === undefined ? undefined : offset + differs;
    if (mismatch !== want) throw new Error(`compareAndWrite said ${mismatch}, not ${want}`);
    if (want === undefined) data.copy(model, offset);
  }

  private async resize(disk: FsxTarget): Promise<void> {
    const { size, maxSize = size * 2 } = this.options;
    const next = Math.max(4096, 512 * this.random.below(maxSize / 512));
    this.note(`resize ${next}`);
    await disk.resize!(next);
    const grown = Buffer.alloc(next);
    this.model.copy(grown, 0, 0, Math.min(next, this.model.length));
    this.model = grown;
  }

  private async whole(disk: FsxTarget, step: Step): Promise<void> {
    const names = [...this.snapshots.keys()];
    if (step === 'rollback' && names.length === 0) return;
    const name = step === 'rollback' ? names[this.random.below(names.length)] : `fsx${this.count++}`;
    this.note(`${step} ${name}`);
    if (step === 'snapshot') {
      await disk.snapshot!(name);
      this.snapshots.set(name, Buffer.from(this.model));
    } else if (step === 'rollback') {
      await disk.rollback!(name);
      this.model = Buffer.from(this.snapshots.get(name)!);
    } else if (step === 'clone') {
      await disk.clone!();
      this.snapshots.clear();
    } else await disk.flatten!();
  }
}
