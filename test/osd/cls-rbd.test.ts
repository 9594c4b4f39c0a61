import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { type IoCtx, type Rados, WriteOperation } from '../../src/ceph/rados/index.ts';
import * as cls from '../../src/ceph/rbd/cls/index.ts';
import { RBD_OLD_SIGNATURE, RBD_OLD_TEXT, RBD_OLD_VERSION } from '../../src/ceph/types/cls-rbd-old.ts';
import { type Cluster, startCluster } from '../../src/vstart/index.ts';
import { randomSteps, scriptedSteps } from '../rbd/cls-steps.ts';

// That answers and stored bytes are those of ceph-osd is tested beside one: test/interop/cls-rbd.test.ts.

describe('class rbd in a cluster of one process', () => {
  let cluster: Cluster;
  let rados: Rados;
  let io: IoCtx;

  beforeAll(async () => {
    cluster = await startCluster({ osds: 1, stack: 'inproc', auth: 'none', pools: [{ name: 'p', size: 1 }] });
    rados = await cluster.connect();
    io = await rados.openPool('p');
  }, 30_000);
  afterAll(async () => {
    await rados?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  it('takes every method, and most of what the script does succeeds', async () => {
    let done = 0;
    let refused = 0;
    for (const [name, step] of [...scriptedSteps(), ...randomSteps(4711, 600)])
      try {
        await step(io);
        done++;
      } catch (error) {
        // What is not a result of a method's own is a mistake.
        expect((error as { code?: string }).code, `${name}: ${String(error)}`).toMatch(/^E[A-Z]+$/);
        expect(['EIO', 'EBADMSG']).not.toContain((error as { code: string }).code);
        refused++;
      }
    expect(done).toBeGreaterThan(refused);
  });

  it('keeps all of a request or nothing', async () => {
    const op = new WriteOperation();
    cls.create(op, 1 << 22, 22, 1n, 'rbd_data.all');
    cls.setSize(op, 5);
    // What the first made is not visible to the second.
    await expect(io.operate('rbd_header.all', op)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(io.stat('rbd_header.all')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('pages through a directory of many images', async () => {
    for (let i = 0; i < 10; i++) {
      const op = new WriteOperation().create();
      const values = new Map<string, Buffer>();
      for (let k = 0; k < 250; k++) {
        const name = `image-${i}-${k}`;
        values.set(
          `name_${name}`,
          encodeToBuffer(e => e.str(`id${i}x${k}`)),
        );
      }
      await io.operate('many', op.omapSet(values));
    }
    const images = await cls.dirListAll(io, 'many');
    expect(images.size).toBe(2500);
    expect(images.get('image-7-77')).toBe('id7x77');
    expect([...images.keys()]).toEqual([...images.keys()].sort());
  });

  it('changes snapshots of format 1 in the header that clients read', async () => {
    const header: cls.OldHeader = {
      text: RBD_OLD_TEXT,
      blockName: 'rb.0.1',
      signature: RBD_OLD_SIGNATURE,
      version: RBD_OLD_VERSION,
      order: 22,
      cryptType: 0,
      compType: 0,
      imageSize: 1 << 23,
      snapSeq: 0n,
      snaps: [],
    };
    await io.writeFull(
      'v1.rbd',
      encodeToBuffer(e => cls.encodeOldHeader(e, header)),
    );
    await io.operate('v1.rbd', cls.oldSnapshotAdd(new WriteOperation(), 4n, 'one'));
    await io.operate('v1.rbd', cls.oldSnapshotAdd(new WriteOperation(), 6n, 'two'));
    await io.operate('v1.rbd', cls.oldSnapshotRename(new WriteOperation(), 4n, 'uno'));
    const snaps = [
      { id: 6n, imageSize: 1 << 23, name: 'two' },
      { id: 4n, imageSize: 1 << 23, name: 'uno' },
    ];
    expect(await cls.readOldHeader(io, 'v1.rbd')).toEqual({ ...header, snapSeq: 6n, snaps });
    expect(await cls.oldSnapshotList(io, 'v1.rbd')).toEqual({ snapSeq: 6n, snaps });
  });
});
