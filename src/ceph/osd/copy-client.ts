import { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { Message } from '../messages/message.ts';
import { CEPH_MSG_OSD_OPREPLY } from '../messages/message-types.ts';
import { MOSDOp } from '../messages/mosdop.ts';
import type { MOSDOpReply } from '../messages/mosdopreply.ts';
import { OSDOp } from '../messages/osd-op.ts';
import type { MessengerImpl } from '../messenger/index.ts';
import type { Connection, Dispatcher } from '../messenger/types.ts';
import { ENTITY_TYPE_OSD } from '../types/entity.ts';
import type { HObject } from '../types/hobject.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import { NO_SHARD } from '../types/pg.ts';
import {
  CEPH_OSD_COPY_FROM_FLAG_MAP_SNAP_CLONE,
  CEPH_OSD_COPY_FROM_FLAG_RWORDERED,
  CEPH_OSD_FLAG_ACK,
  CEPH_OSD_FLAG_MAP_SNAP_CLONE,
  CEPH_OSD_FLAG_READ,
  CEPH_OSD_FLAG_RWORDERED,
  CEPH_OSD_OP_COPY_GET,
} from '../types/rados.ts';
import {
  type ObjectCopyCursor,
  type ObjectCopyData,
  objectCopyCursor,
  objectCopyData,
} from '../types/replies.ts';
import type { CopiedObject } from './copy-from.ts';
import { COPY_START } from './ops/copy-ops.ts';
import type { OSD } from './osd.ts';

interface Waiting {
  readonly osd: number;
  readonly resolve: (reply: MOSDOpReply) => void;
  readonly reject: (error: NacreError) => void;
}

/** Tries before a source whose primary keeps changing is given up, and milliseconds between them. */
const TRIES = 30;
const RETRY_MS = 500;

/** The OSD as a client of others, for copy-from: copy-get again and again until the object is here. */
export class ObjectFetcher implements Dispatcher {
  readonly messenger: MessengerImpl;
  private readonly osd: OSD;
  private readonly waiting = new Map<number, Waiting>();

  constructor(osd: OSD, messenger: MessengerImpl) {
    this.osd = osd;
    this.messenger = messenger;
    messenger.addDispatcher(this);
  }

  async fetch(
    source: HObject,
    locator: ObjectLocator,
    version: number,
    flags: number,
  ): Promise<CopiedObject> {
    let cursor: ObjectCopyCursor = COPY_START;
    let head: ObjectCopyData | undefined;
    let userVersion = version;
    const data: Uint8Array[] = [];
    const attrs = new Map<string, Uint8Array>();
    const omap = new Map<string, Uint8Array>();
    let omapHeader: Uint8Array = Buffer.alloc(0);
    while (!cursor.attrComplete || !cursor.dataComplete || !cursor.omapComplete) {
      const reply = await this.ask(source, locator, cursor, flags);
      if (reply.result < 0)
        throw NacreError.fromErrno(reply.result, 'osd.copy_from', `copy-get of ${source.oid}`);
      const out = reply.ops[0]?.outdata;
      if (out === undefined) throw new NacreError('EIO', 'osd.copy_from', 'copy-get without an answer');
      if (head !== undefined && reply.userVersion !== userVersion)
        throw new NacreError('EAGAIN', 'osd.copy_from', `${source.oid} changed while it was copied`);
      userVersion = reply.userVersion;
      const part = objectCopyData.decode(new Decoder(out, 'object_copy_data_t'));
      head ??= part;
      for (const [name, value] of part.attrs) attrs.set(name, value);
      if (part.data.length > 0) data.push(part.data);
      if (part.omapHeader.length > 0) omapHeader = part.omapHeader;
      if (part.omapData.length > 0) {
        const d = new Decoder(part.omapData, 'omap data');
        for (let n = d.count(8); n > 0; n--) {
          const key = d.bin();
          omap.set(key, d.blob());
        }
      }
      cursor = part.cursor;
    }
    return { head: head!, attrs, data, omap, omapHeader, userVersion };
  }

  private async ask(
    source: HObject,
    locator: ObjectLocator,
    cursor: ObjectCopyCursor,
    flags: number,
  ): Promise<MOSDOpReply> {
    for (let left = TRIES; ; left--) {
      try {
        return await this.send(source, locator, cursor, flags);
      } catch (error) {
        if (left <= 1 || !(error instanceof NacreError) || error.code !== 'EAGAIN') throw error;
        await new Promise<void>(resolve => this.osd.env.timers.set(resolve, RETRY_MS, true));
      }
    }
  }

  private send(
    source: HObject,
    locator: ObjectLocator,
    cursor: ObjectCopyCursor,
    flags: number,
  ): Promise<MOSDOpReply> {
    const { map } = this.osd;
    const raw = { pool: source.pool, seed: source.hash };
    const pgid = map.placement.rawPgToPg(raw);
    const { actingPrimary } = map.placement.pgToUpActing(raw);
    if (pgid === undefined) throw new NacreError('ENOENT', 'osd.copy_from', `no pool ${source.pool}`);
    if (actingPrimary < 0) throw new NacreError('EAGAIN', 'osd.copy_from', 'the source has no primary');
    const e = new Encoder(64);
    objectCopyCursor.encode(e, cursor);
    e.u64(this.osd.limits.copyChunk);
    const op = new OSDOp(CEPH_OSD_OP_COPY_GET, 0, 0, e.result());
    const m = new MOSDOp(source.oid, locator, { pgid, shard: NO_SHARD }, source.hash, [op]);
    m.tid = this.osd.nextTid();
    m.osdmapEpoch = map.epoch;
    m.snapid = source.snap;
    m.flags = CEPH_OSD_FLAG_ACK | CEPH_OSD_FLAG_READ;
    if ((flags & CEPH_OSD_COPY_FROM_FLAG_MAP_SNAP_CLONE) !== 0) m.flags |= CEPH_OSD_FLAG_MAP_SNAP_CLONE;
    if ((flags & CEPH_OSD_COPY_FROM_FLAG_RWORDERED) !== 0) m.flags |= CEPH_OSD_FLAG_RWORDERED;
    m.retryAttempt = 0;
    return new Promise((resolve, reject) => {
      this.waiting.set(m.tid, { osd: actingPrimary, resolve, reject });
      this.messenger.connectTo(ENTITY_TYPE_OSD, map.clientAddrs[actingPrimary]).send(m);
    });
  }

  dispatch(_con: Connection, m: Message): boolean {
    if (m.type !== CEPH_MSG_OSD_OPREPLY) return true;
    const waiting = this.waiting.get(m.tid);
    this.waiting.delete(m.tid);
    waiting?.resolve(m as MOSDOpReply);
    return true;
  }

  handleReset(con: Connection): void {
    const gone = con.peerName.num;
    for (const [tid, waiting] of this.waiting)
      if (gone < 0 || waiting.osd === gone) {
        this.waiting.delete(tid);
        waiting.reject(
          new NacreError('EAGAIN', 'osd.copy_from', `the connection to osd.${waiting.osd} broke`),
        );
      }
  }

  close(): void {
    for (const { reject } of this.waiting.values())
      reject(new NacreError('ESHUTDOWN', 'osd.copy_from', 'the OSD stops'));
    this.waiting.clear();
  }
}
