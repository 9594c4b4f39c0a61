import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeEnv } from '../../../src/env/node.ts';
import { Graph, type XlatorRegistry } from '../../../src/gluster/graph/graph.ts';
import { LineLog } from '../../../src/gluster/graph/log.ts';
import type { OptionTable } from '../../../src/gluster/graph/option-types.ts';
import { Xlator } from '../../../src/gluster/graph/xlator.ts';
import { xlatorRegistry } from '../../../src/gluster/xlators/index.ts';
import { goldenPath } from '../../support/golden.ts';

const golden = goldenPath('peers/golden/gluster/volfiles');

/** Volfiles that glusterd hands out to clients, of all kinds of volumes. */
function clientVolfiles(): string[] {
  return readdirSync(golden!)
    .map(name => join(golden!, name))
    .filter(path => statSync(path).isDirectory())
    .flatMap(dir => readdirSync(dir).map(name => join(dir, name)))
    .filter(path => path.endsWith('fuse.vol'));
}

/** Takes any options. */
class Anything extends Xlator {
  static readonly options: OptionTable = { '*': { kind: 'any', description: 'Any.' } };
  static readonly subvolumes = [0, Infinity] as const;
}

describe.skipIf(golden === undefined)("glusterd's volfiles for clients", () => {
  it('become graphs, or are refused for a translator that is not there, with its name', async () => {
    let made = 0;
    for (const path of clientVolfiles()) {
      const text = readFileSync(path, 'latin1');
      const missing = [...text.matchAll(/^ *type (\S+)/gm)].find(
        ([, type]) => xlatorRegistry(type) === undefined,
      );
      const build = () => Graph.build(text, xlatorRegistry, { env: nodeEnv, acl: true });
      if (missing === undefined) {
        made++;
        await build().close();
      } else
        expect(build, path).toThrow(
          new RegExp(`ENOTSUP: line \\d+: .* no translator of type '${missing[1]}'`),
        );
    }
    expect(made).toBeGreaterThanOrEqual(2);
  });

  it('have no option that our translators do not know', async () => {
    const lines: string[] = [];
    const log = new LineLog(
      () => 0,
      line => void lines.push(line),
    );
    const registry: XlatorRegistry = type => xlatorRegistry(type) ?? Anything;
    for (const path of clientVolfiles())
      await Graph.build(readFileSync(path, 'latin1'), registry, { env: nodeEnv, log }).close();
    // glusterd writes this one for itself; the translator of GlusterFS does not know it either.
    const odd = "option 'performance.readdir-ahead'";
    expect(lines.filter(line => line.includes('not recognized') && !line.includes(odd))).toEqual([]);
  });
});
