import type { Image } from '../../ceph/rbd/index.ts';
import { removeSnapshot } from '../../ceph/rbd/operations/snapshot-remove.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import { print, type Session } from './session.ts';
import type { ImageSpec, SnapRule } from './spec.ts';

/** The image, by its name or --image-id; both make no sense. */
export function namedOrId(session: Session, snap: SnapRule): { spec: ImageSpec; id: string } {
  const id = session.args.text('image-id') ?? '';
  const spec = session.specs.image({ snap, optional: id !== '' });
  if (id !== '' && spec.image !== '') throw usageError('trying to access image using both name and id. ');
  return { spec, id };
}

/** The image that a snapshot of a spec belongs to, opened at its head. */
const atHead = (spec: ImageSpec): ImageSpec => ({ ...spec, snap: '' });

export async function create(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'required', validation: 'snap' });
  if (session.args.flag('skip-quiesce') && session.args.flag('ignore-quiesce-error'))
    throw usageError('ignore-quiesce-error cannot be used together with skip-quiesce');
  const image = await session.image(atHead(spec));
  const bar = session.progress('Creating snap');
  await attempt('rbd: failed to create snapshot', () =>
    bar.run(onProgress => image.snapshots.create(spec.snap, { onProgress, signal: session.signal })),
  );
}

export async function remove(session: Session): Promise<void> {
  session.evenWhenFull();
  const { args, signal } = session;
  const snapId = args.bigint('snap-id');
  const { spec, id } = namedOrId(session, snapId === undefined ? 'required' : 'permitted');
  const force = args.flag('force');
  if (spec.snap !== '' && snapId !== undefined)
    throw usageError('trying to access snapshot using both name and id.');
  if ((force || args.flag('no-progress')) && snapId !== undefined)
    throw usageError('force and no-progress options not permitted when removing by id.');
  const image = await session.image(atHead(spec), { id });
  try {
    if (snapId === undefined)
      await session
        .progress('Removing snap')
        .run(onProgress =>
          image.snapshots.remove(spec.snap, { force, flatten: force, unprotect: force, onProgress, signal }),
        );
    else await removeSnapshot(image.ctx, snapId);
  } catch (error) {
    const errno = errnoOf(error);
    const what = snapId === undefined ? `'${spec.snap}'` : `id ${snapId}`;
    throw new ToolError(
      errno === 16
        ? `rbd: snapshot ${what} is protected from removal.`
        : `rbd: failed to remove snapshot: ${reason(error)}`,
      errno,
    );
  }
}

export async function purge(session: Session): Promise<void> {
  session.evenWhenFull();
  const { spec, id } = namedOrId(session, 'none');
  const image = await session.image(spec, { id });
  const bar = session.progress('Removing all snapshots');
  try {
    await purgeAll(image, bar, session.signal);
  } catch (error) {
    bar.fail();
    const errno = errnoOf(error);
    throw new ToolError(errno === 16 ? '' : `rbd: removing snaps failed: ${reason(error)}`, errno);
  }
}

async function purgeAll(
  image: Image,
  bar: { update(done: number, total: number): void; finish(): void; fail(): void },
  signal: AbortSignal,
): Promise<void> {
  const all = await image.snapshots.list();
  const isProtected = await Promise.all(all.map(snap => image.snapshots.isProtected(snap.name)));
  const kept = all.filter((_, i) => isProtected[i]).map(snap => snap.name);
  const going = all.filter((_, i) => !isProtected[i]);
  if (kept.length > 0)
    print(
      `rbd: error removing snapshot(s) '${kept.join(',')}', which ${kept.length === 1 ? 'is' : 'are'} protected - ` +
        'these must be unprotected with `rbd snap unprotect`.\n',
    );
  for (const [i, snap] of going.entries()) {
    await image.snapshots.remove(snap.name, { signal });
    bar.update(i + 1, all.length);
  }
  if (kept.length > 0) bar.fail();
  else if (going.length > 0) bar.finish();
}

export async function rollback(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'required' });
  const image = await session.image(atHead(spec));
  const bar = session.progress('Rolling back to snapshot');
  await attempt('rbd: rollback failed', () =>
    bar.run(onProgress => image.snapshots.rollback(spec.snap, { onProgress, signal: session.signal })),
  );
}

export async function protect(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'required' });
  const image = await session.image(atHead(spec));
  const what = 'rbd: protecting snap failed';
  if (await attempt(what, () => image.snapshots.isProtected(spec.snap)))
    throw new ToolError('rbd: snap is already protected', 16);
  await attempt(what, () => image.snapshots.protect(spec.snap));
}

export async function unprotect(session: Session): Promise<void> {
  const { spec, id } = namedOrId(session, 'required');
  const image = await session.image(atHead(spec), { id });
  const what = 'rbd: unprotecting snap failed';
  if (!(await attempt(what, () => image.snapshots.isProtected(spec.snap))))
    throw usageError('snap is already unprotected');
  await attempt(what, () => image.snapshots.unprotect(spec.snap));
}

export async function rename(session: Session): Promise<void> {
  const from = session.specs.image({ snap: 'required' });
  const { pool, namespace } = from;
  const to = session.specs.image({
    snap: 'required',
    dest: true,
    validation: 'snap',
    defaults: { pool, namespace },
  });
  for (const [what, key] of [
    ['pool', 'pool'],
    ['namespace', 'namespace'],
    ['image name', 'image'],
  ] as const)
    if (from[key] !== to[key]) throw usageError(`source and destination ${what} must be the same`);
  const image = await session.image(atHead(from));
  await attempt('rbd: renaming snap failed', () => image.snapshots.rename(from.snap, to.snap));
}

export async function limitSet(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const limit = session.args.number('limit');
  if (limit === undefined) throw new ToolError('rbd: must specify --limit <num>', 34);
  const image = await session.image(spec);
  await attempt('rbd: setting snapshot limit failed', () => image.snapshots.setLimit(limit));
}

export async function limitClear(session: Session): Promise<void> {
  const image = await session.image(session.specs.image({ snap: 'none' }));
  await attempt('rbd: clearing snapshot limit failed', () => image.snapshots.clearLimit());
}
