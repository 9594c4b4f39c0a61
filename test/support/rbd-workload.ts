import { type CloneSpec, type ImageLayout, type RbdClient, type RbdHandle, sha256 } from './rbd-clients.ts';
import { FsxRandom } from './rbd-fsx.ts';

/** Discards that are aligned to it free all of their range, in both clients with these settings. */
const GRANULARITY = 4096;
const CONFIG = { rbd_discard_granularity_bytes: String(GRANULARITY), rbd_skip_partial_discard: 'true' };

export interface WorkloadOptions {
  readonly seed: number;
  readonly name: string;
  /** Bytes in the beginning, and at most. */
  readonly size: number;
  readonly clients: readonly [RbdClient, RbdClient];
  /** What it can do. */
  readonly clones: boolean;
  readonly features: bigint;
  readonly layout: ImageLayout;
  readonly dataPool?: string | undefined;
}

type Kind = 'write' | 'discard' | 'zeroes' | 'read' | 'snap' | 'unsnap' | 'rollback' | 'resize' | 'flatten';

const KINDS: readonly [Kind, number][] = [
  ['write', 14],
  ['discard', 5],
  ['zeroes', 4],
  ['read', 4],
  ['snap', 2],
  ['unsnap', 1],
  ['rollback', 1],
  ['resize', 2],
  ['flatten', 1],
];

/** An image with a model of what its head and its snapshots have to be, and random work on both. */
export class Workload {
  readonly log: string[] = [];
  readonly random: FsxRandom;
  name: string;
  head: Buffer;
  readonly snaps = new Map<string, Buffer>();
  /** Snapshots that clones hang on: they are not removed. */
  readonly parents: { readonly image: string; readonly snap: string; readonly sum: string }[] = [];
  private readonly options: WorkloadOptions;
  private count = 0;

  constructor(options: WorkloadOptions) {
    this.options = options;
    this.random = new FsxRandom(options.seed);
    this.name = options.name;
    this.head = Buffer.alloc(options.size);
  }

  /** An error that tells how to come here again. */
  failure(error: unknown): Error {
    const { seed, name } = this.options;
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return new Error(`${name}, seed ${seed}: ${cause}\n${this.log.slice(-120).join('\n')}`);
  }

  note(text: string): void {
    if (process.env['RBD_MATRIX_TRACE']) console.error(this.name, text);
    this.log.push(`${this.log.length} ${text}`);
  }

  config(cache: boolean): Record<string, string> {
    return { ...CONFIG, rbd_cache: String(cache) };
  }

  /** A client has the image alone, for some steps. */
  async turn(client: RbdClient, steps: number): Promise<void> {
    const cache = this.random.below(2) === 0;
    this.note(`${client.name} opens ${this.name}${cache ? ', cached' : ''}`);
    const handle = await client.open(this.name, this.config(cache));
    try {
      for (let i = 0; i < steps; i++) await this.step(handle);
    } finally {
      await handle.close();
    }
  }

  /** Both have it open, and take turns of a few steps each. */
  async together(handles: readonly RbdHandle[], turns: number): Promise<void> {
    for (let i = 0; i < turns; i++) {
      this.note(`handle ${i % handles.length}`);
      const handle = handles[i % handles.length];
      await this.takeIn(handle);
      const steps = 1 + this.random.below(4);
      for (let j = 0; j < steps; j++) await this.step(handle);
    }
  }

  /**
   * A read, so that changes of the header are known. librbd clips requests by the size that it knows; and one that writes before it knows of
   * a snapshot, without the lock, waits for itself: what it reads of the header once it has the lock waits for the write to be done.
   */
  private async takeIn(handle: RbdHandle): Promise<void> {
    await handle.read(0, 1);
  }

  /** All write at once, each to blocks of his own. */
  async atOnce(handles: readonly RbdHandle[], writes: number): Promise<void> {
    const block = 4096;
    const blocks = Math.floor(this.head.length / block / handles.length);
    const bursts = handles.map((_, mine) =>
      Array.from({ length: writes }, (): [number, Buffer] => {
        const offset = (this.random.below(blocks) * handles.length + mine) * block;
        return [offset, this.random.bytes(1 + this.random.below(block))];
      }),
    );
    this.note(
      `all write at once: ${bursts.map(b => b.map(([o, d]) => `${o}~${d.length}`).join(' ')).join(' | ')}`,
    );
    for (const handle of handles) await this.takeIn(handle);
    await Promise.all(handles.map((handle, i) => handle.burst(bursts[i])));
    for (const burst of bursts) for (const [offset, data] of burst) data.copy(this.head, offset);
  }

  /** Goes on with a clone. */
  async clone(client: RbdClient, format: 1 | 2): Promise<void> {
    const { features, layout, dataPool } = this.options;
    const snap = [...this.snaps.keys()].at(-1)!;
    const spec: CloneSpec = {
      parent: this.name,
      snap,
      child: `${this.options.name}-${++this.count}`,
      ...{ format, features, layout, dataPool },
    };
    this.note(`${client.name} clones ${this.name}@${snap} to ${spec.child}, format ${format}`);
    await client.clone(spec);
    const parent = this.snaps.get(snap)!;
    this.parents.push({ image: this.name, snap, sum: sha256(parent) });
    this.name = spec.child;
    this.head = Buffer.from(parent);
    this.snaps.clear();
  }

  async snapshot(client: RbdClient): Promise<void> {
    const handle = await client.open(this.name, this.config(false));
    await this.snap(handle).finally(() => handle.close());
  }

