import { NacreError } from '../../../base/errors.ts';
import { FEATURES_ALL, featureNames, OPERATION_FEATURES_ALL } from '../operations/features.ts';
import * as t from '../types.ts';

/**
 * With these nothing of the image may be trusted: its data is in two places (migrating) or in a cache on some host
 * (dirty-cache).
 */
const REFUSED = t.RBD_FEATURE_MIGRATING | t.RBD_FEATURE_DIRTY_CACHE;
/** Writing would need what is not there: entries in a journal, or being the primary site. */
const READ_ONLY = t.RBD_FEATURE_JOURNALING | t.RBD_FEATURE_NON_PRIMARY;

/**
 * Whether an image with these features can be opened.
 * @param incompatible those that whoever does not know them must not open it with, in the way wanted
 * @throws NacreError ENOTSUP naming the features that are in the way
 */
export function checkFeatures(
  image: string,
  state: { readonly features: bigint; readonly incompatibleFeatures: bigint; readonly opFeatures: bigint },
  readOnly: boolean,
): void {
  const { features, incompatibleFeatures, opFeatures } = state;
  const refuse = (names: string, why: string): never => {
    throw new NacreError('ENOTSUP', 'rbd.open', `image '${image}' has ${names}: ${why}`);
  };
  const unknown = incompatibleFeatures & ~FEATURES_ALL;
  if (unknown !== 0n) refuse(`features 0x${unknown.toString(16)}`, 'they are not known');
  const refused = features & REFUSED;
  if (refused !== 0n) refuse(featureNames(refused).join(', '), 'not supported');
  if (readOnly) return;
  const forReading = features & READ_ONLY;
  if (forReading !== 0n)
    refuse(featureNames(forReading).join(', '), 'not supported for writing; open it read-only');
  const operations = opFeatures & ~OPERATION_FEATURES_ALL;
  if (operations !== 0n)
    refuse(`operations 0x${operations.toString(16)}`, 'they are not known; open it read-only');
}
