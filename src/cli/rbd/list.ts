import { TextTable } from '../../base/text-table.ts';
import { formatBytes } from '../../base/units.ts';
import {
  type Image,
  type ParentImageInfo,
  type ParentRef,
  RBD_PROTECTION_STATUS_UNPROTECTED,
} from '../../ceph/rbd/index.ts';
import { strerror } from '../shared/errors.ts';
import { errnoOf, reason, ToolError } from './errors.ts';
import type { Formatter } from './formatter.ts';
import { print, type Session } from './session.ts';

/** A row of the long list. */
interface Row {
  readonly image: string;
  readonly id: string;
  readonly snap?: string;
  readonly snapId?: bigint;
  readonly size: number;
  readonly parent: ParentRef | undefined;
  readonly format: 1 | 2;
  readonly isProtected: boolean;
  readonly lock?: 'exclusive' | 'shared' | undefined;
}

export function parentText(parent: ParentRef | undefined): string {
  if (parent === undefined) return '';
  const namespace = parent.namespace === '' ? '' : `${parent.namespace}/`;
  return `${parent.poolName}/${namespace}${parent.imageName}@${parent.snapName}`;
}

export function formatParent(f: Formatter, parent: ParentRef): void {
  f.object('parent', () => {
    f.value('pool', parent.poolName);
    f.value('pool_namespace', parent.namespace);
    f.value('image', parent.imageName);
    f.value('snapshot', parent.snapName);
  });
}

async function rowsOf(image: Image, name: string, id: string): Promise<Row[]> {
  const { format } = image.ctx.identity;
  const parent = await image.parent();
  const { lockers, exclusive } = await image.locks.list();
  const rows: Row[] = [
    {
      image: name,
      id,
      size: image.size,
      parent,
      format,
      isProtected: false,
      lock: lockers.length === 0 ? undefined : exclusive ? 'exclusive' : 'shared',
    },
  ];
  // Snapshots of a clone show the same parent unless it was flattened in between.
  const sameParent = (of: ParentImageInfo | undefined) => {
    return of !== undefined && parent !== undefined && of.imageId === parent.imageId ? parent : undefined;
  };
  for (const snap of await image.snapshots.list())
    rows.push({
      image: name,
      id,
      snap: snap.name,
      snapId: snap.id,
      size: snap.size,
      parent: sameParent(snap.parent),
      format,
      isProtected: snap.protection !== RBD_PROTECTION_STATUS_UNPROTECTED,
    });
  return rows;
}

function formatRow(f: Formatter, row: Row): void {
  f.object(row.snap === undefined ? 'image' : 'snapshot', () => {
    f.value('image', row.image);
    f.value('id', row.id);
    if (row.snap !== undefined) {
      f.value('snapshot', row.snap);
      f.value('snapshot_id', row.snapId!);
    }
    f.value('size', row.size);
    if (row.parent !== undefined) formatParent(f, row.parent);
    f.value('format', row.format);
    if (row.snap !== undefined) f.value('protected', row.isProtected ? 'true' : 'false');
    else if (row.lock !== undefined) f.value('lock_type', row.lock);
  });
}

/** Opens the images, some at a time, and says what each of them looks like, in order. */
async function longRows(
  session: Session,
  images: readonly { name: string; id: string }[],
  open: (name: string) => Promise<Image>,
): Promise<{ rows: Row[]; errno: number }> {
  const context = await session.context();
  const depth = Math.min(32, context.config.get('rbd_concurrent_management_ops'));
  const found: Row[][] = images.map(() => []);
  let next = 0;
  let last = 0;
  const worker = async () => {
    while (next < images.length) {
      const at = next++;
      const { name, id } = images[at];
      try {
        await using image = await open(name);
        found[at] = await rowsOf(image, name, id);
      } catch (error) {
        process.stderr.write(`rbd: error opening ${name}: ${reason(error)}\n`);
        if (errnoOf(error) !== 2) last = errnoOf(error);
      }
    }
  };
  await Promise.all(Array.from({ length: depth }, worker));
  return { rows: found.flat(), errno: last };
}

const LOCKS = { exclusive: 'excl', shared: 'shr' };

async function doList(session: Session): Promise<void> {
  const { pool, namespace } = session.specs.pool();
  const f = session.formatter();
  const rbd = await session.pool(pool, namespace);
  const images = await rbd.list();
  if (!session.args.flag('long')) {
    if (f === undefined) print(images.map(({ name }) => `${name}\n`).join(''));
    else {
      f.array('images', () => {
        for (const { name } of images) f.value('name', name);
      });
      print(f.toString());
    }
    return;
  }
  await session.withoutCache();
  const { rows, errno } = await longRows(session, images, name =>
    rbd.open(name, { readOnly: true, signal: session.signal }),
  );
  if (f !== undefined) {
    f.array('images', () => {
      for (const row of rows) formatRow(f, row);
    });
    print(f.toString());
  } else if (images.length > 0) {
    const table = new TextTable()
      .column('NAME')
      .column('SIZE', 'left', 'right')
      .column('PARENT')
      .column('FMT', 'left', 'right')
      .column('PROT')
      .column('LOCK');
    for (const { image, snap, size, parent, format, isProtected, lock } of rows)
      table.row(
        snap === undefined ? image : `${image}@${snap}`,
        formatBytes(size),
        parentText(parent),
        format,
        isProtected ? 'yes' : '',
        lock === undefined ? '' : LOCKS[lock],
      );
    print(table.toString());
  }
  if (errno !== 0) throw new ToolError('', errno);
}

export async function list(session: Session): Promise<void> {
  try {
    await doList(session);
  } catch (error) {
    if (!(error instanceof ToolError)) {
      const errno = errnoOf(error);
      throw new ToolError(`rbd: listing images failed: ${reason(error)}`, errno);
    }
    throw error.message.startsWith('rbd: error opening') || error.message.includes('does not exist.')
      ? new ToolError(
          `${error.message}\nrbd: listing images failed: ${strerror(error.exitCode)}`,
          error.exitCode,
        )
      : error;
  }
}
