import { encodeToBuffer } from '../../../base/encoder.ts';
import type { Operation } from '../../rados/operation.ts';
import type { WriteOperation } from '../../rados/write-operation.ts';
import { RBD_CLASS } from '../../types/cls-rbd.ts';
import { writer } from './method.ts';

// Methods of data objects.

/** Writes what the parent has, unless the object is there. */
export function copyup(op: WriteOperation, data: Uint8Array): WriteOperation {
  op.exec(RBD_CLASS, 'copyup', data);
  return op;
}

/** Extents of the object, in order, and their data one after another. Without any, the object is made empty. */
export const sparseCopyup = writer(
  'sparse_copyup',
  (e, extents: readonly (readonly [offset: number, length: number])[], data: Uint8Array) => {
    e.u32(extents.length);
    for (const [offset, length] of extents) {
      e.u64(offset);
      e.u64(length);
    }
    e.refBlob(data);
  },
);

/** Makes holes of aligned runs of `sparseSize` zero bytes. */
export const sparsify = writer('sparsify', (e, sparseSize: number, removeEmpty: boolean) => {
  e.u64(sparseSize);
  e.bool(removeEmpty);
});

/** ASSERT_SNAPC_SEQ_*: the operation fails with ERANGE when the object's snap set is not so. */
export function assertSnapcSeq<O extends Operation>(op: O, seq: bigint, state: number): O {
  const input = encodeToBuffer(e => {
    e.u64b(seq);
    e.u8(state);
  });
  op.exec(RBD_CLASS, 'assert_snapc_seq', input);
  return op;
}
