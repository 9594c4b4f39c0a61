import { NacreError } from './errors.ts';
import type { TraceDetail } from './trace.ts';
import { TraceForest, type TraceNode } from './trace-tree.ts';
import { VERSION } from './version.ts';

// The parts of @opentelemetry/api that are used, so that its types are no dependency of ours.

/** A started span of @opentelemetry/api. */
export interface OtelSpan {
  setStatus(status: { code: number; message?: string }): unknown;
  end(endTime?: number): void;
}

export interface OtelTracer {
  startSpan(
    name: string,
    options?: { startTime?: number; attributes?: Record<string, string | number | boolean>; kind?: number },
    context?: unknown,
  ): OtelSpan;
}

/** A TracerProvider of @opentelemetry/api. */
export interface OtelTracerProvider {
  getTracer(name: string, version?: string): OtelTracer;
}

interface OtelApi {
  readonly ROOT_CONTEXT: unknown;
  readonly trace: { setSpan(context: unknown, span: unknown): unknown };
}

/** SpanKind and SpanStatusCode of @opentelemetry/api. */
const KIND_INTERNAL = 0;
const KIND_SERVER = 1;
const STATUS_ERROR = 2;

/** A detail without what is undefined. */
export function spanAttributes(detail: TraceDetail | undefined): Record<string, string | number | boolean> {
  const attributes: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(detail ?? {}))
    if (value !== undefined) attributes[`nacre.${key}`] = value;
  return attributes;
}

export interface ExportOptions {
  /** Turns the trace's monotonic milliseconds into milliseconds since the epoch; by default by the process's start. */
  toEpoch?(mono: number): number;
}

/**
 * Hands every span of this process to an OpenTelemetry tracer provider, with the tree as it is, until disposed.
 * Needs the package @opentelemetry/api, which is not installed along. Throws ENOTSUP without it.
 */
export async function exportSpans(
  provider: OtelTracerProvider,
  options: ExportOptions = {},
): Promise<Disposable> {
  const api = await loadApi();
  const toEpoch = options.toEpoch ?? ((mono: number) => performance.timeOrigin + mono);
  const tracer = provider.getTracer('nacre', VERSION);
  const spans = new WeakMap<TraceNode, OtelSpan>();
  return new TraceForest({
    entered(node) {
      const { span, parent } = node;
      const above = parent === undefined ? undefined : spans.get(parent);
      const context = above === undefined ? api.ROOT_CONTEXT : api.trace.setSpan(api.ROOT_CONTEXT, above);
      const started = tracer.startSpan(
        span.layer,
        {
          startTime: toEpoch(span.begin),
          attributes: spanAttributes(span.detail),
          kind: parent !== undefined && node.hops > parent.hops ? KIND_SERVER : KIND_INTERNAL,
        },
        context,
      );
      spans.set(node, started);
    },
    left(node) {
      const started = spans.get(node);
      if (started === undefined) return;
      if (node.span.error !== undefined) started.setStatus({ code: STATUS_ERROR, message: node.span.error });
      started.end(toEpoch(node.span.end));
    },
  });
}

async function loadApi(): Promise<OtelApi> {
  const name = '@opentelemetry/api';
  try {
    return (await import(name)) as OtelApi;
  } catch (error) {
    throw new NacreError('ENOTSUP', 'exportSpans', `needs the package ${name}: npm install ${name}`, {
      cause: error,
    });
  }
}
