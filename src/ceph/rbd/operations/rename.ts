import { NacreError } from '../../../base/errors.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { ReadOperation } from '../../rados/operation.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import { type FoundImage, findImage } from '../open/find-image.ts';
import { RBD_DIRECTORY } from '../types.ts';
import { headerObject, idObject, oldHeaderObject, unless } from './admin-shared.ts';
import { assertNoImage, validateName } from './create.ts';
import { renameOldImage } from './create-old-directory.ts';
import { refuseUnsupported } from './features.ts';

/**
 * Gives an image another name. It may be open meanwhile: format 2 is known by its id to whoever has it open, while openers
 * of format 1 lose it.
 * @throws NacreError ENOENT; EEXIST when the new name is taken; ENOTSUP for an image with a journal
 */
export async function renameImage(io: IoCtx, from: string, to: string): Promise<void> {
  validateName(to, 'rbd.rename');
  const found = await findImage(io, from);
  if (found.format === 2) {
    const { features } = await cls.getFeatures(io, headerObject(found.id));
    refuseUnsupported(features, 'rbd.rename');
  }
  await assertNoImage(io, to, 'rbd.rename');
  await moveName(io, found, to);
}

/** The new name is there before the old one goes: a failure between leaves an image with two, never with none. */
async function moveName(io: IoCtx, { format, name, id }: FoundImage, to: string): Promise<void> {
  const nameObject = format === 1 ? oldHeaderObject : idObject;
  const read = new ReadOperation();
  const content = read.read();
  await io.operate(nameObject(name), read);
  await io.operate(nameObject(to), new WriteOperation().create({ exclusive: true }).writeFull(content.value));
  try {
    if (format === 1) await renameOldImage(io, name, to);
    else await io.operate(RBD_DIRECTORY, cls.dirRenameImage(new WriteOperation(), name, to, id));
  } catch (error) {
    if (error instanceof NacreError) await unless(io.remove(nameObject(to)), 'ENOENT');
    throw error;
  }
  // Whoever looks for the old name does not find it in the directory; that it stays behind is no failure.
  await io.remove(nameObject(name)).catch(() => {});
}
