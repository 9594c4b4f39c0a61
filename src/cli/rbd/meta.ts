import { NacreError } from '../../base/errors.ts';
import { TextTable } from '../../base/text-table.ts';
import type { Image } from '../../ceph/rbd/index.ts';
import { parseFeatures } from './args.ts';
import { refuseUnsupported } from './create-options.ts';
import { attempt, errnoOf, reason, ToolError, usageError } from './errors.ts';
import { print, type Session } from './session.ts';

function keyOf(session: Session): string {
  const key = session.specs.word();
  if (key === '') throw usageError('metadata key was not specified');
  return key;
}

/** What fails is told twice: by what did it, and by the verb. */
async function twice<T>(what: (errno: number) => string, verb: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    const why = reason(error);
    throw new ToolError(`${what(errno)}: ${why}\nrbd: ${verb} failed: ${why}`, errno);
  }
}

async function getValue(image: Image, key: string): Promise<string> {
  const value = await image.metadata.get(key);
  if (value === undefined) throw new NacreError('ENOENT', 'rbd image-meta get', key);
  return value;
}

export async function metaGet(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const key = keyOf(session);
  const image = await session.image(spec, { readOnly: true });
  const value = await twice(
    () => `failed to get metadata ${key} of image `,
    'getting metadata',
    () => getValue(image, key),
  );
  print(`${value}\n`);
}

export async function metaSet(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const key = keyOf(session);
  const value = session.specs.word();
  if (value === '') throw usageError('metadata value was not specified');
  const image = await session.image(spec);
  await twice(
    () => `failed to set metadata ${key} of image `,
    'setting metadata',
    () => image.metadata.set(key, value),
  );
}

export async function metaRemove(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const key = keyOf(session);
  const image = await session.image(spec);
  await twice(
    errno =>
      errno === 2
        ? `rbd: no existing metadata key ${key} of image `
        : `failed to remove metadata ${key} of image `,
    'removing metadata',
    () => image.metadata.remove(key),
  );
}

export async function metaList(session: Session): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  const f = session.formatter();
  const image = await session.image(spec, { readOnly: true });
  const values = await twice(
    () => 'failed to list metadata of image ',
    'listing metadata',
    () => image.metadata.list(),
  );
  const count = values.size;
  if (f !== undefined) {
    if (count === 0) return;
    f.object('metadatas', () => {
      for (const [key, value] of values) f.value(key, value);
    });
    print(f.toString());
    return;
  }
  const one = count === 1;
  print(
    `There ${one ? 'is' : 'are'} ${count} ${one ? 'metadatum' : 'metadata'} on this image${count === 0 ? '.' : ':'}\n`,
  );
  if (count === 0) return;
  const table = new TextTable().column('Key').column('Value');
  for (const [key, value] of values) table.row(key, value);
  print(`\n${table}`);
}

async function updateFeatures(session: Session, enable: boolean): Promise<void> {
  const spec = session.specs.image({ snap: 'none' });
  if (enable) refuseUnsupported(session.args, 'feature enable');
  const names = session.specs.rest();
  if (names.length === 0) throw usageError('at least one feature name must be specified');
  const features = parseFeatures(names.join(','));
  if (features === undefined) throw new ToolError('rbd: the argument for option is invalid');
  const image = await session.image(spec);
  await attempt('rbd: failed to update image features', () => image.updateFeatures(features, enable));
}

export async function featureEnable(session: Session): Promise<void> {
  await updateFeatures(session, true);
}

export async function featureDisable(session: Session): Promise<void> {
  await updateFeatures(session, false);
}
