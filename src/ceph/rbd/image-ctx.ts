import type { Context } from '../../base/context.ts';
import type { Rados } from '../rados/cluster.ts';
import type { IoCtx } from '../rados/ioctx.ts';
import { SNAP_HEAD } from '../types/snap.ts';
import type { ImageIo } from './io/types.ts';
import type { ExclusiveLockApi } from './lock/types.ts';
import type { ObjectMapApi } from './object-map/types.ts';
import type { ImageConfig } from './open/image-config.ts';
import type { HeaderState, ParentImageInfo, SnapInfo, StripeLayout } from './types.ts';
import type { ImageWatcherApi } from './watch/types.ts';

/** What about an image never changes while it is open, but for its name. */
export interface ImageIdentity {
  /** That it was opened by, or that it was given by way of this handle since. */
  name: string;
  /** '' for format 1. */
  readonly id: string;
  readonly format: 1 | 2;
  /** The header object. */
  readonly headerOid: string;
  /** Of data objects: 'rbd_data.101f6b8b4567', or 'rb.0.1011.6b8b4567' for format 1. */
  readonly objectPrefix: string;
  readonly order: number;
  readonly layout: StripeLayout;
  /** Pool of the data objects. */
  readonly dataPoolId: number;
}

/** An image that is open (librbd::ImageCtx): what its parts share. */
export class ImageCtx {
  readonly cluster: Rados;
  readonly context: Context;
  readonly identity: ImageIdentity;
  /** The pool and namespace of the header. */
  readonly header: IoCtx;
  /** The pool and namespace of the data, with the snap context of the last refresh. Replaced, never changed. */
  data: IoCtx;
  readonly readOnly: boolean;
  /** Settings of this image: options of the context under the pool's, the image's and the opener's overrides. */
  readonly config: ImageConfig;
  /** The snapshot that the handle looks at; SNAP_HEAD. */
  snapId: bigint = SNAP_HEAD;
  state: HeaderState;
  /** The open parent of what the handle looks at. */
  parent: ImageCtx | undefined;
  exclusiveLock: ExclusiveLockApi | undefined;
  objectMap: ObjectMapApi | undefined;
  watcher: ImageWatcherApi | undefined;
  io!: ImageIo;
  /** A header update was announced; the next I/O or operation refreshes first. */
  refreshNeeded = false;
  /** Hear of every header update that was taken in. */
  readonly updateListeners = new Set<() => void>();
  /** The handle is closed, or about to be. */
  closed = false;

  constructor(
    cluster: Rados,
    identity: ImageIdentity,
    header: IoCtx,
    data: IoCtx,
    state: HeaderState,
    readOnly: boolean,
    config: ImageConfig,
  ) {
    this.cluster = cluster;
    this.context = cluster.context;
    this.identity = identity;
    this.header = header;
    this.data = data;
    this.state = state;
    this.readOnly = readOnly;
    this.config = config;
  }

  has(feature: bigint): boolean {
    return (this.state.features & feature) !== 0n;
  }

  snap(id: bigint): SnapInfo | undefined {
    return this.state.snaps.find(snap => snap.id === id);
  }

  snapNamed(name: string): SnapInfo | undefined {
    return this.state.snaps.find(snap => snap.namespace.type === 'user' && snap.name === name);
  }

  /** Bytes of the image at a snapshot, or of the head. Undefined when the snapshot is gone. */
  sizeAt(snapId: bigint = this.snapId): number | undefined {
    return snapId === SNAP_HEAD ? this.state.size : this.snap(snapId)?.size;
  }

  parentAt(snapId: bigint = this.snapId): ParentImageInfo | undefined {
    return snapId === SNAP_HEAD ? this.state.parent : this.snap(snapId)?.parent;
  }

  /** Name of a data object. */
  objectName(objectNo: number): string {
    const { format, objectPrefix } = this.identity;
    return `${objectPrefix}.${objectNo.toString(16).padStart(format === 1 ? 12 : 16, '0')}`;
  }
}
