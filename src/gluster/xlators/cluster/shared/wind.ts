import { errnoOf } from '../../../graph/fop-error.ts';

/** How a fop ended on one of several children. */
export interface Outcome<T> {
  /** Undefined when it failed. */
  readonly answer: T | undefined;
  /** 0 when it went well. */
  readonly errno: number;
  /** What it failed with, to be handed on. */
  readonly error: unknown;
}

/**
 * Winds to children 0 to `count` - 1 at once and waits for all of them; never rejects. `wind` returns undefined for a child that is
 * left out, whose place in the result stays empty.
 */
export function windAll<T>(
  count: number,
  wind: (child: number) => Promise<T> | undefined,
): Promise<(Outcome<T> | undefined)[]> {
  return new Promise(resolve => {
    const outcomes = new Array<Outcome<T> | undefined>(count).fill(undefined);
    let waiting = 1;
    const one = (child: number, outcome: Outcome<T>): void => {
      outcomes[child] = outcome;
      if (--waiting === 0) resolve(outcomes);
    };
    for (let child = 0; child < count; child++) {
      const promise = wind(child);
      if (promise === undefined) continue;
      waiting++;
      promise.then(
        answer => one(child, { answer, errno: 0, error: undefined }),
        error => one(child, failure(error)),
      );
    }
    if (--waiting === 0) resolve(outcomes);
  });
}

/** Waits for one fop without ever rejecting. */
export function settle<T>(promise: Promise<T>): Promise<Outcome<T>> {
  return promise.then(
    answer => ({ answer, errno: 0, error: undefined }),
    error => failure(error),
  );
}

function failure<T>(error: unknown): Outcome<T> {
  return { answer: undefined, errno: errnoOf(error), error };
}
