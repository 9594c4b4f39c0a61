import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { giveMemoryBackWhenIdle } from '../../src/cli/gluster/idle-memory.ts';

const MIB = 1 << 20;
const used = () => process.memoryUsage().heapUsed / MIB;

/** Keeps the processor busy for some ticks of the watcher, and some 50 MiB alive meanwhile. */
async function busyTime(): Promise<number> {
  const kept: object[] = [];
  for (const end = Date.now() + 4500; Date.now() < end; await sleep(1)) {
    if (kept.length < 800_000) for (let i = 0; i < 20_000; i++) kept.push({ i, next: kept.length });
    for (const until = Date.now() + 20; Date.now() < until; );
  }
  return kept.length > 0 ? used() : 0;
}

test('what a busy time leaves behind goes when it is over, though nothing asks for memory', async () => {
  using _watcher = giveMemoryBackWhenIdle();
  const busy = await busyTime();
  let now = used();
  for (let i = 0; i < 300 && now > busy - 30; i++) {
    await sleep(100);
    now = used();
  }
  expect(now).toBeLessThan(busy - 30);
}, 60_000);
