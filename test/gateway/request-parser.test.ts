import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../src/base/errors.ts';
import { decodeInfoOption, decodeMetaContextOption } from '../../src/gateway/nbd/options.ts';
import { CMD_WRITE, REQUEST_MAGIC } from '../../src/gateway/nbd/protocol.ts';
import { type RequestHeader, RequestParser, type RequestSink } from '../../src/gateway/nbd/request-parser.ts';
import { prng } from '../support/fuzz.ts';

class Sink implements RequestSink {
  ready = true;
  readonly seen: { header: RequestHeader; data: Buffer }[] = [];
  violations = 0;

  writeBegins(header: RequestHeader): 'keep' | 'skip' {
    return header.flags === 1 ? 'skip' : 'keep';
  }

  request(header: RequestHeader, payload: Buffer[]): void {
    this.seen.push({ header: { ...header }, data: Buffer.concat(payload) });
  }

  violation(): void {
    this.violations++;
  }
}

function encode(type: number, flags: number, cookie: number, offset: number, data: Buffer): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt32BE(REQUEST_MAGIC, 0);
  head.writeUInt16BE(flags, 4);
  head.writeUInt16BE(type, 6);
  head.writeBigUInt64BE(BigInt(cookie), 8);
  head.writeBigUInt64BE(BigInt(offset), 16);
  head.writeUInt32BE(data.length, 24);
  return type === CMD_WRITE ? Buffer.concat([head, data]) : head;
}

describe('NBD requests', () => {
  it('come out as they went in, however the stream is cut, lent memory and pauses included', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = prng(seed);
      const sink = new Sink();
      const parser = new RequestParser(sink);
      const sent: { type: number; flags: number; cookie: number; data: Buffer }[] = [];
      const parts: Buffer[] = [];
      for (let i = 0; i < 40; i++) {
        const type = next() % 2 === 0 ? CMD_WRITE : next() % 8;
        const data = Buffer.alloc(next() % (i % 8 === 0 ? 70_000 : 600), next() & 0xff);
        const flags = next() % 3;
        sent.push({ type, flags, cookie: next(), data });
        parts.push(encode(type, flags, sent[i].cookie, next() * 1000, data));
      }
      const stream = Buffer.concat(parts);
      let scratch = Buffer.alloc(65536);
      for (let at = 0; at < stream.length; ) {
        sink.ready = next() % 4 !== 0;
        if (sink.ready) parser.resume();
        const lent = next() % 2 === 0 ? parser.lend() : undefined;
        const into = lent ?? scratch;
        const n = Math.min(stream.length - at, into.length, 1 + (next() % 20_000));
        stream.copy(into, 0, at, at + n);
        if (lent !== undefined) parser.filledRoom(n);
        else if (parser.feed(scratch.subarray(0, n))) scratch = Buffer.alloc(65536);
        else scratch.fill(0xee);
        at += n;
      }
      sink.ready = true;
      parser.resume();
      expect(sink.violations).toBe(0);
      expect(sink.seen.length).toBe(sent.length);
      sink.seen.forEach(({ header, data }, i) => {
        const { type, flags, cookie } = sent[i];
        expect([header.type, header.flags, header.cookieLow]).toEqual([type, flags, cookie]);
        const kept = type === CMD_WRITE && flags !== 1;
        expect(data.equals(kept ? sent[i].data : Buffer.alloc(0))).toBe(true);
      });
    }
  });

  it('are over at the first that is none', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = prng(seed);
      const sink = new Sink();
      const parser = new RequestParser(sink);
      const junk = Buffer.alloc(200);
      for (let k = 0; k < junk.length; k++) junk[k] = next();
      parser.feed(junk);
      parser.feed(junk);
      expect(sink.violations).toBe(1);
      expect(sink.seen).toEqual([]);
    }
  });
});

describe('NBD options', () => {
  it('decode or say why not, whatever they hold', () => {
    const sample = Buffer.from([0, 0, 0, 2, 97, 98, 0, 1, 0, 3]);
    expect(decodeInfoOption(sample)).toEqual({ name: 'ab', requests: [3] });
    for (let seed = 1; seed <= 2000; seed++) {
      const next = prng(seed);
      const data = seed % 2 === 0 ? Buffer.from(sample) : Buffer.alloc(next() % 60);
      if (seed % 2 === 0) data[next() % data.length] = next();
      else for (let k = 0; k < data.length; k++) data[k] = next() % 4 === 0 ? next() : 0;
      for (const decode of [decodeInfoOption, decodeMetaContextOption])
        try {
          decode(data);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
    }
  });
});
