import type { FuseMount } from './mount.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Unmounts cleanly when the process is told to end. While files are open the name is taken away at once, and a second signal
 * cuts the connection. `before` runs first; afterwards the process goes on, without mount, to its end.
 */
export function unmountOnSignals(mount: FuseMount, before?: (signal: string) => void): Disposable {
  let told = 0;
  const handler = (signal: string) => {
    told++;
    before?.(signal);
    if (told > 1) {
      void mount.session.close();
      return;
    }
    mount.unmount().catch(() => mount.unmount({ lazy: true }).catch(() => mount.session.close()));
  };
  const dispose = () => {
    for (const signal of SIGNALS) process.off(signal, handler);
  };
  for (const signal of SIGNALS) process.on(signal, handler);
  void mount.closed.then(dispose);
  return { [Symbol.dispose]: dispose };
}
