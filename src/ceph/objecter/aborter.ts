/** Something that an AbortSignal can end. */
export interface Abortable {
  abort(reason: unknown): void;
}

/** Ties one request to a signal, without a closure of its own; `release` once the request is over. */
export class Aborter {
  readonly signal: AbortSignal;
  private readonly what: Abortable;

  constructor(signal: AbortSignal, what: Abortable) {
    this.signal = signal;
    this.what = what;
    signal.addEventListener('abort', this, { once: true });
  }

  handleEvent(): void {
    this.what.abort(this.signal.reason);
  }

  release(): void {
    this.signal.removeEventListener('abort', this);
  }
}
