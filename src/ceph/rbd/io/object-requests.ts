import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { CopyupRequest } from './copyup.ts';
import { ObjectReadRequest } from './object-read.ts';
import { ObjectWriteRequest } from './object-write.ts';
import { type IoSettings, readIoSettings } from './settings.ts';
import { imageOffset } from './striper.ts';
import type { FlushSource, ObjectLayer, ObjectRead, ObjectWrite } from './types.ts';

/** Object names remembered: a power of two. */
const NAMES = 1024;

/**
 * The lowest layer of objects' I/O, which talks to the OSDs (librbd's ObjectRequest and CopyupRequest): holes and parents,
 * the object map, copy-up. Nothing is remembered of the data, so whatever is finished is safe.
 */
export class ObjectRequests implements ObjectLayer {
  readonly ctx: ImageCtx;
  readonly settings: IoSettings;
  /** Copy-ups under way, by object. */
  private readonly copyups = new Map<number, CopyupRequest>();
  private flushers: ((result: number) => void)[] = [];
  private readonly nameNos: number[] = new Array(NAMES).fill(-1);
  private readonly names: string[] = new Array(NAMES).fill('');

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
    this.settings = readIoSettings(ctx.config, ctx.identity.layout.objectSize);
  }

  /** Name of a data object: making one costs more than the rest of a small read's way through here. */
  name(objectNo: number): string {
    const slot = objectNo & (NAMES - 1);
    if (this.nameNos[slot] === objectNo) return this.names[slot];
    const name = this.ctx.objectName(objectNo);
    this.nameNos[slot] = objectNo;
    this.names[slot] = name;
    return name;
  }

  read(read: ObjectRead): void {
    new ObjectReadRequest(this, read).send();
  }

  write(write: ObjectWrite): void {
    if (write.data.length > 0 && write.length === 0 && write.data.some(part => part.length > 0))
      throw new NacreError('EINVAL', 'rbd.write', 'data for a write of no bytes');
    new ObjectWriteRequest(this, write).send();
  }

  /** Bytes of the image that the parent shows through, as of the head. */
  get headOverlap(): number {
    return this.ctx.state.parent?.overlap ?? 0;
  }

  /** Whether the head's parent covers some of an object. */
  hasParent(objectNo: number): boolean {
    const overlap = this.headOverlap;
    return overlap > 0 && imageOffset(this.ctx.identity.layout, objectNo, 0) < overlap;
  }

  /** Whether objects that are read from the parent are to be copied from it. */
  copiesOnRead(snapId: bigint): boolean {
    const { ctx } = this;
    return (
      this.settings.copyOnRead &&
      !ctx.readOnly &&
      snapId === ctx.data.snapid &&
      snapId === ctx.snapId &&
      (ctx.exclusiveLock === undefined || ctx.exclusiveLock.isOwner)
    );
  }

  /** Makes the object out of the parent's data, and lets `request` write in the same go; see CopyupRequest. */
  copyup(objectNo: number, request: ObjectWriteRequest | undefined): void {
    const running = this.copyups.get(objectNo);
    if (running !== undefined) {
      if (request !== undefined) running.append(request);
      return;
    }
    const copyup = new CopyupRequest(this, objectNo);
    this.copyups.set(objectNo, copyup);
    if (request !== undefined) copyup.append(request);
    copyup.send();
  }

  /** The copy-up takes no more requests: the next one starts another. */
  copyupEnded(objectNo: number): void {
    this.copyups.delete(objectNo);
    if (this.copyups.size > 0 || this.flushers.length === 0) return;
    const { flushers } = this;
    this.flushers = [];
    for (const done of flushers) done(0);
  }

  /** Only copies on read are not waited for by anybody else. */
  flush(source: FlushSource, done: (result: number) => void): void {
    if (this.copyups.size === 0 || source === 'user' || source === 'writeback') done(0);
    else this.flushers.push(done);
  }

  invalidate(): void {}

  close(): void {}
}

export function createObjectRequests(ctx: ImageCtx): ObjectLayer {
  return new ObjectRequests(ctx);
}
