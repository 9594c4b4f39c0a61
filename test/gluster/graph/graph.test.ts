import { describe, expect, it } from 'vitest';
import { onTrace, type Span } from '../../../src/base/trace.ts';
import { nodeEnv } from '../../../src/env/node.ts';
import { FopError } from '../../../src/gluster/graph/fop-error.ts';
import type { Fops, StatAnswer } from '../../../src/gluster/graph/fops.ts';
import { CallRoot, Frame } from '../../../src/gluster/graph/frame.ts';
import { Graph } from '../../../src/gluster/graph/graph.ts';
import { Loc } from '../../../src/gluster/graph/loc.ts';
import type { OptionTable } from '../../../src/gluster/graph/option-types.ts';
import { Xlator, type XlatorClass } from '../../../src/gluster/graph/xlator.ts';
import { Iatt } from '../../../src/gluster/types/iatt.ts';

class Leaf extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    errno: { kind: 'int', default: '0', description: 'Fails with it.' },
  };
  static readonly subvolumes = [0, 0] as const;
  size = 1;

  override notify(event: Parameters<Xlator['notify']>[0]): void {
    if (event === 'PARENT_UP') this.notifyParents('CHILD_UP');
  }

  async stat(): Promise<StatAnswer> {
    const errno = this.options.number('errno');
    if (errno !== 0) throw new FopError(errno, this.name);
    return { stat: Object.assign(new Iatt(), { size: this.size }) };
  }
}

/** Adds one to sizes. */
class Adder extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'pass-through': { kind: 'bool', default: 'false', description: 'Goes by.' },
  };

  async stat(frame: Frame, loc: Loc): Promise<StatAnswer> {
    const { stat } = await this.next.stat(frame, loc);
    stat.size++;
    return { stat };
  }
}

class Nothing extends Xlator {
  static readonly options: OptionTable = {};
}

/** Sums up all below. */
class Fan extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {};
  static readonly subvolumes = [1, Infinity] as const;

  async stat(frame: Frame, loc: Loc): Promise<StatAnswer> {
    const answers = await Promise.all(this.subvolumes.map(child => child.stat(frame, loc)));
    return {
      stat: Object.assign(new Iatt(), { size: answers.reduce((sum, { stat }) => sum + stat.size, 0) }),
    };
  }
}

const TYPES: Readonly<Record<string, XlatorClass>> = {
  'test/leaf': Leaf,
  'test/adder': Adder,
  'test/nothing': Nothing,
  'test/fan': Fan,
};
const registry = (type: string) => TYPES[type];
const setup = { env: nodeEnv };

function volume(name: string, type: string, subvolumes = '', options = ''): string {
  const below = subvolumes === '' ? '' : `  subvolumes ${subvolumes}\n`;
  return `volume ${name}\n  type ${type}\n${options}${below}end-volume\n`;
}

function frame(): Frame {
  return new Frame(new CallRoot('stat', 1, 0));
}

