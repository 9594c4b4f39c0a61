import { TextTable } from '../../base/text-table.ts';
import { formatBytes } from '../../base/units.ts';
import { RBD_PROTECTION_STATUS_UNPROTECTED, type SnapInfo } from '../../ceph/rbd/index.ts';
import { attempt } from './errors.ts';
import type { Formatter } from './formatter.ts';
import { print, type Session } from './session.ts';
import { namedOrId } from './snaps.ts';
import { ctime } from './times.ts';

const NAMESPACES = ['user', 'group', 'trash', 'mirror'];

const isProtected = (snap: SnapInfo) =>
  snap.namespace.type === 'user' && snap.protection !== RBD_PROTECTION_STATUS_UNPROTECTED;

function namespaceText({ namespace }: SnapInfo): string {
  return namespace.type === 'trash'
    ? `trash (${NAMESPACES[namespace.originalType] ?? 'unknown'} ${namespace.originalName})`
    : namespace.type;
}

function formatSnap(f: Formatter, snap: SnapInfo, all: boolean): void {
  const { namespace } = snap;
  f.object('snapshot', () => {
    f.value('id', snap.id);
    f.value('name', snap.name);
    f.value('size', snap.size);
    f.value('protected', isProtected(snap) ? 'true' : 'false');
    f.value('timestamp', ctime(snap.timestamp));
    if (!all) return;
    f.object('namespace', () => {
      f.value('type', namespace.type);
      if (namespace.type !== 'trash') return;
      f.value('original_namespace_type', NAMESPACES[namespace.originalType] ?? 'unknown');
      f.value('original_name', namespace.originalName);
    });
  });
}

export async function snapList(session: Session): Promise<void> {
  const { spec, id } = namedOrId(session, 'none');
  const f = session.formatter();
  const all = session.args.flag('all');
  const image = await session.image(spec, { id, readOnly: true });
  const snaps = await attempt('rbd: failed to list snapshots', () => image.snapshots.list({ all }));
  if (f !== undefined) {
    f.array('snapshots', () => {
      for (const snap of snaps) formatSnap(f, snap, all);
    });
    print(f.toString());
    return;
  }
  if (snaps.length === 0) return;
  const table = new TextTable()
    .column('SNAPID', 'left', 'right')
    .column('NAME')
    .column('SIZE', 'left', 'right')
    .column('PROTECTED')
    .column('TIMESTAMP', 'left', 'right');
  if (all) table.column('NAMESPACE');
  for (const snap of snaps)
    table.row(
      snap.id,
      snap.name,
      formatBytes(snap.size),
      isProtected(snap) ? 'yes' : '',
      ctime(snap.timestamp),
      namespaceText(snap),
    );
  print(table.toString());
}
