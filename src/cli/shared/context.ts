import { createContext, type OwnedContext } from '../../base/context.ts';
import { nodeEnv } from '../../env/node.ts';
import { err } from './tty.ts';

export interface OpenOptions {
  /** Configuration arguments, from `cephArgsOf(command).config`. */
  readonly args?: readonly string[];
  /** Who we are unless arguments say otherwise; 'client.admin'. */
  readonly name?: string;
  readonly kind?: 'utility' | 'daemon';
}

/** The recent log entries of every open context go to its log when the process dies of an error. */
const open = new Set<OwnedContext>();
let hooked = false;

function dumpOnCrash(): void {
  if (hooked) return;
  hooked = true;
  const crash = (what: string) => (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${what}: ${text}\n`);
    for (const ctx of open) {
      ctx.log.error(0, `*** ${what} *** ${text}`);
      if (ctx.config.get('fatal_signal_handlers')) ctx.log.dump();
    }
    process.exit(1);
  };
  process.on('uncaughtException', crash('uncaught exception'));
  process.on('unhandledRejection', crash('unhandled rejection'));
}

/**
 * The context of a command: configuration as Ceph's programs read it, warnings on standard error, an admin socket
 * when the configuration names one, and recent log entries dumped if the process crashes. Close it at the end.
 */
export async function openContext(options: OpenOptions = {}): Promise<OwnedContext> {
  const ctx = createContext({
    env: nodeEnv,
    kind: options.kind ?? 'utility',
    name: options.name,
    args: options.args,
  });
  for (const warning of ctx.warnings) process.stderr.write(`${err.yellow('warning:')} ${warning}\n`);
  dumpOnCrash();
  open.add(ctx);
  await ctx.openAdminSocket();
  const { close } = ctx;
  const closeAll = () => {
    open.delete(ctx);
    return close();
  };
  return { ...ctx, close: closeAll, [Symbol.asyncDispose]: closeAll };
}
