export type { ExportOptions, OtelSpan, OtelTracer, OtelTracerProvider } from './otel.ts';
export { exportSpans } from './otel.ts';
export type { Span, TraceDetail } from './trace.ts';
export { onTrace, setTraceClock, tracing, UNWIND_CHANNEL, unwind, WIND_CHANNEL, wind } from './trace.ts';
export type { TraceForestListener } from './trace-tree.ts';
export { TraceForest, TraceNode } from './trace-tree.ts';
