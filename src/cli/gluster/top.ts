import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../shared/errors.ts';
import { TextTable } from '../shared/table.ts';
import { out } from '../shared/tty.ts';

export interface TopFlags {
  readonly interval: number;
  readonly count?: number;
  readonly layer?: string;
}

interface Counts {
  readonly count: number;
  /** Seconds. */
  readonly total: number;
}

/** `top`: what a mount is doing, fop by fop, from its .meta tree. Latency is measured while it watches. */
export async function top(mountpoint: string, flags: TopFlags): Promise<void> {
  const meta = join(mountpoint, '.meta');
  let layers: string[];
  try {
    layers = readdirSync(join(meta, 'graphs', 'active'));
  } catch (error) {
    throw new CliError(`'${mountpoint}' is no mount with a .meta tree: ${(error as Error).message}`, 1);
  }
  const layer = flags.layer ?? 'top';
  if (!layers.includes(layer)) throw new CliError(`no layer '${layer}'; there are: ${layers.join(', ')}`, 1);
  const switchFile = join(meta, 'measure_latency');
  const before = readFileSync(switchFile, 'latin1').trim();
  if (before !== '1') writeFileSync(switchFile, '1\n');
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  process.on('SIGINT', stop);
  try {
    let last = read(meta, layer);
    for (let i = 0; !stopped && (flags.count === undefined || i < flags.count); i++) {
      const begin = performance.now();
      await sleep(flags.interval * 1000);
      const now = read(meta, layer);
      show(last, now, (performance.now() - begin) / 1000, layer);
      last = now;
    }
  } finally {
    process.off('SIGINT', stop);
    if (before !== '1') writeFileSync(switchFile, `${before}\n`);
  }
}

function read(meta: string, layer: string): Map<string, Counts> {
  const text = readFileSync(join(meta, 'graphs', 'active', layer, 'profile'), 'latin1');
  const found = new Map<string, Counts>();
  for (const [, fop, count, total] of text.matchAll(/\.latency\.(\w+) *= *AVG:\S+ CNT:(\d+) TOTAL:(\d+)/g))
    found.set(fop, { count: Number(count), total: Number(total) / 1e9 });
  return found;
}

function show(
  last: ReadonlyMap<string, Counts>,
  now: ReadonlyMap<string, Counts>,
  seconds: number,
  layer: string,
): void {
  const table = new TextTable()
    .column('FOP')
    .column('CALLS/S', 'right')
    .column('LATENCY US', 'right')
    .column('BUSY %', 'right')
    .column('CALLS', 'right');
  const rows = [...now]
    .map(([fop, { count, total }]) => {
      const was = last.get(fop);
      const calls = count - (was?.count ?? 0);
      return { fop, calls, spent: total - (was?.total ?? 0), count };
    })
    .filter(({ calls }) => calls > 0)
    .sort((a, b) => b.spent - a.spent);
  for (const { fop, calls, spent, count } of rows)
    table.row(
      fop,
      (calls / seconds).toFixed(1),
      ((spent / calls) * 1e6).toFixed(0),
      ((spent / seconds) * 100).toFixed(1),
      count,
    );
  if (process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J');
  process.stdout.write(`${out.bold(layer)} ${new Date().toISOString().slice(11, 19)}\n${table.toString()}\n`);
}
