import { attempt } from './errors.ts';
import type { Session } from './session.ts';

export async function rebuild(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'permitted' });
  const snapshot = spec.snap === '' ? undefined : spec.snap;
  const image = await session.image({ ...spec, snap: '' });
  const bar = session.progress('Object Map Rebuild');
  await attempt('rbd: rebuilding object map failed', () =>
    bar.run(onProgress => image.objectMap.rebuild({ snapshot, onProgress, signal: session.signal })),
  );
}

export async function check(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'permitted' });
  const snapshot = spec.snap === '' ? undefined : spec.snap;
  const image = await session.image({ ...spec, snap: '' });
  const bar = session.progress('Object Map Check');
  await attempt('rbd: checking object map failed', () =>
    bar.run(onProgress => image.objectMap.check({ snapshot, onProgress, signal: session.signal })),
  );
}
