import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const TICK = 2000;
/** Shares of a processor: what was busy, and what is quiet. */
const BUSY = 0.2;
const QUIET = 0.1;
/** So much more than was left by the last collection, and it is time for one even while busy; not more often than every third tick. */
const GROWTH = 32 << 20;

/**
 * Has V8 prefer little memory. By itself it lets new objects take up to 48 MiB before it looks at them, and lets the heap grow far beyond
 * what is alive; a mount serves small requests for months beside what it is there for. Early, as the young generation never shrinks by
 * these flags: it only grows no more.
 */
export function preferLittleMemory(): void {
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Gives memory back when a busy time is over. V8 collects when more is asked for, not when nothing is: after a walk through many files a
 * mount would keep for hours what the walk left behind. Ends when disposed.
 */
export function giveMemoryBackWhenIdle(): Disposable {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  /** Collections that are due: the first frees objects, those after it their pages. */
  let due = 0;
  let last = process.cpuUsage();
  let left = process.memoryUsage().heapUsed;
  let ticks = 0;
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    last = process.cpuUsage();
    const share = (user + system) / 1000 / TICK;
    ticks++;
    if (ticks >= 3 && process.memoryUsage().heapUsed > left * 1.5 + GROWTH) {
      ticks = 0;
      collect();
      left = process.memoryUsage().heapUsed;
    }
    if (share > BUSY) due = 3;
    else if (due > 0 && share < QUIET) {
      due--;
      collect();
      left = process.memoryUsage().heapUsed;
    }
  }, TICK);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