  /** The head, every snapshot, and those that clones hang on. */
  async verify(client: RbdClient): Promise<void> {
    const found = await client.sums(this.name);
    const wanted = [['', this.head] as const, ...this.snaps].map(([name, data]) => [
      name,
      data.length,
      sha256(data),
    ]);
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      throw new Error(
        `${client.name} sees ${JSON.stringify(found)}, not ${JSON.stringify(wanted)} of ${this.name}`,
      );
    for (const { image, snap, sum } of this.parents) {
      const [, , seen] = await client.sum(image, snap);
      if (seen !== sum) throw new Error(`${client.name} sees that the parent ${image}@${snap} changed`);
    }
  }

  /** Where a client's head differs from the model, for the message of a failure. */
  async difference(client: RbdClient): Promise<string> {
    const handle = await client.open(this.name, this.config(false));
    try {
      const { head } = this;
      for (let at = 0; at < head.length; at += 1 << 20) {
        const data = await handle.read(at, Math.min(1 << 20, head.length - at));
        for (let i = 0; i < data.length; i++)
          if (data[i] !== head[at + i]) return `${client.name} at ${at + i}: ${data[i]}, not ${head[at + i]}`;
      }
      return `${client.name}: none`;
    } finally {
      await handle.close();
    }
  }

  private range(): [number, number] {
    const { random, head } = this;
    const length = 1 + random.below(Math.min(head.length, random.below(6) === 0 ? 400_000 : 40_000));
    const offset = random.below(head.length - length + 1);
    return random.below(2) === 0 ? [offset, length] : [offset - (offset % 512), length];
  }

  private compare(data: Buffer, offset: number, length: number): void {
    const want = this.head.subarray(offset, offset + length);
    if (data.equals(want)) return;
    let at = 0;
    while (at < data.length && data[at] === want[at]) at++;
    throw new Error(`read ${offset}~${length}: at ${offset + at} there is ${data[at]}, not ${want[at]}`);
  }

  async step(handle: RbdHandle): Promise<void> {
    const { random, head } = this;
    let at = random.below(KINDS.reduce((sum, [, weight]) => sum + weight, 0));
    const kind = KINDS.find(([, weight]) => (at -= weight) < 0)![0];
    const [offset, length] = this.range();
    const text = `${kind} ${offset}~${length}`;
    switch (kind) {
      case 'write': {
        this.note(text);
        const data = random.bytes(length);
        await handle.write(offset, data);
        data.copy(head, offset);
        return;
      }
      case 'discard':
        return this.discard(handle, offset, length);
      case 'zeroes': {
        const thick = random.below(2) === 0;
        this.note(thick ? `${text} thick` : text);
        await handle.writeZeroes(offset, length, thick);
        head.fill(0, offset, offset + length);
        return;
      }
      case 'read':
        this.note(text);
        this.compare(await handle.read(offset, length), offset, length);
        return;
      case 'snap':
        if (this.snaps.size < 5) await this.snap(handle);
        return;
      case 'resize': {
        const { size } = this.options;
        const next = size - 512 * random.below(size / 1024);
        this.note(`resize ${next}`);
        await handle.resize(next);
        await this.takeIn(handle);
        const resized = Buffer.alloc(next);
        head.copy(resized);
        this.head = resized;
        return;
      }
      case 'flatten': {
        // Not at first, so that there are copy-ups.
        if (this.parents.at(-1) === undefined || this.flat.has(this.name) || random.below(2) === 0) return;
        this.note('flatten');
        this.flat.add(this.name);
        await handle.flatten();
        await this.takeIn(handle);
        return;
      }
      default:
        return this.old(handle, kind);
    }
  }

  private readonly flat = new Set<string>();

  private async snap(handle: RbdHandle): Promise<void> {
    const name = `s${this.count++}`;
    this.note(`snap ${name}`);
    await handle.snapshot(name);
    await this.takeIn(handle);
    this.snaps.set(name, Buffer.from(this.head));
  }

  private async old(handle: RbdHandle, kind: 'unsnap' | 'rollback'): Promise<void> {
    const names = [...this.snaps.keys()];
    if (names.length === 0) return;
    const name = names[this.random.below(names.length)];
    this.note(`${kind} ${name}`);
    if (kind === 'unsnap') {
      await handle.removeSnapshot(name);
      await this.takeIn(handle);
      this.snaps.delete(name);
    } else {
      // librbd does not ask the owner of the lock for it, nor to roll back.
      if (!(await handle.isOwner())) await handle.writeZeroes(0, 1, true);
      await handle.rollback(name);
      await this.takeIn(handle);
      this.head = Buffer.from(this.snaps.get(name)!);
    }
  }

  /** An aligned discard frees all of it. Of another one it is known that each byte is what it was, or zero. */
  private async discard(handle: RbdHandle, from: number, bytes: number): Promise<void> {
    const { head, random } = this;
    const exact = random.below(3) > 0;
    const offset = exact ? from - (from % GRANULARITY) : from;
    let length = exact ? Math.ceil(bytes / GRANULARITY) * GRANULARITY : bytes;
    if (offset + length > head.length) {
      length = head.length - offset;
      if (exact) length -= length % GRANULARITY;
    }
    if (length <= 0) return;
    this.note(`discard ${offset}~${length}`);
    await handle.discard(offset, length);
    if (exact) {
      head.fill(0, offset, offset + length);
      return;
    }
    const found = await handle.read(offset, length);
    const first = Math.ceil(offset / GRANULARITY) * GRANULARITY;
    const last = Math.floor((offset + length) / GRANULARITY) * GRANULARITY;
    for (let i = 0; i < length; i++) {
      const inner = offset + i >= first && offset + i < last;
      if (found[i] !== 0 && (inner || found[i] !== head[offset + i]))
        throw new Error(`discard ${offset}~${length}: at ${offset + i} there is ${found[i]}`);
    }
    found.copy(head, offset);
  }
}
