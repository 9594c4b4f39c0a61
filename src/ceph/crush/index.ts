/**
 * CRUSH: maps, placement, the text language and the tools around them.
 */

export { formatFixed, formatGeneral } from '../../base/printf.ts';
export {
  addBucketItem,
  adjustBucketItemWeight,
  makeBucket,
  removeBucketItem,
  reweightBucket,
} from './buckets.ts';
export { type BuiltMap, buildCrushMap, type CrushLayer } from './build.ts';
export { checkNames, overlappedRules } from './check.ts';
export {
  getOrCreateClass,
  populateClasses,
  rebuildRootsWithClasses,
  setItemClass,
  setSubtreeClass,
} from './classes.ts';
export { decodeCrushMap, encodeCrushMap } from './codec.ts';
export { type CompileOptions, compileCrush } from './compiler.ts';
export * from './constants.ts';
export { type DecompileOptions, decompileCrush } from './decompiler.ts';
export { dumpCrush, dumpRule, dumpTunables } from './dump.ts';
export {
  addBucket,
  createOrMoveItem,
  defaultBucketAlg,
  insertItem,
  linkBucket,
  moveBucket,
  type NewBucket,
  removeItem,
  swapBucket,
  updateItem,
} from './edit.ts';
export { weightText, weightToFloat } from './format.ts';
export { CrushCompileError } from './grammar.ts';
export { hash32, hash32_2, hash32_3, hash32_4, hash32_5 } from './hash.ts';
export * from './location.ts';
export {
  bucketItemWeight,
  type CrushBucket,
  type CrushChooseArg,
  type CrushChooseArgs,
  CrushMap,
  type CrushRule,
  type CrushStep,
} from './map.ts';
export { CrushMapper } from './mapper.ts';
export { isShadowItem, isValidCrushName, setItemName, splitIdClass } from './names.ts';
export { type Reclassify, reclassify } from './reclassify.ts';
export { addRule, addSimpleRule, findRule, removeRule, type SimpleRule } from './rules.ts';
export {
  type CrushTestOptions,
  type CrushTestOutput,
  compareCrush,
  testCrush,
  testWeight,
  testWeights,
} from './tester.ts';
export {
  type CrushTreeItem,
  crushTree,
  treeArgsNames,
  treeArgsWeights,
  treeItemText,
} from './tree.ts';
export {
  type CrushTunables,
  defaultTunables,
  hasTunables,
  setTunables,
  TUNABLES_PROFILES,
  type TunablesProfile,
} from './tunables.ts';
export {
  adjustArgsItemWeight,
  adjustItemWeight,
  adjustItemWeightInLoc,
  adjustSubtreeWeight,
  reweight,
  weightFromFloat,
} from './weights.ts';
