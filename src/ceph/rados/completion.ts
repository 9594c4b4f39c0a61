import { type Span, unwind } from '../../base/trace.ts';
import type { Op, OpCompletion } from '../objecter/op.ts';
import { opError } from './errors.ts';

/** Makes the value of an operation out of its finished op. */
export type Decode<T> = (op: Op, result: number) => T;

/** Who is told of the version that an operation saw. */
export interface VersionKeeper {
  lastVersion: number;
}

// The executor runs before the Promise constructor returns, so one function serves all of them and an
// operation costs no closure of its own.
let lastResolve: (value: unknown) => void;
let lastReject: (error: unknown) => void;
function capture(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  lastResolve = resolve;
  lastReject = reject;
}

/** Settles the promise of one operation. */
export class Completion<T> implements OpCompletion {
  private readonly keeper: VersionKeeper;
  /** For errors: 'read'. */
  private readonly name: string;
  private readonly decode: Decode<T>;
  /** Negative results are answers too: `decode` sees them, and throws what is an error. */
  private readonly raw: boolean;
  private readonly span: Span | undefined;
  private readonly resolve: (value: T) => void;
  private readonly reject: (error: unknown) => void;
  readonly promise: Promise<T>;

  constructor(keeper: VersionKeeper, name: string, decode: Decode<T>, raw: boolean, span: Span | undefined) {
    this.keeper = keeper;
    this.name = name;
    this.decode = decode;
    this.raw = raw;
    this.span = span;
    this.promise = new Promise(capture) as Promise<T>;
    this.resolve = lastResolve;
    this.reject = lastReject;
  }

  opFinished(op: Op, result: number): void {
    if (op.reply !== undefined) this.keeper.lastVersion = op.reply.userVersion;
    if (result < 0 && !this.raw) {
      this.fail(opError(this.name, op, result));
      return;
    }
    let value: T;
    try {
      value = this.decode(op, result);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.span !== undefined) unwind(this.span);
    this.resolve(value);
  }

  private fail(error: unknown): void {
    if (this.span !== undefined) unwind(this.span, error);
    this.reject(error);
  }
}
