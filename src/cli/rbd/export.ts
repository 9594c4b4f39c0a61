import type { FileHandle } from 'node:fs/promises';
import { rm } from 'node:fs/promises';
import { exportImageV2, exportRaw, rawBytes } from '../../ceph/rbd/formats/index.ts';
import type { Image } from '../../ceph/rbd/index.ts';
import { attempt } from './errors.ts';
import { createFile, writeAll, writeAt } from './files.ts';
import type { Session } from './session.ts';

type Update = (done: number, total: number) => void;

/** The bytes of an image into a file; what is zero stays a hole. */
async function toFile(
  image: Image,
  file: FileHandle,
  onProgress: Update,
  signal: AbortSignal,
): Promise<void> {
  for await (const { offset, data } of exportRaw(image.ctx, { onProgress, signal, reuse: true }))
    if (data !== undefined) await writeAt(file, data, offset);
  await file.truncate(image.size);
}

/** Writes what a generator gives to a file, or to standard output; a file that was not finished is removed. */
export async function writeStream(
  path: string,
  file: FileHandle | undefined,
  bytes: AsyncIterable<Buffer>,
): Promise<void> {
  try {
    for await (const piece of bytes) await writeAll(file, piece);
  } catch (error) {
    if (file !== undefined) await rm(path, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
}

export async function exportImage(session: Session): Promise<void> {
  const { args, signal } = session;
  const spec = session.specs.image({ snap: 'permitted' });
  // The file is named after the image when it is not named.
  const path = args.text('path') ?? (session.specs.word() || spec.image);
  const version = args.number('export-format') ?? 1;
  await session.withoutCache();
  const image = await session.image(spec, { readOnly: true });
  const file = path === '-' ? undefined : await createFile(path, 'export');
  const bar = session.progress('Exporting image', path === '-' || args.flag('no-progress'));
  const work = (onProgress: Update): Promise<void> => {
    if (version === 2) return writeStream(path, file, exportImageV2(image.ctx, { onProgress, signal }));
    if (file === undefined)
      return writeStream(path, file, rawBytes(exportRaw(image.ctx, { onProgress, signal })));
    return toFile(image, file, onProgress, signal).finally(() => file.close());
  };
  await attempt('rbd: export error', () => bar.run(work));
}
