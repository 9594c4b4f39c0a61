import type { MGetPoolStatsReply } from '../messages/mget-pool-stats.ts';
import type { MStatfsReply } from '../messages/mstatfs.ts';
import type { PoolStat } from '../types/stats.ts';

/** Space in the cluster. Without a manager the monitors know nothing of it, and all is zero. */
export interface ClusterStats {
  readonly kb: number;
  readonly kbUsed: number;
  readonly kbAvail: number;
  readonly numObjects: number;
}

export function clusterStats({ kb, kbUsed, kbAvail, numObjects }: MStatfsReply): ClusterStats {
  return { kb, kbUsed, kbAvail, numObjects };
}

/** Usage of a pool (rados_pool_stat_t). Counts unless the name says bytes or kb. */
export interface PoolStats {
  /** Space taken on the OSDs, all replicas. */
  readonly numBytes: number;
  readonly numKb: number;
  /** What users stored. */
  readonly numUserBytes: number;
  readonly numObjects: number;
  readonly numObjectClones: number;
  /** Objects times replicas. */
  readonly numObjectCopies: number;
  readonly numObjectsMissingOnPrimary: number;
  readonly numObjectsUnfound: number;
  readonly numObjectsDegraded: number;
  readonly numRd: number;
  readonly numRdKb: number;
  readonly numWr: number;
  readonly numWrKb: number;
  readonly compressedBytesOrig: number;
  readonly compressedBytes: number;
  readonly compressedBytesAlloc: number;
}

/** As RadosClient::get_pool_stats has it. */
function poolStats(stat: PoolStat, perPool: boolean): PoolStats {
  const { sum } = stat.stats;
  const { storeStats: store } = stat;
  const data = perPool ? store.allocated : sum.numBytes + sum.numBytesHitSetArchive;
  const numBytes = data + (perPool ? store.omapAllocated : sum.numOmapBytes);
  return {
    numBytes,
    numKb: Math.ceil(numBytes / 1024),
    numUserBytes: sum.numBytes + sum.numBytesHitSetArchive,
    numObjects: sum.numObjects,
    numObjectClones: sum.numObjectClones,
    numObjectCopies: sum.numObjectCopies,
    numObjectsMissingOnPrimary: sum.numObjectsMissingOnPrimary,
    numObjectsUnfound: sum.numObjectsUnfound,
    numObjectsDegraded: sum.numObjectsDegraded,
    numRd: sum.numRd,
    numRdKb: sum.numRdKb,
    numWr: sum.numWr,
    numWrKb: sum.numWrKb,
    compressedBytesOrig: store.dataCompressedOriginal,
    compressedBytes: store.dataCompressed,
    compressedBytesAlloc: store.dataCompressedAllocated,
  };
}

export function allPoolStats(reply: MGetPoolStatsReply): Map<string, PoolStats> {
  const stats = new Map<string, PoolStats>();
  for (const [name, stat] of reply.poolStats) stats.set(name, poolStats(stat, reply.perPool));
  return stats;
}
