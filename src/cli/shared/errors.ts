import { CommanderError } from 'commander';
import { errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { err } from './tty.ts';

/** Ends a command with a line on standard error and this exit code; `message` '' for no line. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** '(2) No such file or directory': cpp_strerror, for an errno of either sign. */
export function strerror(errno: number): string {
  return `(${Math.abs(errno)}) ${errnoText(errno)}`;
}

/** The same of an error; its message when it has no errno. */
export function errorText(error: unknown): string {
  if (error instanceof NacreError) return strerror(error.errno);
  return error instanceof Error ? error.message : String(error);
}

/**
 * The exit code of a tool that failed with `error`: `rados` always ends with 1, `ceph` with the errno, as the
 * originals do; 1 for errors without an errno.
 */
export function exitCodeOf(error: unknown, tool: 'rados' | 'ceph' | 'other' = 'other'): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof NacreError && tool === 'ceph') return Math.abs(error.errno) % 256 || 1;
  return 1;
}

/** One line on standard error: 'rados: <message>'. With NACRE_DEBUG set the stack as well. */
export function reportError(tool: string, error: unknown): void {
  if (error instanceof CliError && error.message === '') return;
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error && process.env['NACRE_DEBUG'] ? `\n${error.stack}` : '';
  process.stderr.write(`${err.red(`${tool}:`)} ${message}${stack}\n`);
}

/** Reports what a subcommand failed with and returns its exit code. What commander says it has said already. */
export function failed(name: string, error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode;
  reportError(name, error);
  return exitCodeOf(error, name === 'rados' || name === 'ceph' ? name : 'other');
}
