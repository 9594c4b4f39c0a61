import { describe, expect, it } from 'vitest';
import { parseConfFile } from '../../src/base/config/conf-file.ts';
import { Config } from '../../src/base/config/config.ts';
import { OPTIONS } from '../../src/base/config/options.ts';
import { fakeEnv } from './fake-env.ts';

const make = (name?: string, variables: Record<string, string> = {}) =>
  new Config(fakeEnv({ variables, pid: 99 }), { name });

describe('Config', () => {
  it('lets the higher level win and comes back to the lower one', () => {
    const config = make();
    const seen = () => config.get('ms_max_backoff');
    expect(seen()).toBe(15);
    config.set('ms_max_backoff', '1', 'mon');
    expect(seen()).toBe(1);
    config.set('ms_max_backoff', 5, 'cmdline');
    config.set('ms_max_backoff', '2', 'file');
    config.set('ms_max_backoff', '3', 'env');
    expect(seen()).toBe(5);
    config.set('ms_max_backoff', '6');
    expect(seen()).toBe(6);
    expect(config.unset('ms_max_backoff')).toBe(true);
    expect(config.unset('ms_max_backoff')).toBe(false);
    expect(config.unset('ms_max_backoff', 'cmdline')).toBe(true);
    expect(seen()).toBe(3);
    expect([...config.diff()]).toEqual([
      [
        'ms_max_backoff',
        [
          ['default', 15],
          ['mon', 1],
          ['file', 2],
          ['env', 3],
          ['final', 3],
        ],
      ],
    ]);
  });

  it('knows names with dashes and blanks, and refuses unknown ones', () => {
    const config = make();
    config.set('ms-max-backoff', '1');
    config.set('ms initial backoff', '0.5');
    expect(config.get('ms_max_backoff')).toBe(1);
    expect(config.get('ms_initial_backoff')).toBe(0.5);
    expect(() => config.set('no_such', '1')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => config.get('no_such')).toThrow("there is no option 'no_such'");
    expect(() => config.getNumber('log_file')).toThrow('log_file is no number');
    expect(() => config.get('constructor')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('has other defaults in daemons, commands and libraries', () => {
    const env = fakeEnv();
    const osd = new Config(env, { name: 'osd.3' });
    expect(osd.get('log_max_recent')).toBe(10_000);
    expect(osd.get('keyring')).toBe('/var/lib/ceph/osd/ceph-3/keyring');
    expect(osd.get('admin_socket')).toBe('/var/run/ceph/ceph-osd.3.asok');
    const client = new Config(env, { cluster: 'site' });
    expect(client.get('log_max_recent')).toBe(500);
    expect(client.get('log_to_stderr')).toBe(false);
    expect(new Config(env, { kind: 'utility' }).get('log_to_stderr')).toBe(true);
    expect(client.get('keyring')).toBe(
      '/etc/ceph/site.client.admin.keyring,/etc/ceph/site.keyring,/etc/ceph/keyring,/etc/ceph/keyring.bin,',
    );
  });

  it('replaces variables, also nested, and leaves what is none', () => {
    const config = make('osd.7', { HOME: '/root' });
    config.set('run_dir', '/run/$cluster');
    const braced = (name: string) => `$\{${name}}`;
    config.set(
      'log_file',
      `$run_dir/$type-$id-$name-$num-$host-$pid-$home-${braced('name')}x-$nosuch-${braced('nosuch')}-$-$$id`,
    );
    expect(config.get('log_file')).toBe(
      `/run/ceph/osd-7-osd.7-7-node1-99-/root-osd.7x-$nosuch-${braced('nosuch')}-$-$7`,
    );
    config.set('host', 'other');
    config.set('chdir', '$data_dir/x on $host');
    expect(config.get('chdir')).toBe('/var/lib/ceph/osd/ceph-7/x on other');
    config.set('run_dir', '/elsewhere');
    expect(config.get('log_file')).toMatch(/^\/elsewhere\//);
  });

  it('ends a circle of variables', () => {
    const config = make();
    config.set('log_file', '$chdir/a');
    config.set('chdir', '$log_file/b');
    expect(config.get('log_file')).toBe('$log_file/a');
    expect(config.get('chdir')).toBe('$chdir/b');
  });

  it('tells observers of their keys only, once for a batch, and not of what changes nothing', () => {
    const config = make();
    const heard: string[][] = [];
    const observer = config.addObserver(['ms_max_backoff', 'debug_ms'], (_, changed) => {
      heard.push([...changed].sort());
    });
    config.set('ms_max_backoff', '2');
    config.set('ms_max_backoff', '2');
    config.set('ms_max_backoff', '1', 'file');
    config.set('ms_initial_backoff', '2');
    config.batch(() => {
      config.set('ms_max_backoff', '3');
      config.set('debug_ms', '7');
    });
    expect(heard).toEqual([['ms_max_backoff'], ['debug_ms', 'ms_max_backoff']]);
    observer[Symbol.dispose]();
    config.set('debug_ms', '8');
    expect(heard).toHaveLength(2);
  });

  it('lets an observer set options itself', () => {
    const config = make();
    config.addObserver(['debug_ms'], () => config.set('debug_monc', '9'));
    const heard: string[] = [];
    config.addObserver(['debug_monc'], (_, changed) => heard.push(...changed));
    config.set('debug_ms', '1');
    expect(heard).toEqual(['debug_monc']);
  });

  it('refuses start-up options once started, unless somebody watches them', () => {
    const config = make();
    config.set('keyring', '/a');
    config.started();
    config.set('ms_max_backoff', '1');
    config.set('keyring', '/a');
    expect(() => config.set('keyring', '/b')).toThrow(expect.objectContaining({ code: 'EPERM' }));
    expect(() => config.set('log_file', '/b')).toThrow(expect.objectContaining({ code: 'EPERM' }));
    using _ = config.addObserver(['log_file'], () => {});
    config.set('log_file', '/b');
    expect(config.get('log_file')).toBe('/b');
  });

  it('takes the whole set from the monitors each time', () => {
    const config = make();
    config.set('ms_initial_backoff', '0.7', 'file');
    const heard: string[][] = [];
    config.addObserver(['ms_max_backoff', 'debug_ms', 'ms_initial_backoff'], (_, changed) => {
      heard.push([...changed].sort());
    });
    const ignored = config.applyMonConfig(
      new Map([
        ['ms_max_backoff', '4'],
        ['debug_ms', '3/4'],
        ['ms_initial_backoff', '9'],
        ['mon_host', '1.2.3.4'],
        ['osd_no_such', '1'],
        ['osd_pool_default_size', 'many'],
      ]),
    );
    expect(config.get('ms_max_backoff')).toBe(4);
    expect(config.get('debug_ms')).toBe('3/4');
    expect(config.get('ms_initial_backoff')).toBe(0.7);
    expect([...ignored.keys()]).toEqual(['mon_host', 'osd_no_such', 'osd_pool_default_size']);
    expect(config.applyMonConfig(new Map([['debug_ms', '3/4']])).size).toBe(0);
    expect(config.get('ms_max_backoff')).toBe(15);
    expect(heard).toEqual([['debug_ms', 'ms_max_backoff'], ['ms_max_backoff']]);
  });

  it('shows every option and looks into the file for any key', () => {
    const config = make();
    const shown = [...config.show()];
    expect(shown.map(([name]) => name)).toEqual(Object.keys(OPTIONS));
    expect(Object.fromEntries(shown)).toMatchObject({
      ms_max_backoff: '15.000000',
      ms_tcp_nodelay: 'true',
      fsid: '00000000-0000-0000-0000-000000000000',
    });
    config.file = parseConfFile('[global]\nmy key = $cluster\n[client.admin]\nother = 1\n');
    expect(config.lookup('my  key')).toBe('ceph');
    expect(config.lookup('other')).toBe('1');
    expect(config.lookup('other', ['client'])).toBeUndefined();
  });

  it('refuses names that are no TYPE.ID', () => {
    for (const name of ['admin', 'client.', '.x', 'nobody.x'])
      expect(() => make(name)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(make('client.a.b').name).toMatchObject({ type: 'client', id: 'a.b' });
  });
});
