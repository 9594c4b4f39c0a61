import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadOptions, loadConfig } from '../../src/base/config/load.ts';
import { OPTIONS } from '../../src/base/config/options.ts';
import type { Env } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';

const have = spawnSync('which', ['ceph-conf']).status === 0;

/** Files that both must read alike. */
const FILES: Record<string, string> = {
  plain: '[global]\nms_max_backoff = 7\nmy key = hello world  ; comment\n',
  sections:
    '[client.admin]\nms_max_backoff = 3\nx = admin\n[global]\nms_max_backoff = 1\nms initial backoff = 1\nx = global\n[client]\nms initial backoff = 2\nx = client\n[osd]\nx = osd\n[osd.3]\nx = osd three\n',
  comments:
    '; first\n# second\n\n\n[global] # here\nx = 1\n   # indented\n\ty\t=\t2\t\n[client] ; there\nz = 3\n',
  quotes: '[global]\nx = "q v" # comment\ny=" lead trail "\nz = \'single\'\nw = "in \\"side"\nv = a "b" c\n',
  escapes: '[global]\nx = a\\tb\\n \\; x \\# y\\=z \\\\ q\ny = back\\\\\nz = after\n',
  continued: '[global]\nx = one \\\n   two\ny = a\\\nz = 3\n',
  repeated: '[global]\nx = 1\nx = 2\n[client]\ny = 1\n[global]\nx = 3\nz = 4\n',
  equals: '[global]\nx = a = b [c]\ny =\nz = ; nothing\n',
  lineEnds: '[global]\r\nx = 1\r\ny = 2\r\n',
  loose: 'x = 1\n',
  variables:
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Ceph's
    '[global]\nx = $cluster-$type-$id-$name-$num-${name}y-$nosuch-${nosuch}-$\nhost = here\ny = $host/$run_dir\nrun_dir = /r/$cluster\nadmin_socket = $run_dir/$name.asok\nlog_file = $admin_socket.log\n',
  circle: '[global]\nlog_file = $chdir/a\nchdir = $log_file/b\n',
  empty: '',
};

const BROKEN: Record<string, string> = {
  heading: '[global\nx = 1\n',
  noName: '[]\nx = 1\n',
  afterHeading: '[global] x = 1\n',
  noEquals: '[global]\nnonsense\n',
  noKey: '[global]\n= 1\n',
  openQuote: '[global]\nx = "open\n',
  afterQuote: '[global]\nx = "a" b\n',
};

const KEYS = [
  'x',
  'y',
  'z',
  'w',
  'v',
  'my key',
  'my_key',
  'log_file',
  'admin_socket',
  'chdir',
  'ms_max_backoff',
  'nosuch',
];
const NAMES = ['client.admin', 'client.other', 'osd.3'];

