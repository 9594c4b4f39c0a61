import type { RpcCall, RpcConnection } from '../../../rpc/connection.ts';
import type { FopWire } from '../../../rpc/fop-wire.ts';
import { SELF } from '../../../rpc/message.ts';
import { FOP_PROGRAM, OP } from '../../../rpc/programs.ts';
import { commonReply, lkReply, openReply } from '../../../rpc/replies.ts';
import { gfidRequest } from '../../../rpc/requests-attr.ts';
import { openRequest, releaseRequest } from '../../../rpc/requests-file.ts';
import { GF_LK_SETLK, lkRequest } from '../../../rpc/requests-lock.ts';
import type { FdContext, HeldLock } from './fd-context.ts';
import { FopCall } from './fop-call.ts';

/** What has happened already and must not happen again: O_CREAT, O_EXCL, O_TRUNC. */
const ONCE = 0o100 | 0o200 | 0o1000;

/** Opens a file or directory again after a reconnect; resolves with the brick's number. Rejects with a FopError. */
export async function reopen(
  connection: RpcConnection,
  wire: FopWire,
  origin: string,
  context: FdContext,
): Promise<number> {
  const procedure = context.isDirectory ? OP.OPENDIR : OP.OPEN;
  const e = connection.begin(FOP_PROGRAM, wire.version, procedure, SELF);
  if (context.isDirectory) gfidRequest(wire, e, context.gfid, undefined);
  else openRequest(wire, e, context.gfid, context.flags & ~ONCE, undefined);
  const call = new FopCall<{ fd: number }, { fd: number }>(wire, origin, undefined, openReply, undefined);
  connection.submit(call);
  return (await call.promise).fd;
}

/**
 * Asks for the locks that were held on an fd: the brick dropped them with the connection. Resolves with those that were granted again;
 * `lost` hears of each that somebody else has taken.
 */
export async function reacquire(
  connection: RpcConnection,
  wire: FopWire,
  origin: string,
  context: FdContext,
  lost: (held: HeldLock, thrown: unknown) => void,
): Promise<HeldLock[]> {
  const granted: HeldLock[] = [];
  for (const held of context.locks) {
    const who = { ...SELF, pid: held.pid, lkOwner: held.flock.owner };
    const e = connection.begin(FOP_PROGRAM, wire.version, OP.LK, who);
    lkRequest(wire, e, context.gfid, context.remoteFd, GF_LK_SETLK, held.flock, undefined);
    const call = new FopCall(wire, origin, undefined, lkReply, undefined);
    connection.submit(call);
    try {
      await call.promise;
      granted.push(held);
    } catch (thrown) {
      lost(held, thrown);
    }
  }
  return granted;
}

/** Begins the call that tells the brick that an fd is not used any more. It must be submitted at once; nobody waits for the answer. */
export function releaseCall(connection: RpcConnection, wire: FopWire, context: FdContext): RpcCall {
  const procedure = context.isDirectory ? OP.RELEASEDIR : OP.RELEASE;
  const e = connection.begin(FOP_PROGRAM, wire.version, procedure, SELF);
  releaseRequest(wire, e, context.gfid, context.remoteFd);
  const call = new FopCall(wire, '', undefined, commonReply, undefined);
  call.promise.catch(() => {});
  return call;
}
