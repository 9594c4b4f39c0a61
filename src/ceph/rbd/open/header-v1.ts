import { NacreError } from '../../../base/errors.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { RBD_OLD_SIGNATURE, RBD_OLD_TEXT, RBD_OLD_VERSION } from '../../types/cls-rbd-old.ts';
import { readOldHeader } from '../cls/index.ts';
import { type HeaderState, RBD_PROTECTION_STATUS_UNPROTECTED, type SnapInfo } from '../types.ts';

export interface HeaderV1 {
  readonly objectPrefix: string;
  readonly order: number;
  readonly state: HeaderState;
}

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

/**
 * The header of an image of format 1.
 * @throws NacreError ENOENT when there is none, EBADMSG when the object is none, ENOTSUP when it migrates
 */
export async function readHeaderV1(io: IoCtx, oid: string): Promise<HeaderV1> {
  const header = await readOldHeader(io, oid);
  const { text, signature, version, order, blockName } = header;
  if (text !== RBD_OLD_TEXT) {
    if (text.startsWith('<<< Migrating'))
      throw new NacreError('ENOTSUP', 'rbd.open', `'${oid}' has migrating: not supported`);
    throw new NacreError('EBADMSG', 'rbd.open', `'${oid}' does not begin as an image's header does`);
  }
  if (signature !== RBD_OLD_SIGNATURE || version !== RBD_OLD_VERSION)
    throw new NacreError('EBADMSG', 'rbd.open', `'${oid}' is a header of ${signature} ${version}`);
  if (order < 9 || order > 25)
    throw new NacreError('EBADMSG', 'rbd.open', `'${oid}' says that objects have 2^${order} bytes`);
  const snaps = header.snaps.map(
    ({ id, name, imageSize }): SnapInfo => ({
      id,
      name: utf8(name),
      namespace: { type: 'user' },
      size: imageSize,
      parent: undefined,
      protection: RBD_PROTECTION_STATUS_UNPROTECTED,
      flags: 0n,
      timestamp: 0,
      childCount: 0,
    }),
  );
  const state: HeaderState = {
    size: header.imageSize,
    features: 0n,
    incompatibleFeatures: 0n,
    opFeatures: 0n,
    flags: 0n,
    snapc: { seq: header.snapSeq, snaps: snaps.map(({ id }) => id) },
    snaps,
    parent: undefined,
    createTimestamp: 0,
    accessTimestamp: 0,
    modifyTimestamp: 0,
    group: undefined,
  };
  return { objectPrefix: utf8(blockName), order, state };
}
