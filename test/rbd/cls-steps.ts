import { encodeToBuffer } from '../../src/base/encoder.ts';
import { type IoCtx, WriteOperation } from '../../src/ceph/rados/index.ts';
import * as cls from '../../src/ceph/rbd/cls/index.ts';
import { LOCK_EXCLUSIVE, LOCK_SHARED } from '../../src/ceph/types/cls-lock.ts';
import { RBD_OLD_SIGNATURE, RBD_OLD_TEXT, RBD_OLD_VERSION } from '../../src/ceph/types/cls-rbd-old.ts';
import { SNAP_HEAD } from '../../src/ceph/types/snap.ts';
import { prng } from '../support/fuzz.ts';

/** A call of a method, by our client, on one object: to be done on several clusters and compared. */
export type Step = readonly [name: string, run: (io: IoCtx) => Promise<unknown>];

type Fill = (op: WriteOperation) => unknown;

/** A write; what it gives is that it succeeded. */
function w(name: string, oid: string, fill: Fill): Step {
  return [
    `${name} ${oid}`,
    async io => {
      const op = new WriteOperation();
      fill(op);
      await io.operate(oid, op);
      return 'done';
    },
  ];
}

function r(name: string, oid: string, run: (io: IoCtx, oid: string) => Promise<unknown>): Step {
  return [`${name} ${oid}`, io => run(io, oid)];
}

const H = 'rbd_header.1';
const DIR = 'rbd_directory';
const MAP = 'rbd_object_map.1';
const OLD = 'old.rbd';
const parent = { poolId: 7, namespace: '', imageId: 'abc', snapId: 4n };
const child = { poolId: 8, namespace: '', imageId: 'kid' };
const time = { sec: 1_600_000_000, nsec: 5 };
const trashSpec = { source: 0, name: 'gone', deletionTime: time, defermentEndTime: time, state: 0 };

function oldHeader(): Buffer {
  return encodeToBuffer(e =>
    cls.encodeOldHeader(e, {
      text: RBD_OLD_TEXT,
      blockName: 'rb.0.1011.6b8b4567',
      signature: RBD_OLD_SIGNATURE,
      version: RBD_OLD_VERSION,
      order: 22,
      cryptType: 0,
      compType: 0,
      imageSize: 1 << 23,
      snapSeq: 0n,
      snaps: [],
    }),
  );
}

/** Every read of a header. */
function headerReads(oid: string, snapId: bigint): Step[] {
  return [
    r('getSize', oid, (io, o) => cls.getSize(io, o, snapId)),
    r('getFeatures', oid, (io, o) => cls.getFeatures(io, o, snapId === SNAP_HEAD)),
    r('getFlags', oid, (io, o) => cls.getFlags(io, o, snapId)),
    r('opFeaturesGet', oid, (io, o) => cls.opFeaturesGet(io, o)),
    r('getStripeUnitCount', oid, (io, o) => cls.getStripeUnitCount(io, o)),
    r('getDataPoolId', oid, (io, o) => cls.getDataPoolId(io, o)),
    r('getObjectPrefix', oid, (io, o) => cls.getObjectPrefix(io, o)),
    r('getSnapcontext', oid, (io, o) => cls.getSnapcontext(io, o)),
    r('getCreateTimestamp', oid, async (io, o) => (await cls.getCreateTimestamp(io, o)) > 0),
    r('getAccessTimestamp', oid, async (io, o) => (await cls.getAccessTimestamp(io, o)) > 0),
    r('getModifyTimestamp', oid, async (io, o) => (await cls.getModifyTimestamp(io, o)) > 0),
    r('getAllFeatures', oid, (io, o) => cls.getAllFeatures(io, o)),
    r('snapshotGet', oid, (io, o) => cls.snapshotGet(io, o, snapId)),
    r('getProtectionStatus', oid, (io, o) => cls.getProtectionStatus(io, o, snapId)),
    r('snapshotGetLimit', oid, (io, o) => cls.snapshotGetLimit(io, o)),
    r('parentGet', oid, (io, o) => cls.parentGet(io, o)),
    r('parentOverlapGet', oid, (io, o) => cls.parentOverlapGet(io, o, snapId)),
    r('getParent', oid, (io, o) => cls.getParent(io, o, snapId)),
    r('childrenList', oid, (io, o) => cls.childrenList(io, o, snapId)),
    r('metadataList', oid, (io, o) => cls.metadataList(io, o)),
    r('metadataListAll', oid, (io, o) => cls.metadataListAll(io, o)),
    r('imageGroupGet', oid, (io, o) => cls.imageGroupGet(io, o)),
    r('migrationGet', oid, (io, o) => cls.migrationGet(io, o)),
  ];
}

