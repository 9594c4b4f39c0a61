import { describe, expect, it } from 'vitest';
import { featureNames, parseArgs, parseFeatures, parseIec } from '../../src/cli/rbd/args.ts';
import { findVerb, VERBS } from '../../src/cli/rbd/catalogue.ts';
import { Formatter } from '../../src/cli/rbd/formatter.ts';
import { SpecReader } from '../../src/cli/rbd/spec.ts';

const verb = (name: string) => VERBS.find(each => each.name === name)!;

function parse(name: string, ...args: string[]) {
  const { options, words } = verb(name);
  return parseArgs(args, options, words.length);
}

describe('arguments of nacre rbd', () => {
  it('takes options and words in any order', () => {
    const args = parse('create', '-s1G', 'rbd/disk', '--object-size=8M', '--image-shared');
    expect(args.words).toEqual(['rbd/disk']);
    expect(args.number('size')).toBe(2 ** 30);
    expect(args.number('object-size')).toBe(2 ** 23);
    expect(args.flag('image-shared')).toBe(true);
  });

  it('takes letters of flags together', () => {
    const args = parse('trash list', '-alp', 'data');
    expect([args.flag('all'), args.flag('long'), args.text('pool')]).toEqual([true, true, 'data']);
  });

  it('adds up features that are given one by one', () => {
    const args = parse('create', 'x', '--image-feature', 'layering', '--image-feature', 'exclusive-lock');
    expect(featureNames(args.bigint('image-feature')!)).toEqual(['layering', 'exclusive-lock']);
    expect(parseFeatures('layering,nonsense')).toBeUndefined();
  });

  it('reads sizes by IEC units, and nothing else', () => {
    expect(['1', '4K', '4Ki', '4KiB', '2T'].map(parseIec)).toEqual([1, 4096, 4096, 4096, 2 ** 41]);
    expect(['', 'K', '1.5G', '10iB', '-1', '9E99', '4kk'].map(parseIec)).toEqual(Array(7).fill(undefined));
  });

  it('finds the longest verb, by its name or alias', () => {
    expect(findVerb(['trash', 'purge', 'schedule', 'add'])?.verb.name).toBe('trash purge schedule add');
    expect(findVerb(['trash', 'purge', 'rbd'])).toMatchObject({ length: 2 });
    expect(findVerb(['deep', 'cp', 'a', 'b'])?.verb.name).toBe('deep copy');
    expect(findVerb(['trash'])).toBeUndefined();
  });

  it('loads every verb that is there', async () => {
    for (const each of VERBS)
      if (each.words[0]?.name === 'arguments')
        await expect(each.load()).rejects.toMatchObject({ code: 'ENOTSUP' });
      else expect(await each.load(), each.name).toBeTypeOf('function');
  });
});

describe('image specs', () => {
  const spec = (text: string, rules: Parameters<SpecReader['image']>[0] = { snap: 'permitted' }) =>
    new SpecReader(parse('info', text)).image(rules);

  it('parts pool, namespace, image and snapshot', () => {
    expect(spec('a')).toEqual({ pool: '', namespace: '', image: 'a', snap: '' });
    expect(spec('p/a@s')).toEqual({ pool: 'p', namespace: '', image: 'a', snap: 's' });
    expect(spec('p/n/a@s')).toEqual({ pool: 'p', namespace: 'n', image: 'a', snap: 's' });
    expect(spec('a@s@t').snap).toBe('s@t');
  });

  it('refuses what makes no sense', () => {
    expect(() => spec('a/b/c/d', { snap: 'none', validation: 'full' })).toThrow("invalid spec 'a/b/c/d'");
    expect(() => spec('a@s', { snap: 'none' })).toThrow("command that doesn't use it");
    expect(() => spec('a', { snap: 'required' })).toThrow('snapshot name was not specified');
    expect(() => spec('a@b@c', { snap: 'permitted', validation: 'full' })).toThrow('invalid spec');
  });

  it('takes options for words', () => {
    const args = parse('info', '--pool', 'p', '--image', 'a', '--snap', 's');
    expect(new SpecReader(args).image({ snap: 'permitted' })).toMatchObject({
      pool: 'p',
      image: 'a',
      snap: 's',
    });
  });
});

describe('output formats', () => {
  const fill = (f: Formatter) =>
    f.array('list', () => {
      f.object('one thing', () => f.value('a b', '<&>'));
      f.value('n', 7n);
    });
  it.each([
    ['json', false, '[{"a b":"<&>"},7]\n'],
    ['xml', false, '<list><one_thing><a_b>&lt;&amp;&gt;</a_b></one_thing><n>7</n></list>\n'],
    ['xml', true, '<list>\n <one_thing>\n  <a_b>&lt;&amp;&gt;</a_b>\n </one_thing>\n <n>7</n>\n</list>\n\n'],
  ] as const)('%s, pretty %s', (format, pretty, text) => {
    const f = new Formatter(format, pretty);
    fill(f);
    expect(f.toString()).toBe(text);
  });
});
