import { NacreError } from '../../base/errors.ts';
import { formatGeneral } from '../../base/printf.ts';
import { formatBytes } from '../../base/units.ts';
import { strerror } from '../shared/errors.ts';
import { type BenchRequest, BenchRun } from './bench-run.ts';
import { errnoOf, reason, ToolError, usageError } from './errors.ts';
import { print, type Session } from './session.ts';

const PATTERNS = { rand: 'random', seq: 'sequential', 'full-seq': 'full sequential' };

/** Seconds that a row's averages go back. */
const WINDOW = 5;

function requestOf({ args }: Session): BenchRequest {
  const size = args.number('io-size') ?? 4096;
  const depth = args.number('io-threads') ?? 16;
  const readMix = args.number('rw-mix-read') ?? 50;
  const type = args.text('io-type') as BenchRequest['type'] | undefined;
  if (type === undefined) throw usageError('--io-type must be specified.');
  if (size === 0) throw usageError('--io-size should be greater than zero.');
  if (depth === 0) throw usageError('--io-threads should be greater than zero.');
  if (readMix > 100) throw usageError('--rw-mix-read should not be larger than 100.');
  const pattern = (args.text('io-pattern') ?? 'seq') as BenchRequest['pattern'];
  return { type, size, depth, total: args.number('io-total') ?? 2 ** 30, pattern, readMix };
}

const perSecond = (bytes: number): string => `${formatBytes(Math.floor(bytes))}/s`;

/** Rows of a run: operations so far, and the averages of the last seconds. */
class Rows {
  private readonly size: number;
  private readonly last: { seconds: number; operations: number }[] = [{ seconds: 0, operations: 0 }];

  constructor(size: number) {
    this.size = size;
  }

  readonly add = (seconds: number, operations: number): void => {
    this.last.push({ seconds, operations });
    if (this.last.length > WINDOW + 1) this.last.shift();
    const from = this.last[0];
    const rate = (operations - from.operations) / (seconds - from.seconds);
    print(
      `${String(Math.floor(seconds)).padStart(5)}${String(operations).padStart(10)}` +
        `${formatGeneral(rate, 6).padStart(10)}${formatBytes(Math.floor(rate * this.size)).padStart(10)}/s\n`,
    );
  };
}

export async function bench(session: Session): Promise<void> {
  const snap = session.args.text('io-type') === 'read' ? 'permitted' : 'none';
  const spec = session.specs.image({ snap });
  const request = requestOf(session);
  const { type, size, depth, total, pattern, readMix } = request;
  const image = await session.image(spec);
  if (size > image.size)
    throw new ToolError(
      `rbd: io-size ${formatBytes(size)} larger than image size ${formatBytes(image.size)}\n` +
        `bench failed: ${strerror(22)}`,
      22,
    );
  const mix = type === 'readwrite' ? ` read:write=${readMix}:${100 - readMix}` : '';
  print(
    `bench  type ${type}${mix} io_size ${size} io_threads ${depth} bytes ${total} pattern ${PATTERNS[pattern]}\n` +
      '  SEC       OPS   OPS/SEC   BYTES/SEC\n',
  );
  const run = new BenchRun(image, request, new Rows(size).add);
  session.signal.addEventListener('abort', () => run.stop(), { once: true });
  try {
    await run.start();
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    print(`${error.op} error: ${reason(error)}\n`);
    throw new ToolError('', errnoOf(error));
  }
  try {
    await image.flush();
  } catch (error) {
    process.stderr.write(`Error flushing data at the end: ${reason(error)}\n`);
  }
  const seconds = (performance.now() - run.startedAt) / 1000;
  const line = (what: string, operations: number) =>
    `${what}ops: ${operations}   ${what}ops/sec: ${formatGeneral(operations / seconds, 6)}   ` +
    `${what}bytes/sec: ${perSecond((operations * size) / seconds)}\n`;
  print(`elapsed: ${Math.floor(seconds)}   ${line('', run.finished)}`);
  if (type === 'readwrite') print(line('read_', run.reads) + line('write_', run.writes));
}
