import { defineConfig } from 'vitest/config';

const interop = {
  pool: 'forks',
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // Real daemons on a busy machine now and then miss a deadline of their own (elections, heartbeats). Where a second
  // attempt finds what the first one left, scripts/test.mjs has the file once more, with new daemons.
  retry: 1,
} as const;
const FAULTS = 'test/interop/*-faults.test.ts';
const GLUSTER = 'test/interop/gluster-*.test.ts';

// Unit tests run first, two files at a time; then the suites of test/interop, which start real daemons and spend much
// of their time waiting for them; those of GlusterFS one at a time; and last, one at a time, those that kill daemons of
// Ceph and have them noticed in time. Which of these groups run beside each other says scripts/test.mjs.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/interop/**'],
          pool: 'forks',
          testTimeout: 30_000,
          // Some use real sockets and clocks, which a busy machine delays; a retry shows in the report.
          retry: 1,
        },
      },
      {
        test: {
          ...interop,
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          exclude: [FAULTS, GLUSTER],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...interop,
          name: 'gluster',
          include: [GLUSTER],
          // Glusterd has one port, 24007.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...interop,
          name: 'faults',
          include: [FAULTS],
          exclude: [GLUSTER],
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
