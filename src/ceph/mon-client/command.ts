import type { Span } from '../../base/trace.ts';
import type { TimerHandle, Timers } from '../../env/env.ts';

/** A command for the monitors: words of JSON as they are, or the object that they say. */
export type MonCommandWords = string | readonly string[] | Readonly<Record<string, unknown>>;

export interface MonCommandOptions {
  /** What the command reads: a file for `osd setcrushmap`, a keyring for `auth import`. */
  readonly input?: Uint8Array;
  /**
   * One monitor in particular, by name ('a' or 'mon.a') or rank: the command goes to its own connection and
   * is one of those that `ceph tell mon.a` knows.
   */
  readonly target?: string | number;
  /** Milliseconds after which it fails with ETIMEDOUT; 0 or nothing: never. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly trace?: Span;
}

/** What a monitor answered. A command that was refused is an answer too. */
export interface MonCommandResult {
  /** 0 or a negative errno. */
  readonly retcode: number;
  /** What the user is told. */
  readonly outs: string;
  readonly outbl: Buffer;
}

/** A question that waits for its answer, whatever becomes of connections. */
export interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
  /** Lets go of the signal and the timer. */
  release(): void;
}

export interface PendingCommand {
  readonly tid: number;
  readonly words: readonly string[];
  readonly input: Uint8Array | undefined;
  readonly span: Span | undefined;
  readonly waiting: Waiting<MonCommandResult>;
}

export interface PendingVersion {
  readonly handle: number;
  readonly what: string;
  readonly waiting: Waiting<MonVersions>;
}

export interface MonVersions {
  readonly newest: number;
  readonly oldest: number;
}

export function commandWords(words: MonCommandWords): readonly string[] {
  if (typeof words === 'string') return [words];
  if (Array.isArray(words)) return words as readonly string[];
  return [JSON.stringify(words)];
}

/** The first words of a command for a log or a trace, never its values. */
export function commandPrefix(words: readonly string[]): string {
  try {
    const { prefix } = JSON.parse(words.join('')) as { prefix?: unknown };
    if (typeof prefix === 'string') return prefix;
  } catch {
    // Not JSON: an old-fashioned command in plain words.
  }
  return words.join(' ').slice(0, 40);
}

/**
 * A promise and its other end, bound to a signal and a time limit. `abandoned` hears of it when either of
 * these ends it.
 */
export function wait<T>(
  timers: Timers,
  { signal, timeoutMs, late }: { signal?: AbortSignal; timeoutMs?: number; late: () => Error },
  abandoned: (error: unknown) => void,
): { promise: Promise<T>; waiting: Waiting<T> } {
  let timer: TimerHandle | undefined;
  let aborted: (() => void) | undefined;
  const release = (): void => {
    if (timer !== undefined) timers.clear(timer);
    timer = undefined;
    if (aborted !== undefined) signal!.removeEventListener('abort', aborted);
    aborted = undefined;
  };
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  const waiting: Waiting<T> = {
    resolve(value) {
      release();
      resolve(value);
    },
    reject(error) {
      release();
      reject(error);
    },
    release,
  };
  const give = (error: unknown): void => {
    waiting.reject(error);
    abandoned(error);
  };
  if (timeoutMs !== undefined && timeoutMs > 0) timer = timers.set(() => give(late()), timeoutMs);
  if (signal !== undefined) {
    aborted = () => give(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
  }
  return { promise, waiting };
}
