import { createWriteStream } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { setTraceClock } from '../base/trace.ts';
import { TraceForest, type TraceNode } from '../base/trace-tree.ts';
import { runCommand } from './commands.ts';
import { CliError, failed } from './shared/errors.ts';
import { OtlpExporter } from './shared/otlp.ts';
import { treeJson, treeText } from './shared/trace-text.ts';
import { colorsFor } from './shared/tty.ts';

interface TraceOptions {
  readonly json?: boolean;
  readonly otlp?: string;
  readonly minMs?: number;
  readonly layer?: string;
  readonly depth?: number;
  readonly output?: string;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('a number of at least 0 is wanted');
  return value;
}

interface Output {
  readonly stream: NodeJS.WritableStream & { isTTY?: boolean };
  close(): Promise<void>;
}

function openOutput(options: TraceOptions): Output {
  const nothing = async () => {};
  if (options.output === undefined || options.output === '-')
    return {
      // What the command prints is on standard output, so the trees stay off it.
      stream: options.json === true || options.output === '-' ? process.stdout : process.stderr,
      close: nothing,
    };
  const stream = createWriteStream(options.output);
  return {
    stream,
    close: () =>
      new Promise((resolve, reject) => {
        stream.on('error', reject);
        stream.end(() => resolve());
      }),
  };
}

/** `nacre trace CMD ...`; `run` runs the command that is traced. */
export function traceCommand(run = runCommand): Command {
  return new Command('trace')
    .description('run a command and show the layers that each operation went through, with the time in each')
    .argument('<command...>', 'any other command of nacre with its arguments')
    .option('--json', 'one JSON object a line for each operation, on standard output')
    .option(
      '--otlp <url>',
      'send the spans to an OpenTelemetry collector (OTLP/HTTP), http://localhost:4318 for one',
    )
    .option('--min-ms <n>', 'leave out operations that took less', number)
    .option('--layer <text>', 'leave out operations whose first layer does not contain this')
    .option('--depth <n>', 'levels below the first that are drawn', number)
    .option('-o, --output <file>', "write to a file; '-' is standard output")
    .passThroughOptions()
    .action((words: string[], options: TraceOptions) => traceRun(words, options, run));
}

async function traceRun(
  [name, ...args]: string[],
  options: TraceOptions,
  run: typeof runCommand,
): Promise<void> {
  if (name === 'trace') throw new CliError('a trace of a trace shows nothing more', 2);
  setTraceClock(() => performance.now());
  const output = openOutput(options);
  const exporter = options.otlp === undefined ? undefined : new OtlpExporter(options.otlp);
  const colors = colorsFor(output.stream);
  const show = (root: TraceNode) => {
    if (options.layer !== undefined && !root.span.layer.includes(options.layer)) return;
    if (options.minMs !== undefined && !root.open && root.duration < options.minMs) return;
    exporter?.add(root);
    if (options.json === true) output.stream.write(`${JSON.stringify(treeJson(root))}\n`);
    else if (exporter === undefined || options.output !== undefined)
      output.stream.write(`${treeText(root, { colors, depth: options.depth })}\n`);
  };
  const forest = new TraceForest({ finished: show });
  try {
    await run(name, args);
  } catch (error) {
    process.exitCode = failed(name, error);
  } finally {
    forest[Symbol.dispose]();
    await exporter?.flush();
    await output.close();
  }
  if (exporter !== undefined && exporter.lost > 0)
    throw new CliError(`${exporter.lost} spans did not reach ${exporter.url}: ${exporter.lastError}`);
}
