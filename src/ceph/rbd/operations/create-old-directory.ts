import { Decoder } from '../../../base/decoder.ts';
import { encodeToBuffer } from '../../../base/encoder.ts';
import { NacreError } from '../../../base/errors.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { ReadOperation } from '../../rados/operation.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { decBlob, decodeMap, decStr } from '../../types/collections.ts';
import { RBD_DIRECTORY } from '../types.ts';
import { failedWith } from './admin-shared.ts';

// Images of format 1 are listed in the data of rbd_directory, a "tmap": a blob that is its header (empty), then a map
// of name to blob (empty). OSDs have ops that change tmaps; reading and writing it with the version compared does the
// same on any OSD.

interface OldDirectory {
  readonly header: Buffer;
  readonly entries: Map<string, Buffer>;
}

function decodeDirectory(data: Uint8Array): OldDirectory {
  if (data.length === 0) return { header: Buffer.alloc(0), entries: new Map() };
  const d = new Decoder(data, 'tmap');
  return { header: d.blob(), entries: decodeMap(d, 8, decStr, decBlob) };
}

function encodeDirectory({ header, entries }: OldDirectory): Buffer {
  const names = [...entries.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return encodeToBuffer(e => {
    e.blob(header);
    e.u32(names.length);
    for (const name of names) {
      e.str(name);
      e.blob(entries.get(name)!);
    }
  });
}

/** Names of images of format 1, sorted. None when nothing ever was in the pool. */
export async function listOldImages(io: IoCtx): Promise<string[]> {
  try {
    return [...decodeDirectory(await io.read(RBD_DIRECTORY)).entries.keys()];
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Changes the directory and tries again when somebody else did meanwhile. */
async function update(io: IoCtx, change: (entries: Map<string, Buffer>) => void): Promise<void> {
  for (;;) {
    const read = new ReadOperation();
    const data = read.read();
    let version = 0;
    try {
      ({ version } = await io.operate(RBD_DIRECTORY, read));
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error;
    }
    const directory = decodeDirectory(version === 0 ? Buffer.alloc(0) : data.value);
    change(directory.entries);
    const write = new WriteOperation();
    if (version === 0) write.create({ exclusive: true });
    else write.assertVersion(version);
    write.writeFull(encodeDirectory(directory));
    try {
      await io.operate(RBD_DIRECTORY, write);
      return;
    } catch (error) {
      if (!failedWith(error, 'ERANGE', 'EOVERFLOW', version === 0 ? 'EEXIST' : 'ENOENT')) throw error;
    }
  }
}

const NOTHING = Buffer.alloc(0);

/** EEXIST is not noticed, as tmaps do not. */
export function addOldImage(io: IoCtx, name: string): Promise<void> {
  return update(io, entries => entries.set(name, NOTHING));
}

/** ENOENT. */
export function removeOldImage(io: IoCtx, name: string): Promise<void> {
  return update(io, entries => {
    if (!entries.delete(name))
      throw new NacreError('ENOENT', 'rbd.remove', `'${name}' is not among the images of format 1`);
  });
}

export function renameOldImage(io: IoCtx, from: string, to: string): Promise<void> {
  return update(io, entries => {
    entries.set(to, NOTHING);
    entries.delete(from);
  });
}
