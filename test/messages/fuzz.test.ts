import { describe, expect, it } from 'vitest';
import { Encoder } from '../../src/base/encoder.ts';
import * as messages from '../../src/ceph/messages/index.ts';
import {
  type Message,
  type MessageDecoder,
  type MessageHeader,
  messageDecoder,
} from '../../src/ceph/messages/index.ts';
import { ALL_FEATURES } from '../../src/ceph/types/features.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { type MessageVector, messageVectors, vectorNames } from '../support/message-vectors.ts';
import { unseen } from './unseen.ts';

interface Sample {
  readonly header: MessageHeader;
  readonly front: Buffer;
  readonly data: Buffer | undefined;
}

const CASES = 1200;

function ofVector(w: MessageVector): Sample {
  return { header: w, front: w.front, data: w.data };
}

function ofMessage(m: Message): Sample {
  const e = new Encoder();
  m.encodePayload(e, ALL_FEATURES);
  const { type, version, compatVersion, tid, priority } = m;
  const header = { type, version, compatVersion, tid, priority };
  return { header, front: Buffer.from(e.result()), data: undefined };
}

/** Fronts are fuzzed under the version that they have and, with the same bytes, under every other one. */
function fuzz(name: string, samples: readonly Sample[]): void {
  const { header, data } = samples[0];
  const decodeMessage = messageDecoder(header.type)!;
  // What was decoded can also be told: logs show messages of peers that nobody trusts.
  const decode: MessageDecoder = (...args) => {
    const m = decodeMessage(...args);
    expect(m.describe()).toBeTypeOf('string');
    return m;
  };
  const fronts = samples.map(s => s.front);
  for (let version = header.version + 1; version >= 0; version--) {
    const cases = version === header.version ? CASES : CASES / 8;
    fuzzDecoder(
      `${name} v${version}`,
      d => decode(d, { ...header, version }, data, undefined),
      fronts,
      cases,
    );
  }
  // Lengths of the data that the front lies about.
  fuzzDecoder(`${name} without data`, d => decode(d, header, undefined, undefined), fronts, CASES / 8, 7);
}

describe('message decoders survive hostile fronts', () => {
  it.each(vectorNames())('%s', name => fuzz(name, messageVectors(name).map(ofVector)));
  it.each(unseen().map(m => [m.constructor.name, m] as const))('%s', (name, m) => fuzz(name, [ofMessage(m)]));

  it('covers every registered type', () => {
    const types = Object.entries(messages)
      .filter(([name, value]) => /^(CEPH_)?MSG_/.test(name) && typeof value === 'number')
      .map(([, value]) => value as number)
      .filter(type => messageDecoder(type) !== undefined);
    const fuzzed = new Set([
      ...vectorNames().flatMap(name => messageVectors(name).map(w => w.type)),
      ...unseen().map(m => m.type),
    ]);
    expect(types.filter(type => !fuzzed.has(type))).toEqual([]);
  });
});
