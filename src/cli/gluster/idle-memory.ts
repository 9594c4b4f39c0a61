import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const TICK = 2000;
/** Shares of a processor: what was busy, and what is quiet. */
const BUSY = 0.2;
const QUIET = 0.1;

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
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    last = process.cpuUsage();
    const share = (user + system) / 1000 / TICK;
    if (share > BUSY) due = 3;
    else if (due > 0 && share < QUIET) {
      due--;
      collect();
    }
  }, TICK);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
