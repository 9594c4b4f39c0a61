import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeEnv } from '../../../src/env/node.ts';
import { Xlator, type XlatorClass } from '../../../src/gluster/graph/xlator.ts';
import { Volume } from '../../../src/gluster/volume/volume.ts';
import type { VolfileSource } from '../../../src/gluster/volume/volume-client.ts';
import { dropStore, MemoryBrick } from '../../support/mem-brick.ts';

const BRICK = 'volume brick\n  type storage/memory\n  option directory /switch-test\nend-volume\n';
const LAYER = 'volume layer\n  type test/layer\n  option size 1KB\n  subvolumes brick\nend-volume\n';

class Layer extends Xlator {
  static readonly options = {
    size: { kind: 'size', default: '1', description: 'for the test', reconfigurable: true },
  } as const;
}

const TYPES: Record<string, XlatorClass> = { 'storage/memory': MemoryBrick, 'test/layer': Layer };

/** A server whose volfile the test changes. */
class Source implements VolfileSource {
  text: string;
  private changed = () => {};
  constructor(text: string) {
    this.text = text;
  }
  async fetch(): Promise<string> {
    return this.text;
  }
  onChange(listener: () => void): void {
    this.changed = listener;
  }
  change(text: string): void {
    this.text = text;
    this.changed();
  }
  async close(): Promise<void> {}
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

describe('a volfile that changes', () => {
  let source: Source;
  let volume: Volume;

  beforeEach(async () => {
    source = new Source(BRICK);
    volume = await Volume.open('vg0', { source, xlators: TYPES, env: nodeEnv, uid: 0, gid: 0 });
  });

  afterEach(async () => {
    await volume.close();
    dropStore('/switch-test');
  });

  it('replaces the graph under open files and their locks', async () => {
    await using file = await volume.open('/f', 'w+');
    await file.write('before ');
    await file.lock({ start: 0, length: 5 });
    await volume.mkdir('/d');
    const { graph } = volume.client;
    const old = graph.find('brick') as MemoryBrick;
    source.change(BRICK + LAYER);
    await volume.client.settled();
    expect(volume.client.graph).not.toBe(graph);
    expect(volume.client.graph.xlators.map(({ name }) => name)).toContain('layer');
    await file.write('after');
    expect(String(await volume.readFile('/f'))).toBe('before after');
    expect(old.openFds).toBe(0);
    await using other = await volume.open('/f', 'r+');
    await expect(other.lock({ wait: false })).rejects.toMatchObject({ code: 'EAGAIN' });
    await file.unlock();
    await using _lock = await other.lock({ wait: false });
    await volume.writeFile('/d/new', 'x');
    expect(await volume.readdir('/d')).toEqual(['new']);
  });

  it('changes options in place where the layers are the same', async () => {
    source.change(BRICK + LAYER);
    await volume.client.settled();
    const { graph } = volume.client;
    source.change(BRICK + LAYER.replace('1KB', '2KB'));
    await volume.client.settled();
    expect(volume.client.graph).toBe(graph);
    expect(graph.find('layer')!.options.number('size')).toBe(2048);
  });

  it('goes on with the old graph when the new volfile is of no use', async () => {
    const { graph } = volume.client;
    source.change('volume x\n  type no/such\nend-volume\n');
    await volume.client.settled();
    source.change('garbage');
    await volume.client.settled();
    expect(volume.client.graph).toBe(graph);
    await volume.writeFile('/still', 'here');
    expect(String(await volume.readFile('/still'))).toBe('here');
  });
});
