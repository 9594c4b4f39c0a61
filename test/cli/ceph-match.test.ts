import { describe, expect, it } from 'vitest';
import { matchCommand } from '../../src/cli/ceph/match.ts';
import { splitWords } from '../../src/cli/ceph/shell.ts';
import { parseDescriptions, syntax } from '../../src/cli/ceph/signatures.ts';

const COMMANDS = parseDescriptions(
  JSON.stringify({
    cmd000: { sig: ['status'], help: 'show cluster status', flags: 0 },
    cmd001: {
      sig: [
        'osd',
        'pool',
        'create',
        { name: 'pool', type: 'CephPoolname' },
        { name: 'pg_num', type: 'CephInt', range: '0', req: 'false' },
        { name: 'pool_type', type: 'CephChoices', strings: 'replicated|erasure', req: 'false' },
        { name: 'bulk', type: 'CephBool', req: 'false' },
        { name: 'ratio', type: 'CephFloat', range: '0|1', req: 'false' },
      ],
      help: 'create pool',
      flags: 0,
    },
    cmd002: { sig: ['osd', 'out', { name: 'ids', type: 'CephString', n: 'N' }], help: 'out', flags: 0 },
    cmd003: { sig: ['osd', 'find', { name: 'id', type: 'CephOsdName' }], help: 'find', flags: 0 },
    cmd004: {
      sig: [
        'osd',
        'pool',
        'delete',
        { name: 'pool', type: 'CephPoolname' },
        { name: 'sure', type: 'CephChoices', strings: '--yes-i-really-mean-it', req: 'false' },
      ],
      help: 'delete pool',
      flags: 0,
    },
    cmd005: { sig: ['osd', 'gone'], help: 'old', flags: 2 },
  }),
);

function match(line: string): Record<string, unknown> | readonly string[] {
  const matched = matchCommand(splitWords(line)!, COMMANDS);
  return 'problem' in matched ? matched.problem : Object.fromEntries(matched.args);
}

describe('commands by their descriptions', () => {
  it.each<[string, Record<string, unknown>]>([
    ['status', { prefix: 'status' }],
    ['osd pool create p', { prefix: 'osd pool create', pool: 'p' }],
    [
      'osd pool create p 0x10 erasure',
      { prefix: 'osd pool create', pool: 'p', pg_num: 16, pool_type: 'erasure' },
    ],
    [
      'osd pool create p erasure --bulk',
      { prefix: 'osd pool create', pool: 'p', pool_type: 'erasure', bulk: true },
    ],
    ['osd pool create --pool=p --pg-num 8', { prefix: 'osd pool create', pool: 'p', pg_num: 8 }],
    ['osd pool create p --ratio 0.5', { prefix: 'osd pool create', pool: 'p', ratio: 0.5 }],
    ['osd out 1 2 3', { prefix: 'osd out', ids: ['1', '2', '3'] }],
    ['osd out --ids=1,2', { prefix: 'osd out', ids: ['1', '2'] }],
    ['osd find osd.3', { prefix: 'osd find', id: 3 }],
    [
      'osd pool delete p --yes-i-really-mean-it',
      { prefix: 'osd pool delete', pool: 'p', sure: '--yes-i-really-mean-it' },
    ],
  ])('%s', (line, args) => expect(match(line)).toEqual(args));

  it.each<[string, string]>([
    ['osd pool create', 'Invalid command: missing required parameter pool(<poolname>)'],
    ['osd pool create p --frob', "Invalid command: Unexpected argument '--frob'"],
    ['osd pool create p 8 replicated true 2', '2 not valid:  2.0 not in range [0.0, 1.0]'],
    ['osd pool create p 8 replicated true 1 2', "Invalid command: unused arguments: ['2']"],
    ['osd find x', 'Invalid command: osd id x not integer'],
    ['osd gone', 'no valid command found; 4 closest matches:'],
    ['nonsense', 'no valid command found; 5 closest matches:'],
  ])('%s: why not', (line, why) => expect((match(line) as string[])[0]).toBe(why));

  it('shows how a command is written', () => {
    expect(syntax(COMMANDS[1])).toBe(
      'osd pool create <pool> [<pg_num:int>] [replicated|erasure] [--bulk] [<ratio:float>]',
    );
    expect(syntax(COMMANDS[2])).toBe('osd out <ids>...');
  });
});

describe('words of a line', () => {
  it.each<[string, string[] | undefined]>([
    ['a  b', ['a', 'b']],
    [`a 'b c' "d \\"e"`, ['a', 'b c', 'd "e']],
    ['a\\ b ""', ['a b', '']],
    [`x'y'z`, ['xyz']],
    [`a 'b`, undefined],
    ['', []],
  ])('%j', (line, words) => expect(splitWords(line)).toEqual(words));
});
