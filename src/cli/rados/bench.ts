import { appendFileSync, writeFileSync } from 'node:fs';
import { NacreError } from '../../base/errors.ts';
import { strerror } from '../shared/errors.ts';
import { formatGeneral } from '../shared/format.ts';
import { Progress } from '../shared/progress.ts';
import {
  type BenchMetadata,
  encodeMetadata,
  LAST_RUN,
  objectPrefix,
  objectsOf,
  readMetadata,
} from './bench-data.ts';
import { BenchReport } from './bench-report.ts';
import { type BenchRequest, BenchRun } from './bench-run.ts';
import { removeObjects } from './cleanup.ts';
import { parseBytes, ToolError } from './options.ts';
import { errnoOf, failTwice, print, type Session, type Verb } from './session.ts';

type Operation = BenchRequest['operation'];

function checkOptions({ options }: Session, operation: Operation): void {
  const { blockSize, opSize, writeObject, writeOmap, writeXattr, output, format } = options;
  if (operation !== 'write') {
    if ((blockSize ?? opSize) !== undefined)
      throw new ToolError("-b|--block_size option can be used only with 'write' bench test");
    if (writeObject || writeOmap || writeXattr)
      throw new ToolError(
        "--write-object, --write-omap and --write-xattr options can only be used with the 'write' bench test",
      );
  }
  if (format === undefined && output !== undefined)
    throw new ToolError("-o|--output option can only be used with '--format' option");
}

/** The run before: what it left to be read, or to be written again. */
async function previousRun(s: Session, runName: string, operation: Operation): Promise<BenchMetadata> {
  try {
    return await readMetadata(s.io, runName);
  } catch (error) {
    const errno = errnoOf(error);
    const why =
      operation === 'write'
        ? 'Must write data before using reuse_bench for a write benchmark!\n'
        : 'Must write data before running a read benchmark!\n';
    const missing = error instanceof NacreError && error.code === 'ENOENT' ? why : '';
    throw failTwice(`${missing}error during benchmark: ${strerror(errno)}`, errno);
  }
}

async function requestOf(
  s: Session,
  seconds: number,
  operation: Operation,
): Promise<BenchRequest & { pid: number }> {
  const { options, io } = s;
  const runName = options.runName ?? LAST_RUN;
  const depth =
    options.concurrentIos === undefined ? 16 : parseBytes('concurrent-ios', options.concurrentIos);
  if (depth <= 0) throw failTwice(`error during benchmark: ${strerror(22)}`, 22);
  const maxObjects = options.maxObjects === undefined ? 0 : parseBytes('max-objects', options.maxObjects);
  const before =
    operation === 'write' && !options.reuseBench ? undefined : await previousRun(s, runName, operation);
  const wanted = options.objectSize === undefined ? s.opSize : parseBytes('object-size', options.objectSize);
  const objectSize = operation === 'write' ? wanted : before!.objectSize;
  const opSize = operation === 'write' ? Math.min(s.opSize, objectSize) : before!.opSize;
  const pid = before?.pid ?? process.pid;
  const { writeObject = false, writeOmap = false, writeXattr = false } = options;
  return {
    io,
    operation,
    seconds,
    depth,
    opSize,
    objectSize,
    prefix: objectPrefix(pid),
    pid,
    maxOps: operation === 'write' ? Math.ceil((objectSize * maxObjects) / opSize) : before!.numOps,
    verify: options.verify,
    hints: options.hints,
    writeTo: { object: writeObject || !(writeOmap || writeXattr), omap: writeOmap, xattr: writeXattr },
  };
}

/** Runs it with a line a second. Ctrl-C ends it early, with the figures so far. */
async function measure(run: BenchRun, report: BenchReport, live: boolean): Promise<number> {
  const stop = () => run.stop();
  process.once('SIGINT', stop);
  const running = run.start();
  report.second(run);
  const second = setInterval(() => report.second(run), 1000);
  const redraw = live ? setInterval(() => report.live(run), 100) : undefined;
  try {
    await running;
    const seconds = (performance.now() - run.startedAt) / 1000;
    // The line of a last second that is over, where the run was faster than the timer.
    if (report.lines <= seconds) report.second(run);
    return seconds;
  } finally {
    clearInterval(second);
    clearInterval(redraw);
    process.removeListener('SIGINT', stop);
  }
}

async function cleanUp(
  s: Session,
  runName: string,
  metadata: BenchMetadata,
  depth: number,
  loud: boolean,
): Promise<void> {
  if (loud) print('Cleaning up (deleting benchmark objects)\n');
  const begin = performance.now();
  const removed = await removeObjects(s.io, objectPrefix(metadata.pid), objectsOf(metadata), depth);
  await s.io.remove(runName);
  if (!loud) return;
  print(`Removed ${removed} object${removed === 1 ? '' : 's'}\n`);
  print(
    `Clean up completed and total clean up time :${formatGeneral((performance.now() - begin) / 1000, 6)}\n`,
  );
}

async function bench(s: Session, [time, what]: readonly string[]): Promise<void> {
  if (!/^[+-]?\d+$/.test(time)) throw new ToolError(`Invalid value for seconds: '${time}'`);
  if (what !== 'write' && what !== 'seq' && what !== 'rand')
    throw new ToolError('usage: rados -p <pool> bench <seconds> write|seq|rand');
  checkOptions(s, what);
  const { options, format } = s;
  const file = options.output;
  if (file !== undefined) writeFileSync(file, '');
  print(`hints = ${options.hints ? 1 : 0}\n`);
  const request = await requestOf(s, Math.max(0, Number(time)), what);
  const runName = options.runName ?? LAST_RUN;
  using progress = new Progress();
  const report = new BenchReport(request, {
    format,
    showTime: options.showTime === true,
    write: text => (file === undefined ? print(text) : appendFileSync(file, text)),
    progress,
  });
  if (what === 'write') report.begin(options.maxObjects === undefined ? 0 : Number(options.maxObjects));
  const run = new BenchRun(request);
  try {
    const seconds = await measure(run, report, progress.active);
    progress.done();
    report.end(run, seconds);
    if (what === 'write') {
      const { objectSize, opSize, pid } = request;
      const metadata = { objectSize, numOps: run.finished, pid, opSize };
      await s.io.writeFull(runName, encodeMetadata(metadata));
      if (options.cleanup) await cleanUp(s, runName, metadata, request.depth, true);
    }
  } catch (error) {
    progress.done();
    const errno = errnoOf(error);
    throw failTwice(`error during benchmark: ${strerror(errno)}`, errno);
  } finally {
    report.flush();
  }
}

export const BENCH_VERBS: readonly Verb[] = [
  { name: 'bench', args: '<seconds> write|seq|rand', description: 'measure the cluster', min: 2, run: bench },
];
