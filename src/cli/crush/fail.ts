import type { NacreError } from '../../base/errors.ts';
import { CliError } from '../shared/errors.ts';

/** Name that lines on standard output and error begin with. */
export const ME = 'nacre crush';

/** A line on standard error, and the end with this code. */
export function die(line: string, exitCode = 1): never {
  process.stderr.write(`${line}\n`);
  throw new CliError('', exitCode);
}

/** What exit(-errno) gives. */
export function errnoExit(error: NacreError): number {
  return error.errno & 0xff;
}

/** The message without code and operation. */
export function reasonOf(error: NacreError): string {
  return error.message.slice(error.code.length + 2, -(error.op.length + 2));
}
