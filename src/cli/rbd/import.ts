import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { NacreError } from '../../base/errors.ts';
import { importImageV2, importRaw } from '../../ceph/rbd/formats/index.ts';
import { createOptions } from './create-options.ts';
import { attempt } from './errors.ts';
import { openFile, readChunks } from './files.ts';
import type { Session } from './session.ts';

/** Size of a file; a directory is refused. */
async function sizeOf(file: FileHandle): Promise<number> {
  const stat = await file.stat();
  if (!stat.isDirectory()) return stat.size;
  process.stderr.write('rbd: cannot import a directory\n');
  throw new NacreError('EISDIR', 'rbd import', 'a directory');
}

export async function importImage(session: Session): Promise<void> {
  const { args, signal } = session;
  const path = session.specs.path();
  // --pool and --image are older names of --dest-pool and --dest.
  const defaults = { pool: args.text('pool') ?? '', image: args.text('image') ?? '' };
  const named = args.has('dest') || args.has('image') || args.words.length > (args.has('path') ? 0 : 1);
  const spec = session.specs.image({
    snap: 'none',
    dest: true,
    validation: 'full',
    defaults: named ? defaults : { ...defaults, image: basename(path) },
  });
  const create = createOptions(args, 'import', true);
  const sparseSize = args.number('sparse-size') ?? 4096;
  const version = args.number('export-format') ?? 1;
  // Every byte is written once: a cache would only copy it.
  await session.withoutCache();
  const rbd = await session.pool(spec.pool, spec.namespace);
  const file = path === '-' ? undefined : await openFile(path, 'import');
  try {
    const bar = session.progress('Importing image');
    await attempt('rbd: import failed', () =>
      bar.run(async onProgress => {
        const size = file === undefined ? undefined : await sizeOf(file);
        const input = file === undefined ? process.stdin : readChunks(file, size ?? 0);
        const options = { create, sparseSize, size, onProgress, signal };
        if (version === 2) await importImageV2(rbd, spec.image, input, options);
        else await importRaw(rbd, spec.image, input, options);
      }),
    );
  } finally {
    await file?.close();
  }
}
