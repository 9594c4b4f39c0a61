import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  decodeNotify,
  decodeResponse,
  encodeNotify,
  encodeResponse,
  type NotifyMessage,
} from '../../src/ceph/rbd/watch/notify-types.ts';
import { IncomingRequests } from '../../src/ceph/rbd/watch/requests.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { corpusDir, corpusSamples } from '../support/golden.ts';

const id = { client: { gid: 4123n, handle: 94_000_000_000_001n }, number: 7n };
const namespace = { type: 'user' } as const;
const messages: NotifyMessage[] = [
  { kind: 'acquiredLock', client: id.client },
  { kind: 'releasedLock', client: id.client },
  { kind: 'requestLock', client: id.client, force: true },
  { kind: 'headerUpdate' },
  { kind: 'progress', id, done: 3, total: 2 ** 40 },
  { kind: 'complete', id, result: -22 },
  { kind: 'flatten', id },
  { kind: 'resize', size: 2 ** 41, id, allowShrink: false },
  { kind: 'snapCreate', name: 'one', namespace, id, flags: 3n },
  { kind: 'snapRemove', name: 'one', namespace, id },
  { kind: 'snapRename', snapId: 9n, name: 'two', namespace, id },
  { kind: 'rename', name: 'image', id },
  { kind: 'updateFeatures', features: 24n, enable: true, id },
  { kind: 'sparsify', id, sparseSize: 4096 },
  { kind: 'unknown', number: 99 },
];

describe('messages between openers of an image', () => {
  it.each(messages)('$kind comes back as it was', message => {
    expect(decodeNotify(encodeNotify(message))).toEqual(message);
  });

  it('nothing at all means that the header changed', () => {
    expect(decodeNotify(Buffer.alloc(0))).toEqual({ kind: 'headerUpdate' });
  });

  it('survive anything', () => {
    fuzzDecoder('NotifyMessage', d => decodeNotify(d.rest()), messages.map(encodeNotify));
    fuzzDecoder('ResponseMessage', d => decodeResponse(d.rest()), [encodeResponse(-110)]);
  });

  describe.skipIf(corpusDir() === undefined)('as Ceph encoded them', () => {
    it('are read', () => {
      const samples = corpusSamples('librbd::watch_notify::NotifyMessage');
      expect(samples.length).toBeGreaterThan(0);
      const kinds = samples.map(({ path }) => decodeNotify(readFileSync(path)).kind);
      expect(kinds).not.toContain('unknown');
      expect(new Set(kinds).size).toBeGreaterThan(5);
    });
  });
});

describe('requests of others', () => {
  it('are begun once, and their end is remembered for a while', () => {
    const requests = new IncomingRequests();
    expect(requests.begin('a', 0)).toBeUndefined();
    expect(requests.begin('a', 1)).toBe(0);
    requests.end('a', -17, 2);
    expect(requests.begin('a', 3)).toBe(-17);
    expect(requests.begin('a', 10_000_000)).toBeUndefined();
  });
});
