/**
 * The monitor: maps, authentication, configuration, commands.
 */

export { CEPH_VERSION, type MonCore } from './core.ts';
export { MonCaps } from './mon-caps.ts';
export { Monitor, type MonitorOptions } from './monitor.ts';
export { MemMonStore, type MonStore, MonTransaction } from './store.ts';
