import { TextTable } from '../../base/text-table.ts';
import { formatBytes } from '../../base/units.ts';
import {
  type Image,
  RBD_FEATURE_FAST_DIFF,
  RBD_FLAG_FAST_DIFF_INVALID,
  type Rbd,
  type SnapInfo,
} from '../../ceph/rbd/index.ts';
import { strerror } from '../shared/errors.ts';
import { errnoOf, reason, ToolError } from './errors.ts';
import { print, type Session } from './session.ts';

/** A line: an image or one of its snapshots. */
interface Usage {
  readonly image: string;
  readonly id: string;
  readonly snap: SnapInfo | undefined;
  readonly size: number;
  readonly used: number;
}

interface Totals {
  readonly lines: Usage[];
  provisioned: number;
  used: number;
  /** Images and snapshots that were counted. */
  count: number;
}

interface Wanted {
  readonly snap: string;
  readonly from: string;
  readonly exact: boolean;
  readonly merge: boolean;
}

function failed(line: string, errno: number): ToolError {
  return new ToolError(`${line}${line === '' ? '' : '\n'}rbd: du failed: ${strerror(errno)}`, errno);
}

async function usedOf(image: Image, name: string, from: string | undefined, exact: boolean): Promise<number> {
  if (((await image.info()).flags & RBD_FLAG_FAST_DIFF_INVALID) !== 0n)
    process.stderr.write(`warning: fast-diff map is invalid for ${name}. operation may be slow.\n`);
  let used = 0;
  for await (const { length, exists } of image.diff({ from, wholeObject: !exact, includeParent: false }))
    if (exists) used += length;
  return used;
}

async function addImage(
  rbd: Rbd,
  image: Image,
  { name, id }: { name: string; id: string },
  wanted: Wanted,
  totals: Totals,
): Promise<void> {
  if (!image.ctx.has(RBD_FEATURE_FAST_DIFF))
    process.stderr.write(`warning: fast-diff map is not enabled for ${name}. operation may be slow.\n`);
  const snaps = [...(await image.snapshots.list())].sort((a, b) => (a.id < b.id ? -1 : 1));
  const end = snaps.find(snap => snap.name === wanted.snap);
  const start = snaps.find(snap => snap.name === wanted.from);
  if ((wanted.snap !== '' && end === undefined) || (wanted.from !== '' && start === undefined))
    throw failed('specified snapshot is not found.', 2);
  if (end !== undefined && start !== undefined && start.id > end.id) throw failed('', 22);
  let counting = wanted.from === '';
  let last: string | undefined;
  let sum = 0;
  const count = (snap: SnapInfo | undefined, size: number, used: number, provisioned: number) => {
    sum += used;
    totals.provisioned += provisioned;
    totals.used += used;
    totals.count++;
    if (!wanted.merge || snap === undefined)
      totals.lines.push({ image: name, id, snap, size, used: wanted.merge ? sum : used });
  };
  for (const snap of snaps) {
    if (counting) {
      await using at = await rbd.open(name, { snapshot: snap.id, readOnly: true });
      const used = await usedOf(at, `${name}@${snap.name}`, last, wanted.exact);
      count(snap, snap.size, used, wanted.snap === '' ? 0 : snap.size);
    }
    if (snap === start) counting = true;
    if (snap === end) return;
    last = snap.name;
  }
  count(undefined, image.size, await usedOf(image, name, last, wanted.exact), image.size);
}

export async function diskUsage(session: Session): Promise<void> {
  const { args } = session;
  const spec = session.specs.image({ snap: 'permitted', optional: !args.has('from-snap') });
  const f = session.formatter();
  const wanted: Wanted = {
    snap: spec.snap,
    from: args.text('from-snap') ?? '',
    exact: args.flag('exact'),
    merge: args.flag('merge-snapshots'),
  };
  const rbd = await session.pool(spec.pool, spec.namespace);
  await session.withoutCache();
  const images = await rbd.list();
  const totals: Totals = { lines: [], provisioned: 0, used: 0, count: 0 };
  let found = false;
  for (const named of images) {
    if (spec.image !== '' && named.name !== spec.image) continue;
    try {
      await using image = await rbd.open(named.name, { readOnly: true, signal: session.signal });
      found = true;
      await addImage(rbd, image, named, wanted, totals);
    } catch (error) {
      if (error instanceof ToolError) throw error;
      if (errnoOf(error) !== 2)
        throw failed(`rbd: error opening ${named.name}: ${reason(error)}`, errnoOf(error));
    }
  }
  if (spec.image !== '' && !found) throw failed(`specified image ${spec.image} is not found.`, 2);
  if (f === undefined) {
    if (images.length > 0) print(table(totals));
    return;
  }
  f.object('stats', () => {
    f.array('images', () => {
      for (const { image, id, snap, size, used } of totals.lines)
        f.object('image', () => {
          f.value('name', image);
          f.value('id', id);
          if (snap !== undefined) {
            f.value('snapshot', snap.name);
            f.value('snapshot_id', snap.id);
          }
          f.value('provisioned_size', size);
          f.value('used_size', used);
        });
    });
    if (spec.image === '') {
      f.value('total_provisioned_size', totals.provisioned);
      f.value('total_used_size', totals.used);
    }
  });
  print(f.toString());
}

function table(totals: Totals): string {
  const lines = new TextTable()
    .column('NAME')
    .column('PROVISIONED', 'left', 'right')
    .column('USED', 'left', 'right');
  for (const { image, snap, size, used } of totals.lines)
    lines.row(snap === undefined ? image : `${image}@${snap.name}`, formatBytes(size), formatBytes(used));
  if (totals.count > 1) lines.row('<TOTAL>', formatBytes(totals.provisioned), formatBytes(totals.used));
  return lines.toString();
}
