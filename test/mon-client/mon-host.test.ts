import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createContext } from '../../src/base/context.ts';
import {
  type InitialMon,
  initialMonAddrs,
  initialMons,
  parseMonHost,
} from '../../src/ceph/mon-client/mon-host.ts';
import { entityAddrVecText } from '../../src/ceph/types/addr-text.ts';
import type { Env } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';

interface Names {
  readonly hosts?: Readonly<Record<string, string[]>>;
  readonly srv?: Readonly<Record<string, [name: string, port: number, priority: number, weight: number][]>>;
  readonly resolvConf?: string;
}

function context(names: Names = {}, confText = '') {
  const notFound = (what: string) =>
    Object.assign(new Error(`getaddrinfo ENOTFOUND ${what}`), { code: 'ENOTFOUND' });
  const env: Env = {
    ...nodeEnv,
    net: {
      ...nodeEnv.net,
      lookup: async host => names.hosts?.[host] ?? Promise.reject(notFound(host)),
      lookupSrv: async name =>
        names.srv?.[name]?.map(([host, port, priority, weight]) => ({
          name: host,
          port,
          priority,
          weight,
        })) ?? Promise.reject(notFound(name)),
    },
    fs: {
      ...nodeEnv.fs,
      readFileSync: path =>
        path === '/etc/resolv.conf' && names.resolvConf !== undefined
          ? Buffer.from(names.resolvConf)
          : undefined,
    },
  };
  return createContext({ env, confText, ignoreEnvironment: true });
}

const show = (mons: InitialMon[]) => mons.map(({ name, addrs }) => `${name} ${entityAddrVecText(addrs)}`);