/** Each method at least once, in the order of an image's life. */
export function* scriptedSteps(): Generator<Step> {
  yield* headerReads(H, SNAP_HEAD);
  yield w('create without a prefix', H, op => cls.create(op, 1, 22, 1n, ''));
  yield w('create with unknown features', H, op => cls.create(op, 1, 22, 1n << 40n, 'rbd_data.1'));
  yield w('create with a data pool but no feature', H, op => cls.create(op, 1, 22, 1n, 'p', 3));
  yield w('create', H, op => cls.create(op, 10 << 20, 22, 0x3fn, 'rbd_data.1'));
  yield w('create again', H, op => cls.create(op, 10 << 20, 22, 0x3dn, 'rbd_data.1'));
  yield w('create with a data pool', 'rbd_header.2', op => cls.create(op, 1, 20, 0x81n, 'rbd_data.2', 9));
  yield* headerReads(H, SNAP_HEAD);
  yield* headerReads('rbd_header.2', SNAP_HEAD);
  yield w('setStripeUnitCount', H, op => cls.setStripeUnitCount(op, 65536, 4));
  yield w('setStripeUnitCount', H, op => cls.setStripeUnitCount(op, 65537, 4));
  yield w('setStripeUnitCount', H, op => cls.setStripeUnitCount(op, 0, 4));
  yield w('setFeatures', H, op => cls.setFeatures(op, 0n, 0x18n));
  yield w('setFeatures, immutable', H, op => cls.setFeatures(op, 1n, 1n));
  yield w('setFeatures, internal', H, op => cls.setFeatures(op, 0x100n, 0x100n));
  yield w('setFlags', H, op => cls.setFlags(op, 3n, 1n));
  yield w('setAccessTimestamp', H, op => cls.setAccessTimestamp(op));
  yield w('setModifyTimestamp', H, op => cls.setModifyTimestamp(op));
  yield w('parentAttach', H, op => cls.parentAttach(op, parent, 8 << 20));
  yield w('parentAttach again', H, op => cls.parentAttach(op, parent, 8 << 20));
  yield w('parentAttach', H, op => cls.parentAttach(op, parent, 9 << 20, true));
  yield w('opFeaturesSet', H, op => cls.opFeaturesSet(op, 2n, 2n));
  yield w('snapshotAdd', H, op => cls.snapshotAdd(op, 4n, 'one'));
  yield w('snapshotAdd', H, op => cls.snapshotAdd(op, 3n, 'late'));
  yield w('snapshotAdd', H, op => cls.snapshotAdd(op, 4n, 'twice'));
  yield w('snapshotAdd', H, op => cls.snapshotAdd(op, 5n, 'one'));
  yield w('setSize', H, op => cls.setSize(op, 4 << 20));
  yield w('snapshotAdd', H, op => cls.snapshotAdd(op, 21n, 'zwei ü'));
  yield w('setSize', H, op => cls.setSize(op, 16 << 20));
  yield* headerReads(H, 4n);
  yield* headerReads(H, 21n);
  yield* headerReads(H, 22n);
  yield w('setFlags of a snapshot', H, op => cls.setFlags(op, 1n, 1n, 4n));
  yield w('setProtectionStatus', H, op => cls.setProtectionStatus(op, 4n, 2));
  yield w('setProtectionStatus', H, op => cls.setProtectionStatus(op, 4n, 3));
  yield w('snapshotRemove, protected', H, op => cls.snapshotRemove(op, 4n));
  yield w('snapshotTrashAdd, protected', H, op => cls.snapshotTrashAdd(op, 4n));
  yield w('setProtectionStatus', H, op => cls.setProtectionStatus(op, 4n, 0));
  yield w('childAttach', H, op => cls.childAttach(op, 4n, child));
  yield w('childAttach', H, op => cls.childAttach(op, 4n, child));
  yield w('childAttach', H, op => cls.childAttach(op, 4n, { ...child, namespace: 'ns' }));
  yield w('childAttach', H, op => cls.childAttach(op, 21n, { ...child, poolId: 2 }));
  yield* headerReads(H, 4n);
  yield w('snapshotRemove, with clones', H, op => cls.snapshotRemove(op, 4n));
  yield w('snapshotTrashAdd', H, op => cls.snapshotTrashAdd(op, 4n));
  yield w('snapshotTrashAdd', H, op => cls.snapshotTrashAdd(op, 4n));
  yield w('snapshotRename', H, op => cls.snapshotRename(op, 4n, 'new'));
  yield w('snapshotRename', H, op => cls.snapshotRename(op, 21n, 'new'));
  yield w('snapshotRename', H, op => cls.snapshotRename(op, 21n, 'new'));
  yield* headerReads(H, 4n);
  yield w('snapshotSetLimit', H, op => cls.snapshotSetLimit(op, 1));
  yield w('snapshotSetLimit', H, op => cls.snapshotSetLimit(op, 2));
  yield w('snapshotAdd beyond', H, op => cls.snapshotAdd(op, 30n, 'beyond'));
  yield w('snapshotSetLimit', H, op => cls.snapshotSetLimit(op, Number.POSITIVE_INFINITY));
  yield w('parentDetach', H, op => cls.parentDetach(op));
  yield* headerReads(H, 21n);
  yield w('parentDetach', H, op => cls.parentDetach(op));
  yield w('childDetach', H, op => cls.childDetach(op, 4n, child));
  yield w('childDetach', H, op => cls.childDetach(op, 4n, child));
  yield w('childDetach', H, op => cls.childDetach(op, 4n, { ...child, namespace: 'ns' }));
  yield w('childDetach', H, op => cls.childDetach(op, 21n, { ...child, poolId: 2 }));
  yield* headerReads(H, SNAP_HEAD);
  yield w('snapshotRemove', H, op => cls.snapshotRemove(op, 4n));
  yield w('snapshotRemove', H, op => cls.snapshotRemove(op, 21n));
  yield w('snapshotRemove', H, op => cls.snapshotRemove(op, 21n));
  yield w('setParent', H, op => cls.setParent(op, 3, 'xyz', 9n, 1 << 20));
  yield* headerReads(H, SNAP_HEAD);
  yield w('removeParent', H, op => cls.removeParent(op));
  yield w('metadataSet', H, op =>
    cls.metadataSet(
      op,
      new Map([
        ['a', '1'],
        ['ü', 'ö'],
        ['b', ''],
      ]),
    ),
  );
  yield r('metadataGet', H, (io, o) => cls.metadataGet(io, o, 'ü'));
  yield r('metadataList', H, (io, o) => cls.metadataList(io, o, 'a', 1));
  yield w('metadataRemove', H, op => cls.metadataRemove(op, 'a'));
  yield w('metadataRemove', H, op => cls.metadataRemove(op, 'a'));
  yield r('metadataGet', H, (io, o) => cls.metadataGet(io, o, 'a'));
  const many = new Map(Array.from({ length: 150 }, (_, i) => [`key ${i}`, `${i}`]));
  yield w('metadataSet', H, op => cls.metadataSet(op, many));
  yield* headerReads(H, SNAP_HEAD);
  yield r('several reads at once', H, async (io, o) => {
    const { ReadOperation } = await import('../../src/ceph/rados/index.ts');
    const op = new ReadOperation();
    const results = [cls.getSize.add(op), cls.getFeatures.add(op, true), cls.getSnapcontext.add(op)];
    await io.operate(o, op);
    return results.map(result => result.value);
  });
  yield* directorySteps();
  yield* dataSteps();
}

