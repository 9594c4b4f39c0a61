import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { PRIO_HIGH } from '../messages/message.ts';
import {
  type MPoolOp,
  MPoolOpReply,
  POOL_OP_CREATE,
  POOL_OP_CREATE_SNAP,
  POOL_OP_CREATE_UNMANAGED_SNAP,
  POOL_OP_DELETE,
  POOL_OP_DELETE_SNAP,
  POOL_OP_DELETE_UNMANAGED_SNAP,
} from '../messages/mpool-op.ts';
import type { MonCore } from './core.ts';
import { MON_CAP_W } from './mon-caps.ts';
import {
  addPoolSnap,
  addSelfManagedSnap,
  checkRemovePool,
  createPool,
  currentPool,
  poolId,
  poolName,
  removePoolSnap,
  removeSelfManagedSnap,
} from './pools.ts';
import type { MonSession } from './session.ts';

const EPERM = -1;

/** What librados asks of pools with MPoolOp: make and remove them and their snapshots. */
export function handlePoolOp(core: MonCore, session: MonSession, m: MPoolOp): void {
  const { osds } = core;
  const reply = (result: number, response?: Buffer) => {
    const ack = new MPoolOpReply(m.fsid, result, osds.epoch, response);
    ack.tid = m.tid;
    ack.paxosVersion = osds.epoch;
    ack.priority = PRIO_HIGH;
    if (!session.closed) session.con.send(ack);
  };
  if (m.fsid !== osds.map.fsid) return;
  const snapOp = m.op === POOL_OP_CREATE_UNMANAGED_SNAP || m.op === POOL_OP_DELETE_UNMANAGED_SNAP;
  // Whoever may write to objects may take self-managed snapshots: rbd clients have no more than 'profile rbd'.
  const allowed =
    session.isCapable('osd', MON_CAP_W) || (snapOp && session.caps.text.includes('profile rbd'));
  if (!allowed) {
    reply(EPERM);
    return;
  }
  try {
    const response = apply(core, m);
    osds.propose(() => reply(0, response));
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    // What exists already, or is gone already, is answered with the map that shows it.
    osds.propose(() => reply(error.errno));
  }
}

function apply(core: MonCore, m: MPoolOp): Buffer | undefined {
  const { osds, ctx } = core;
  if (m.op === POOL_OP_CREATE) {
    if (poolId(osds, m.name) !== undefined)
      throw new NacreError('EEXIST', 'pool_create', `pool '${m.name}' already exists`);
    createPool(osds, ctx.config, { name: m.name, ruleId: m.crushRule });
    return undefined;
  }
  const pool = currentPool(osds, m.pool);
  if (pool === undefined) throw new NacreError('ENOENT', 'pool_op', `no pool ${m.pool}`);
  switch (m.op) {
    case POOL_OP_DELETE:
      checkRemovePool(ctx.config, pool, poolName(osds.map, m.pool));
      osds.pending.deletePool(m.pool);
      return undefined;
    case POOL_OP_CREATE_SNAP:
      if (pool.snapByName(m.name) !== undefined)
        throw new NacreError('EEXIST', 'mksnap', `snapshot '${m.name}' already exists`);
      addPoolSnap(osds, m.pool, m.name);
      return undefined;
    case POOL_OP_DELETE_SNAP:
      if (pool.snapByName(m.name) === undefined)
        throw new NacreError('ENOENT', 'rmsnap', `no snapshot '${m.name}'`);
      removePoolSnap(osds, m.pool, m.name);
      return undefined;
    case POOL_OP_CREATE_UNMANAGED_SNAP: {
      const snap = addSelfManagedSnap(osds, m.pool);
      return encodeToBuffer(e => e.u64b(snap));
    }
    case POOL_OP_DELETE_UNMANAGED_SNAP:
      removeSelfManagedSnap(osds, m.pool, m.snapid);
      return undefined;
    default:
      throw new NacreError('ENOTSUP', 'pool_op', `operation ${m.op} is not known`);
  }
}
