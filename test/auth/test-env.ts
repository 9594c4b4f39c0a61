import type { Env } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';

/** The machine's env with clocks that are moved by hand. */
export interface SteppedEnv extends Env {
  /** Moves both clocks on by milliseconds. */
  advance(ms: number): void;
}

export function steppedEnv(start = Date.UTC(2026, 0, 1)): SteppedEnv {
  let passed = 0;
  return {
    ...nodeEnv,
    clock: { now: () => start + passed, mono: () => passed },
    advance(ms) {
      passed += ms;
    },
  };
}
