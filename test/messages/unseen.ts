import { encodeToBuffer } from '../../src/base/encoder.ts';
import {
  type Message,
  MGetConfig,
  MMgrClose,
  MMgrOpen,
  MMonGetPurgedSnaps,
  MMonGetPurgedSnapsReply,
  MMonHealthChecks,
  MMonSubscribeAck,
  MOSDPGBackfillRemove,
} from '../../src/ceph/messages/index.ts';
import { encodeMap, encStr } from '../../src/ceph/types/collections.ts';
import { headObject } from '../../src/ceph/types/hobject.ts';

const FSID = '243ba197-8c39-484f-a0af-3aadfe569bd4';

/** One of each message that no captured session has: old, rare, or too large for a vector. */
export function unseen(): Message[] {
  const config = new MGetConfig('client.admin', 'node1');
  config.deviceClass = 'ssd';
  const service = new MMgrOpen('gateway');
  service.serviceName = 'nfs';
  service.service = { metadata: new Map([['arch', 'x86_64']]), status: new Map([['state', 'up']]) };
  service.configDefaults = encodeToBuffer(e => encodeMap(e, new Map([['debug_ms', '0/5']]), encStr, encStr));
  const check = { severity: 1, summary: '1 monitor down', detail: ['mon.b is down'], count: 1 };
  const purged = new MMonGetPurgedSnapsReply(4, 9);
  purged.purgedSnaps = new Map([[5, new Map([[2, [{ start: 7n, length: 2n }]]])]]);
  return [
    new MMonGetPurgedSnaps(4, 9),
    purged,
    config,
    service,
    new MMgrClose('gateway', 'nfs'),
    new MMonHealthChecks({ checks: new Map([['MON_DOWN', check]]) }),
    new MMonSubscribeAck(300, FSID),
    new MOSDPGBackfillRemove({ pgid: { pool: 3, seed: 1 }, shard: -1 }, 20, [
      [headObject(3, 'gone', 0x1234), { version: 7, epoch: 19 }],
    ]),
  ];
}
