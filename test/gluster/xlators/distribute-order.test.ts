import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bricksOf, DhtVolume } from '../../support/dht-volume.ts';
import { goldenPath } from '../../support/golden.ts';

const golden = goldenPath('peers/golden/gluster/trace/dist-ops-winding.txt.gz');

/** Which fop a function of GlusterFS winds. */
const FOPS: readonly [RegExp, string][] = [
  [/inodelk/, 'inodelk'],
  [/entrylk/, 'entrylk'],
  [/mkdir/, 'mkdir'],
  [/lookup|refresh_layout|revalidate/, 'lookup'],
  [/dir_xattr/, 'setxattr'],
  [/create/, 'create'],
];

/** What GlusterFS wound from distribute to the bricks for a command: 'mkdir 0'. */
function windings(command: string): string[] {
  const text = gunzipSync(readFileSync(golden!)).toString();
  const from = text.indexOf(`### $ ${command}\n`);
  const part = text.slice(from, text.indexOf('\n### $', from + 1));
  const found: string[] = [];
  for (const [, fn, child] of part.matchAll(
    /:([a-z_0-9]+)\] 0-stack-trace: winding from dist-dht to dist-client-(\d)/g,
  )) {
    const fop = FOPS.find(([pattern]) => pattern.test(fn))?.[1];
    if (fop !== undefined) found.push(`${fop} ${child}`);
  }
  return found;
}

/** Of a list, from the first element of that kind to the last. */
function between(list: readonly string[], first: string, last: string): string[] {
  const from = list.findIndex(each => each.startsWith(first));
  const to = list.findLastIndex(each => each.startsWith(last));
  return list.slice(from, to + 1);
}

describe.skipIf(golden === undefined)('The order in which bricks are asked', () => {
  it('is that of GlusterFS for a new directory', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.stat('/');
    const calls: string[] = [];
    bricksOf(volume).forEach((brick, i) => {
      brick.before = call => {
        calls.push(`${call.fop} ${i}`);
        return undefined;
      };
    });
    await volume.mkdir('/d');
    await new Promise(resolve => setImmediate(resolve));
    const expected = between(windings('mkdir d'), 'inodelk', 'inodelk');
    expect(expected.length).toBeGreaterThan(10);
    expect(between(calls, 'inodelk', 'inodelk')).toEqual(expected);
  });

  it('is that of GlusterFS for a new file', async () => {
    await using bricks = new DhtVolume(3);
    const volume = await bricks.client();
    await volume.stat('/');
    const calls: string[] = [];
    bricksOf(volume).forEach((brick, i) => {
      brick.before = call => {
        if (call.name === 'new') calls.push(`${call.fop} ${i}`);
        return undefined;
      };
    });
    await volume.writeFile('/new', '');
    const found = calls.slice(0, calls.findIndex(call => call.startsWith('create')) + 1);
    // The kernel looks three times before it creates a file.
    const all = windings('touch new');
    const once = all.slice(0, 4);
    expect(all.slice(4, 8)).toEqual(once);
    expect(found).toEqual([...once, all.find(each => each.startsWith('create'))]);
  });
});