describe('mon_host', () => {
  it.each([
    // Without protocol and port both protocols are tried, each at its own port.
    ['10.0.0.1', ['v2:10.0.0.1:3300/0', 'v1:10.0.0.1:6789/0']],
    ['10.0.0.1:6789', ['v1:10.0.0.1:6789/0']],
    ['10.0.0.1:3300', ['v2:10.0.0.1:3300/0']],
    ['10.0.0.1:4000', ['v2:10.0.0.1:4000/0', 'v1:10.0.0.1:4000/0']],
    ['v1:10.0.0.1', ['v1:10.0.0.1:6789/0']],
    ['v2:10.0.0.1', ['v2:10.0.0.1:3300/0']],
    ['v1:10.0.0.1:3300/5', ['v1:10.0.0.1:3300/5']],
    ['[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0]', ['[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0]']],
    ['[v2:10.0.0.1, v1:10.0.0.1]', ['[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0]']],
    ['[v2:[::1]:3300,v1:[::1]:6789]', ['[v2:[::1]:3300/0,v1:[::1]:6789/0]']],
    ['[v1:10.0.0.1:6789]', ['v1:10.0.0.1:6789/0']],
    ['[::1]:6789', ['v1:[::1]:6789/0']],
    ['[fe80::2]', ['v2:[fe80::2]:3300/0', 'v1:[fe80::2]:6789/0']],
    ['::1', ['v2:[::1]:3300/0', 'v1:[::1]:6789/0']],
    ['10.0.0.1:6789,10.0.0.2:6789', ['v1:10.0.0.1:6789/0', 'v1:10.0.0.2:6789/0']],
    [
      '10.0.0.1:6789 10.0.0.2:6789;10.0.0.3:6789 , ',
      ['v1:10.0.0.1:6789/0', 'v1:10.0.0.2:6789/0', 'v1:10.0.0.3:6789/0'],
    ],
    [
      '[v2:10.0.0.1:1,v1:10.0.0.1:2] [v2:10.0.0.2:1,v1:10.0.0.2:2]',
      ['[v2:10.0.0.1:1/0,v1:10.0.0.1:2/0]', '[v2:10.0.0.2:1/0,v1:10.0.0.2:2/0]'],
    ],
    ['10.0.0.1:6789,10.0.0.1:6789', ['v1:10.0.0.1:6789/0']],
    ['mona', ['v2:10.0.0.7:3300/0', 'v1:10.0.0.7:6789/0', 'v2:[fd00::7]:3300/0', 'v1:[fd00::7]:6789/0']],
    ['v1:mona:7000', ['v1:10.0.0.7:7000/0', 'v1:[fd00::7]:7000/0']],
    ['[v2:mona:3300,v1:mona:6789]', ['[v2:10.0.0.7:3300/0,v1:10.0.0.7:6789/0]']],
    ['mon-b.example.org:3300,nosuch,10.0.0.9:3300', ['v2:10.0.0.8:3300/0', 'v2:10.0.0.9:3300/0']],
  ])('%s', async (text, expected) => {
    const ctx = context({ hosts: { mona: ['10.0.0.7', 'fd00::7'], 'mon-b.example.org': ['10.0.0.8'] } });
    const mons = await parseMonHost(ctx, text);
    expect(mons.map(({ addrs }) => entityAddrVecText(addrs))).toEqual(expected);
    ctx.config.set('mon_host', text);
    expect(await initialMonAddrs(ctx)).toEqual(mons.map(({ addrs }) => addrs));
  });

  it.each([
    '10.0.0.256',
    '1.2.3',
    'v3:10.0.0.1',
    '[v2:10.0.0.1:3300',
    '10.0.0.1:99999',
    'a_b c!d',
    '[v2:1.2.3.4]x',
    '-',
  ])('refuses %s', async text => {
    await expect(parseMonHost(context({ hosts: { a_b: ['10.0.0.1'] } }), text)).rejects.toMatchObject({
      code: 'EINVAL',
    });
  });

  it('fails when none of its hosts has an address', async () => {
    await expect(parseMonHost(context(), 'mona, monb')).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining('mona, monb'),
    });
  });

  it('gives addresses or EINVAL or ENOENT for anything', async () => {
    const piece = fc.constantFrom(
      '[',
      ']',
      ',',
      ' ',
      ';',
      ':',
      '/',
      'v1:',
      'v2:',
      'any:',
      '10.0.0.1',
      '::1',
      '[::1]',
      '3300',
      'host',
      '-',
      '.',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async parts => {
        const outcome = await parseMonHost(context({ hosts: { host: ['10.0.0.5'] } }), parts.join('')).catch(
          error => error,
        );
        if (outcome instanceof Error)
          expect(['EINVAL', 'ENOENT']).toContain((outcome as { code?: string }).code);
        else for (const { addrs } of outcome) for (const addr of addrs) expect(addr.port).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('without mon_host', () => {
  it('the monitor sections of the file count', async () => {
    const ctx = context(
      {},
      '[mon.a]\nmon addr = 10.0.0.1:6789\n[mon.b]\nhost = x\n[mon.c]\nmon_addr = [v2:10.0.0.3:3300,v1:10.0.0.3:6789]\n',
    );
    expect(show(await initialMons(ctx))).toEqual([
      'a v1:10.0.0.1:6789/0',
      'c [v2:10.0.0.3:3300/0,v1:10.0.0.3:6789/0]',
    ]);
  });

  it('DNS is asked, in the search domains', async () => {
    const ctx = context({
      resolvConf: 'nameserver 10.0.0.53\nsearch nowhere.test example.org\n',
      srv: {
        '_ceph-mon._tcp.example.org': [
          ['mon1.example.org', 6789, 10, 60],
          ['mon2.example.org', 3300, 20, 5],
          ['gone.example.org', 3300, 30, 5],
        ],
      },
      hosts: { 'mon1.example.org': ['10.0.0.1'], 'mon2.example.org': ['10.0.0.2'] },
    });
    expect(await initialMons(ctx)).toMatchObject([
      { name: 'mon1', priority: 10, weight: 60, addrs: [{ type: 1, ip: '10.0.0.1', port: 6789 }] },
      { name: 'mon2', priority: 20, weight: 5, addrs: [{ type: 2, ip: '10.0.0.2', port: 3300 }] },
    ]);
  });

  it('DNS is asked for the service and in the domain that mon_dns_srv_name says', async () => {
    const ctx = context(
      {
        srv: { '_store._tcp.far.test': [['m.far.test', 6789, 0, 0]] },
        hosts: { 'm.far.test': ['10.9.9.9'] },
      },
      '[global]\nmon_dns_srv_name = store_far.test\n',
    );
    expect(show(await initialMons(ctx))).toEqual(['m v1:10.9.9.9:6789/0']);
  });

  it('there is an error that says where was looked', async () => {
    await expect(initialMons(context())).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringMatching(/mon_host is empty.*ceph-mon/),
    });
  });
});