function* directorySteps(): Generator<Step> {
  yield r('dirList', DIR, (io, o) => cls.dirListAll(io, o));
  for (let i = 0; i < 70; i++)
    if (i % 9 === 0) yield w('dirAddImage', DIR, op => cls.dirAddImage(op, `image ${i}`, `id${i}`));
  yield w('dirAddImage', DIR, op => cls.dirAddImage(op, 'image 0', 'new'));
  yield w('dirAddImage', DIR, op => cls.dirAddImage(op, 'new', 'id0'));
  yield w('dirAddImage', DIR, op => cls.dirAddImage(op, 'new', 'id-0'));
  yield w('dirAddImage', DIR, op => cls.dirAddImage(op, 'größe', 'id1000'));
  yield r('dirList', DIR, (io, o) => cls.dirListAll(io, o));
  yield r('dirList', DIR, (io, o) => cls.dirList(io, o, 'image 2', 3));
  yield w('dirRenameImage', DIR, op => cls.dirRenameImage(op, 'image 9', 'image 99', 'id9'));
  yield w('dirRenameImage', DIR, op => cls.dirRenameImage(op, 'image 99', 'image 18', 'id9'));
  yield w('dirRenameImage', DIR, op => cls.dirRenameImage(op, 'image 99', 'image 7', 'id0'));
  yield r('dirGetId', DIR, (io, o) => cls.dirGetId(io, o, 'image 99'));
  yield r('dirGetName', DIR, (io, o) => cls.dirGetName(io, o, 'id9'));
  yield r('dirGetName', DIR, (io, o) => cls.dirGetName(io, o, 'none'));
  yield w('dirRemoveImage', DIR, op => cls.dirRemoveImage(op, 'image 99', 'id0'));
  yield w('dirRemoveImage', DIR, op => cls.dirRemoveImage(op, 'image 99', 'id9'));
  yield w('dirStateAssert', DIR, op => cls.dirStateAssert(op, 0));
  yield w('dirStateSet', DIR, op => cls.dirStateSet(op, 0));
  yield w('dirStateAssert', DIR, op => cls.dirStateAssert(op, 0));
  yield w('dirStateAssert', DIR, op => cls.dirStateAssert(op, 1));
  yield w('dirStateSet', DIR, op => cls.dirStateSet(op, 1));
  yield w('dirStateSet', DIR, op => cls.dirStateSet(op, 2));
  yield w('setId of nothing', 'rbd_id.x', op => cls.setId(op, 'abc'));
  yield w('create an id', 'rbd_id.x', op => op.create());
  yield r('getId', 'rbd_id.x', (io, o) => cls.getId(io, o));
  yield w('setId', 'rbd_id.x', op => cls.setId(op, 'a b'));
  yield w('setId', 'rbd_id.x', op => cls.setId(op, 'abc'));
  yield w('setId', 'rbd_id.x', op => cls.setId(op, 'abc'));
  yield r('getId', 'rbd_id.x', (io, o) => cls.getId(io, o));
  const T = 'rbd_trash';
  yield w('trashAdd', T, op => cls.trashAdd(op, 'id1', trashSpec));
  yield w('trashAdd', T, op => cls.trashAdd(op, 'id1', trashSpec));
  yield w('trashAdd', T, op => cls.trashAdd(op, 'id 2', trashSpec));
  yield w('trashAdd', T, op => cls.trashAdd(op, 'id2', { ...trashSpec, name: 'ü', state: 1 }));
  yield r('trashGet', T, (io, o) => cls.trashGet(io, o, 'id2'));
  yield r('trashGet', T, (io, o) => cls.trashGet(io, o, 'id3'));
  yield r('trashList', T, (io, o) => cls.trashListAll(io, o));
  yield r('trashList', T, (io, o) => cls.trashList(io, o, 'id1', 5));
  yield w('trashStateSet', T, op => cls.trashStateSet(op, 'id2', 2, 1));
  yield w('trashStateSet', T, op => cls.trashStateSet(op, 'id2', 2, 1));
  yield w('trashStateSet', T, op => cls.trashStateSet(op, 'id2', 3, 1));
  yield w('trashRemove', T, op => cls.trashRemove(op, 'id1'));
  yield w('trashRemove', T, op => cls.trashRemove(op, 'id1'));
  const N = 'rbd_namespace';
  yield w('namespaceAdd', N, op => cls.namespaceAdd(op, 'one'));
  yield w('namespaceAdd', N, op => cls.namespaceAdd(op, 'one'));
  yield w('namespaceAdd', N, op => cls.namespaceAdd(op, 'two'));
  yield r('namespaceList', N, (io, o) => cls.namespaceListAll(io, o));
  yield r('namespaceList', N, (io, o) => cls.namespaceList(io, o, 'one', 1));
  yield w('namespaceRemove', N, op => cls.namespaceRemove(op, 'one'));
  yield w('namespaceRemove', N, op => cls.namespaceRemove(op, 'one'));
  const C = 'rbd_children';
  yield w('removeChild', C, op => cls.removeChild(op, parent, 'kid'));
  yield w('addChild', C, op => cls.addChild(op, parent, 'kid'));
  yield w('addChild', C, op => cls.addChild(op, parent, 'another'));
  yield w('addChild', C, op => cls.addChild(op, parent, 'kid'));
  yield r('getChildren', C, (io, o) => cls.getChildren(io, o, parent));
  yield w('removeChild', C, op => cls.removeChild(op, parent, 'kid'));
  yield w('removeChild', C, op => cls.removeChild(op, parent, 'kid'));
  yield w('removeChild', C, op => cls.removeChild(op, parent, 'another'));
  yield r('getChildren', C, (io, o) => cls.getChildren(io, o, parent));
  yield r('mirrorModeGet', 'rbd_mirroring', (io, o) => cls.mirrorModeGet(io, o));
  yield r('mirrorImageGet', H, (io, o) => cls.mirrorImageGet(io, o, 'abc'));
}

