import { NacreError } from '../../base/errors.ts';
import * as crush from '../../ceph/crush/index.ts';
import { strerror } from '../shared/errors.ts';
import { die, errnoExit, ME, reasonOf } from './fail.ts';
import type { CrushArgs } from './options.ts';

/** Does it; what fails ends the command as crushtool does, with the errno as line and as exit code. */
function orErrno(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    die(`${ME} ${strerror(error.errno)}: ${reasonOf(error)}`, errnoExit(error));
  }
}

/** Applies the change, or says that the name does not exist. */
function named(map: crush.CrushMap, name: string, change: (item: number) => void): void {
  const item = map.names.id(name);
  if (item === undefined) {
    process.stderr.write(` name ${name} dne\n`);
    die(`${ME} ${strerror(-2)}`, 254);
  }
  orErrno(() => change(item));
}

function tune(map: crush.CrushMap, args: CrushArgs): boolean {
  if (args.profile !== undefined) crush.setTunables(map.tunables, args.profile);
  let changed = args.profile !== undefined;
  for (const [key, value] of Object.entries(args.tunables) as [keyof crush.CrushTunables, number][]) {
    if (value < 0) continue;
    const byte = key === 'chooseleafVaryR' || key === 'chooseleafStable' || key === 'strawCalcVersion';
    if (key === 'chooseleafDescendOnce') map.tunables[key] = value === 0 ? 0 : 1;
    else map.tunables[key] = byte ? value & 0xff : value;
    changed = true;
  }
  return changed;
}

function addBucket(map: crush.CrushMap, args: CrushArgs, name: string, typeName: string): void {
  if (map.names.id(name) !== undefined) die(`${ME} bucket '${name}' already exists`, 256 - 17);
  const type = map.types.id(typeName);
  if (type === undefined || type <= 0) die(`${ME} bad bucket type: ${typeName}`, 256 - 22);
  try {
    const id = crush.addBucket(map, { type });
    crush.setItemName(map, id, name);
    if (args.location.size > 0 && crush.weightAtLocation(map, id, args.location) === undefined)
      crush.moveBucket(map, id, args.location);
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    die(
      `${ME} unable to add bucket '${name}': ${strerror(error.errno)}: ${reasonOf(error)}`,
      errnoExit(error),
    );
  }
}

function moveItem(map: crush.CrushMap, args: CrushArgs, name: string): void {
  const id = map.names.id(name);
  if (id === undefined) die(`${ME} item '${name}' does not exist`, 254);
  if (args.location.size === 0) die(`${ME} expecting additional --loc argument to --move`, 256 - 22);
  if (crush.weightAtLocation(map, id, args.location) !== undefined)
    die(`${ME} item '${name}' already at ${crush.locationText(args.location)}`);
  orErrno(() => {
    if (id < 0) crush.moveBucket(map, id, args.location);
    else crush.createOrMoveItem(map, id, 0, name, args.location);
  });
}

function changeRules(map: crush.CrushMap, args: CrushArgs): boolean {
  const { addRule, removeRule } = args;
  if (addRule !== undefined) {
    if (map.ruleNames.id(addRule.name) !== undefined) die(`rule ${addRule.name} already exists`);
    try {
      crush.addSimpleRule(map, {
        name: addRule.name,
        root: addRule.root,
        failureDomain: addRule.type,
        deviceClass: args.deviceClass,
        mode: addRule.mode,
        type: crush.RULE_TYPE_REPLICATED,
      });
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      die(reasonOf(error));
    }
  }
  if (removeRule !== undefined) {
    const id = map.ruleNames.id(removeRule);
    if (id === undefined) die(`rule ${removeRule} does not exist`, 0);
    orErrno(() => crush.removeRule(map, id));
  }
  return addRule !== undefined || removeRule !== undefined;
}

/** Changes the map as the arguments ask; whether they ask for anything. */
export function modify(map: crush.CrushMap, args: CrushArgs): boolean {
  let changed = tune(map, args);
  const { reweightItem, removeItem, addItem, location } = args;
  if (reweightItem !== undefined) {
    const { name, weight } = reweightItem;
    process.stdout.write(`${ME} reweighting item ${name} to ${crush.formatGeneral(Math.fround(weight))}\n`);
    named(map, name, item => {
      if (crush.adjustItemWeight(map, item, crush.weightFromFloat(weight)) === 0)
        throw new NacreError('ENOENT', 'crush.reweight_item', `${name} is in no bucket`);
    });
    changed = true;
  }
  if (removeItem !== undefined) {
    process.stdout.write(`${ME} removing item ${removeItem}\n`);
    named(map, removeItem, item => crush.removeItem(map, item));
    changed = true;
  }
  if (addItem !== undefined && addItem.id >= 0) {
    const { id, weight, name, update } = addItem;
    orErrno(() => {
      if (update) crush.updateItem(map, id, weight, name, location);
      else crush.insertItem(map, id, weight, name, location);
    });
    changed = true;
  }
  if (args.addBucket !== undefined) {
    addBucket(map, args, args.addBucket.name, args.addBucket.type);
    changed = true;
  }
  if (args.move !== undefined) {
    moveItem(map, args, args.move);
    changed = true;
  }
  if (changeRules(map, args)) changed = true;
  if (args.reweight) {
    orErrno(() => crush.reweight(map));
    changed = true;
  }
  if (args.rebuildClassRoots) {
    orErrno(() => crush.rebuildRootsWithClasses(map));
    changed = true;
  }
  for (const [bucket, deviceClass] of args.subtreeClasses) {
    // As in crushtool a bucket that does not exist changes nothing and is no error.
    if (map.names.id(bucket) !== undefined) crush.setSubtreeClass(map, bucket, deviceClass);
    changed = true;
  }
  if (args.reclassify) {
    try {
      crush.reclassify(map, {
        roots: args.reclassifyRoots,
        buckets: args.reclassifyBuckets,
        log: line => process.stdout.write(`${line}\n`),
      });
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      die(`${reasonOf(error)}\nfailed to reclassify map`);
    }
    changed = true;
  }
  return changed;
}
