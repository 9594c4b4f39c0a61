import { columnsOf } from './tty.ts';

/** What Progress needs of a stream: process.stderr, or a stand-in. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

const CLEAR = '\r\u001b[K';

/**
 * One line that is rewritten in place, on a terminal only; silent elsewhere. Redraws at most every `intervalMs`.
 * Call `done` (or dispose) before writing anything else to the terminal.
 */
export class Progress implements Disposable {
  private readonly stream: ProgressStream;
  private readonly intervalMs: number;
  private readonly now: () => number;
  private drawnAt = Number.NEGATIVE_INFINITY;
  private shown = false;

  constructor(
    stream: ProgressStream = process.stderr,
    intervalMs = 100,
    now: () => number = () => performance.now(),
  ) {
    this.stream = stream;
    this.intervalMs = intervalMs;
    this.now = now;
  }

  /** Whether anything is ever shown; spares building texts. */
  get active(): boolean {
    return this.stream.isTTY === true;
  }

  /** Shows a text, cut to the width of the terminal. A function is only called when it is time to draw. */
  update(text: string | (() => string)): void {
    if (!this.active) return;
    const now = this.now();
    if (now - this.drawnAt < this.intervalMs) return;
    this.drawnAt = now;
    this.shown = true;
    const line = typeof text === 'string' ? text : text();
    this.stream.write(CLEAR + line.slice(0, columnsOf(this.stream) - 1));
  }

  /** Takes the line away, or leaves a last one with a line end. */
  done(last?: string): void {
    if (this.shown) this.stream.write(CLEAR);
    this.shown = false;
    if (last !== undefined && this.active) this.stream.write(`${last}\n`);
  }

  [Symbol.dispose](): void {
    this.done();
  }
}

/** '[=======>      ]' of `width` columns; `fraction` from 0 to 1. */
export function bar(fraction: number, width: number): string {
  const inner = Math.max(0, width - 2);
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * inner);
  const head = full > 0 && full < inner ? '>' : '';
  return `[${'='.repeat(full - head.length)}${head}${' '.repeat(inner - full)}]`;
}
