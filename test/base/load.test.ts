import { describe, expect, it } from 'vitest';
import { splitConfigArgs, takeEarlyArgs } from '../../src/base/config/argv.ts';
import { keyringPaths, type LoadOptions, loadConfig } from '../../src/base/config/load.ts';
import { createContext } from '../../src/base/context.ts';
import { fakeEnv } from './fake-env.ts';

const load = (
  options: LoadOptions,
  files: Record<string, string> = {},
  variables: Record<string, string> = {},
) => loadConfig(fakeEnv({ files, variables: { HOME: '/root', ...variables } }), options);

const backoff = (value: number) => `[global]\nms_max_backoff = ${value}\n`;

describe('loadConfig', () => {
  it('reads the first file of the search list that exists', () => {
    const files: Record<string, string> = {
      '/etc/ceph/ceph.conf': backoff(1),
      '/root/.ceph/ceph.conf': backoff(2),
      'ceph.conf': backoff(3),
    };
    for (const [path, value] of [
      ['/etc/ceph/ceph.conf', 1],
      ['/root/.ceph/ceph.conf', 2],
      ['ceph.conf', 3],
    ] as const) {
      const { config } = load({}, files);
      expect(config.filePath).toBe(path);
      expect(config.get('ms_max_backoff')).toBe(value);
      delete files[path];
    }
    expect(load({}, files).config.file).toBeUndefined();
    expect(load({ conf: null }, { '/etc/ceph/ceph.conf': backoff(1) }).config.get('ms_max_backoff')).toBe(15);
  });

  it('prefers -c to code to CEPH_CONF, and names the cluster after the file', () => {
    const files = { '/a/one.conf': backoff(1), '/a/two': backoff(2), '/a/three.conf': backoff(3) };
    const variables = { CEPH_CONF: '/a/one.conf' };
    expect(load({}, files, variables).config.cluster).toBe('one');
    expect(load({ conf: '/a/two' }, files, variables).config).toMatchObject({
      cluster: 'ceph',
      filePath: '/a/two',
    });
    const { config } = load(
      { conf: '/a/two', args: ['-c', '/nope, /a/three.conf', '--cluster=x'] },
      files,
      variables,
    );
    expect(config).toMatchObject({ cluster: 'x', filePath: '/a/three.conf' });
    expect(() => load({ args: ['--conf=/nope'] }, files)).toThrow(
      expect.objectContaining({ code: 'ENOENT', message: expect.stringContaining('/nope') }),
    );
    expect(() => load({ conf: '/a/bad' }, { '/a/bad': '[x' })).toThrow('/a/bad:1:');
  });

  it('lets the section of our name beat that of our type beat global', () => {
    const text =
      '[client.admin]\nms_max_backoff = 3\n[global]\nms_max_backoff = 1\nms initial backoff = 1\ndebug ms = 1\n[client]\nms_max_backoff = 2\nms initial backoff = 2\n[client.other]\nms_max_backoff = 9\n';
    const { config } = load({ confText: text });
    expect(config.get('ms_max_backoff')).toBe(3);
    expect(config.get('ms_initial_backoff')).toBe(2);
    expect(config.get('debug_ms')).toBe('1/1');
    expect(load({ confText: text, args: ['--id', 'other'] }).config.get('ms_max_backoff')).toBe(9);
    expect(load({ confText: text, name: 'osd.0' }).config.get('ms_max_backoff')).toBe(1);
  });

  it('goes from file to environment to arguments to code', () => {
    const options: LoadOptions = {
      confText:
        '[global]\nms_max_backoff = 1\nms_initial_backoff = 1\nms_bind_port_min = 1\nms_bind_port_max = 1\n',
      args: ['--ms-bind-port-min', '3', '--ms_bind_port_max=3', 'ls', '-p', 'rbd'],
      overrides: { ms_bind_port_max: 4 },
    };
    const variables = { CEPH_ARGS: '--ms-initial-backoff 2  --ms-bind-port-min=2', CEPH_KEYRING: '/k' };
    const { config, rest } = load(options, {}, variables);
    expect(config.get('ms_max_backoff')).toBe(1);
    expect(config.get('ms_initial_backoff')).toBe(2);
    expect(config.get('ms_bind_port_min')).toBe(3);
    expect(config.get('ms_bind_port_max')).toBe(4);
    expect(keyringPaths(config)).toEqual(['/k']);
    expect(rest).toEqual(['ls', '-p', 'rbd']);
    expect(
      load({ ...options, ignoreEnvironment: true }, {}, variables).config.get('ms_initial_backoff'),
    ).toBe(1);
  });

  it('takes who we are from CEPH_ARGS, the command line first', () => {
    const variables = { CEPH_ARGS: '--id boss --cluster far' };
    expect(load({}, {}, variables).config.name.toString()).toBe('client.boss');
    expect(load({}, {}, variables).config.cluster).toBe('far');
    expect(load({ args: ['-n', 'client.me'] }, {}, variables).config.name.toString()).toBe('client.me');
  });

  it('lists where keyrings are looked for', () => {
    expect(keyringPaths(load({ args: ['--id', 'me'] }).config)).toEqual([
      '/etc/ceph/ceph.client.me.keyring',
      '/etc/ceph/ceph.keyring',
      '/etc/ceph/keyring',
      '/etc/ceph/keyring.bin',
    ]);
  });

  it('warns of settings that do not parse and of sections of the old style, and goes on', () => {
    const { config, warnings } = load({
      confText: '[global]\nms_max_backoff = soon\nunknown thing = 1\n[osd3]\n[osd.3]\n[mon]\n',
    });
    expect(config.get('ms_max_backoff')).toBe(15);
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toContain("option ms_max_backoff cannot be 'soon'");
    expect(warnings.join()).toContain('[osd3]');
  });

  it('refuses a file that is not UTF-8', () => {
    const env = fakeEnv();
    const bytes = Buffer.from([0x5b, 0x61, 0x5d, 0x0a, 0xff, 0x0a]);
    const broken = { ...env, fs: { ...env.fs, readFileSync: () => bytes } };
    expect(() => loadConfig(broken, { conf: '/x' })).toThrow('/x is not UTF-8');
  });
});

