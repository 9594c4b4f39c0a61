import { createOptions } from './create-options.ts';
import { attempt } from './errors.ts';
import type { Session } from './session.ts';

export async function clone(session: Session): Promise<void> {
  const from = session.specs.image({ snap: 'required' });
  const to = session.specs.image({ snap: 'none', dest: true, validation: 'full' });
  const options = createOptions(session.args, 'clone', false);
  const parent = await session.pool(from.pool, from.namespace);
  const rbd = await session.pool(to.pool, to.namespace);
  await attempt('rbd: clone error', () =>
    rbd.clone({ io: parent.io, image: from.image, snapshot: from.snap }, to.image, options),
  );
}

export async function copy(session: Session): Promise<void> {
  const from = session.specs.image({ snap: 'permitted' });
  const to = session.specs.image({ snap: 'none', dest: true, validation: 'full' });
  const options = createOptions(session.args, 'copy', false);
  const sparseSize = session.args.number('sparse-size') ?? 4096;
  const image = await session.image(from, { readOnly: true });
  const dest = await session.pool(to.pool, to.namespace);
  const bar = session.progress('Image copy');
  await attempt('rbd: copy failed', () =>
    bar.run(onProgress =>
      image.copy(dest, to.image, { ...options, sparseSize, onProgress, signal: session.signal }),
    ),
  );
}

export async function deepCopy(session: Session): Promise<void> {
  const from = session.specs.image({ snap: 'permitted' });
  const to = session.specs.image({ snap: 'none', dest: true, validation: 'full' });
  const options = createOptions(session.args, 'deep copy', false);
  const flatten = session.args.flag('flatten');
  const image = await session.image(from, { readOnly: true });
  const dest = await session.pool(to.pool, to.namespace);
  const bar = session.progress('Image deep copy');
  await attempt('rbd: deep copy failed', () =>
    bar.run(onProgress =>
      image.deepCopy(dest, to.image, { ...options, flatten, onProgress, signal: session.signal }),
    ),
  );
}
