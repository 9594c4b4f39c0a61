import { setTimeout as sleep } from 'node:timers/promises';
import type { Image } from '../../src/ceph/rbd/index.ts';
import { FsxRandom } from './rbd-fsx.ts';

/** What can be compared and written at once. */
const LOAD_BLOCK = 512;

/** What a block holds by its n-th change; zeros before the first, and after each that is a hole. */
function content(block: number, n: number, hole: boolean): Buffer {
  const data = Buffer.alloc(LOAD_BLOCK, hole ? 0 : (n % 255) + 1);
  if (!hole) {
    data.writeUInt32LE(block, 0);
    data.writeUInt32LE(n, 4);
  }
  return data;
}

/** Changes of a block: whether each made a hole. The first `acked` of them were acknowledged; one more may be under way. */
interface Block {
  readonly changes: boolean[];
  acked: number;
}

/** Where each block stood at some moment: acknowledged, and begun. */
export type LoadMoment = readonly (readonly [acked: number, begun: number])[];

/**
 * Workers that change the blocks of an image, each only its own and one at a time, so that it is known what every block has
 * to hold. Half of the changes compare with what was there before: one that was lost, or applied a second time, fails the
 * next. What a worker reads has to be what was acknowledged.
 */
export class ImageLoad {
  private readonly image: Image;
  private readonly blocks: Block[];
  private readonly workers: Promise<void>[];
  private stopping = false;
  private failure: Error | undefined;
  total = 0;

  constructor(image: Image, seed: number, workers: number) {
    this.image = image;
    this.blocks = Array.from({ length: Math.floor(image.size / LOAD_BLOCK) }, () => ({
      changes: [],
      acked: 0,
    }));
    this.workers = Array.from({ length: workers }, (_, i) =>
      this.run(i, workers, new FsxRandom(seed * 100 + i + 1)).catch((error: unknown) => {
        this.failure ??= error as Error;
      }),
    );
  }

  private async run(worker: number, workers: number, random: FsxRandom): Promise<void> {
    const mine = Math.ceil((this.blocks.length - worker) / workers);
    let number = worker;
    while (!this.stopping && this.failure === undefined) {
      // Mostly the same one again, so that a change that comes late meets the next.
      if (random.below(3) === 0) number = random.below(mine) * workers + worker;
      const kind = random.below(10);
      if (kind === 0) await this.image.flush();
      else if (kind < 3) await this.read(number);
      else await this.change(number, kind);
    }
  }

  private expected(number: number, n: number): Buffer {
    return content(number, n, n === 0 || this.blocks[number].changes[n - 1]);
  }

  private async read(number: number): Promise<void> {
    const { acked } = this.blocks[number];
    const data = await this.image.read(number * LOAD_BLOCK, LOAD_BLOCK);
    if (!data.equals(this.expected(number, acked))) throw this.wrong(number, data, acked, acked);
  }

  private async change(number: number, kind: number): Promise<void> {
    const block = this.blocks[number];
    const before = this.expected(number, block.acked);
    const hole = kind === 3;
    block.changes.push(hole);
    const data = content(number, block.changes.length, hole);
    const offset = number * LOAD_BLOCK;
    if (hole) await this.image.discard(offset, LOAD_BLOCK, { granularity: 0 });
    else if (kind < 7) await this.image.write(offset, data);
    else await this.image.compareAndWrite(offset, before, data);
    block.acked++;
    this.total++;
  }

  private wrong(number: number, data: Buffer, from: number, to: number): Error {
    return new Error(
      `block ${number}: ${data.readUInt32LE(0)}/${data.readUInt32LE(4)}, not its change ${from}${to > from ? ` to ${to}` : ''}`,
    );
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Waits until `more` changes were acknowledged after now. */
  async progress(more: number): Promise<void> {
    const goal = this.total + more;
    while (this.total < goal && !this.stopping) {
      this.check();
      await sleep(20);
    }
  }

  moment(): LoadMoment {
    return this.blocks.map(({ changes, acked }) => [acked, changes.length]);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.workers);
    this.check();
  }

  /** What the image holds once the load has stopped. */
  model(): Buffer {
    return Buffer.concat(this.blocks.map(({ acked }, number) => this.expected(number, acked)));
  }

  /** A snapshot that was taken between two moments has of each block one of the states that it had between them. */
  verifySnapshot(data: Buffer, before: LoadMoment, after: LoadMoment): void {
    for (let number = 0; number < this.blocks.length; number++) {
      const found = data.subarray(number * LOAD_BLOCK, (number + 1) * LOAD_BLOCK);
      const from = before[number][0];
      const to = after[number][1];
      let n = from;
      while (n <= to && !found.equals(this.expected(number, n))) n++;
      if (n > to) throw this.wrong(number, found, from, to);
    }
  }
}
