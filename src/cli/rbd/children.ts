import { NacreError } from '../../base/errors.ts';
import type { ChildImage } from '../../ceph/rbd/index.ts';
import { attempt, usageError } from './errors.ts';
import { print, type Session } from './session.ts';

export async function children(session: Session): Promise<void> {
  const { args } = session;
  const spec = session.specs.image({ snap: 'permitted' });
  const snapId = args.bigint('snap-id');
  const f = session.formatter();
  if (spec.snap !== '' && snapId !== undefined)
    throw usageError('trying to access snapshot using both name and id.');
  const which = { descendants: args.flag('descendants') };
  const image = await session.image({ ...spec, snap: '' }, { readOnly: true });
  const found: ChildImage[] = await attempt('rbd: listing children failed', () => {
    if (snapId !== undefined) {
      const snap = image.ctx.snap(snapId);
      if (snap === undefined) throw new NacreError('ENOENT', 'rbd children', `no snapshot ${snapId}`);
      return image.snapshots.children(snap.name, which);
    }
    return spec.snap === '' ? image.children(which) : image.snapshots.children(spec.snap, which);
  });
  const all = args.flag('all');
  const shown = all ? found : found.filter(child => !child.trash);
  if (f !== undefined) {
    f.array('children', () => {
      for (const child of shown)
        f.object('child', () => {
          f.value('pool', child.poolName);
          f.value('pool_namespace', child.namespace);
          f.value('image', child.imageName);
          if (!all) return;
          f.value('id', child.imageId);
          f.value('trash', child.trash);
        });
    });
    print(f.toString());
    return;
  }
  for (const { poolName, namespace, imageName, imageId, trash } of shown) {
    const path = `${poolName}/${namespace === '' ? '' : `${namespace}/`}${imageName}`;
    print(`${path}${trash ? ` (trash ${imageId})` : ''}\n`);
  }
}
