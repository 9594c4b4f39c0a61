import type { Encoder } from '../../base/encoder.ts';
import { list, map, str } from '../types/codec.ts';
import type { Features } from '../types/features.ts';
import { type PoolStat, poolStat } from '../types/stats.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { registerMessage } from './message.ts';
import { MSG_GETPOOLSTATS, MSG_GETPOOLSTATSREPLY } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

const poolStats = map(str, poolStat);
const names = list(str);

/** MGetPoolStats (messages/MGetPoolStats.h): paxos head, uuid fsid, list of str: names of the pools. */
export class MGetPoolStats extends PaxosServiceMessage {
  readonly type = MSG_GETPOOLSTATS;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  pools: readonly string[];

  constructor(fsid: Uuid, pools: readonly string[]) {
    super();
    this.fsid = fsid;
    this.pools = pools;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    names.encode(e, this.pools);
  }

  override describe(): string {
    return `getpoolstats(${this.tid} [${this.pools.join(',')}] v${this.paxosVersion})`;
  }
}

/**
 * MGetPoolStatsReply (messages/MGetPoolStatsReply.h), version 2: paxos head, uuid fsid, map str -> pool_stat_t, u8
 * whether the OSDs report their use by pool (since 2).
 */
export class MGetPoolStatsReply extends PaxosServiceMessage {
  readonly type = MSG_GETPOOLSTATSREPLY;
  version = 2;
  compatVersion = 1;
  fsid: Uuid;
  poolStats: ReadonlyMap<string, PoolStat>;
  perPool = false;

  constructor(fsid: Uuid, poolStats: ReadonlyMap<string, PoolStat>) {
    super();
    this.fsid = fsid;
    this.poolStats = poolStats;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    poolStats.encode(e, this.poolStats, features);
    e.bool(this.perPool);
  }

  override describe(): string {
    return `getpoolstatsreply(${this.tid}${this.perPool ? ' per_pool' : ''} v${this.paxosVersion})`;
  }
}

registerMessage(MSG_GETPOOLSTATS, d => {
  const m = new MGetPoolStats(UUID_ZERO, []);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.pools = names.decode(d);
  return m;
});
registerMessage(MSG_GETPOOLSTATSREPLY, (d, header) => {
  const m = new MGetPoolStatsReply(UUID_ZERO, new Map());
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.poolStats = poolStats.decode(d);
  if (header.version >= 2) m.perPool = d.bool();
  return m;
});
