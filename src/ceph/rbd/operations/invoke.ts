import { NacreError } from '../../../base/errors.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import type { ImageWatcherApi } from '../watch/types.ts';

export { refreshIfNeeded };

// How maintenance operations get to whoever may run them (librbd's Operations, C_InvokeAsyncRequest):
//
//   refresh -> no exclusive lock, or ours to have -> here
//           -> somebody else's                    -> the owner, through the header's watchers
//
// An owner that does not answer (ETIMEDOUT), or that lost the lock meanwhile (ERESTART), begins it anew; one that does not
// know the operation (EOPNOTSUPP) is asked for the lock.

export function codeOf(error: unknown): string | undefined {
  return error instanceof NacreError ? error.code : undefined;
}

export function rbdError(code: string, op: string, message: string): NacreError {
  return new NacreError(code, `rbd.${op}`, message);
}

/** A local operation under way. */
interface Running {
  readonly aborter: AbortController;
  readonly ended: Promise<void>;
}

const running = new WeakMap<ImageCtx, Set<Running>>();
const queues = new WeakMap<ImageCtx, Promise<void>>();

/**
 * Stops what operations run here (ERESTART: `invoke` begins them anew once it is known who has the lock) and waits until
 * they did. Whoever gives up the exclusive lock calls it first.
 */
export async function cancelOperations(ctx: ImageCtx): Promise<void> {
  const set = running.get(ctx);
  if (set === undefined) return;
  const reason = rbdError('ERESTART', 'operation', `'${ctx.identity.name}' gives up its exclusive lock`);
  const ends: Promise<void>[] = [];
  for (const { aborter, ended } of set) {
    aborter.abort(reason);
    ends.push(ended);
  }
  await Promise.all(ends);
}

/** Waits until those that were queued before are through. */
function inTurn(ctx: ImageCtx): { turn: Promise<void>; leave: () => void } {
  const turn = queues.get(ctx) ?? Promise.resolve();
  let leave!: () => void;
  const mine = new Promise<void>(resolve => {
    leave = resolve;
  });
  queues.set(
    ctx,
    turn.then(() => mine),
  );
  return { turn, leave };
}

export interface LocalOptions {
  /** Runs beside others: work on objects, which takes long. Those that change the header do so one after another. */
  readonly beside?: boolean;
  /** Changes nothing that other openers must hear of. */
  readonly silent?: boolean;
  /** The caller's own: aborts the work with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs an operation here, as whoever may (the owner of the lock, or anybody without one): with a signal that aborts when the
 * lock must go. Afterwards our own state is refreshed and everyone else is told.
 */
export async function runLocal(
  ctx: ImageCtx,
  work: (signal: AbortSignal) => Promise<void>,
  options: LocalOptions = {},
): Promise<void> {
  if (ctx.readOnly) throw rbdError('EROFS', 'operation', `'${ctx.identity.name}' is open read-only`);
  const aborter = new AbortController();
  let end!: () => void;
  const entry: Running = {
    aborter,
    ended: new Promise(resolve => {
      end = resolve;
    }),
  };
  let set = running.get(ctx);
  if (set === undefined) running.set(ctx, (set = new Set()));
  set.add(entry);
  const { signal } = options;
  const abort = () => aborter.abort(signal?.reason);
  if (signal?.aborted === true) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  const queue = options.beside === true ? undefined : inTurn(ctx);
  try {
    try {
      if (queue !== undefined) await queue.turn;
      aborter.signal.throwIfAborted();
      await work(aborter.signal);
    } finally {
      queue?.leave();
    }
    // The lock's next owner is to hear of it before he has it.
    if (options.silent !== true) await announce(ctx);
  } finally {
    signal?.removeEventListener('abort', abort);
    set.delete(entry);
    end();
  }
}

/** Refreshes, and tells those who watch the header. Peers that are too slow to answer are no failure. */
export async function announce(ctx: ImageCtx): Promise<void> {
  if (ctx.closed) return;
  await refreshImage(ctx);
  try {
    await ctx.watcher?.notifyHeaderUpdate();
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ETIMEDOUT' && code !== 'ENOENT') throw error;
  }
}

export interface Invocation extends LocalOptions {
  readonly name: string;
  /** May be asked of a handle that looks at a snapshot. */
  readonly permitSnapshot?: boolean;
  readonly local: (signal: AbortSignal) => Promise<void>;
  /** How the owner is asked; undefined when owners cannot be. */
  readonly remote?: ((watcher: ImageWatcherApi) => Promise<void>) | undefined;
  /** These codes are success: another attempt of ours, or somebody else, did it already. */
  readonly ignore?: readonly string[];
}

/** Runs an operation wherever it may run. EROFS when the handle may not change anything, or the lock cannot be had. */
export async function invoke(ctx: ImageCtx, op: Invocation): Promise<void> {
  let wantLock = op.remote === undefined;
  for (;;) {
    op.signal?.throwIfAborted();
    await refreshIfNeeded(ctx);
    if (ctx.readOnly || (ctx.snapId !== SNAP_HEAD && op.permitSnapshot !== true))
      throw rbdError('EROFS', op.name, `'${ctx.identity.name}' is open read-only or at a snapshot`);
    const here = await lockIsOurs(ctx, wantLock, op.name, op.signal);
    wantLock = op.remote === undefined;
    try {
      if (here) {
        await runLocal(ctx, op.local, op);
        return;
      }
      await unlessAborted(op.remote!(ctx.watcher!), op.signal);
      // The owner's announcement may come after its answer.
      ctx.refreshNeeded = true;
      await refreshIfNeeded(ctx);
      return;
    } catch (error) {
      const code = codeOf(error);
      if (code !== undefined && op.ignore?.includes(code) === true) return;
      if (code === 'ERESTART' && !ctx.closed) continue;
      if (here) throw error;
      if (code === 'EOPNOTSUPP' || code === 'ENOTSUP') wantLock = true;
      else if (code !== 'ETIMEDOUT') {
        ctx.refreshNeeded = true;
        throw error;
      }
    }
  }
}

/** What the owner was asked for is his to end; only our waiting for it can be aborted. */
function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

async function lockIsOurs(
  ctx: ImageCtx,
  wantLock: boolean,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const lock = ctx.exclusiveLock;
  if (lock === undefined) return true;
  if (ctx.watcher === undefined) throw rbdError('EROFS', name, `'${ctx.identity.name}' is not watched`);
  try {
    if (!wantLock) return await lock.tryAcquire();
    await lock.acquire({ signal });
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EBLOCKLISTED' || code === 'ESHUTDOWN' || code === undefined) throw error;
    throw new NacreError(
      'EROFS',
      `rbd.${name}`,
      `the exclusive lock of '${ctx.identity.name}' cannot be had`,
      {
        cause: error,
      },
    );
  }
}

/** Takes the lock, and runs here. For what owners are not asked for. */
export function invokeHere(
  ctx: ImageCtx,
  name: string,
  local: (signal: AbortSignal) => Promise<void>,
  options: LocalOptions = {},
): Promise<void> {
  return invoke(ctx, { ...options, name, local });
}
