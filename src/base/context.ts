import type { Env } from '../env/env.ts';
import { AdminSocket } from './admin-socket.ts';
import { registerStandardCommands } from './admin-socket-commands.ts';
import { AdminRegistry } from './admin-socket-registry.ts';
import type { Config } from './config/config.ts';
import { type Loaded, type LoadOptions, loadConfig } from './config/load.ts';
import { Log, SUBSYS_ASOK } from './log.ts';
import { PerfCollection } from './perf-counters.ts';
import { setTraceClock } from './trace.ts';

/** What every layer of a program shares (Ceph's CephContext). */
export interface Context {
  readonly env: Env;
  readonly config: Config;
  readonly log: Log;
  readonly perf: PerfCollection;
  /** Commands of the admin socket; layers add theirs whether or not there is a socket. */
  readonly admin: AdminRegistry;
}

/** A context of one's own, to be closed. */
export interface OwnedContext extends Context, AsyncDisposable {
  /** Arguments that were no configuration, in order. */
  readonly rest: readonly string[];
  /** What was odd about the configuration, for the user to read. */
  readonly warnings: readonly string[];
  readonly early: Loaded['early'];
  /**
   * Starts the admin socket if the option admin_socket names one, until the context is closed. A socket that cannot be
   * had is no reason to fail: it is logged.
   */
  openAdminSocket(): Promise<AdminSocket | undefined>;
  /** Closes the admin socket and writes out the log. Idempotent. */
  close(): Promise<void>;
}

export interface ContextOptions extends LoadOptions {
  readonly env: Env;
}

/**
 * Reads the configuration (see `loadConfig` for what may throw) and sets up log and counters by it.
 */
export function createContext(options: ContextOptions): OwnedContext {
  const { env } = options;
  const { config, rest, warnings, early } = loadConfig(env, options);
  setTraceClock(() => env.clock.mono());
  const log = new Log(env, config);
  let socket: Promise<AdminSocket | undefined> | undefined;
  let closed: Promise<void> | undefined;
  const close = () =>
    (closed ??= (async () => {
      await (await socket)?.close();
      await log.close();
    })());
  const context: OwnedContext = {
    env,
    config,
    log,
    perf: new PerfCollection(),
    admin: new AdminRegistry(),
    rest,
    warnings,
    early,
    openAdminSocket: () => (socket ??= openSocket(context)),
    close,
    [Symbol.asyncDispose]: close,
  };
  registerStandardCommands(context, context.admin);
  return context;
}

async function openSocket(context: Context): Promise<AdminSocket | undefined> {
  const path = context.config.get('admin_socket');
  if (path === '') return undefined;
  try {
    return await AdminSocket.listen(context, path);
  } catch (error) {
    context.log.error(SUBSYS_ASOK, `asok: no admin socket at ${path}: ${(error as Error).message}`);
    return undefined;
  }
}
