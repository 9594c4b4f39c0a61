import type { Image } from '../../ceph/rbd/index.ts';
import { createOptions, sizeOf } from './create-options.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import type { Session } from './session.ts';

const STILL_WATCHED =
  'rbd: error: image still has watchers\n' +
  'This means the image is still open or the client using it crashed. ' +
  'Try again after closing/unmapping it or waiting 30s for the crashed client to timeout.';

/** Why an image was not removed; `otherwise` begins the line for errors that have none of their own. */
export function removalFailure(error: unknown, otherwise: string): ToolError {
  const errno = errnoOf(error);
  const text: Readonly<Record<number, string>> = {
    39:
      'rbd: image has snapshots - these must be deleted' +
      " with 'rbd snap purge' before the image can be removed.",
    16: STILL_WATCHED,
    31: 'rbd: error: image belongs to a group\nRemove the image from the group and try again.',
  };
  return new ToolError(text[errno] ?? `${otherwise}: ${reason(error)}`, errno);
}

export async function create(session: Session): Promise<void> {
  const { args } = session;
  const spec = session.specs.image({ snap: 'none', validation: 'full' });
  const options = createOptions(args, 'create', true);
  const size = sizeOf(args);
  const rbd = await session.pool(spec.pool, spec.namespace);
  try {
    await rbd.create(spec.image, size, options);
  } catch (error) {
    if (spec.namespace !== '' && errnoOf(error) === 2)
      throw new ToolError(
        "rbd: namespace not found - it must be created with 'rbd namespace create' before creating an image.",
        2,
      );
    throw new ToolError(`rbd: create error: ${reason(error)}`, errnoOf(error));
  }
  if (!args.flag('thick-provision')) return;
  const image = await session.imageOf(rbd, spec);
  await attempt('rbd: image created but error encountered during thick provisioning', () =>
    session.progress('Thick provisioning').run(update => fill(image, update, session.signal)),
  );
}

/** Writes zeros all over, some objects at a time. */
async function fill(
  image: Image,
  update: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { size, objectSize } = image;
  const depth = image.ctx.context.config.get('rbd_concurrent_management_ops');
  let next = 0;
  const worker = async () => {
    while (next < size) {
      const offset = next;
      next += objectSize;
      await image.writeZeroes(offset, Math.min(objectSize, size - offset), { thick: true, signal });
      update(Math.min(next, size), size);
    }
  };
  await Promise.all(Array.from({ length: depth }, worker));
  await image.flush();
}

export async function remove(session: Session): Promise<void> {
  session.evenWhenFull();
  const { specs, signal } = session;
  const spec = specs.image({ snap: 'none' });
  const rbd = await session.pool(spec.pool, spec.namespace);
  const bar = session.progress('Removing image');
  try {
    await bar.run(onProgress => rbd.remove(spec.image, { onProgress, signal }));
  } catch (error) {
    throw removalFailure(error, 'rbd: delete error');
  }
}

export async function rename(session: Session): Promise<void> {
  const from = session.specs.image({ snap: 'none' });
  const { pool, namespace } = from;
  const to = session.specs.image({
    snap: 'none',
    dest: true,
    validation: 'full',
    defaults: { pool, namespace },
  });
  if (pool !== to.pool)
    throw usageError(`mv/rename across pools not supported\nsource pool: ${pool} dest pool: ${to.pool}`);
  if (namespace !== to.namespace)
    throw usageError(
      `mv/rename across namespaces not supported\nsource namespace: ${namespace} dest namespace: ${to.namespace}`,
    );
  const rbd = await session.pool(pool, namespace);
  await attempt('rbd: rename error', () => rbd.rename(from.image, to.image));
}

export async function resize(session: Session): Promise<void> {
  const { args, specs, signal } = session;
  const spec = specs.image({ snap: 'none' });
  const size = sizeOf(args);
  const allowShrink = args.flag('allow-shrink');
  const image = await session.image(spec);
  if (image.size === size) throw usageError('new size is equal to original size ');
  if (image.size > size && !allowShrink)
    throw usageError('shrinking an image is only allowed with the --allow-shrink flag');
  const bar = session.progress('Resizing image');
  await attempt('rbd: resize error', () =>
    bar.run(onProgress => image.resize(size, { allowShrink, onProgress, signal })),
  );
}

export async function flatten(session: Session): Promise<void> {
  const { specs, signal } = session;
  const image = await session.image(specs.image({ snap: 'none' }));
  const bar = session.progress('Image flatten');
  await attempt('rbd: flatten error', () => bar.run(onProgress => image.flatten({ onProgress, signal })));
}

export async function sparsify(session: Session): Promise<void> {
  const { args, specs, signal } = session;
  const spec = specs.image({ snap: 'none' });
  const sparseSize = args.number('sparse-size') ?? 4096;
  const image = await session.image(spec);
  const bar = session.progress('Image sparsify');
  await attempt('rbd: sparsify error', () =>
    bar.run(onProgress => image.sparsify(sparseSize, { onProgress, signal })),
  );
}
