import { defineConfig } from 'vitest/config';

// Unit tests run two files at a time; the suites under test/interop start real daemons, which want
// the machine to themselves, so they run after the unit tests and one file at a time.
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
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Real daemons on a busy machine now and then miss a deadline of their own (elections, heartbeats).
          retry: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
