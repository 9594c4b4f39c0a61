import { Decoder } from '../../../base/decoder.ts';
import { Encoder } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import { ADDR_BLANK } from '../../types/entity.ts';
import type { Watcher } from '../../types/object-info.ts';
import {
  CEPH_OSD_WATCH_OP_LEGACY_WATCH,
  CEPH_OSD_WATCH_OP_PING,
  CEPH_OSD_WATCH_OP_RECONNECT,
  CEPH_OSD_WATCH_OP_UNWATCH,
  CEPH_OSD_WATCH_OP_WATCH,
} from '../../types/rados.ts';
import { objListWatchResponse } from '../../types/replies.ts';
import { EINVAL, ENOENT, ENOTCONN, ETIMEDOUT } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { watchKey } from '../watch.ts';

const NOTHING = Buffer.alloc(0);

function compareWatcher(a: Watcher, b: Watcher): number {
  if (a.cookie !== b.cookie) return a.cookie < b.cookie ? -1 : 1;
  return a.name.type - b.name.type || a.name.num - b.name.num;
}

/** WATCH: watch, reconnect, ping and unwatch. */
export function doWatch(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  if (!ctx.exists) return ENOENT;
  const { cookie, op: what, timeout } = op.watch;
  const { name } = ctx.reqid;
  const mine = (w: Watcher) => w.cookie === cookie && w.name.num === name.num && w.name.type === name.type;
  const known = ctx.oi.watchers.find(mine);
  const timeoutSeconds = timeout !== 0 ? timeout : pg.limits.watchTimeoutSeconds;
  switch (what) {
    case CEPH_OSD_WATCH_OP_WATCH:
    case CEPH_OSD_WATCH_OP_LEGACY_WATCH: {
      if (known === undefined) {
        const addr = ctx.request?.con.peerAddrs[0] ?? ADDR_BLANK;
        const added: Watcher = { cookie, name, info: { cookie, timeoutSeconds, addr } };
        const oi = ctx.change();
        oi.watchers = [...oi.watchers, added].sort(compareWatcher);
        ctx.modify = true;
      }
      ctx.watchConnects ??= [];
      ctx.watchConnects.push({ cookie, timeoutSeconds, willPing: what === CEPH_OSD_WATCH_OP_WATCH });
      return 0;
    }
    case CEPH_OSD_WATCH_OP_RECONNECT:
      if (known === undefined) return ENOTCONN;
      ctx.watchConnects ??= [];
      ctx.watchConnects.push({ cookie, timeoutSeconds, willPing: true });
      return 0;
    case CEPH_OSD_WATCH_OP_PING: {
      if (known === undefined) return ENOTCONN;
      const watch = ctx.obc.watchers?.get(watchKey(cookie, name));
      if (watch === undefined || !watch.isConnected) return ETIMEDOUT;
      watch.gotPing();
      return 0;
    }
    case CEPH_OSD_WATCH_OP_UNWATCH: {
      if (known === undefined) return 0;
      const oi = ctx.change();
      oi.watchers = oi.watchers.filter(w => !mine(w));
      ctx.modify = true;
      ctx.watchDisconnects ??= [];
      ctx.watchDisconnects.push({ key: watchKey(cookie, name), tell: false });
      return 0;
    }
    default:
      return EINVAL;
  }
}

/** NOTIFY: u32 unused, u32 timeout in seconds, blob payload -> u64 id of the notify. */
export function doNotify(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  let timeoutSeconds = 0;
  let payload: Uint8Array = NOTHING;
  try {
    const d = new Decoder(op.indata ?? NOTHING, 'notify');
    d.u32();
    timeoutSeconds = d.u32();
    payload = d.blob();
  } catch {
    timeoutSeconds = 0;
  }
  if (timeoutSeconds === 0) timeoutSeconds = pg.limits.notifyTimeoutSeconds;
  const notifyId = pg.host.nextNotifyId();
  ctx.notifies ??= [];
  ctx.notifies.push({ cookie: op.notify.cookie, notifyId, timeoutSeconds, payload });
  const e = new Encoder(8);
  e.u64b(notifyId);
  op.outdata = e.result();
  return 0;
}

/** NOTIFY_ACK: u64 notify id, u64 cookie of the watch, [blob reply]. */
export function doNotifyAck(ctx: OpContext, op: OSDOp): number {
  ctx.notifyAcks ??= [];
  try {
    const d = new Decoder(op.indata ?? NOTHING, 'notify_ack');
    const notifyId = d.u64b();
    const cookie = d.u64b();
    const reply = d.remaining > 0 ? d.blob() : NOTHING;
    ctx.notifyAcks.push({ notifyId, cookie, reply });
  } catch {
    ctx.notifyAcks.push({ notifyId: undefined, cookie: op.notify.cookie, reply: NOTHING });
  }
  return 0;
}

export function doListWatchers(ctx: OpContext, op: OSDOp): number {
  ctx.reads++;
  const entries = ctx.oi.watchers.map(({ name, cookie, info }) => ({
    name,
    cookie,
    timeoutSeconds: info.timeoutSeconds,
    addr: info.addr,
  }));
  const e = new Encoder();
  objListWatchResponse.encode(e, { entries }, ctx.request?.con.features);
  op.outdata = e.result();
  return 0;
}
