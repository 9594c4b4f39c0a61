import { NacreError } from '../../../base/errors.ts';
import { OP_FAILOK } from '../../rados/flags.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { type OpResult, ReadOperation } from '../../rados/operation.ts';
import * as cls from '../cls/index.ts';
import { type HeaderState, type ParentImageSpec, RBD_FEATURE_OPERATIONS, type SnapInfo } from '../types.ts';

// Header object of format 2, 'rbd_header.ID': an omap that only the methods of class rbd touch. Everything that can
// change is asked for in one operation, the snapshots in a second one, as their ids are in the answer to the first.

/** What never changes. */
export interface HeaderIdentity {
  readonly objectPrefix: string;
  readonly order: number;
  readonly stripeUnit: number;
  readonly stripeCount: number;
  /** -1: the pool of the header. */
  readonly dataPoolId: number;
}

export interface HeaderV2 {
  readonly state: HeaderState;
  readonly metadata: ReadonlyMap<string, string>;
  /** Only when it was asked for. */
  readonly identity: HeaderIdentity | undefined;
}

/** Snapshots asked for in one operation, which may not become too long. */
const SNAPS_AT_A_TIME = 64;
/** Times that a header is read anew because a snapshot was removed between the two operations. */
const ATTEMPTS = 10;

/** A snapshot was removed between the two operations. */
class SnapGone extends NacreError {}

const isMissing = (error: unknown): boolean => error instanceof NacreError && error.code === 'ENOENT';

/** Lets the op added last fail alone: older OSDs lack the method, or the image lacks the feature. */
function maybe<T>(op: ReadOperation, result: OpResult<T>): OpResult<T> {
  op.opFlags(OP_FAILOK);
  return result;
}

const valueIfAny = <T>(result: OpResult<T>): T | undefined =>
  (result.code ?? -1) < 0 ? undefined : result.value;

/**
 * Reads the header.
 * @param readOnly whether features that only writers must know count as compatible
 * @throws NacreError ENOENT when it is not there
 */
export async function readHeaderV2(
  io: IoCtx,
  oid: string,
  readOnly: boolean,
  withIdentity: boolean,
): Promise<HeaderV2> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readOnce(io, oid, readOnly, withIdentity);
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof SnapGone)) throw error;
    }
  }
}

async function readOnce(io: IoCtx, oid: string, readOnly: boolean, withIdentity: boolean): Promise<HeaderV2> {
  const op = new ReadOperation();
  const size = cls.getSize.add(op);
  const features = cls.getFeatures.add(op, readOnly);
  const flags = cls.getFlags.add(op);
  const snapc = cls.getSnapcontext.add(op);
  const parent = maybe(op, cls.parentGet.add(op));
  const overlap = maybe(op, cls.parentOverlapGet.add(op));
  const opFeatures = maybe(op, cls.opFeaturesGet.add(op));
  const group = maybe(op, cls.imageGroupGet.add(op));
  const created = maybe(op, cls.getCreateTimestamp.add(op));
  const accessed = maybe(op, cls.getAccessTimestamp.add(op));
  const modified = maybe(op, cls.getModifyTimestamp.add(op));
  const fixed = withIdentity
    ? {
        prefix: cls.getObjectPrefix.add(op),
        stripes: maybe(op, cls.getStripeUnitCount.add(op)),
        dataPool: maybe(op, cls.getDataPoolId.add(op)),
      }
    : undefined;
  // Beside it: metadata comes in pages, of which there is hardly ever more than one.
  const [metadata] = await Promise.all([metadataOf(io, oid), io.operate(oid, op)]);

  const spec = valueIfAny(parent);
  const bytes = valueIfAny(overlap);
  const snaps = await readSnaps(io, oid, snapc.value.snaps, spec);
  const { features: all, incompatible } = features.value;
  const member = valueIfAny(group);
  const state: HeaderState = {
    size: size.value.size,
    features: all,
    incompatibleFeatures: incompatible,
    opFeatures: (all & RBD_FEATURE_OPERATIONS) === 0n ? 0n : (valueIfAny(opFeatures) ?? 0n),
    flags: flags.value,
    snapc: snapc.value,
    snaps,
    parent: spec === undefined || bytes === undefined ? undefined : { ...spec, overlap: bytes },
    createTimestamp: valueIfAny(created) ?? 0,
    accessTimestamp: valueIfAny(accessed) ?? 0,
    modifyTimestamp: valueIfAny(modified) ?? 0,
    group: member === undefined ? undefined : { poolId: member.poolId, groupId: member.groupId },
  };
  const { order } = size.value;
  const identity =
    fixed === undefined
      ? undefined
      : {
          objectPrefix: fixed.prefix.value,
          order,
          ...(valueIfAny(fixed.stripes) ?? { stripeUnit: 2 ** order, stripeCount: 1 }),
          dataPoolId: valueIfAny(fixed.dataPool) ?? -1,
        };
  return { state, metadata, identity };
}

async function readSnaps(
  io: IoCtx,
  oid: string,
  ids: readonly bigint[],
  spec: ParentImageSpec | undefined,
): Promise<SnapInfo[]> {
  const parts: Promise<SnapInfo[]>[] = [];
  for (let i = 0; i < ids.length; i += SNAPS_AT_A_TIME)
    parts.push(readSomeSnaps(io, oid, ids.slice(i, i + SNAPS_AT_A_TIME), spec));
  try {
    return (await Promise.all(parts)).flat();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new SnapGone('ENOENT', 'rbd.refresh', `a snapshot of '${oid}' was removed`, { cause: error });
  }
}

async function readSomeSnaps(
  io: IoCtx,
  oid: string,
  ids: readonly bigint[],
  spec: ParentImageSpec | undefined,
): Promise<SnapInfo[]> {
  const op = new ReadOperation();
  const asked = ids.map(id => ({
    info: cls.snapshotGet.add(op, id),
    protection: maybe(op, cls.getProtectionStatus.add(op, id)),
    flags: maybe(op, cls.getFlags.add(op, id)),
    overlap: spec === undefined ? undefined : maybe(op, cls.parentOverlapGet.add(op, id)),
  }));
  await io.operate(oid, op);
  return asked.map(({ info, protection, flags, overlap }): SnapInfo => {
    const bytes = overlap === undefined ? undefined : valueIfAny(overlap);
    const { id, name, namespace, imageSize, timestamp, childCount } = info.value;
    return {
      id,
      name,
      namespace,
      size: imageSize,
      parent: spec === undefined || bytes === undefined ? undefined : { ...spec, overlap: bytes },
      protection: valueIfAny(protection) ?? 0,
      flags: valueIfAny(flags) ?? 0n,
      timestamp,
      childCount,
    };
  });
}

const NO_METADATA = new Set(['ENOENT', 'EOPNOTSUPP', 'ENOTSUP', 'EPERM', 'EACCES']);

/** Metadata of an image's header, or of the pool (rbd_info); none where there is no such object, or no right to read it. */
export async function metadataOf(io: IoCtx, oid: string): Promise<Map<string, string>> {
  try {
    return await cls.metadataListAll(io, oid);
  } catch (error) {
    if (error instanceof NacreError && NO_METADATA.has(error.code)) return new Map();
    throw error;
  }
}
