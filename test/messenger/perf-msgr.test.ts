import { describe, expect, it } from 'vitest';
import { InprocStack } from '../../src/ceph/messenger/index.ts';
import { runClient } from '../../src/cli/perf-msgr/client.ts';
import { type Mode, PerfServer } from '../../src/cli/perf-msgr/server.ts';
import { nodeEnv } from '../../src/env/node.ts';

const WAYS: { protocol: 1 | 2; mode: Mode; inproc: boolean }[] = [
  { protocol: 2, mode: 'crc', inproc: false },
  { protocol: 2, mode: 'secure', inproc: false },
  { protocol: 1, mode: 'crc', inproc: false },
  { protocol: 2, mode: 'crc', inproc: true },
];

describe('the messenger benchmark', () => {
  it.each(WAYS)('counts every request: %o', async ({ protocol, mode, inproc }) => {
    const stack = inproc ? new InprocStack(nodeEnv) : undefined;
    const common = { env: nodeEnv, mode, thinkMs: 0, stack };
    await using server = await PerfServer.start({ ...common, host: '127.0.0.1', port: 0, protocol });
    const result = await runClient(
      { ...common, addrs: server.addrs, jobs: 2, depth: 4, size: 5000, seconds: 0, ops: 60, warmup: 0 },
      inproc,
    );
    expect(result.ops).toBe(120);
    // Three questions for the counters come on top: before, to begin with, and after.
    expect(server.messages).toBe(123);
    expect(result.mbPerSecond).toBeCloseTo((result.opsPerSecond * 5000) / 1e6, 5);
    expect(result.requestBytes).toBeGreaterThan(5000);
    expect(result.latency.min).toBeGreaterThan(0);
    expect(result.latency.max).toBeGreaterThanOrEqual(result.latency.p99);
    expect(result.serverCpuUs === undefined).toBe(inproc);
  });

  it('ends with an error where there is no server', async () => {
    const server = await PerfServer.start({
      env: nodeEnv,
      mode: 'crc',
      thinkMs: 0,
      host: '127.0.0.1',
      port: 0,
      protocol: 2,
    });
    const { addrs } = server;
    await server.close();
    const options = { env: nodeEnv, mode: 'crc' as const, thinkMs: 0, addrs, jobs: 1, depth: 1, size: 1 };
    await expect(runClient({ ...options, seconds: 1, ops: 0, warmup: 0 }, false)).rejects.toThrow(
      'ECONNREFUSED',
    );
  });

  it('waits between requests when told to think', async () => {
    const common = { env: nodeEnv, mode: 'crc' as const };
    await using server = await PerfServer.start({
      ...common,
      thinkMs: 2,
      host: '127.0.0.1',
      port: 0,
      protocol: 2,
    });
    const result = await runClient(
      {
        ...common,
        thinkMs: 2,
        addrs: server.addrs,
        jobs: 1,
        depth: 1,
        size: 1,
        seconds: 0,
        ops: 5,
        warmup: 0,
      },
      false,
    );
    expect(result.latency.min).toBeGreaterThan(0.9);
    expect(result.ops).toBe(5);
  });
});
