import { NacreError } from '../../base/errors.ts';
import { strerror } from '../shared/errors.ts';

/** What the tool ends with: lines for standard error exactly as they are, and its exit code. */
export class ToolError extends Error {
  readonly exitCode: number;

  constructor(lines: string, exitCode = 1) {
    super(lines);
    this.name = 'ToolError';
    this.exitCode = exitCode;
  }
}

/** Exit code of bad usage that the verb itself finds: EINVAL. */
export const BAD_USAGE = 22;

export function usageError(message: string): ToolError {
  return new ToolError(`rbd: ${message}`, BAD_USAGE);
}

/** Positive errno of what an operation failed with; other errors, and what is not supported, are thrown on. */
export function errnoOf(error: unknown): number {
  if (!(error instanceof NacreError) || error.errno === 0 || error.code === 'ENOTSUP') throw error;
  return Math.abs(error.errno);
}

/** '(2) No such file or directory' of what an operation failed with. */
export function reason(error: unknown): string {
  return strerror(errnoOf(error));
}

/** Runs one operation; when it fails, the line `what: (2) No such file or directory`, and its errno is the exit code. */
export async function attempt<T>(what: string, operation: () => Promise<T> | T): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new ToolError(`${what}: ${reason(error)}`, errnoOf(error));
  }
}
