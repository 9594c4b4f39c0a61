import { NacreError } from '../../base/errors.ts';
import type { CrushMap } from './map.ts';

/** Whether a name may be given to items, types and classes. Names of shadow buckets ('default~ssd') are not. */
export function isValidCrushName(name: string): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(name);
}

/** Whether a bucket belongs to the tree of a device class. */
export function isShadowItem(map: CrushMap, id: number): boolean {
  const name = map.names.name(id);
  return name !== undefined && !isValidCrushName(name);
}

/** @throws NacreError EINVAL for names that may not be given */
export function setItemName(map: CrushMap, id: number, name: string): void {
  if (!isValidCrushName(name))
    throw new NacreError('EINVAL', 'crush.set_item_name', `'${name}' is not made of [-_.0-9a-zA-Z]`);
  map.names.set(id, name);
}

/** A shadow bucket as the bucket that it stands for and the class; other items as they are, without a class. */
export interface ClassedItem {
  readonly id: number;
  readonly classId: number | undefined;
}

/**
 * Takes 'default~ssd' apart (CrushWrapper::split_id_class).
 * @throws NacreError EINVAL when the item has no name, ENOENT when the bucket or the class does not exist
 */
export function splitIdClass(map: CrushMap, id: number): ClassedItem {
  const name = map.names.name(id);
  if (name === undefined) throw new NacreError('EINVAL', 'crush.split_id_class', `item ${id} has no name`);
  const at = name.indexOf('~');
  if (at < 0) return { id, classId: undefined };
  const original = map.names.id(name.slice(0, at));
  const classId = map.classes.id(name.slice(at + 1));
  if (original === undefined || classId === undefined)
    throw new NacreError('ENOENT', 'crush.split_id_class', `what ${name} stands for does not exist`);
  return { id: original, classId };
}
