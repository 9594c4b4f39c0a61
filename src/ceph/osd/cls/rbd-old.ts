import { Decoder } from '../../../base/decoder.ts';
import { encodeToBuffer } from '../../../base/encoder.ts';
import { decodeOldHeader, encodeOldHeader, type OldHeader } from '../../types/cls-rbd-old.ts';
import { u64OrMax } from '../../types/codec.ts';
import { EDQUOT, EEXIST, ENOENT, ESTALE } from '../errors.ts';
import { answer, check, fail, findKey, readData, reads, writes } from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

// Snapshots of images of format 1: the header is the object's data.

/** EINVAL when it is none. */
function load(ctx: ClsContext): OldHeader {
  return decodeOldHeader(new Decoder(readData(ctx), 'rbd_obj_header_ondisk'));
}

function store(ctx: ClsContext, header: OldHeader): void {
  check(ctx.writeFull(encodeToBuffer(e => encodeOldHeader(e, header))));
}

const snapList = reads(ctx => {
  const { snapSeq, snaps } = load(ctx);
  return answer(e => {
    e.u64b(snapSeq);
    e.u32(snaps.length);
    for (const snap of snaps) {
      e.u64b(snap.id);
      e.u64(snap.imageSize);
      e.bin(snap.name);
    }
  });
});

const snapAdd = writes((ctx, d) => {
  const header = load(ctx);
  const name = d.bin();
  const id = d.u64b();
  if (header.snapSeq > id) fail(ESTALE);
  const limit = findKey(ctx, 'snap_limit', u64OrMax) ?? Number.POSITIVE_INFINITY;
  if (header.snaps.length >= limit) fail(EDQUOT);
  if (header.snaps.some(snap => snap.name === name)) fail(EEXIST);
  const snaps = [{ id, imageSize: header.imageSize, name }, ...header.snaps];
  store(ctx, { ...header, snapSeq: id, snaps });
});

const snapRemove = writes((ctx, d) => {
  const header = load(ctx);
  const name = d.bin();
  const at = header.snaps.findIndex(snap => snap.name === name);
  if (at < 0) fail(ENOENT);
  store(ctx, { ...header, snaps: header.snaps.filter((_, i) => i !== at) });
});

const snapRename = writes((ctx, d) => {
  const header = load(ctx);
  const id = d.u64b();
  const name = d.bin();
  if (header.snaps.some(snap => snap.name === name)) fail(EEXIST);
  if (!header.snaps.some(snap => snap.id === id)) fail(ENOENT);
  store(ctx, { ...header, snaps: header.snaps.map(snap => (snap.id === id ? { ...snap, name } : snap)) });
});

export const oldFormatMethods: Readonly<Record<string, ClsMethod>> = {
  snap_list: snapList,
  snap_add: snapAdd,
  snap_remove: snapRemove,
  snap_rename: snapRename,
};
