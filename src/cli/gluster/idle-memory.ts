import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { settledBytes, settleYoungGeneration } from './young-generation.ts';

const TICK = 2000;
/** Shares of a processor: what was busy, and what is quiet. */
const BUSY = 0.2;
const QUIET = 0.1;
/** So much more than was left by the last collection, and it is time for one even while busy. */
const GROWTH = 24 << 20;

/** Bytes of what has lived for some time from which on V8 is to prefer little memory to little work, and below which no more. */
const LARGE = 30 << 20;
const SMALL = 22 << 20;

/**
 * Has V8 prefer little memory, or no more. By itself it lets the heap grow far beyond what is alive, which a mount that knows many
 * files is better without. One that knows few has little to save, and large reads and writes would cost half as much again.
 */
function preferLittleMemory(wanted: boolean): void {
  setFlagsFromString(wanted ? '--optimize-for-size' : '--no-optimize-for-size');
}

/**
 * Gives memory back when a busy time is over. V8 collects when more is asked for, not when nothing is: after a walk through many files a
 * mount would keep for hours what the walk left behind. Ends when disposed.
 */
export function giveMemoryBackWhenIdle(): Disposable {
  settleYoungGeneration();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  /** Collections that are due: the first frees objects, those after it their pages. */
  let due = 0;
  let last = process.cpuUsage();
  let left = process.memoryUsage().heapUsed;
  let frugal = false;
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    last = process.cpuUsage();
    const share = (user + system) / 1000 / TICK;
    const { heapUsed } = process.memoryUsage();
    const old = settledBytes();
    if (frugal ? old < SMALL : old > LARGE) {
      frugal = !frugal;
      preferLittleMemory(frugal);
    }
    if (heapUsed > left * 1.5 + GROWTH) {
      collect();
      left = process.memoryUsage().heapUsed;
    }
    if (share > BUSY) {
      due = 3;
      // An idle time makes it smaller.
      settleYoungGeneration();
    } else if (due > 0 && share < QUIET) {
      due--;
      collect();
      left = process.memoryUsage().heapUsed;
    }
  }, TICK);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
