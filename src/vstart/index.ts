/**
 * `nacre/vstart`: a cluster of our own, monitor and OSDs, in this process, in memory.
 *
 *     await using cluster = await startCluster({ osds: 3, pools: [{ name: 'data' }] });
 *     await using client = await cluster.connect();
 *     const pool = await client.openPool('data');
 *     await pool.writeFull('greeting', 'hello');
 *
 * The files that `cluster.conf` and `cluster.keyring` name make Ceph's own tools find it too.
 */
export { type AuthKind, Cluster, type ClusterOptions, type PoolSpec } from './cluster.ts';
export { startCluster } from './start.ts';
