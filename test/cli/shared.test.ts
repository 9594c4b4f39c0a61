import { Command } from 'commander';
import { afterEach, describe, expect, it } from 'vitest';
import { NacreError } from '../../src/base/errors.ts';
import { cephArgsOf, splitCephArgs, withCephArgs } from '../../src/cli/shared/ceph-args.ts';
import { CliError, errorText, exitCodeOf, strerror } from '../../src/cli/shared/errors.ts';
import { formatBytes, formatSi, parseFormat, renderJson } from '../../src/cli/shared/format.ts';
import { bar, Progress } from '../../src/cli/shared/progress.ts';
import { TextTable } from '../../src/cli/shared/table.ts';
import { colorsFor } from '../../src/cli/shared/tty.ts';

describe('sizes', () => {
  // As `ceph df` and `rados df` of Ceph 16.2 print them.
  it.each([
    [0, '0 B'],
    [1000, '1000 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [123_457, '121 KiB'],
    [371_712, '363 KiB'],
    [1_234_567, '1.2 MiB'],
    [3_704_832, '3.5 MiB'],
    [4_194_304, '4 MiB'],
    [10_000_000, '9.5 MiB'],
    [12_582_912, '12 MiB'],
    [30_001_152, '29 MiB'],
    [4_179_057 * 1024, '4.0 GiB'],
    [4_194_304 * 1024, '4 GiB'],
  ])('%i is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1k'],
    [1234, '1.23k'],
    [12_345, '12.35k'],
    [1_234_567, '1.23M'],
    [5_000_000_000, '5G'],
  ])('%i is %s without units', (value, text) => {
    expect(formatSi(value)).toBe(text);
  });

  it('--format is checked', () => {
    expect(parseFormat(undefined)).toBe('plain');
    expect(renderJson({ a: 1 }, parseFormat('json'))).toBe('{"a":1}');
    expect(renderJson({ a: 1 }, parseFormat('json-pretty'))).toBe('{\n    "a": 1\n}\n');
    expect(() => parseFormat('xml')).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('TextTable', () => {
  it('pads columns by their alignment, with two blanks between', () => {
    const table = new TextTable().column('POOL').column('USED', 'right').column('X', 'center', 'left');
    table.row('rbd', '12 KiB', 'abc').row('metadata', 7, '');
    expect(table.toString()).toBe(
      ['POOL        USED   X ', 'rbd       12 KiB  abc', 'metadata       7     ', ''].join('\n'),
    );
  });

  it('does not count colours', () => {
    const { red } = colorsFor({ isTTY: true });
    const plain = new TextTable().column('A', 'right').row('x').row('yyy').toString();
    const coloured = new TextTable().column('A', 'right').row(red('x')).row('yyy').toString();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences start with one
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(plain);
  });
});

describe('colours', () => {
  const saved = { ...process.env };
  afterEach(() => {
    process.env = { ...saved };
  });

  it('are for terminals, unless the environment says otherwise', () => {
    delete process.env['NO_COLOR'];
    delete process.env['FORCE_COLOR'];
    process.env['TERM'] = 'xterm';
    const coloured = (stream: { isTTY?: boolean }) => colorsFor(stream).red('x') !== 'x';
    expect(coloured({ isTTY: true })).toBe(true);
    expect(coloured({})).toBe(false);
    process.env['FORCE_COLOR'] = '1';
    expect(coloured({})).toBe(true);
    process.env['NO_COLOR'] = '1';
    expect(coloured({ isTTY: true })).toBe(false);
  });
});

describe('Progress', () => {
  const stream = (isTTY: boolean) => {
    const written: string[] = [];
    return { isTTY, columns: 10, written, write: (text: string) => written.push(text) };
  };

  it('draws one line on a terminal, not too often, and takes it away', () => {
    let now = 0;
    const tty = stream(true);
    const progress = new Progress(tty, 100, () => now);
    progress.update('0123456789abc');
    now = 50;
    progress.update(() => {
      throw new Error('too early to be asked');
    });
    now = 100;
    progress.update(() => 'b');
    progress.done('end');
    progress.done();
    expect(tty.written).toEqual(['\r\u001b[K012345678', '\r\u001b[Kb', '\r\u001b[K', 'end\n']);
  });

  it('says nothing elsewhere', () => {
    const pipe = stream(false);
    using progress = new Progress(pipe);
    progress.update('x');
    progress.done('end');
    expect(pipe.written).toEqual([]);
  });

  it('has a bar', () => {
    expect(bar(0, 6)).toBe('[    ]');
    expect(bar(0.5, 6)).toBe('[=>  ]');
    expect(bar(1.5, 6)).toBe('[====]');
  });
});

describe('errors', () => {
  it('have the exit codes of the originals', () => {
    const missing = new NacreError('ENOENT', 'x', 'y');
    expect(exitCodeOf(missing, 'rados')).toBe(1);
    expect(exitCodeOf(missing, 'ceph')).toBe(2);
    expect(exitCodeOf(missing)).toBe(1);
    expect(exitCodeOf(new Error('x'), 'ceph')).toBe(1);
    expect(exitCodeOf(new CliError('x', 7), 'ceph')).toBe(7);
    expect(errorText(missing)).toBe('(2) No such file or directory');
    expect(errorText('x')).toBe('x');
    expect(strerror(-16)).toBe('(16) Device or resource busy');
  });
});

describe('Ceph arguments', () => {
  const saved = { ...process.env };
  afterEach(() => {
    process.env = { ...saved };
  });

  it('stand anywhere, and the tool sees the rest', async () => {
    process.env['CEPH_ARGS'] = '--debug-ms 1 --pool envpool';
    let seen: unknown;
    const rados = withCephArgs(new Command('rados'), ['-f']);
    rados.option('-p, --pool <pool>').option('-f, --format <format>');
    rados.command('put <object> <file>').action((object, file, _, command: Command) => {
      seen = { object, file, config: cephArgsOf(command).config, ...command.optsWithGlobals() };
    });
    const line = [
      '-c',
      'x.conf',
      'put',
      '--id',
      'me',
      'o',
      '-f',
      'json',
      'f',
      '--ms_crc_data=false',
      '-p',
      'rbd',
    ];
    await rados.parseAsync(line, { from: 'user' });
    expect(seen).toEqual({
      object: 'o',
      file: 'f',
      pool: 'rbd',
      format: 'json',
      config: ['-c', 'x.conf', '--id', 'me', '--ms_crc_data=false'],
    });
    expect(splitCephArgs(['ls']).rest).toEqual(['--pool', 'envpool', 'ls']);
  });
});
