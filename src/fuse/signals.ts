import type { FuseMount } from './mount.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How long files that are open may stay so after the name has gone. */
const GRACE_MS = 5000;

/**
 * Unmounts cleanly when the process is told to end. While files are open the name is taken away at once; the connection is cut, as those
 * who keep them open may do so for ever, after a while or by a second signal. `before` runs first; afterwards the process goes on,
 * without mount, to its end.
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
    mount.unmount().catch(() => {
      const cut = setTimeout(() => mount.session.close(), GRACE_MS);
      void mount.closed.then(() => clearTimeout(cut));
      mount.unmount({ lazy: true }).catch(() => mount.session.close());
    });
  };
  const dispose = () => {
    for (const signal of SIGNALS) process.off(signal, handler);
  };
  for (const signal of SIGNALS) process.on(signal, handler);
  void mount.closed.then(dispose);
  return { [Symbol.dispose]: dispose };
}