describe('Graph', () => {
  const chain =
    volume('leaf', 'test/leaf') +
    volume('n1', 'test/nothing', 'leaf') +
    volume('add', 'test/adder', 'n1') +
    volume('n2', 'test/nothing', 'add');

  it('resolves each fop to the next layer that has it', async () => {
    const graph = Graph.build(chain, registry, setup);
    graph.activate();
    await graph.ready();
    const loc = new Loc(graph.inodes.root);
    expect((await graph.fops.stat(frame(), loc)).stat.size).toBe(2);
    await expect(graph.fops.lookup(frame(), loc)).rejects.toMatchObject({ errno: 95 });
    await graph.close();
  });

  it('goes by layers that pass through, also after a reconfigure', async () => {
    const through = chain.replace('type test/adder\n', 'type test/adder\n  option pass-through on\n');
    const graph = Graph.build(through, registry, setup);
    const loc = new Loc(graph.inodes.root);
    expect((await graph.fops.stat(frame(), loc)).stat.size).toBe(1);
    expect(graph.reconfigure(chain)).toBe('reconfigured');
    expect((await graph.fops.stat(frame(), loc)).stat.size).toBe(2);
    expect(graph.reconfigure(chain)).toBe('same');
    expect(graph.reconfigure(`${chain}${volume('n3', 'test/nothing', 'n2')}`)).toBe('switch');
    await graph.close();
  });

  it('gives spans their exact parents where a layer winds to many', async () => {
    const leaves = ['a', 'b', 'c'].map(
      name => volume(name, 'test/leaf') + volume(`+${name}`, 'test/adder', name),
    );
    const graph = Graph.build(`${leaves.join('')}${volume('fan', 'test/fan', '+a +b +c')}`, registry, setup);
    const spans: Span[] = [];
    using _watch = onTrace({ wind: span => void spans.push(span) });
    const loc = new Loc(graph.inodes.root);
    const sizes = await Promise.all([1, 2].map(() => graph.fops.stat(frame(), loc)));
    expect(sizes.map(({ stat }) => stat.size)).toEqual([6, 6]);
    const name = (span: Span | undefined) => span?.detail?.['xlator'];
    expect(spans.length).toBe(14);
    for (const span of spans) {
      if (span.layer === 'test/fan.stat') expect(span.parent).toBeUndefined();
      if (span.layer === 'test/adder.stat') expect(name(span.parent)).toBe('fan');
      if (span.layer === 'test/leaf.stat') expect(name(span.parent)).toBe(`+${name(span)}`);
      expect(span.end).toBeGreaterThanOrEqual(span.begin);
    }
    await graph.close();
  });

  it('names the layer that an error comes from', async () => {
    const graph = Graph.build(chain, registry, {
      ...setup,
      xlatorOptions: { 'le*.errno': '2' },
    });
    const errors: (string | undefined)[] = [];
    using _watch = onTrace({ unwind: span => void errors.push(span.error) });
    const top = frame();
    await expect(graph.fops.stat(top, new Loc(graph.inodes.root))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(errors).toEqual(['ENOENT (leaf)', 'ENOENT (leaf)']);
    expect(top.failureLayer).toBe('leaf');
    await graph.close();
  });

  it('names a type that is not there', () => {
    expect(() => Graph.build(volume('x', 'cluster/nowhere'), registry, setup)).toThrow(
      /ENOTSUP.*line 1.*'x'.*'cluster\/nowhere'/,
    );
  });

  it('refuses graphs that nobody could wind through', () => {
    const stack = (n: number, below: (name: string) => string) => {
      let text = volume('v0', 'test/leaf');
      for (let i = 1; i <= n; i++) text += volume(`v${i}`, 'test/fan', below(`v${i - 1}`));
      return text;
    };
    const once = (name: string) => name;
    const twice = (name: string) => `${name} ${name}`;
    expect(() => Graph.build(stack(60, twice), registry, setup)).toThrow(/EINVAL.*ways lead down/);
    expect(() => Graph.build(stack(200, once), registry, setup)).toThrow(/EINVAL.*layers deep/);
    const wide = Array.from({ length: 10_001 }, (_, i) => volume(`w${i}`, 'test/leaf'));
    const all = volume('top', 'test/fan', wide.map((_, i) => `w${i}`).join(' '));
    expect(() => Graph.build(wide.join('') + all, registry, setup)).toThrow(/EINVAL.*graph of 10002 layers/);
  });

  it('checks how many subvolumes there are', () => {
    expect(() => Graph.build(volume('x', 'test/adder'), registry, setup)).toThrow(
      /takes 1 subvolumes, and has 0/,
    );
  });

  it('names volume, option, value and line of what is wrong', () => {
    const wrong = volume('leaf', 'test/leaf', '', '  option errno 12x\n');
    expect(() => Graph.build(wrong, registry, setup)).toThrow(/line 3.*'leaf'.*errno.*'12x'/);
  });
});
