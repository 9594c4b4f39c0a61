/**
 * What the performance translators cost: CPU for each 4 KiB write and read through the stack over a brick in memory, untraced, with the
 * brick alone in the first line, and for each layer by itself. The least of several rounds.
 *
 *     npx tsx bench/gluster-perf-xlators.ts [seconds]
 */

import type { Fd } from '../src/gluster/graph/fd.ts';
import { frameOf, GraphStack, O_RDONLY } from '../test/support/graph-stack.ts';

const SECONDS = Number(process.argv[2] ?? '1.5');
const ROUNDS = 4;
const BLOCK = 4096;
const SIZE = 16 * 1024 * 1024;
const block = Buffer.alloc(BLOCK, 7);

interface Work {
  readonly name: string;
  readonly open: (stack: GraphStack) => Promise<Fd>;
  readonly op: (stack: GraphStack, fd: Fd, n: number) => Promise<unknown>;
}

async function filled(stack: GraphStack, size: number, flags?: number): Promise<Fd> {
  const made = await stack.create('f');
  const chunk = Buffer.alloc(131072, 3);
  for (let at = 0; at < size; at += chunk.length)
    await stack.fops.writev(
      frameOf('writev'),
      made,
      [chunk.subarray(0, Math.min(chunk.length, size - at))],
      at,
      0,
    );
  await stack.close(made);
  await stack.lookup('f');
  return stack.open(made.inode, flags);
}

const frame = frameOf('bench');
const write = (stack: GraphStack, fd: Fd, offset: number) => stack.fops.writev(frame, fd, [block], offset, 0);
const read = (stack: GraphStack, fd: Fd, offset: number) => stack.fops.readv(frame, fd, BLOCK, offset, 0);
const scattered = (n: number): number => ((Math.imul(n, 2654435761) >>> 0) % (SIZE / BLOCK)) * BLOCK;

const WORKS: readonly Work[] = [
  {
    name: 'write, in sequence',
    open: stack => filled(stack, SIZE),
    op: (stack, fd, n) => write(stack, fd, (n * BLOCK) % SIZE),
  },
  {
    name: 'write, anywhere',
    open: stack => filled(stack, SIZE),
    op: (stack, fd, n) => write(stack, fd, scattered(n)),
  },
  {
    name: 'read, in sequence',
    open: stack => filled(stack, SIZE, O_RDONLY),
    op: (stack, fd, n) => read(stack, fd, (n * BLOCK) % SIZE),
  },
  {
    name: 'read, anywhere',
    open: stack => filled(stack, SIZE, O_RDONLY),
    op: (stack, fd, n) => read(stack, fd, scattered(n)),
  },
  {
    name: 'fstat',
    open: stack => filled(stack, BLOCK),
    op: (stack, fd) => stack.fops.fstat(frame, fd),
  },
];

const STACKS: readonly (readonly [string, readonly string[]])[] = [
  ['brick alone', []],
  ['md-cache', ['md-cache']],
  ['quick-read', ['quick-read']],
  ['open-behind', ['open-behind']],
  ['io-cache', ['io-cache']],
  ['readdir-ahead', ['readdir-ahead']],
  ['read-ahead', ['read-ahead']],
  ['write-behind', ['write-behind']],
  ['usual four', ['md-cache', 'quick-read', 'open-behind', 'write-behind']],
  [
    'all seven',
    ['md-cache', 'quick-read', 'open-behind', 'io-cache', 'readdir-ahead', 'read-ahead', 'write-behind'],
  ],
];

/** Microseconds of CPU for an operation; the event loop turns every 16, as it would under a mount. */
async function measure(layers: readonly string[], work: Work): Promise<number> {
  await using stack = await GraphStack.open(...layers.map(name => `performance/${name}`));
  const fd = await work.open(stack);
  let n = 0;
  const run = async (ms: number): Promise<number> => {
    const from = n;
    const cpu = process.cpuUsage();
    for (const end = performance.now() + ms; performance.now() < end; ) {
      for (let i = 0; i < 16; i++) await work.op(stack, fd, n++);
      await new Promise<void>(resolve => setImmediate(resolve));
    }
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / (n - from);
  };
  await run((SECONDS * 1000) / 3);
  let figure = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++)
    figure = Math.min(figure, await run((SECONDS * 1000) / ROUNDS));
  await stack.close(fd);
  return figure;
}

console.log(`| CPU, us an op | ${WORKS.map(({ name }) => name).join(' | ')} |`);
console.log(`|---|${WORKS.map(() => '---').join('|')}|`);
for (const [name, layers] of STACKS) {
  const figures: string[] = [];
  for (const work of WORKS) figures.push((await measure(layers, work)).toFixed(2));
  console.log(`| ${name} | ${figures.join(' | ')} |`);
}
