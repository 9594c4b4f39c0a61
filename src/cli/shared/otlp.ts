import { randomBytes } from 'node:crypto';
import { spanAttributes } from '../../base/otel.ts';
import type { TraceNode } from '../../base/trace-tree.ts';
import { VERSION } from '../../base/version.ts';

// ExportTraceServiceRequest of OTLP 1.x in its JSON form (opentelemetry-proto, trace/v1/trace.proto): field names in
// lowerCamelCase, ids in hex, 64-bit numbers as decimal strings.

type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number };

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: KeyValue[];
  readonly status: { readonly code: number; readonly message?: string };
}

const SPAN_KIND_INTERNAL = 1;
const SPAN_KIND_SERVER = 2;
const STATUS_CODE_ERROR = 2;

function anyValue(value: string | number | boolean): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

function keyValues(attributes: Record<string, string | number | boolean>): KeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** Nanoseconds since the epoch of monotonic milliseconds. */
function nanos(mono: number): string {
  return String(BigInt(Math.round((performance.timeOrigin + mono) * 1000)) * 1000n);
}

function collect(node: TraceNode, traceId: string, parentSpanId: string | undefined, into: OtlpSpan[]): void {
  const { span, parent } = node;
  const spanId = randomBytes(8).toString('hex');
  into.push({
    traceId,
    spanId,
    parentSpanId,
    name: span.layer,
    kind: parent !== undefined && node.hops > parent.hops ? SPAN_KIND_SERVER : SPAN_KIND_INTERNAL,
    startTimeUnixNano: nanos(span.begin),
    endTimeUnixNano: nanos(node.open ? span.begin : span.end),
    attributes: keyValues(spanAttributes(span.detail)),
    status: span.error === undefined ? { code: 0 } : { code: STATUS_CODE_ERROR, message: span.error },
  });
  for (const child of node.children) collect(child, traceId, spanId, into);
}

/** The spans of one operation. */
export function otlpSpans(root: TraceNode): OtlpSpan[] {
  const spans: OtlpSpan[] = [];
  collect(root, randomBytes(16).toString('hex'), undefined, spans);
  return spans;
}

const BATCH = 512;

/** Sends operations to an OpenTelemetry collector over OTLP/HTTP with JSON. */
export class OtlpExporter {
  readonly url: string;
  /** Operations that could not be delivered, and why the last of them. */
  lost = 0;
  lastError: string | undefined;
  private waiting: OtlpSpan[] = [];
  private sending: Promise<void> = Promise.resolve();

  /** The collector's base URL ('http://localhost:4318'), or the full one with its path. */
  constructor(url: string) {
    const parsed = new URL(url);
    if (parsed.pathname === '/') parsed.pathname = '/v1/traces';
    this.url = parsed.href;
  }

  add(root: TraceNode): void {
    this.waiting.push(...otlpSpans(root));
    if (this.waiting.length >= BATCH) void this.flush();
  }

  /** Sends what waits. Never rejects: see `lost`. */
  flush(): Promise<void> {
    const spans = this.waiting;
    this.waiting = [];
    if (spans.length > 0) this.sending = this.sending.then(() => this.send(spans));
    return this.sending;
  }

  private async send(spans: OtlpSpan[]): Promise<void> {
    const body = {
      resourceSpans: [
        {
          resource: { attributes: keyValues({ 'service.name': 'nacre', 'service.version': VERSION }) },
          scopeSpans: [{ scope: { name: 'nacre', version: VERSION }, spans }],
        },
      ],
    };
    try {
      const response = await fetch(this.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    } catch (error) {
      this.lost += spans.length;
      this.lastError = error instanceof Error ? error.message : String(error);
    }
  }
}