const loadMap = r('objectMapLoad', MAP, async (io, o) => {
  const { size, data } = await cls.objectMapLoad(io, o);
  return { size, data };
});

function filled(size: number, next: () => number): cls.BitVector {
  const map = new cls.BitVector(size);
  for (let i = 0; i < size; i++) map.set(i, next() & 3);
  return map;
}

function* dataSteps(): Generator<Step> {
  yield loadMap;
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 0, 1, 1));
  yield w('objectMapResize', MAP, op => cls.objectMapResize(op, 40_000, 0));
  yield loadMap;
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 16_380, 16_390, 1));
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 39_999, 40_000, 1));
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 39_999, 40_001, 1));
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 16_384, 32_768, 2, 0));
  yield w('objectMapSnapAdd', MAP, op => cls.objectMapSnapAdd(op));
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 5, 20_000, 0, 1));
  yield loadMap;
  yield w('objectMapResize', MAP, op => cls.objectMapResize(op, 10, 0));
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 7, 40_000, 0));
  yield w('objectMapResize', MAP, op => cls.objectMapResize(op, 7, 0));
  yield w('objectMapResize', MAP, op => cls.objectMapResize(op, 21, 1));
  yield w('objectMapResize', MAP, op => cls.objectMapResize(op, 256_000_001, 0));
  yield w('objectMapSave', MAP, op => cls.objectMapSave(op, filled(1001, prng(5))));
  yield w('objectMapSnapRemove', MAP, op => cls.objectMapSnapRemove(op, filled(900, prng(9))));
  yield loadMap;
  yield w('damage the map', MAP, op => op.write(100, Buffer.from([1, 2, 3])));
  yield loadMap;
  yield w('objectMapUpdate', MAP, op => cls.objectMapUpdate(op, 500, 600, 1));
  const D = 'rbd_data.1.0000000000000000';
  const data = Buffer.alloc(9000, 'abc');
  yield w('copyup', D, op => cls.copyup(op, data));
  yield w('copyup', D, op => cls.copyup(op, Buffer.from('no')));
  const extents = [
    [4096, 10],
    [0, 4],
    [8192, 20],
  ] as [number, number][];
  yield w('sparseCopyup', D, op => cls.sparseCopyup(op, extents, data));
  yield w('sparseCopyup', 'sparse', op => cls.sparseCopyup(op, extents, data.subarray(0, 20)));
  yield w('sparseCopyup', 'sparse', op => cls.sparseCopyup(op, extents, data));
  yield w('sparseCopyup', 'empty', op => cls.sparseCopyup(op, [], Buffer.alloc(0)));
  yield w('write zeroes', D, op => op.write(4096, Buffer.alloc(4096)));
  yield w('sparsify', D, op => cls.sparsify(op, 1024, true));
  yield r('extents', D, async (io, o) => {
    const { ReadOperation } = await import('../../src/ceph/rados/index.ts');
    const op = new ReadOperation();
    const read = op.read();
    await io.operate(o, op);
    return read.value;
  });
  yield w('all zeroes', 'zeroes', op => op.write(0, Buffer.alloc(5000)));
  yield w('sparsify', 'zeroes', op => cls.sparsify(op, 4096, false));
  yield w('sparsify', 'zeroes', op => cls.sparsify(op, 4096, true));
  yield w('sparsify', 'zeroes', op => cls.sparsify(op, 4096, true));
  yield w('assertSnapcSeq', D, op => cls.assertSnapcSeq(op, 3n, cls.ASSERT_SNAPC_SEQ_GT_SNAPSET_SEQ));
  yield w('assertSnapcSeq', D, op => cls.assertSnapcSeq(op, 3n, cls.ASSERT_SNAPC_SEQ_LE_SNAPSET_SEQ));
  yield [
    'write under a snapshot',
    async io => {
      const snapped = io.with({ snapContext: { seq: 5n, snaps: [5n] } });
      await snapped.operate(D, new WriteOperation().write(0, 'snapped'));
    },
  ];
  for (const seq of [4n, 5n, 6n])
    for (const state of [0, 1, 2])
      yield w(`assertSnapcSeq ${seq} ${state}`, D, op => cls.assertSnapcSeq(op, seq, state));
  yield w('assertSnapcSeq', 'nothing', op => cls.assertSnapcSeq(op, 3n, 0).create());
  yield* oldSteps();
  const L = { name: 'rbd_lock', type: LOCK_EXCLUSIVE, cookie: 'auto 1', tag: 'internal' };
  yield w('lock', H, op => cls.clsLock.lock(op, L));
  yield w('lock', H, op => cls.clsLock.lock(op, { ...L, type: LOCK_SHARED, cookie: 'auto 2' }));
  yield w('assertLocked', H, op =>
    cls.clsLock.assertLocked(op, L.name, L.type, L.cookie, L.tag).omapSet(new Map([['k', 'v']])),
  );
  yield w('assertLocked', H, op => cls.clsLock.assertLocked(op, L.name, L.type, 'other', L.tag));
  yield w('setCookie', H, op => cls.clsLock.setCookie(op, L.name, L.type, L.cookie, L.tag, 'auto 3'));
  yield r('getInfo', H, async (io, o) => {
    const { lockers, lockType, tag } = await cls.clsLock.getInfo(io, o, L.name);
    return { cookies: lockers.map(([id]) => id.cookie), lockType, tag };
  });
  yield w('unlock', H, op => cls.clsLock.unlock(op, L.name, L.cookie));
  yield w('unlock', H, op => cls.clsLock.unlock(op, L.name, 'auto 3'));
  yield w('breakLock', H, op => cls.clsLock.breakLock(op, L.name, { type: 8, num: 1 }, ''));
}

