import { type PerfCounters, PerfCountersBuilder } from '../../base/perf-counters.ts';
import type { MessengerStats } from './options.ts';

type Declared = readonly [keyof MessengerStats, string, ('bytes' | 'level')?];

/** The first ten by the names of Ceph's section (msg/async/Stack.h); the rest are our own. */
const COUNTERS: readonly Declared[] = [
  ['msgr_recv_messages', 'Network received messages'],
  ['msgr_send_messages', 'Network sent messages'],
  ['msgr_recv_bytes', 'Network received bytes', 'bytes'],
  ['msgr_send_bytes', 'Network sent bytes', 'bytes'],
  ['msgr_created_connections', 'Created connection number'],
  ['msgr_active_connections', 'Active connection number', 'level'],
  ['msgr_connection_ready_timeouts', 'Connections that were not ready in time'],
  ['msgr_connection_idle_timeouts', 'Connections that were idle for too long'],
  ['msgr_connection_faults', 'Connections that broke'],
  ['msgr_throttle_waits', 'Times that reading stopped for a full throttle'],
  ['msgr_send_calls', 'Writes to sockets'],
  ['msgr_recv_calls', 'Reads from sockets'],
];

/** A messenger's counters, filled in from its own when somebody looks. */
export function messengerPerf(stats: MessengerStats): PerfCounters {
  const b = new PerfCountersBuilder('AsyncMessenger::Worker-0');
  const numbers = COUNTERS.map(([name, text, kind]) => {
    if (kind === 'level') return b.u64(name, text);
    return b.u64Counter(name, text, { unit: kind === 'bytes' ? 'bytes' : 'none' });
  });
  return b.build({
    sample(counters) {
      COUNTERS.forEach(([name], i) => {
        counters.set(numbers[i], stats[name]);
      });
    },
    reset() {
      for (const [name, , kind] of COUNTERS) if (kind !== 'level') stats[name] = 0;
    },
  });
}
