import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { NacreError } from '../../base/errors.ts';
import type { IoCtx, Rados } from '../../ceph/rados/index.ts';
import { strerror } from '../shared/errors.ts';
import type { OutputFormat } from '../shared/format.ts';
import { type RadosOptions, ToolError } from './options.ts';

/** What a verb works with. */
export interface Session {
  readonly cluster: Rados;
  readonly options: RadosOptions;
  readonly format: OutputFormat | undefined;
  /** Bytes an operation, a multiple of what the pool asks for. */
  readonly opSize: number;
  readonly poolName: string;
  /** The pool in the namespace, with the locator and as of the snapshot that options name. */
  readonly io: IoCtx;
}

export interface Verb {
  readonly name: string;
  /** What follows the name. */
  readonly args: string;
  readonly description: string;
  /** Fewest and most words behind the name; any number without `max`. */
  readonly min?: number;
  readonly max?: number;
  /** Whether -p is needed; it is, unless this says otherwise. */
  readonly pool?: boolean;
  /** Without `pool`, but with -p when it is given. */
  run(session: Session, words: readonly string[]): Promise<void>;
}

/** Negative errno of what an operation failed with; other errors are thrown on. */
export function errnoOf(error: unknown): number {
  if (error instanceof NacreError && error.errno !== 0) return -Math.abs(error.errno);
  throw error;
}

/** '(2) No such file or directory' of what an operation failed with. */
export function reason(error: unknown): string {
  return strerror(errnoOf(error));
}

/** Runs one operation; when it fails, the line `what: (2) No such file or directory` and exit code 1. */
export async function attempt<T>(what: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw new ToolError(`${what}: ${reason(error)}`);
  }
}

/** A failure that the original tells of in two lines: what failed, and the errno again. */
export function failTwice(line: string, errno: number): ToolError {
  return new ToolError(`${line}\nerror ${Math.abs(errno)}: ${strerror(errno)}`);
}

export function print(text: string): void {
  process.stdout.write(text);
}

/** Writes bytes to standard output and waits until there is room for more. */
export async function printBytes(bytes: Uint8Array): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
}

/** The whole of a file, or of standard input ('-'). */
export function readInput(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    const { errno = 5 } = error as NodeJS.ErrnoException;
    throw new ToolError(`error reading input file ${path}: ${strerror(errno)}`);
  }
}
