import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { NacreError } from '../../src/base/errors.ts';
import { cryptoKeyFromBase64, cryptoKeyToBase64, generateKey } from '../../src/ceph/auth/crypto.ts';
import { authEntityNameText, parseAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import { KeyServer } from '../../src/ceph/auth/key-server.ts';
import {
  decodeAuthMonitorFull,
  decodeAuthMonitorIncrementals,
  decodeKeyServerIncremental,
  emptyKeyServerData,
  encodeAuthMonitorFull,
  encodeAuthMonitorIncrementals,
  sortedEntries,
} from '../../src/ceph/auth/key-server-data.ts';
import {
  decodeCaps,
  decodeKeyring,
  encodeKeyring,
  Keyring,
  loadKeyring,
} from '../../src/ceph/auth/keyring.ts';
import type { Env } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { goldenPath } from '../support/golden.ts';
import { steppedEnv } from './test-env.ts';

const SAMPLE = `# a comment
[client.admin]
\tauid = 0
\tkey = AQAu9wBr4h1sLxAAmQwfIFuL21c+n6Cfo0R81w==
\tcaps mds = "allow *"
\tcaps mon = "allow command \\"auth ls\\""   ; another
[client.b]
   key=AQAu9wBrCyxBOBAAG3D7PxtzwLJplkiAxwMz+w==
caps_osd = allow rwx \\
  pool=data # the end
`;

describe('keyring files', () => {
  it('reads what Ceph reads', () => {
    const keyring = Keyring.parse(SAMPLE);
    expect(keyring.size).toBe(2);
    const admin = keyring.get(parseAuthEntityName('client.admin'))!;
    expect(cryptoKeyToBase64(admin.key)).toBe('AQAu9wBr4h1sLxAAmQwfIFuL21c+n6Cfo0R81w==');
    expect([...admin.caps.keys()]).toEqual(['mds', 'mon']);
    expect(decodeCaps(admin.caps.get('mon')!)).toBe('allow command "auth ls"');
    const b = keyring.get({ type: 8, id: 'b' })!;
    expect(decodeCaps(b.caps.get('osd')!)).toMatch(/^allow rwx\s+pool=data$/);
  });

  it('writes what it reads', () => {
    const text = Keyring.parse(SAMPLE).toText();
    expect(Keyring.parse(text).toText()).toBe(text);
    const binary = encodeToBuffer(e => encodeKeyring(e, Keyring.parse(SAMPLE)));
    expect(decodeKeyring(new Decoder(binary)).toText()).toBe(text);
  });

  it.each([
    ['[client]', 'line 1: .*no entity name'],
    ['[fool.a]\nkey = AQ==', 'line 1: .*no entity name'],
    ['key = AQAu9wBr4h1sLxAAmQwfIFuL21c+n6Cfo0R81w==', 'before the first'],
    ['[client.a]\n\n key = xx yy', 'line 3: .*base64'],
    ['[client.a]\nkey = AQAu9wBr4h1sLxAA', 'line 2: .*does not decode'],
    ['[client.a]\nnonsense', 'line 2'],
  ])('says where %j is wrong', (text, message) => {
    expect(() => Keyring.parse(text, 'file')).toThrow(new RegExp(message));
  });

  it('never fails on any text but with EINVAL', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom('[client.a]', '[', '[]', 'key =', 'caps = x', '\\', '"', 'key = "'),
    );
    fc.assert(
      fc.property(fc.array(line), lines => {
        try {
          Keyring.parse(lines.join('\n'));
        } catch (error) {
          expect(error).toBeInstanceOf(NacreError);
          expect((error as NacreError).code).toBe('EINVAL');
        }
      }),
    );
  });

  it('writes any caps so that they read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ' ', '"', '*', '=', '/', ',') }), caps => {
        const keyring = new Keyring();
        const key = generateKey(nodeEnv.random, { sec: 1, nsec: 2 });
        const encoded = encodeToBuffer(e => e.str(caps));
        keyring.add({ type: 8, id: 'x' }, { key, caps: new Map([['mon', encoded]]) });
        const again = Keyring.parse(keyring.toText()).get({ type: 8, id: 'x' })!;
        expect(decodeCaps(again.caps.get('mon')!)).toBe(caps);
      }),
    );
  });
});

describe('where a keyring comes from', () => {
  const files: Record<string, string> = {
    '/b': SAMPLE,
    '/key': 'AQAv9wBrNU3pABAAIBEeo0VPx28HLr5ZkJ7s1g==\n',
  };
  const env: Env = {
    ...nodeEnv,
    fs: {
      ...nodeEnv.fs,
      readFileSync: path => (files[path] === undefined ? undefined : Buffer.from(files[path])),
    },
  };
  const name = parseAuthEntityName('client.admin');

  it('is the first file of the list that exists', () => {
    expect(loadKeyring(env, name, { keyring: '/a, /b,/c' }).size).toBe(2);
    expect(loadKeyring(env, name, { keyring: '/a' }).size).toBe(0);
  });

  it('is overridden by key and keyfile', () => {
    const other = 'AQAv9wBrNU3pABAAIBEeo0VPx28HLr5ZkJ7s1g==';
    const byFile = loadKeyring(env, name, { keyring: '/b', keyfile: '/key' });
    expect(cryptoKeyToBase64(byFile.getSecret(name)!)).toBe(other);
    const byKey = loadKeyring(env, name, { key: other });
    expect(byKey.getSecret(name)).toEqual(cryptoKeyFromBase64(other));
    expect(() => loadKeyring(env, name, { keyfile: '/none' })).toThrow(/ENOENT.*\/none/);
  });
});

