import type { Env } from '../../../../env/env.ts';
import type { FuseInitOptions, FuseOperations } from '../../../../fuse/types.ts';
import { attributeOperations } from './attributes.ts';
import { Bridge, type MountedGraph } from './bridge.ts';
import { directoryOperations } from './directories.ts';
import { entryOperations } from './entries.ts';
import { fileOperations } from './files.ts';
import { lockOperations } from './locks.ts';
import type { FuseMountOptions } from './options.ts';

export { Bridge, type MountedGraph } from './bridge.ts';
export { DEFAULT_MOUNT_OPTIONS, type FuseMountOptions } from './options.ts';

/** A graph as a file system for the kernel. */
export function fuseBridge(
  env: Env,
  graph: MountedGraph,
  options: FuseMountOptions,
): { bridge: Bridge; operations: FuseOperations } {
  const bridge = new Bridge(env, graph, options);
  const operations: FuseOperations = {
    ...entryOperations(bridge),
    ...fileOperations(bridge),
    ...attributeOperations(bridge),
    ...directoryOperations(bridge),
    ...lockOperations(bridge),
    forget: (nodeid, count) => bridge.nodes.forget(nodeid, count),
    destroy: () => bridge.nodes.clear(),
  };
  return { bridge, operations };
}

/** What to agree on with the kernel. */
export function initOptions(options: FuseMountOptions): FuseInitOptions {
  return {
    maxWrite: options.maxWrite,
    maxBackground: options.backgroundQueue,
    congestionThreshold: options.congestionThreshold,
    // As Gluster's mount: opening with O_TRUNC comes as open and setattr.
    atomicTrunc: false,
    posixLocks: true,
    flockLocks: true,
    readdirplus: options.readdirp,
    // Always: the brick has the attributes at hand, and a lookup for each name costs ten times as much.
    readdirplusAuto: false,
    writebackCache: options.writebackCache,
    autoInvalData: options.autoInvalidation,
    // The kernel leaves umask and ACLs to the layers below, which know of default ACLs.
    dontMask: true,
  };
}