function* oldSteps(): Generator<Step> {
  yield w('oldSnapshotAdd to nothing', OLD, op => cls.oldSnapshotAdd(op, 2n, 'one'));
  yield w('make an old header', OLD, op => op.writeFull(oldHeader()));
  yield r('readOldHeader', OLD, (io, o) => cls.readOldHeader(io, o));
  yield w('oldSnapshotAdd', OLD, op => cls.oldSnapshotAdd(op, 2n, 'one'));
  yield w('oldSnapshotAdd', OLD, op => cls.oldSnapshotAdd(op, 3n, 'one'));
  yield w('oldSnapshotAdd', OLD, op => cls.oldSnapshotAdd(op, 1n, 'two'));
  yield w('oldSnapshotAdd', OLD, op => cls.oldSnapshotAdd(op, 3n, 'two'));
  yield w('oldSnapshotAdd', OLD, op => cls.oldSnapshotAdd(op, 9n, 'three'));
  yield r('oldSnapshotList', OLD, (io, o) => cls.oldSnapshotList(io, o));
  yield w('oldSnapshotRename', OLD, op => cls.oldSnapshotRename(op, 3n, 'zwei'));
  yield w('oldSnapshotRename', OLD, op => cls.oldSnapshotRename(op, 3n, 'one'));
  yield w('oldSnapshotRename', OLD, op => cls.oldSnapshotRename(op, 4n, 'x'));
  yield w('snapshotSetLimit', OLD, op => cls.snapshotSetLimit(op, 2));
  yield w('snapshotSetLimit', OLD, op => cls.snapshotSetLimit(op, 3));
  yield w('oldSnapshotAdd', OLD, op => cls.oldSnapshotAdd(op, 10n, 'four'));
  yield w('oldSnapshotRemove', OLD, op => cls.oldSnapshotRemove(op, 'zwei'));
  yield w('oldSnapshotRemove', OLD, op => cls.oldSnapshotRemove(op, 'zwei'));
  yield r('oldSnapshotList', OLD, (io, o) => cls.oldSnapshotList(io, o));
  yield w('oldSnapshotRemove', OLD, op => cls.oldSnapshotRemove(op, 'three'));
  yield w('oldSnapshotRemove', OLD, op => cls.oldSnapshotRemove(op, 'one'));
}

