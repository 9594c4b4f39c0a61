import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServerOptions } from './support/memory-server.ts';
import { describeMounted, MemoryMount } from './support/mounted.ts';

const SCRIPT = join(import.meta.dirname, '..', 'support', 'posix-conformance.py');

function conformance(dir: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', [SCRIPT, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', () => resolve(output.trim().split('\n')));
  });
}

const kinds: [string, ServerOptions][] = [
  ['nothing cached', { acl: true }],
  [
    'no readdirplus, no parallel directory operations',
    { readdirplus: false, parallelDirops: false, acl: true },
  ],
  ['names and attributes cached', { timeout: 1, acl: true, cacheSymlinks: true }],
  ['write-back cache, late answers', { timeout: 1, writebackCache: true, late: true, acl: true }],
  ['direct I/O, late answers', { directIo: true, late: true, acl: true }],
  ['small requests', { maxWrite: 65536, acl: true }],
];

for (const [kind, options] of kinds)
  describeMounted(`POSIX behaviour, ${kind}`, () => {
    let mount: MemoryMount;
    beforeAll(async () => {
      mount = await MemoryMount.start(options);
    });
    afterAll(async () => {
      await mount?.[Symbol.asyncDispose]();
    });

    test('every check of the list passes', { timeout: 120_000 }, async () => {
      const lines = await conformance(mount.dir);
      expect(lines.filter(line => !line.startsWith('pass '))).toEqual([]);
      expect(lines.length).toBeGreaterThan(90);
    });

    test('nothing is left behind: every inode was forgotten, every handle closed, every request answered', async () => {
      await mount.sh('sync; echo 2 > /proc/sys/vm/drop_caches');
      await expect.poll(() => mount.call('nodes'), { timeout: 20_000 }).toBe(1);
      await expect.poll(() => mount.call('handles'), { timeout: 20_000 }).toBe(0);
      expect(await mount.call('unanswered')).toBe(0);
      expect(mount.errors).toBe('');
    });
  });
