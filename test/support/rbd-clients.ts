import { createHash } from 'node:crypto';
import type { Image, Rbd } from '../../src/ceph/rbd/index.ts';

/** Name ('' for the head), size in bytes and checksum of an image's head and snapshots. */
export type ImageSums = readonly (readonly [string, number, string])[];

/** An image that some client has open for writing. */
export interface RbdHandle {
  read(offset: number, length: number): Promise<Buffer>;
  write(offset: number, data: Buffer): Promise<void>;
  /** One write after the other. */
  burst(writes: readonly (readonly [number, Buffer])[]): Promise<void>;
  discard(offset: number, length: number): Promise<void>;
  writeZeroes(offset: number, length: number, thick: boolean): Promise<void>;
  flush(): Promise<void>;
  resize(size: number): Promise<void>;
  snapshot(name: string): Promise<void>;
  removeSnapshot(name: string): Promise<void>;
  rollback(name: string): Promise<void>;
  flatten(): Promise<void>;
  updateFeatures(features: bigint, enable: boolean): Promise<void>;
  rebuildObjectMap(): Promise<void>;
  isOwner(): Promise<boolean>;
  close(): Promise<void>;
}

export interface ImageLayout {
  readonly order: number;
  /** Bytes. */
  readonly stripeUnit: number;
  readonly stripeCount: number;
}

export interface CloneSpec {
  readonly parent: string;
  readonly snap: string;
  readonly child: string;
  readonly format: 1 | 2;
  readonly layout: ImageLayout;
  readonly dataPool?: string | undefined;
  readonly features: bigint;
}

/** librbd, or ours. */
export interface RbdClient {
  readonly name: string;
  open(image: string, config: Readonly<Record<string, string>>): Promise<RbdHandle>;
  /** Of everything: the head, and the snapshots, oldest first. */
  sums(image: string): Promise<ImageSums>;
  sum(image: string, snap: string): Promise<ImageSums[number]>;
  /** Protects the snapshot when the format wants it. */
  clone(spec: CloneSpec): Promise<void>;
}

export const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

async function digest(image: Image, name: string): Promise<ImageSums[number]> {
  const hash = createHash('sha256');
  for (let at = 0; at < image.size; at += 1 << 22)
    hash.update(await image.read(at, Math.min(1 << 22, image.size - at)));
  return [name, image.size, hash.digest('hex')];
}

export class OurRbd implements RbdClient {
  readonly name = 'ours';
  readonly rbd: Rbd;

  constructor(rbd: Rbd) {
    this.rbd = rbd;
  }

  async open(image: string, config: Readonly<Record<string, string>>): Promise<OurHandle> {
    return new OurHandle(await this.rbd.open(image, { config }));
  }

  async sums(name: string): Promise<ImageSums> {
    await using image = await this.rbd.open(name, { readOnly: true });
    const out = [await digest(image, '')];
    for (const snap of await image.snapshots.list()) out.push(await this.sum(name, snap.name));
    return out;
  }

  async sum(name: string, snap: string): Promise<ImageSums[number]> {
    await using image = await this.rbd.open(name, { snapshot: snap, readOnly: true });
    return await digest(image, snap);
  }

  async clone({ parent, snap, child, format, layout, dataPool, features }: CloneSpec): Promise<void> {
    if (format === 1) {
      await using image = await this.rbd.open(parent);
      await image.snapshots.protect(snap);
    }
    const pool = dataPool === undefined ? {} : { dataPool };
    const options = { cloneFormat: format, features, ...layout, ...pool };
    await this.rbd.clone({ image: parent, snapshot: snap }, child, options);
  }
}

/** An image that we have open. */
export class OurHandle implements RbdHandle {
  readonly image: Image;

  constructor(image: Image) {
    this.image = image;
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.image.read(offset, length);
  }

  write(offset: number, data: Buffer): Promise<void> {
    const half = data.length >> 1;
    return half % 2 === 0
      ? this.image.write(offset, data)
      : this.image.writev(offset, [data.subarray(0, half), data.subarray(half)]);
  }

  async burst(writes: readonly (readonly [number, Buffer])[]): Promise<void> {
    for (const [offset, data] of writes) await this.image.write(offset, data);
  }

  discard(offset: number, length: number): Promise<void> {
    return this.image.discard(offset, length);
  }

  writeZeroes(offset: number, length: number, thick: boolean): Promise<void> {
    return this.image.writeZeroes(offset, length, { thick });
  }

  flush(): Promise<void> {
    return this.image.flush();
  }

  resize(size: number): Promise<void> {
    return this.image.resize(size);
  }

  snapshot(name: string): Promise<void> {
    return this.image.snapshots.create(name);
  }

  removeSnapshot(name: string): Promise<void> {
    return this.image.snapshots.remove(name);
  }

  rollback(name: string): Promise<void> {
    return this.image.snapshots.rollback(name);
  }

  flatten(): Promise<void> {
    return this.image.flatten();
  }

  updateFeatures(features: bigint, enable: boolean): Promise<void> {
    return this.image.updateFeatures(features, enable);
  }

  rebuildObjectMap(): Promise<void> {
    return this.image.objectMap.rebuild();
  }

  async isOwner(): Promise<boolean> {
    return this.image.exclusiveLock.isOwner;
  }

  close(): Promise<void> {
    return this.image.close();
  }
}
