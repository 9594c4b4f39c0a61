import { Command } from 'commander';
import { type OutputFormat, parseFormat } from '../shared/format.ts';

/** Options for help, completion and parsing: flags as commander has them, and what they do. */
export const OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ['-p, --pool <name>', 'pool'],
  ['-N, --namespace <name>', 'namespace of the objects'],
  ['--all', 'ls, cleanup: objects of all namespaces'],
  ['--default', 'ls: objects of the default namespace, even with --all'],
  ['--pgid <pg>', 'ls: objects of one PG'],
  ['-s, --snap <name>', 'read as of this snapshot'],
  ['-S, --snapid <id>', 'the same by its id'],
  ['--object-locator <key>', 'hash this in place of object names'],
  ['-i, --input-file <file>', 'value of setxattr, setomapval and setomapheader'],
  ['-o, --output <file>', 'where ls and bench write'],
  ['--obj-name-file <file>', "name of the object, in place of the command's argument"],
  ['--omap-key-file <file>', "omap key, in place of the command's argument"],
  ['-f, --format <format>', 'plain, json or json-pretty'],
  ['--pretty-format', 'JSON with line ends'],
  ['--target-pool <name>', 'cp: pool of the copy'],
  ['--target-locator <key>', 'cp: locator of the copy'],
  ['--target-nspace <name>', 'cp: namespace of the copy'],
  ['-C, --create, --create-pool', 'make the pool first'],
  ['--force-full', 'rm: even when the cluster is full'],
  ['--offset <bytes>', 'put: where in the object to begin'],
  ['-b, --block-size <bytes>', 'bytes an operation of put, get and bench; 4 MiB'],
  ['--op-size <bytes>', 'the same'],
  ['-O, --object-size <bytes>', 'bench: bytes an object; those of an operation'],
  ['--max-objects <n>', 'bench: end after so many objects'],
  ['-t, --concurrent-ios <n>', 'operations in flight; 16'],
  ['--run-name <name>', 'bench, cleanup: object that describes the run; benchmark_last_metadata'],
  ['--prefix <text>', 'cleanup: names of the objects begin so'],
  ['--no-cleanup', 'bench: leave what was written'],
  ['--no-hints', 'bench: give OSDs no advice on sizes'],
  ['--no-verify', 'bench: do not look at what is read'],
  ['--reuse-bench', 'bench: write to the objects of the run before'],
  ['--show-time', 'bench: begin lines with the time'],
  ['--write-object', 'bench: write data'],
  ['--write-omap', 'bench: write to the omap'],
  ['--write-xattr', 'bench: write to xattrs'],
  ['--lock-tag <text>', 'tag of a shared lock'],
  ['--lock-cookie <text>', 'tells locks of one client apart'],
  ['--lock-description <text>', 'remark on the lock'],
  ['--lock-duration <seconds>', 'when the lock ends by itself'],
  ['--lock-type <type>', 'exclusive or shared'],
  ['--with-clones', 'cache commands: clones too'],
  ['--with-reference', 'set-redirect, set-chunk: count references'],
  ['--striper', 'objects striped by libradosstriper'],
];

/** What the options come to. */
export interface RadosOptions {
  readonly pool?: string;
  readonly namespace?: string;
  readonly all?: boolean;
  readonly default?: boolean;
  readonly pgid?: string;
  readonly snap?: string;
  readonly snapid?: string;
  readonly objectLocator?: string;
  readonly inputFile?: string;
  readonly output?: string;
  readonly objNameFile?: string;
  readonly omapKeyFile?: string;
  readonly format?: string;
  readonly prettyFormat?: boolean;
  readonly targetPool?: string;
  readonly targetLocator?: string;
  readonly targetNspace?: string;
  readonly create?: boolean;
  readonly createPool?: boolean;
  readonly forceFull?: boolean;
  readonly offset?: string;
  readonly blockSize?: string;
  readonly opSize?: string;
  readonly objectSize?: string;
  readonly maxObjects?: string;
  readonly concurrentIos?: string;
  readonly runName?: string;
  readonly prefix?: string;
  readonly cleanup: boolean;
  readonly hints: boolean;
  readonly verify: boolean;
  readonly reuseBench?: boolean;
  readonly showTime?: boolean;
  readonly writeObject?: boolean;
  readonly writeOmap?: boolean;
  readonly writeXattr?: boolean;
  readonly lockTag?: string;
  readonly lockCookie?: string;
  readonly lockDescription?: string;
  readonly lockDuration?: string;
  readonly lockType?: string;
  readonly withClones?: boolean;
  readonly withReference?: boolean;
  readonly striper?: boolean;
}

/** Adds the options to a command; '--create-pool' is a second long name, which commander has no notion of. */
export function addOptions(command: Command): Command {
  for (const [flags, description] of OPTIONS) {
    command.option(flags.replace(', --create-pool', ''), description);
    if (flags.includes(', --create-pool')) command.option('--create-pool', description);
  }
  return command;
}

/** Words and options of a command line. Options that nobody knows are words, as in the original. */
export function parseRadosArgs(args: readonly string[]): { options: RadosOptions; words: string[] } {
  const command = addOptions(new Command('rados'))
    .argument('[words...]')
    .helpOption(false)
    .helpCommand(false)
    .allowUnknownOption()
    .exitOverride()
    .configureOutput({ outputError: text => process.stderr.write(text.replace(/^error: /, 'rados: ')) });
  command.parse([...args], { from: 'user' });
  return { options: command.opts<RadosOptions>(), words: [...command.args] };
}

/** Exit code for options that make no sense: the original ends with -EINVAL. */
const BAD_OPTION = 256 - 22;

const SUFFIXES = ['B', 'K', 'M', 'G', 'T', 'P', 'E'];

/** '4096', '4K', '4Ki', '1M': strict_iecstrtoll. Throws with the exit code of a tool that got it wrong. */
export function parseBytes(option: string, text: string): number {
  const match = /^(\d+)([BKMGTPE])?(i|iB)?$/.exec(text);
  const value =
    match === null ? Number.NaN : Number(match[1]) * 1024 ** Math.max(0, SUFFIXES.indexOf(match[2] ?? 'B'));
  if (!Number.isSafeInteger(value))
    throw new ToolError(
      `Invalid value for ${option}: strict_iecstrtoll: invalid number '${text}'`,
      BAD_OPTION,
    );
  return value;
}

/** What a tool ends with: lines for standard error exactly as they are, and its exit code. */
export class ToolError extends Error {
  readonly exitCode: number;

  constructor(lines: string, exitCode = 1) {
    super(lines);
    this.name = 'ToolError';
    this.exitCode = exitCode;
  }
}

/** Format of the output: undefined for the command's own. */
export function formatOf(options: RadosOptions): OutputFormat | undefined {
  if (options.format === undefined) return undefined;
  try {
    return parseFormat(options.format);
  } catch {
    throw new ToolError(`unrecognized format: ${options.format}`, BAD_OPTION);
  }
}
