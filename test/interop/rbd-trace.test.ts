import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NACRE } from '../support/nacre.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { rbdCommand } from './rbd-peer.ts';

/** One operation, as `nacre trace --json` tells it. */
interface Layer {
  readonly layer: string;
  readonly children?: readonly Layer[];
}

/** Each layer with those above it, outermost first. */
function paths({ layer, children = [] }: Layer): string[] {
  return [layer, ...children.flatMap(child => paths(child).map(path => `${layer} > ${path}`))];
}

describe.skipIf(!haveRealCeph())('nacre trace rbd', () => {
  let ceph: RealCeph;
  let dir: string;

  beforeAll(async () => {
    ceph = await RealCeph.start({ osds: 1 });
    await ceph.createPool('rbd', 8);
    await rbdCommand(ceph, ['pool', 'init', 'rbd']);
    dir = mkdtempSync(join(tmpdir(), 'rbd-trace-'));
    await rbdCommand(ceph, ['create', 'disk', '--size', '8M', '--image-feature', 'layering']);
    await rbdCommand(ceph, ['bench', 'disk', '--io-type', 'write', '--io-size', '64K', '--io-total', '8M']);
    await rbdCommand(ceph, ['snap', 'create', 'disk@s']);
    await rbdCommand(ceph, ['snap', 'protect', 'disk@s']);
    for (const name of ['child', 'reader'])
      await rbdCommand(ceph, ['clone', 'disk@s', name, '--image-feature', 'layering']);
  });

  afterAll(async () => {
    await ceph?.[Symbol.asyncDispose]();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });

  /** Paths of all operations of a short benchmark on an image. */
  async function trace(image: string, type: string, ...options: string[]): Promise<string[]> {
    const file = join(dir, 'trace');
    const bench = [
      'bench',
      image,
      '--io-type',
      type,
      '--io-size',
      '4K',
      '--io-total',
      '16K',
      '--io-threads',
      '1',
    ];
    const args = [...NACRE, 'trace', '--json', '-o', file, 'rbd', '-c', ceph.conf, ...bench, ...options];
    const { code, stderr } = await ceph.exec(process.execPath, args);
    expect(code, stderr).toBe(0);
    const operations = readFileSync(file, 'utf8').trim().split('\n');
    return operations.flatMap(line => paths(JSON.parse(line) as Layer));
  }

  const OBJECTER = 'librados.IoCtx.aio_operate > Objecter.op_submit';
  const WRITE = `librbd.AioWrite.send > librbd.AbstractWrite.send_write > ${OBJECTER}`;
  const READ = `librbd.AioRead.send > ${OBJECTER}`;
  /** From the Objecter's queue to the socket, and back. */
  const below = (path: string) =>
    [
      'Objecter._calc_target',
      'Objecter._send_op > AsyncMessenger.submit_message',
      'Objecter._send_op > ProtocolV2.write_message',
      'ProtocolV2.handle_message > DispatchQueue.fast_dispatch',
      'Objecter.handle_osd_op_reply',
    ].map(layer => `${path} > ${layer}`);

  it.each([
    [
      'a write',
      'disk',
      'write',
      ['--rbd-cache=false'],
      ['librbd.aio_write > Striper.file_to_extents', ...below(`librbd.aio_write > ${WRITE}`)],
    ],
    [
      'a write into the cache, and its write-back',
      'disk',
      'write',
      ['--rbd-cache-policy=writeback'],
      [
        'librbd.aio_write > ImageCtx.write_to_cache > ObjectCacher.writex',
        ...below(`LibrbdWriteback.write > ${WRITE}`),
      ],
    ],
    [
      'a write around the cache',
      'disk',
      'write',
      ['--rbd-cache-policy=writearound'],
      below(`librbd.aio_write > LibrbdWriteback.write > ${WRITE}`),
    ],
    [
      'a read',
      'disk',
      'read',
      ['--rbd-cache=false'],
      ['librbd.aio_read > Striper.file_to_extents', ...below(`librbd.aio_read > ${READ}`)],
    ],
    [
      'a read through the cache',
      'disk',
      'read',
      ['--rbd-cache-policy=writeback'],
      below(`librbd.aio_read > ImageCtx.aio_read_from_cache > ObjectCacher.readx > ${READ}`),
    ],
    [
      'a read from the parent',
      'reader',
      'read',
      ['--rbd-cache=false'],
      [`librbd.aio_read > ${READ}`, `librbd.aio_read > librbd.AioRead.send > librbd.aio_read > ${READ}`],
    ],
    [
      'a write with its copy-up',
      'child',
      'write',
      ['--rbd-cache=false'],
      [
        `librbd.aio_write > ${WRITE}`,
        ...below(
          `librbd.aio_write > librbd.AioWrite.send > librbd.CopyupRequest.send > librbd.aio_read > ${READ}`,
        ),
        ...below(`librbd.aio_write > librbd.AioWrite.send > librbd.CopyupRequest.send > ${OBJECTER}`),
      ],
    ],
  ] as const)('%s', async (_what, image, type, options, wanted) => {
    const found = new Set(await trace(image, type, ...options));
    const missing = wanted.filter(path => !found.has(path));
    const ours = [...found].filter(path => /^(librbd|Librbd)/.test(path));
    expect(missing, ours.join('\n')).toEqual([]);
  });
});
