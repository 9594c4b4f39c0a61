import type { Env } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';

export interface FakeEnvOptions {
  /** Environment variables; nothing else is there. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Files that exist, by path; nothing else does. */
  readonly files?: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly pid?: number;
  /** What the wall clock says, milliseconds. */
  now?: () => number;
}

export interface FakeEnv extends Env {
  readonly stderr: string[];
  /** Content of files written. */
  readonly written: Map<string, string>;
}

/** An Env whose environment, files and clock are a test's own, everything else the machine's. */
export function fakeEnv(options: FakeEnvOptions = {}): FakeEnv {
  const stderr: string[] = [];
  const written = new Map<string, string>();
  return {
    ...nodeEnv,
    stderr,
    written,
    clock: { ...nodeEnv.clock, now: options.now ?? nodeEnv.clock.now },
    fs: {
      ...nodeEnv.fs,
      readFileSync: path => {
        const text = options.files?.[path];
        return text === undefined ? undefined : Buffer.from(text);
      },
      appendFileSync: (path, data) => {
        written.set(path, (written.get(path) ?? '') + String(data));
      },
    },
    host: {
      ...nodeEnv.host,
      pid: options.pid ?? 4711,
      hostname: options.hostname ?? 'node1.example.org',
      env: name => options.variables?.[name],
      stderr: line => {
        stderr.push(line);
      },
    },
  };
}
