import { TextTable } from '../../base/text-table.ts';
import {
  importDiff as applyDiff,
  type ByteInput,
  exportDiff as exportDiffOf,
  mergeDiff as merged,
} from '../../ceph/rbd/formats/index.ts';
import { attempt, usageError } from './errors.ts';
import { writeStream } from './export.ts';
import { createFile, openFile, readChunks } from './files.ts';
import { print, type Session } from './session.ts';

export async function diff(session: Session): Promise<void> {
  const { args } = session;
  const spec = session.specs.image({ snap: 'permitted' });
  const from = args.text('from-snap');
  const f = session.formatter();
  const image = await session.image(spec, { readOnly: true });
  const extents: { offset: number; length: number; exists: boolean }[] = [];
  await attempt('rbd: diff error', async () => {
    for await (const extent of image.diff({
      from,
      wholeObject: args.flag('whole-object'),
      includeParent: true,
      signal: session.signal,
    }))
      extents.push(extent);
  });
  if (f !== undefined) {
    f.array('extents', () => {
      for (const { offset, length, exists } of extents)
        f.object('extent', () => {
          f.value('offset', offset);
          f.value('length', length);
          f.value('exists', exists ? 'true' : 'false');
        });
    });
    print(f.toString());
  } else if (extents.length > 0) {
    const table = new TextTable().column('Offset').column('Length').column('Type');
    for (const { offset, length, exists } of extents) table.row(offset, length, exists ? 'data' : 'zero');
    print(table.toString());
  }
}

export async function exportDiff(session: Session): Promise<void> {
  const { args, signal } = session;
  const spec = session.specs.image({ snap: 'permitted' });
  const path = session.specs.path();
  const from = args.text('from-snap');
  await session.withoutCache();
  const image = await session.image(spec, { readOnly: true });
  const file = path === '-' ? undefined : await createFile(path, 'export-diff');
  const bar = session.progress('Exporting image', path === '-' || args.flag('no-progress'));
  const wholeObject = args.flag('whole-object');
  await attempt('rbd: export-diff error', () =>
    bar.run(onProgress =>
      writeStream(path, file, exportDiffOf(image.ctx, { from, wholeObject, onProgress, signal })),
    ),
  );
}

export async function importDiff(session: Session): Promise<void> {
  const { args, signal } = session;
  const path = session.specs.path();
  const spec = session.specs.image({ snap: 'none' });
  const sparseSize = args.number('sparse-size') ?? 4096;
  const image = await session.image(spec);
  const file = path === '-' ? undefined : await openFile(path, 'import-diff');
  try {
    const inputSize = file === undefined ? undefined : (await file.stat()).size;
    const input: ByteInput = file === undefined ? process.stdin : readChunks(file, inputSize ?? 0);
    const bar = session.progress('Importing image diff');
    await attempt('rbd: import-diff failed', () =>
      bar.run(onProgress => applyDiff(image.ctx, input, { sparseSize, inputSize, onProgress, signal })),
    );
  } finally {
    await file?.close();
  }
}

export async function mergeDiff(session: Session): Promise<void> {
  const [first, second] = [session.specs.word(), session.specs.word()];
  if (first === '') throw usageError('first diff was not specified');
  if (second === '') throw usageError('second diff was not specified');
  const path = session.specs.path();
  const one = first === '-' ? undefined : await openFile(first, 'merge-diff');
  const two = await openFile(second, 'merge-diff');
  try {
    const file = path === '-' ? undefined : await createFile(path, 'merge-diff');
    const inputs: ByteInput[] = [
      one === undefined ? process.stdin : readChunks(one, (await one.stat()).size),
      readChunks(two, (await two.stat()).size),
    ];
    const bar = session.progress('Merging image diff', path === '-' || session.args.flag('no-progress'));
    await attempt('rbd: merge-diff error', () =>
      bar.run(onProgress =>
        writeStream(path, file, merged(inputs[0], inputs[1], { onProgress, signal: session.signal })),
      ),
    );
  } finally {
    await one?.close();
    await two.close();
  }
}