/** Methods with arguments of small ranges, so that they meet each other's effects. */
export function* randomSteps(seed: number, count: number): Generator<Step> {
  const next = prng(seed);
  const n = (below: number): number => next() % below;
  const pick = <T>(values: readonly T[]): T => values[n(values.length)];
  const bit = (): boolean => n(2) === 1;
  const header = (): string => pick(['h1', 'h2', 'h3']);
  const id = (): string => `id${n(4)}`;
  const name = (): string => pick(['a', 'b', 'c', 'ü']);
  const spec = () => ({ ...parent, poolId: n(2), namespace: pick(['', '', 'ns']), imageId: id() });
  const kid = () => ({ poolId: n(2), namespace: pick(['', 'ns']), imageId: id() });
  let seq = 1;
  const snap = (): bigint => BigInt(Math.max(1, seq - n(5)));
  const bits = (): bigint => BigInt(n(0x1000));

  const writes: (() => [string, string, Fill])[] = [
    () => {
      const [size, features] = [n(1 << 24), pick([0x3dn, 0x1dn, 0x3n, 0x1n, 0x81n, bits()])];
      const pool = pick([-1, -1, 5]);
      return ['create', header(), op => cls.create(op, size, 22, features, 'rbd_data.x', pool)];
    },
    () => ['remove', header(), op => op.remove()],
  ];
  const some = (what: string, of: () => string, make: () => Fill): void => {
    writes.push(() => [what, of(), make()]);
  };
  const also = (what: string, make: () => Fill): void => some(what, header, make);
  for (let k = 0; k < 3; k++) {
    also('snapshotAdd', () => {
      const [snapId, as] = [BigInt(bit() ? ++seq : seq), name() + n(4)];
      return op => cls.snapshotAdd(op, snapId, as);
    });
    also('snapshotRemove', () =>
      (
        snapId => op =>
          cls.snapshotRemove(op, snapId)
      )(snap()),
    );
    also('parentAttach', () => {
      const [of, overlap, again] = [spec(), n(3) * (1 << 22), n(4) === 0];
      return op => cls.parentAttach(op, of, overlap, again);
    });
    also('parentDetach', () => op => cls.parentDetach(op));
    also('childAttach', () =>
      (
        (s, c) => op =>
          cls.childAttach(op, s, c)
      )(snap(), kid()),
    );
    also('childDetach', () =>
      (
        (s, c) => op =>
          cls.childDetach(op, s, c)
      )(snap(), kid()),
    );
  }
  also('setSize', () =>
    (
      size => op =>
        cls.setSize(op, size)
    )(n(1 << 24)),
  );
  also('setFeatures', () =>
    (
      (f, m) => op =>
        cls.setFeatures(op, f, m)
    )(bits(), bit() ? 0x1cn : bits()),
  );
  also('setFlags', () =>
    (
      (f, m, s) => op =>
        cls.setFlags(op, f, m, s)
    )(bits(), 3n, bit() ? SNAP_HEAD : snap()),
  );
  also('opFeaturesSet', () =>
    (
      (f, m) => op =>
        cls.opFeaturesSet(op, f, m)
    )(bits() & 15n, bits() & 31n),
  );
  also('setStripeUnitCount', () =>
    (
      (u, c) => op =>
        cls.setStripeUnitCount(op, u, c)
    )(1 << n(25), n(4)),
  );
  also('snapshotRename', () =>
    (
      (s, as) => op =>
        cls.snapshotRename(op, s, as)
    )(snap(), name() + n(4)),
  );
  also('snapshotTrashAdd', () =>
    (
      s => op =>
        cls.snapshotTrashAdd(op, s)
    )(snap()),
  );
  also('setProtectionStatus', () =>
    (
      (s, p) => op =>
        cls.setProtectionStatus(op, s, p)
    )(snap(), n(4)),
  );
  also('snapshotSetLimit', () => {
    const limit = bit() ? Number.POSITIVE_INFINITY : n(6);
    return op => cls.snapshotSetLimit(op, limit);
  });
  also('setParent', () =>
    (
      (p, i, s) => op =>
        cls.setParent(op, p, i, s, 5000)
    )(n(2), id(), snap()),
  );
  also('removeParent', () => op => cls.removeParent(op));
  also('metadataSet', () =>
    (
      (k, v) => op =>
        cls.metadataSet(op, new Map([[k, v]]))
    )(name(), name()),
  );
  also('metadataRemove', () =>
    (
      k => op =>
        cls.metadataRemove(op, k)
    )(name()),
  );
  for (let k = 0; k < 3; k++) {
    some(
      'dirAddImage',
      () => 'dir',
      () =>
        (
          (a, i) => op =>
            cls.dirAddImage(op, a, i)
        )(name(), id()),
    );
    some(
      'dirRemoveImage',
      () => 'dir',
      () =>
        (
          (a, i) => op =>
            cls.dirRemoveImage(op, a, i)
        )(name(), id()),
    );
    some(
      'dirRenameImage',
      () => 'dir',
      () => {
        const [from, to, of] = [name(), name(), id()];
        return op => cls.dirRenameImage(op, from, to, of);
      },
    );
    some(
      'addChild',
      () => 'kids',
      () =>
        (
          (p, c) => op =>
            cls.addChild(op, p, c)
        )(spec(), id()),
    );
    some(
      'removeChild',
      () => 'kids',
      () =>
        (
          (p, c) => op =>
            cls.removeChild(op, p, c)
        )(spec(), id()),
    );
    some(
      'objectMapUpdate',
      () => 'map',
      () => {
        const [start, length, state] = [n(20_000), n(20_000), n(4)];
        const current = bit() ? undefined : n(4);
        return op => cls.objectMapUpdate(op, start, start + length, state, current);
      },
    );
    some(
      'objectMapResize',
      () => 'map',
      () =>
        (
          (c, s) => op =>
            cls.objectMapResize(op, c, s)
        )(n(40_000), n(4)),
    );
  }
  some(
    'objectMapSnapAdd',
    () => 'map',
    () => op => cls.objectMapSnapAdd(op),
  );
  some(
    'objectMapSnapRemove',
    () => 'map',
    () => {
      const of = filled(n(30_000), next);
      return op => cls.objectMapSnapRemove(op, of);
    },
  );
  some(
    'objectMapSave',
    () => 'map',
    () =>
      (
        of => op =>
          cls.objectMapSave(op, of)
      )(filled(n(40_000), next)),
  );
  some(
    'dirStateSet',
    () => 'dir',
    () =>
      (
        s => op =>
          cls.dirStateSet(op, s)
      )(n(3)),
  );
  some(
    'dirStateAssert',
    () => 'dir',
    () =>
      (
        s => op =>
          cls.dirStateAssert(op, s)
      )(n(2)),
  );
  some(
    'trashAdd',
    () => 'trash',
    () =>
      (
        i => op =>
          cls.trashAdd(op, i, trashSpec)
      )(id()),
  );
  some(
    'trashRemove',
    () => 'trash',
    () =>
      (
        i => op =>
          cls.trashRemove(op, i)
      )(id()),
  );
  some(
    'trashStateSet',
    () => 'trash',
    () =>
      (
        (i, a, b) => op =>
          cls.trashStateSet(op, i, a, b)
      )(id(), n(3), n(3)),
  );
  some(
    'namespaceAdd',
    () => 'nss',
    () =>
      (
        a => op =>
          cls.namespaceAdd(op, a)
      )(name()),
  );
  some(
    'namespaceRemove',
    () => 'nss',
    () =>
      (
        a => op =>
          cls.namespaceRemove(op, a)
      )(name()),
  );
  some(
    'oldSnapshotAdd',
    () => 'old',
    () =>
      (
        (s, a) => op =>
          cls.oldSnapshotAdd(op, s, a)
      )(BigInt(++seq), name()),
  );
  some(
    'oldSnapshotRemove',
    () => 'old',
    () =>
      (
        a => op =>
          cls.oldSnapshotRemove(op, a)
      )(name()),
  );
  some(
    'oldSnapshotRename',
    () => 'old',
    () =>
      (
        (s, a) => op =>
          cls.oldSnapshotRename(op, s, a)
      )(snap(), name()),
  );
  const data = (): string => `data${n(3)}`;
  some('copyup', data, () =>
    (
      b => op =>
        cls.copyup(op, b)
    )(Buffer.alloc(n(9000), n(256))),
  );
  some('sparsify', data, () =>
    (
      (s, e) => op =>
        cls.sparsify(op, s, e)
    )(1 << (8 + n(6)), bit()),
  );
  some('zero', data, () =>
    (
      (o, l) => op =>
        op.write(o, Buffer.alloc(l))
    )(n(9000), n(4000)),
  );
  some('write', data, () =>
    (
      (o, l) => op =>
        op.write(o, Buffer.alloc(l, 'x'))
    )(n(9000), n(3000)),
  );
  some('remove', data, () => op => op.remove());
  some('sparseCopyup', data, () => {
    const extents: [number, number][] = Array.from({ length: n(4) }, (_, i) => [i * 3000, n(2000)]);
    const bytes = Buffer.alloc(extents.reduce((sum, [, l]) => sum + l, 0) + n(2), 'y');
    return op => cls.sparseCopyup(op, extents, bytes);
  });

  yield w('make an old header', 'old', op => op.writeFull(oldHeader()));
  for (let i = 0; i < count; i++) {
    if (n(5) === 0) yield pick(headerReads(header(), bit() ? SNAP_HEAD : snap()));
    else if (n(20) === 0)
      yield r(
        'getChildren',
        'kids',
        (
          (p: typeof parent) => (io: IoCtx, o: string) =>
            cls.getChildren(io, o, p)
        )(spec()),
      );
    else yield w(...pick(writes)());
  }
}
