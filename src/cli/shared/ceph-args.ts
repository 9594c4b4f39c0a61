import type { Command } from 'commander';
import { splitConfigArgs } from '../../base/config/argv.ts';

/** Arguments of a command that follows Ceph's conventions, told apart. */
export interface CephArgs {
  /** Configuration (-c, -n, --id, -k, -m, --cluster, --debug-ms 1 ...): give it to `openContext`. */
  readonly config: readonly string[];
  /** Everything else, in order: what commander parses. */
  readonly rest: readonly string[];
}

/** CEPH_ARGS may hold a tool's own options too ('--pool x'); they come before those of the command line. */
function fromEnvironment(): string[] {
  return (process.env['CEPH_ARGS'] ?? '').split(' ').filter(part => part !== '');
}

/**
 * Splits a command line as Ceph's programs do: configuration may stand anywhere before '--' and every option of the
 * table can be given as --option-name value or --option_name=value. `keep` names arguments that the tool has a
 * meaning of its own for, such as '-f'.
 */
export function splitCephArgs(args: readonly string[], keep: readonly string[] = []): CephArgs {
  const own = splitConfigArgs(args, keep);
  // The configuration in CEPH_ARGS is read along with the environment, so only its rest is of interest.
  return { config: own.config, rest: [...splitConfigArgs(fromEnvironment(), keep).rest, ...own.rest] };
}

const SPLIT = new WeakMap<Command, CephArgs>();

/**
 * Makes a top command take Ceph's configuration arguments anywhere; commander sees the rest, and actions of it and of
 * its subcommands find the configuration with `cephArgsOf`.
 */
export function withCephArgs<T extends Command>(command: T, keep: readonly string[] = []): T {
  const parse = command.parseAsync.bind(command);
  command.parseAsync = (argv, options) => {
    const from = options?.from ?? 'node';
    const all = argv ?? process.argv;
    const split = splitCephArgs(from === 'user' ? all : all.slice(2), keep);
    SPLIT.set(command, split);
    return parse([...split.rest], { from: 'user' });
  };
  return command;
}

/** What was split off for this command or one above it. */
export function cephArgsOf(command: Command): CephArgs {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const found = SPLIT.get(at);
    if (found !== undefined) return found;
  }
  return { config: [], rest: [] };
}