const cluster = goldenPath('peers/golden/ceph/cluster');

describe.skipIf(cluster === undefined)('the key database of a real monitor', () => {
  const read = (file: string) => readFileSync(`${cluster}/${file}`);

  it('has the keyring that the monitor exports', () => {
    const bytes = read('mon-auth.full_latest.bin');
    // full_latest holds the number of the newest full version; full_1 is that version.
    expect(new Decoder(bytes).u64()).toBe(1);
    const full = decodeAuthMonitorFull(new Decoder(read('mon-auth.full_1.bin')));
    const keyring = new Keyring();
    for (const { name, auth } of sortedEntries(full.keys)) keyring.add(name, auth);
    expect(keyring.toText()).toBe(read('auth-export.keyring').toString());
    expect(Keyring.parse(keyring.toText()).toText()).toBe(keyring.toText());
    expect(encodeToBuffer(e => encodeAuthMonitorFull(e, full))).toEqual(read('mon-auth.full_1.bin'));
  });

  it('comes out of the incrementals too', () => {
    const bytes = read('mon-auth.1.bin');
    const incs = decodeAuthMonitorIncrementals(new Decoder(bytes));
    expect(encodeToBuffer(e => encodeAuthMonitorIncrementals(e, incs))).toEqual(bytes);
    const server = new KeyServer({ env: nodeEnv }, emptyKeyServerData());
    for (const inc of incs)
      if (inc.type === 1) server.apply(decodeKeyServerIncremental(new Decoder(inc.data)));
    const full = decodeAuthMonitorFull(new Decoder(read('mon-auth.full_1.bin')));
    expect(sortedEntries(server.data)).toEqual(sortedEntries(full.keys));
    expect(server.data.rotating).toEqual(full.keys.rotating);
    expect(decodeAuthMonitorIncrementals(new Decoder(read('mon-auth.2.bin')))).toEqual([
      { type: 0, maxGlobalId: 0x3710n },
    ]);
  });

  it('survives damage', () => {
    fuzzDecoder('auth full', decodeAuthMonitorFull, [read('mon-auth.full_1.bin')]);
    fuzzDecoder('auth incrementals', decodeAuthMonitorIncrementals, [read('mon-auth.1.bin')]);
    fuzzDecoder('keyring', decodeKeyring, [
      encodeToBuffer(e => encodeKeyring(e, Keyring.parse(read('auth-export.keyring').toString()))),
    ]);
  });
});

describe('rotating secrets', () => {
  it('are three a service, and the second is in use', () => {
    const env = steppedEnv();
    const server = new KeyServer({ env, serviceTicketTtl: () => 60, monTicketTtl: () => 600 });
    expect(server.updateRotating()).toBeDefined();
    expect(server.updateRotating()).toBeUndefined();
    expect([...server.data.rotating.keys()].sort((a, b) => a - b)).toEqual([1, 2, 4, 16, 32]);
    for (const rotating of server.data.rotating.values())
      expect([...rotating.secrets.keys()]).toEqual([1n, 2n, 3n]);
    expect(server.activeSecret(4)).toMatchObject({ id: 2n, ttlMs: 60_000 });
    // The current one ends after two ttl; before the rotation is noticed, the next one serves.
    env.advance(121_000);
    expect(server.activeSecret(4)!.id).toBe(3n);
    expect(server.activeSecret(4)!.ttlMs).toBe(59_000);
    expect(server.updateRotating()).toBeDefined();
    expect([...server.data.rotating.get(4)!.secrets.keys()]).toEqual([2n, 3n, 4n]);
    expect(server.activeSecret(4)!.id).toBe(3n);
    expect([...server.data.rotating.get(32)!.secrets.keys()]).toEqual([1n, 2n, 3n]);
  });

  it('travel in an incremental', () => {
    const env = steppedEnv();
    const one = new KeyServer({ env });
    const two = new KeyServer({ env });
    two.apply({ op: 3, rotating: one.updateRotating()! });
    expect(two.data.rotating).toEqual(one.data.rotating);
    expect(two.data.rotatingVersion).toBe(1);
  });
});

describe('entity names', () => {
  it('are TYPE.ID', () => {
    for (const text of ['client.admin', 'mon.', 'osd.12', 'client.a.b', 'mgr.x'])
      expect(authEntityNameText(parseAuthEntityName(text))).toBe(text);
    expect(() => parseAuthEntityName('admin')).toThrow(/EINVAL/);
  });
});
