import type { IoCtx } from '../rados/ioctx.ts';
import type { CreateOptions } from './operations/create-options.ts';
import type { ParentImageSpec, Progress } from './types.ts';

// Arguments and answers of the API.

export interface CloneOptions extends CreateOptions {
  /** By rbd_default_clone_format. */
  readonly cloneFormat?: 1 | 2;
}

/** What to clone. `io`: the parent's pool; that of the clone by default. */
export interface ParentSnapshot {
  readonly io?: IoCtx;
  readonly image: string;
  readonly snapshot: string;
}

/** Long work. Aborting ends it between two objects; what it did until then stays, and it can be run again. */
export interface ProgressOption {
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CopyOptions extends CreateOptions, ProgressOption {
  /** Zeros of this many bytes, aligned, are not written. */
  readonly sparseSize?: number;
}

export interface DeepCopyOptions extends CreateOptions, ProgressOption {
  /** Copies what the parent shows, and makes no clone. */
  readonly flatten?: boolean;
}

export interface RemoveSnapshotOptions extends ProgressOption {
  readonly force?: boolean;
  /** Flattens clones that hang on it. */
  readonly flatten?: boolean;
  readonly unprotect?: boolean;
}

export interface TrashEntry {
  readonly id: string;
  readonly name: string;
  readonly source: 'user' | 'mirroring' | 'migration' | 'user-parent' | 'unknown';
  readonly deletionTime: Date;
  /** It can be removed without force from then on. */
  readonly defermentEndTime: Date;
}

/** A clone, as its parent knows it. */
export interface ChildImage {
  readonly poolId: number;
  readonly poolName: string;
  readonly namespace: string;
  readonly imageId: string;
  readonly imageName: string;
  readonly trash: boolean;
}

/** The parent of what a handle looks at. */
export interface ParentRef extends ParentImageSpec {
  readonly poolName: string;
  readonly imageName: string;
  readonly snapName: string;
  /** It is in the trash. */
  readonly trash: boolean;
  /** Bytes that it still shows through. */
  readonly overlap: number;
}

export interface ImageInfo {
  readonly name: string;
  readonly id: string;
  readonly format: 1 | 2;
  readonly size: number;
  readonly objectSize: number;
  readonly order: number;
  readonly objectCount: number;
  readonly objectPrefix: string;
  readonly stripeUnit: number;
  readonly stripeCount: number;
  /** RBD_FEATURE_*. */
  readonly features: bigint;
  readonly opFeatures: bigint;
  /** RBD_FLAG_*. */
  readonly flags: bigint;
  readonly dataPoolId: number;
  readonly snapshotCount: number;
  readonly parent: ParentRef | undefined;
  /** Undefined where the header has none. */
  readonly created: Date | undefined;
  readonly accessed: Date | undefined;
  readonly modified: Date | undefined;
}

/** Who holds the locks that `rbd lock` shows. */
export interface ImageLocks {
  readonly tag: string;
  readonly exclusive: boolean;
  readonly lockers: readonly { readonly client: string; readonly cookie: string; readonly address: string }[];
}
