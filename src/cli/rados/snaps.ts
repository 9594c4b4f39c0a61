import { POOL_FLAG_SELFMANAGED_SNAPS } from '../../ceph/osdmap/pool-flags.ts';
import { isHead, type ObjectClone } from '../../ceph/rados/index.ts';
import { renderJson } from '../shared/format.ts';
import { ToolError } from './options.ts';
import { attempt, errnoOf, print, reason, type Session, type Verb } from './session.ts';
import { snapTime } from './time.ts';

async function lssnap({ io }: Session): Promise<void> {
  const snaps = io.listSnapshots();
  for (const { id, name, stamp } of snaps) print(`${id}\t${name}\t${snapTime(stamp)}\n`);
  print(`${snaps.length} snaps\n`);
}

async function mksnap({ io, poolName }: Session, [name]: readonly string[]): Promise<void> {
  if (io.poolInfo.hasFlag(POOL_FLAG_SELFMANAGED_SNAPS))
    throw new ToolError(`can't create snapshot: pool ${poolName} is in selfmanaged snaps mode`);
  await attempt(`error creating pool ${poolName} snapshot ${name}`, () => io.createSnapshot(name));
  print(`created pool ${poolName} snap ${name}\n`);
}

async function rmsnap({ io, poolName }: Session, [name]: readonly string[]): Promise<void> {
  await attempt(`error removing pool ${poolName} snapshot ${name}`, () => io.removeSnapshot(name));
  print(`removed pool ${poolName} snap ${name}\n`);
}

async function rollback({ io, poolName }: Session, [oid, snap]: readonly string[]): Promise<void> {
  try {
    await io.rollback(oid, snap);
  } catch (error) {
    // The original has no colon here.
    throw new ToolError(`error rolling back pool ${poolName} to snapshot ${oid}${reason(error)}`);
  }
  print(`rolled back pool ${poolName} to snapshot ${snap}\n`);
}

function cloneJson(clone: ObjectClone, names: ReadonlyMap<bigint, string>): Record<string, unknown> {
  return {
    id: isHead(clone) ? 'head' : clone.id,
    snapshots: clone.snaps.map(id => ({ id, name: names.get(id) })),
    size: clone.size,
    overlaps: isHead(clone)
      ? undefined
      : clone.overlap.map(({ offset, length }) => ({ start: offset, length })),
  };
}

function cloneLine(clone: ObjectClone, names: ReadonlyMap<bigint, string>): string {
  const snapText = (id: bigint) => (names.has(id) ? `${names.get(id)}(${id})` : String(id));
  const snaps = clone.snaps.length === 0 ? '-' : clone.snaps.map(snapText).join(',');
  if (isHead(clone)) return `head\t${snaps}\t${clone.size}`;
  const overlap = clone.overlap.map(({ offset, length }) => `${offset}~${length}`).join(',');
  return `${clone.id}\t${snaps}\t${clone.size}\t[${overlap}]\n`;
}

async function listsnaps(s: Session, [oid]: readonly string[]): Promise<void> {
  const { io, format, options } = s;
  let clones: readonly ObjectClone[];
  try {
    ({ clones } = await io.listSnaps(oid));
  } catch (error) {
    errnoOf(error);
    throw new ToolError(`error listing snap shots ${s.poolName}/${oid}: ${reason(error)}`);
  }
  const all = new Map(io.listSnapshots().map(({ id, name }) => [id, name]));
  if (format !== undefined && format !== 'plain') {
    print(renderJson({ name: oid, clones: clones.map(clone => cloneJson(clone, all)) }, format));
    return;
  }
  const names = options.prettyFormat ? all : new Map<bigint, string>();
  print(`${oid}:\ncloneid\tsnaps\tsize\toverlap\n${clones.map(clone => cloneLine(clone, names)).join('')}\n`);
}

export const SNAP_VERBS: readonly Verb[] = [
  { name: 'lssnap', args: '', description: "list the pool's snapshots", min: 0, max: 0, run: lssnap },
  { name: 'mksnap', args: '<snap>', description: 'take a snapshot of the pool', min: 1, run: mksnap },
  { name: 'rmsnap', args: '<snap>', description: 'remove a snapshot', min: 1, run: rmsnap },
  { name: 'rollback', args: '<obj> <snap>', description: 'bring an object back', min: 2, run: rollback },
  { name: 'listsnaps', args: '<obj>', description: 'clones of an object', min: 1, run: listsnaps },
];