describe('arguments', () => {
  it('know every way to write an option', () => {
    const { config, rest } = load({
      args: [
        '-m',
        '1.2.3.4',
        '-k',
        '/k',
        '--debug_ms=5',
        '--ms-tcp-nodelay=false',
        '--no-ms-crc-data',
        '--ms_bind_ipv6',
        '--default-ms_max_backoff',
        '7',
        '-d',
        '--no-mon-config',
        'x',
        '--format',
        'json',
        '--',
        '--debug-ms',
        '9',
      ],
    });
    expect(config.get('mon_host')).toBe('1.2.3.4');
    expect(config.get('keyring')).toBe('/k');
    expect(config.get('debug_ms')).toBe('5/5');
    expect(config.get('ms_tcp_nodelay')).toBe(false);
    expect(config.get('ms_crc_data')).toBe(false);
    expect(config.get('ms_bind_ipv6')).toBe(true);
    expect(config.get('ms_max_backoff')).toBe(7);
    expect(config.get('log_to_stderr')).toBe(true);
    expect(config.noMonConfig).toBe(true);
    expect(rest).toEqual(['x', '--format', 'json', '--', '--debug-ms', '9']);
  });

  it('read the key that --keyfile names', () => {
    expect(load({ args: ['-K', '/f'] }, { '/f': 'c2VjcmV0\n' }).config.get('key')).toBe('c2VjcmV0');
    expect(() => load({ args: ['--keyfile=/f'] })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('complain of what is missing or wrong', () => {
    expect(() => load({ args: ['--debug-ms'] })).toThrow('option --debug-ms requires an argument');
    expect(() => load({ args: ['--debug-ms', 'x'] })).toThrow("option debug_ms cannot be 'x'");
    expect(() => load({ args: ['--ms-crc-data=maybe'] })).toThrow('takes true or false');
    expect(() => load({ args: ['-n', 'admin'] })).toThrow('TYPE.ID');
  });

  it('treat -i as an id in daemons only', () => {
    expect(takeEarlyArgs(['-i', '3'], 'osd')).toEqual({ early: { name: 'osd.3' }, rest: [] });
    expect(takeEarlyArgs(['-i', '3', '-v'])).toEqual({ early: { version: true }, rest: ['-i', '3'] });
  });

  it('are split without being read', () => {
    expect(
      splitConfigArgs(
        ['-p', 'x', '-c', '/nope', '--debug-ms', 'x', '-f', 'json', '-K', '/nope', 'put', '--', '-c', 'y'],
        ['-f'],
      ),
    ).toEqual({
      config: ['-c', '/nope', '--debug-ms', 'x', '-K', '/nope'],
      rest: ['-p', 'x', '-f', 'json', 'put', '--', '-c', 'y'],
    });
  });
});

describe('createContext', () => {
  it('hands out configuration, log, counters and commands', async () => {
    await using ctx = createContext({ env: fakeEnv(), conf: null, args: ['a', '--debug-ms=3', 'b'] });
    expect(ctx.rest).toEqual(['a', 'b']);
    expect(ctx.config.get('debug_ms')).toBe('3/3');
    expect([...ctx.admin.list()].map(({ prefix }) => prefix)).toContain('perf dump');
    expect(ctx.perf.dump()).toEqual({});
    await ctx.close();
  });
});