describe.skipIf(!have)('ceph-conf reads the same', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-conf-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  /** ceph-conf with this environment alone. */
  function theirs(args: string[], env: Record<string, string> = {}): { text: string; code: number } {
    const result = spawnSync('ceph-conf', args, {
      encoding: 'utf8',
      cwd: dir,
      env: { PATH: process.env['PATH'], HOME: dir, ...env },
    });
    return { text: result.stdout.replace(/\n$/, ''), code: result.status ?? -1 };
  }

  function ours(options: LoadOptions, env: Record<string, string> = {}) {
    const own: Env = {
      ...nodeEnv,
      host: { ...nodeEnv.host, env: name => ({ HOME: dir, ...env })[name] },
    };
    return loadConfig(own, options).config;
  }

  function fileOf(name: string, text: string): string {
    const path = join(dir, `${name}.conf`);
    writeFileSync(path, text);
    return path;
  }

  it.each(Object.keys(FILES))('%s: every key for every name', name => {
    const path = fileOf(name, FILES[name]);
    for (const who of NAMES) {
      const config = ours({ args: ['-c', path, '-n', who], kind: 'daemon' });
      for (const key of KEYS) {
        const { text, code } = theirs(['-c', path, '-n', who, '--lookup', key]);
        expect(config.lookup(key) ?? null, `${who} ${key}`).toBe(code === 0 ? text : null);
      }
    }
  });

  it.each(Object.keys(BROKEN))('%s is refused', name => {
    const path = fileOf(name, BROKEN[name]);
    expect(theirs(['-c', path, '--lookup', 'x']).code).toBe(1);
    expect(() => ours({ args: ['-c', path] })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('options in force: defaults, sections, variables, environment, arguments', () => {
    const path = fileOf(
      'force',
      FILES['sections'] + FILES['variables'].replace('[global]', '[global]\nms_bind_port_min = 11'),
    );
    const env = { CEPH_ARGS: '--ms-bind-port-max 22 --ms_tcp_nodelay=false', CEPH_KEYRING: '/k' };
    const names = [
      'ms_max_backoff',
      'ms_initial_backoff',
      'ms_bind_port_min',
      'ms_bind_port_max',
      'ms_tcp_nodelay',
      'keyring',
      'admin_socket',
      'log_file',
      'osd_max_object_size',
      'fsid',
      'rados_osd_op_timeout',
      'debug_ms',
      'mon_host',
      'osd_pool_default_size',
      'public_addr',
      'log_to_stderr',
    ];
    for (const who of NAMES)
      for (const [args, variables] of [
        [[], {}],
        [[], env],
        [['--keyring', '/y', '--ms-max-backoff=9', '--debug-ms', '3', '--cluster', 'site'], env],
        [['-m', '1.2.3.4', '--no-ms-tcp-nodelay', '--osd_max_object_size', '3M'], {}],
      ] as [string[], Record<string, string>][]) {
        const config = ours({ args: ['-c', path, '-n', who, ...args], kind: 'daemon' }, variables);
        for (const name of names) {
          const { text } = theirs(['-c', path, '-n', who, ...args, '--show-config-value', name], variables);
          expect(`${name} ${config.text(name)}`, `${who} ${args}`).toBe(`${name} ${text}`);
        }
      }
  });

  it('the search list: CEPH_CONF, home and working directory', () => {
    const value = (args: string[], env: Record<string, string>) =>
      theirs([...args, '--show-config-value', 'ms_max_backoff'], env).text;
    const a = fileOf('a', '[global]\nms_max_backoff = 21\n');
    fileOf('site', '[global]\nms_max_backoff = 22\n');
    expect(ours({}, { CEPH_CONF: a }).text('ms_max_backoff')).toBe(value([], { CEPH_CONF: a }));
    const listed = ['-c', `/nosuch,${a}`];
    expect(ours({ args: listed }).text('ms_max_backoff')).toBe(value(listed, {}));
    const before = process.cwd();
    process.chdir(dir);
    try {
      expect(ours({ args: ['--cluster', 'site'] }).text('ms_max_backoff')).toBe(
        value(['--cluster', 'site'], {}),
      );
    } finally {
      process.chdir(before);
    }
    expect(() => ours({ args: ['-c', '/nosuch'] })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(theirs(['-c', '/nosuch', '--lookup', 'x']).code).toBe(1);
  });

  it('values: both take or both refuse them, and print them alike', () => {
    // Set in a file: what does not parse leaves the default, in both.
    const texts: Record<string, string[]> = {
      osd_max_object_size: [
        '1',
        '1k',
        '1K',
        '1Ki',
        '1KB',
        '1KiB',
        '1kb',
        '1B',
        '1Bi',
        '1.5M',
        '-1',
        '2G',
        '1E',
        ' 5',
        '5 ',
      ],
      log_max_recent: ['0', '7', '1M', '1Mi', '2K', '1KK', '-1', 'x', '99999999'],
      osd_pool_default_size: ['0', '10', '11', '2K', '-1', '+2'],
      mon_client_hunt_interval: ['1e1', '.5', '5.', '-2', '0x10', 'x', '1,5', '3s'],
      ms_tcp_nodelay: ['true', 'FALSE', 'yes', 'no', '0', '1', '2', '-1', '0x1', 'on'],
      rados_osd_op_timeout: [
        '7',
        '5m',
        '1 hour 30 min',
        '1h30m',
        '-7',
        '1w',
        '1M',
        '1mo',
        '1y 2d',
        '1.5h',
        'x',
        '10seconds',
        '3 days',
      ],
      debug_ms: ['5', '5/10', '100', '-1', 'x', '99/0', '0/100', '5/'],
      fsid: [
        'x',
        '8f0ea1aa-93ab-4b7b-8de8-a4ec0ff1c9b4',
        '8F0EA1AA-93AB-4B7B-8DE8-A4EC0FF1C9B4',
        '8f0ea1aa93ab4b7b8de8a4ec0ff1c9b4',
      ],
      public_addr: [
        '1.2.3.4',
        '1.2.3.4:5',
        'v1:1.2.3.4:5/6',
        'v2:1.2.3.4',
        'foo',
        '[::1]:5',
        '::1',
        '1.2.3',
        '1.2.3.256',
      ],
      public_addrv: ['1.2.3.4', '[v2:1.2.3.4:5,v1:1.2.3.4:6]', '[v2:1.2.3.4:5', 'v1:1.2.3.4:5'],
      osd_pool_default_pg_autoscale_mode: ['on', 'warn', 'On', 'x'],
      osd_op_queue: ['wpq', 'mclock_scheduler', 'prio'],
    };
    const seen: string[] = [];
    const wanted: string[] = [];
    for (const [name, values] of Object.entries(texts))
      for (const value of values) {
        const path = fileOf('value', `[global]\n${name} = ${value}\n`);
        wanted.push(`${name}=${value}: ${theirs(['-c', path, '--show-config-value', name]).text}`);
        seen.push(`${name}=${value}: ${ours({ args: ['-c', path], kind: 'daemon' }).text(name)}`);
      }
    expect(seen).toEqual(wanted);
  });

  it('defaults of every option, for a client and for daemons', () => {
    const path = fileOf('none', '');
    const dump = (who: string) =>
      Object.fromEntries(
        execFileSync('ceph-conf', ['-c', path, '--cluster', 'ceph', '-n', who, '-D'], {
          encoding: 'utf8',
          env: { PATH: process.env['PATH'], HOME: dir },
        })
          .split('\n')
          .map(line => [line.slice(0, line.indexOf(' = ')), line.slice(line.indexOf(' = ') + 3)]),
      );
    // Where the C++ programs of this machine were installed is no concern of ours.
    // log_to_file is false because ceph-conf itself sets it so.
    const local = ['erasure_code_dir', 'plugin_dir', 'osd_class_dir', 'log_to_file'];
    for (const who of ['client.admin', 'osd.0', 'mon.a']) {
      const theirsAll = dump(who);
      const config = ours({ args: ['-c', path, '--cluster', 'ceph', '-n', who], kind: 'daemon' });
      for (const name of Object.keys(OPTIONS)) {
        if (local.includes(name)) continue;
        // Told to the program by ceph-mon itself, not by ceph-conf.
        if (who === 'mon.a' && name === 'keyring') continue;
        expect(`${name} = ${config.text(name)}`, who).toBe(`${name} = ${theirsAll[name]}`);
      }
    }
  });
});
