import { TextTable } from '../../base/text-table.ts';
import { formatBytes } from '../../base/units.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import { print, type Session } from './session.ts';

export async function poolInit(session: Session): Promise<void> {
  const { pool } = session.specs.pool(false);
  const rbd = await session.pool(pool);
  try {
    await rbd.init({ force: session.args.flag('force') });
  } catch (error) {
    const errno = errnoOf(error);
    throw new ToolError(
      errno === 1
        ? 'rbd: pool already registered to a different application.'
        : `rbd: error registered application: ${reason(error)}`,
      errno,
    );
  }
}

export async function poolStats(session: Session): Promise<void> {
  const { pool, namespace } = session.specs.pool();
  const f = session.formatter();
  const rbd = await session.pool(pool, namespace);
  const stats = await attempt('rbd: failed to query pool stats', () => rbd.stats());
  const { images, imageProvisionedBytes, imageMaxProvisionedBytes, imageSnapshots } = stats;
  const { trashImages, trashProvisionedBytes, trashMaxProvisionedBytes, trashSnapshots } = stats;
  if (f !== undefined) {
    f.object('stats', () => {
      const part = (name: string, count: number, bytes: number, most: number, snaps: number) =>
        f.object(name, () => {
          f.value('count', count);
          f.value('provisioned_bytes', bytes);
          if (most > bytes) f.value('max_provisioned_bytes', most);
          f.value('snap_count', snaps);
        });
      part('images', images, imageProvisionedBytes, imageMaxProvisionedBytes, imageSnapshots);
      part('trash', trashImages, trashProvisionedBytes, trashMaxProvisionedBytes, trashSnapshots);
    });
    print(f.toString());
    return;
  }
  const inTrash = (text: string, isSome: boolean) => (isSome ? ` (${text} in trash)` : '');
  const most =
    imageMaxProvisionedBytes > imageProvisionedBytes
      ? ` (${formatBytes(imageMaxProvisionedBytes)} snapshots)`
      : '';
  print(
    `Total Images: ${images}${inTrash(`${trashImages}`, trashImages > 0)}\n` +
      `Total Snapshots: ${imageSnapshots}${inTrash(`${trashSnapshots}`, trashImages > 0)}\n` +
      `Provisioned Size: ${formatBytes(imageProvisionedBytes)}${most}` +
      `${inTrash(formatBytes(trashProvisionedBytes), trashImages > 0)}\n`,
  );
}

function namedNamespace(session: Session): { pool: string; namespace: string } {
  const named = session.specs.pool();
  if (named.namespace === '') throw usageError('namespace name was not specified');
  return named;
}

export async function namespaceCreate(session: Session): Promise<void> {
  const { pool, namespace } = namedNamespace(session);
  const rbd = await session.pool(pool);
  await attempt('rbd: failed to created namespace', () => rbd.namespaces.create(namespace));
}

export async function namespaceRemove(session: Session): Promise<void> {
  const { pool, namespace } = namedNamespace(session);
  const rbd = await session.pool(pool);
  try {
    await rbd.namespaces.remove(namespace);
  } catch (error) {
    const errno = errnoOf(error);
    const known: Readonly<Record<number, string>> = {
      2: 'rbd: namespace does not exist.',
      16: 'rbd: namespace contains images which must be deleted first.',
    };
    throw new ToolError(known[errno] ?? `rbd: failed to remove namespace: ${reason(error)}`, errno);
  }
}

export async function namespaceList(session: Session): Promise<void> {
  const { pool } = session.specs.pool(false);
  const f = session.formatter();
  const rbd = await session.pool(pool);
  const names = [...(await attempt('rbd: failed to list namespaces', () => rbd.namespaces.list()))].sort();
  if (f !== undefined) {
    f.array('namespaces', () => {
      for (const name of names) f.object('namespace', () => f.value('name', name));
    });
    print(f.toString());
  } else if (names.length > 0) {
    const table = new TextTable().column('NAME');
    for (const name of names) table.row(name);
    print(table.toString());
  }
}
