import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportSpans } from '../../src/base/otel.ts';
import { setTraceClock, unwind, wind } from '../../src/base/trace.ts';
import { traceCommand } from '../../src/cli/trace.ts';

/** What a collector sees of a span: everything but the ids, which are random; its parent by name. */
interface Seen {
  readonly name: string;
  readonly parent: string | undefined;
  readonly trace: number;
  readonly kind: number;
  readonly status: number;
  readonly message: string | undefined;
  readonly attributes: Record<string, unknown>;
  readonly start: string;
  readonly end: string;
}

interface RawSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: { key: string; value: unknown }[];
  readonly status: { code?: number; message?: string };
}

/** An OTLP/HTTP collector that takes JSON. */
class Collector {
  readonly bodies: { resourceSpans: { scopeSpans: { spans: RawSpan[] }[]; resource: unknown }[] }[] = [];
  readonly paths: string[] = [];
  status = 200;
  private readonly server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      this.paths.push(`${request.method} ${request.url} ${request.headers['content-type']}`);
      this.bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
    });
  });

  async start(): Promise<string> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise(resolve => this.server.close(() => resolve()));
  }

  spans(): Seen[] {
    const raw = this.bodies.flatMap(body =>
      body.resourceSpans.flatMap(each => each.scopeSpans.flatMap(s => s.spans)),
    );
    for (const span of raw) {
      expect(span.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(span.spanId).toMatch(/^[0-9a-f]{16}$/);
    }
    const traces = [...new Set(raw.map(span => span.traceId))];
    return raw
      .map(span => ({
        name: span.name,
        parent: raw.find(other => other.spanId === span.parentSpanId)?.name,
        trace: traces.indexOf(span.traceId),
        kind: span.kind,
        status: span.status.code ?? 0,
        message: span.status.message,
        attributes: Object.fromEntries(
          span.attributes.map(({ key, value }) => [
            key,
            Object.values(value as object)
              .map(String)
              .join(),
          ]),
        ),
        start: span.startTimeUnixNano,
        end: span.endTimeUnixNano,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** Two operations as a client and an OSD in one process would show them. */
async function operations(): Promise<void> {
  const root = wind('rados.write_full', undefined, { oid: 'a', size: 4096 });
  const send = wind('Objecter._send_op', root, { link: 'client.1:1', ratio: 0.5, retry: false });
  unwind(send);
  const osd = wind('OSD.enqueue_op', undefined, { link: 'client.1:1' });
  unwind(osd, new Error('ENOENT: no such object'));
  await new Promise(resolve => setTimeout(resolve, 2));
  unwind(root);
  unwind(wind('rados.stat'));
}

describe('nacre trace', () => {
  let dir: string;
  let collector: Collector;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nacre-trace-'));
    collector = new Collector();
    setTraceClock(() => performance.now());
  });
  afterEach(async () => {
    await collector.stop();
    await rm(dir, { recursive: true });
    process.exitCode = undefined;
  });

  const trace = async (...args: string[]) => {
    const ran: string[][] = [];
    const command = traceCommand(async (name, rest) => {
      ran.push([name, ...rest]);
      await operations();
    });
    command.exitOverride();
    await command.parseAsync(args, { from: 'user' });
    return ran;
  };

  it('draws the tree with the time in each layer', async () => {
    const file = join(dir, 'out');
    expect(await trace('-o', file, 'rados', '-p', 'rbd', 'put', '--json')).toEqual([
      ['rados', '-p', 'rbd', 'put', '--json'],
    ]);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(
      lines.map(line => line.replace(/ +\d+(\.\d+)? (ms|us|s)\b/g, '').replace(/ +(own|\+\S+ us)/g, '')),
    ).toEqual([
      expect.stringMatching(/^rados\.write_full.*oid=a size=4096$/),
      expect.stringMatching(/^├─ Objecter\._send_op.*ratio=0\.5 retry=false$/),
      expect.stringMatching(/^└─ OSD\.enqueue_op.*ENOENT: no such object$/),
      expect.stringMatching(/^rados\.stat/),
    ]);
    for (const line of lines) expect(line).toMatch(/\d (ms|us) +own .*\d (ms|us) /);
  });

  it('prints one JSON object an operation, and leaves out what is too short or of no interest', async () => {
    const file = join(dir, 'out');
    const read = async () =>
      (await readFile(file, 'utf8'))
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line));
    await trace('--json', '-o', file, 'rados', 'x');
    const [write, stat] = await read();
    expect(write).toMatchObject({
      layer: 'rados.write_full',
      begin: 0,
      detail: { oid: 'a' },
      children: [
        { layer: 'Objecter._send_op', children: [] },
        { layer: 'OSD.enqueue_op', error: 'ENOENT: no such object' },
      ],
    });
    expect(write.ms).toBeGreaterThan(write.children[0].ms);
    expect(write.own).toBeLessThanOrEqual(write.ms);
    expect(stat).toMatchObject({ layer: 'rados.stat', children: [] });
    await trace('--json', '-o', file, '--min-ms', '1', 'rados', 'x');
    expect((await read()).map(op => op.layer)).toEqual(['rados.write_full']);
    await trace('--json', '-o', file, '--layer', 'stat', 'rados', 'x');
    expect((await read()).map(op => op.layer)).toEqual(['rados.stat']);
  });

  it('sends what the OpenTelemetry SDK would send', async () => {
    const url = await collector.start();
    await trace('--otlp', url, 'rados', 'x');
    expect(collector.paths).toEqual(['POST /v1/traces application/json']);

    const reference = new Collector();
    const exporter = new OTLPTraceExporter({ url: `${await reference.start()}/v1/traces` });
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    using _ = await exportSpans(provider);
    await operations();
    await provider.forceFlush();
    await provider.shutdown();
    await reference.stop();

    const timeless = (spans: Seen[]) => spans.map(({ start, end, trace, ...rest }) => rest);
    expect(timeless(collector.spans())).toEqual(timeless(reference.spans()));
    const ours = collector.spans();
    expect(ours.map(({ name, parent }) => [name, parent])).toEqual([
      ['OSD.enqueue_op', 'rados.write_full'],
      ['Objecter._send_op', 'rados.write_full'],
      ['rados.stat', undefined],
      ['rados.write_full', undefined],
    ]);
    expect(new Set(ours.map(({ trace }) => trace)).size).toBe(2);
    for (const span of ours) {
      const start = Number(BigInt(span.start) / 1_000_000n);
      expect(Math.abs(start - Date.now())).toBeLessThan(60_000);
      expect(BigInt(span.end) >= BigInt(span.start)).toBe(true);
    }
  });

  it('says when the collector did not take the spans', async () => {
    const url = await collector.start();
    collector.status = 503;
    await expect(trace('--otlp', `${url}/v1/traces`, 'rados', 'x')).rejects.toThrow(
      /4 spans did not reach .*503/,
    );
  });

  it('keeps the exit code of the command that failed, after showing its trace', async () => {
    const file = join(dir, 'out');
    const command = traceCommand(async () => {
      unwind(wind('rados.read'), 'failed');
      throw new Error('broken');
    });
    await command.parseAsync(['-o', file, 'ceph', '-s'], { from: 'user' });
    expect(process.exitCode).toBe(1);
    expect(await readFile(file, 'utf8')).toMatch(/^rados\.read.*failed\n$/);
  });
});
