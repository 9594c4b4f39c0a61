import type { FuseMount } from '../../fuse/index.ts';
import type { Graph } from '../graph/graph.ts';
import type { Bridge } from '../xlators/mount/fuse/index.ts';
import { firstLookup } from './mount.ts';

export async function carryMount(bridge: Bridge, _fuse: FuseMount, _from: Graph, to: Graph): Promise<void> {
  await firstLookup(to);
  bridge.graph = to;
  bridge.nodes.use(to.inodes);
}
