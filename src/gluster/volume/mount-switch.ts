import { ERRNO } from '../../base/errno.ts';
import type { Env } from '../../env/env.ts';
import type { FuseSession } from '../../fuse/index.ts';
import { CallRoot, Frame } from '../graph/frame.ts';
import type { Graph } from '../graph/graph.ts';
import type { Bridge } from '../xlators/mount/fuse/index.ts';
import { carryFd } from './carry.ts';

/** For how long requests that were read may take before the switch goes on without their answers, milliseconds. */
const PATIENCE = 5000;
const LOOK_EVERY = 5;

/**
 * Goes on with another graph, unnoticed by those who use the mount: requests stay with the kernel until those that were read are
 * answered and all that is open is open there too. What waits for a lock waits on, and asks the new graph again.
 */
export async function carryMount(
  env: Env,
  bridge: Bridge,
  session: FuseSession,
  from: Graph,
  to: Graph,
): Promise<void> {
  session.pause();
  try {
    const until = env.clock.mono() + PATIENCE;
    while (session.unanswered > 0 && env.clock.mono() < until)
      await new Promise<void>(resolve => env.timers.set(resolve, LOOK_EVERY));
    await Promise.all(
      [...bridge.handles].map(async handle => {
        const { fd } = handle;
        const root = new CallRoot('open', 0, env.clock.mono());
        root.pid = fd.pid;
        root.lkOwner = fd.lkOwner;
        try {
          bridge.handles.replace(handle, await carryFd(new Frame(root), from, fd, to, handle.locks));
        } catch {
          handle.broken = ERRNO['EBADF'];
        }
        fd.release();
      }),
    );
    bridge.graph = to;
    bridge.nodes.use(to.inodes);
  } finally {
    session.resume();
  }
}
