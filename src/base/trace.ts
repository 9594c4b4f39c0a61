import diagnostics from 'node:diagnostics_channel';

/**
 * An operation's stay in one layer. Layers carry the span of the layer above along with the operation and
 * name it as parent, so that the tree is exact even where many operations interleave.
 */
export interface Span {
  /** Unique in this process, ascending in the order of entry. */
  readonly id: number;
  /** Field's own name of the layer and step: 'Objecter.op_submit', 'ProtocolV2.write_message'. */
  readonly layer: string;
  readonly parent: Span | undefined;
  /** What the step works on, as a short text or fields worth showing. */
  readonly detail: TraceDetail | undefined;
  /** Entry and exit on the process's monotonic clock, milliseconds. */
  readonly begin: number;
  end: number;
  /** Error that the layer handed back up, if any. */
  error: string | undefined;
}

/** `link` joins spans of different daemons that work on the same request: 'client.4123:7' (client and tid). */
export interface TraceDetail {
  readonly link?: string;
  readonly [key: string]: string | number | boolean | undefined;
}

/** Channel names on node:diagnostics_channel. */
export const WIND_CHANNEL = 'nacre:wind';
export const UNWIND_CHANNEL = 'nacre:unwind';

const windChannel = diagnostics.channel(WIND_CHANNEL);
const unwindChannel = diagnostics.channel(UNWIND_CHANNEL);
let nextId = 1;

/** True when someone listens. Check it before building a detail: `tracing() ? wind(...) : undefined`. */
export function tracing(): boolean {
  return windChannel.hasSubscribers;
}

/** Enters a layer. Undefined when nobody listens; pass it on as the parent and to `unwind` all the same. */
export function wind(layer: string, parent?: Span, detail?: TraceDetail): Span | undefined {
  if (!windChannel.hasSubscribers) return undefined;
  const span: Span = {
    id: nextId++,
    layer,
    parent,
    detail,
    begin: windClock(),
    end: 0,
    error: undefined,
  };
  windChannel.publish(span);
  return span;
}

/** Leaves a layer. */
export function unwind(span: Span | undefined, error?: unknown): void {
  if (span === undefined) return;
  span.end = windClock();
  if (error !== undefined && error !== null)
    span.error = error instanceof Error ? error.message : String(error);
  unwindChannel.publish(span);
}

let windClock = (): number => 0;

/** Gives spans their clock (milliseconds, monotonic); whoever builds an Env for a program calls it once. */
export function setTraceClock(mono: () => number): void {
  windClock = mono;
}

/** Calls back on every entry and exit until disposed. */
export function onTrace(listener: { wind?(span: Span): void; unwind?(span: Span): void }): Disposable {
  const entered = (span: unknown) => listener.wind?.(span as Span);
  const left = (span: unknown) => listener.unwind?.(span as Span);
  diagnostics.subscribe(WIND_CHANNEL, entered);
  diagnostics.subscribe(UNWIND_CHANNEL, left);
  return {
    [Symbol.dispose]() {
      diagnostics.unsubscribe(WIND_CHANNEL, entered);
      diagnostics.unsubscribe(UNWIND_CHANNEL, left);
    },
  };
}
