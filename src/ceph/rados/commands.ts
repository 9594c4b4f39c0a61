import { errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { radosErrorCode } from './errors.ts';

/** A command: an object with its `prefix` and arguments, or the same as JSON. */
export type Command = Readonly<Record<string, unknown>> | string;

export interface CommandOptions {
  /** What the command reads. */
  readonly input?: Uint8Array;
  readonly signal?: AbortSignal;
}

/** A daemon's answer to a command. */
export class CommandOutput {
  /** A line for the user, beside the output. */
  readonly status: string;
  readonly output: Buffer;

  constructor(status: string, output: Buffer) {
    this.status = status;
    this.output = output;
  }

  get text(): string {
    return this.output.toString('utf8');
  }

  /** The output of a command that was given `format: 'json'`. @throws SyntaxError when it is no JSON. */
  json<T = unknown>(): T {
    return JSON.parse(this.text) as T;
  }
}

/** A command that was refused; the daemon's own words are in `status`. */
export class CommandError extends NacreError {
  readonly status: string;
  readonly output: Buffer;

  constructor(op: string, errno: number, status: string, output: Buffer) {
    super(radosErrorCode(errno), op, status === '' ? errnoText(errno) : status);
    this.name = 'CommandError';
    this.status = status;
    this.output = output;
  }
}

export function commandText(command: Command): string {
  return typeof command === 'string' ? command : JSON.stringify(command);
}

export function commandOutput(op: string, result: number, status: string, output: Buffer): CommandOutput {
  if (result < 0) throw new CommandError(op, result, status, output);
  return new CommandOutput(status, output);
}
