import { execFile } from 'node:child_process';
import { rmdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { onTrace, type Span } from '../../src/base/trace.ts';
import { mount } from '../../src/fuse/index.ts';
import { MemoryFs } from './support/memory-fs.ts';
import { describeMounted, temporaryDirectory } from './support/mounted.ts';

const run = promisify(execFile);

describeMounted('watching', () => {
  test('every request is a span with its name, ended with its error; nothing without a listener', async () => {
    const dir = temporaryDirectory();
    const lines: string[] = [];
    await using m = await mount(dir, new MemoryFs({ late: true }), { dump: line => lines.push(line) });
    const spans: Span[] = [];
    const ended = new Map<number, string | undefined>();
    const listening = onTrace({
      wind: span => spans.push(span),
      unwind: span => ended.set(span.id, span.error),
    });
    await run('bash', ['-c', `cd ${dir}; echo x > f; cat f; rm none; mkdir d; rmdir d; true`]);
    listening[Symbol.dispose]();
    const layers = new Set(spans.map(span => span.layer));
    for (const layer of ['FUSE.LOOKUP', 'FUSE.CREATE', 'FUSE.WRITE', 'FUSE.READ', 'FUSE.MKDIR', 'FUSE.RMDIR'])
      expect(layers).toContain(layer);
    const none = spans.find(span => String(span.detail?.['request']).includes('name=none'));
    expect(ended.get(none!.id)).toBe('ENOENT');
    const count = spans.length;
    await run('bash', ['-c', `cat ${dir}/f`]);
    expect(spans.length).toBe(count);
    await m.unmount();
    expect(lines.some(line => /^> \d+ WRITE node=[0-9a-f]+ off=0 size=2 wflags=\d+$/.test(line))).toBe(true);
    expect(lines.some(line => /^< \d+ WRITE size=2$/.test(line))).toBe(true);
    expect(lines.some(line => /^< \d+ LOOKUP error=-2$/.test(line))).toBe(true);
    rmdirSync(dir);
  });
});
