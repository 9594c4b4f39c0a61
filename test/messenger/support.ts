import type { Decoder } from '../../src/base/decoder.ts';
import type { Encoder } from '../../src/base/encoder.ts';
import {
  type Message as Base,
  Message,
  type MessageHeader,
  registerMessage,
} from '../../src/ceph/messages/message.ts';
import { FixedAuth, modesOf } from '../../src/ceph/messenger/fixed-auth.ts';
import {
  type Connection,
  createMessenger,
  type Dispatcher,
  InprocStack,
  type MessengerImpl,
  type MessengerOptions,
  type NetworkStack,
} from '../../src/ceph/messenger/index.ts';
import { ENTITY_TYPE_CLIENT, ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import {
  ADDR_LEGACY,
  ADDR_MSGR2,
  type EntityAddr,
  makeEntityAddr,
} from '../../src/ceph/types/entity-addr.ts';
import { nodeEnv } from '../../src/env/node.ts';

export const TEST_MESSAGE = 0xfe01;

/** A message with a number, a text in front, and data. */
export class TestMessage extends Message {
  readonly type = TEST_MESSAGE;
  version = 1;
  compatVersion = 1;
  n: number;
  text: string;

  constructor(n: number, text = '', data: readonly Uint8Array[] = []) {
    super();
    this.n = n;
    this.text = text;
    this.data = data;
  }

  override encodePayload(e: Encoder): void {
    e.u64(this.n);
    e.str(this.text);
  }

  override describe(): string {
    return `test(${this.n})`;
  }
}

registerMessage(
  TEST_MESSAGE,
  (front: Decoder, header: MessageHeader, data: Uint8Array | undefined, middle: Uint8Array | undefined) => {
    const m = new TestMessage(front.u64(), front.str(), data === undefined ? [] : [data]);
    m.version = header.version;
    m.middle = middle;
    return m;
  },
);

/** Remembers what it gets; answers when told to. */
export class Recorder implements Dispatcher {
  readonly got: TestMessage[] = [];
  readonly events: string[] = [];
  fast = false;
  onMessage: ((con: Connection, m: TestMessage) => void) | undefined;
  private waiters: { check: () => boolean; done: () => void }[] = [];

  canFastDispatch(m: Base): boolean {
    return this.fast && m.type === TEST_MESSAGE;
  }

  fastDispatch(con: Connection, m: Base): void {
    this.dispatch(con, m);
  }

  dispatch(con: Connection, m: Base): boolean {
    this.got.push(m as TestMessage);
    this.onMessage?.(con, m as TestMessage);
    this.wake();
    return true;
  }

  private event(name: string): void {
    this.events.push(name);
    this.wake();
  }

  handleConnect(): void {
    this.event('connect');
  }

  handleAccept(): void {
    this.event('accept');
  }

  handleReset(): void {
    this.event('reset');
  }

  handleRemoteReset(): void {
    this.event('remote reset');
  }

  handleRefused(): void {
    this.event('refused');
  }

  private wake(): void {
    this.waiters = this.waiters.filter(waiter => {
      if (!waiter.check()) return true;
      waiter.done();
      return false;
    });
  }

  /** Resolves once the condition holds; looked at after everything that happens here. */
  async until(check: () => boolean): Promise<void> {
    if (check()) return;
    await new Promise<void>(done => this.waiters.push({ check, done }));
  }

  numbers(): number[] {
    return this.got.map(m => m.n);
  }
}

export interface Variant {
  readonly name: string;
  readonly protocol: 1 | 2;
  readonly mode: 'crc' | 'secure';
  readonly revision1: boolean;
  readonly stack: 'tcp' | 'inproc';
}

export const VARIANTS: readonly Variant[] = [
  { name: 'v2.1 crc tcp', protocol: 2, mode: 'crc', revision1: true, stack: 'tcp' },
  { name: 'v2.0 crc tcp', protocol: 2, mode: 'crc', revision1: false, stack: 'tcp' },
  { name: 'v2.1 secure tcp', protocol: 2, mode: 'secure', revision1: true, stack: 'tcp' },
  { name: 'v2.0 secure tcp', protocol: 2, mode: 'secure', revision1: false, stack: 'tcp' },
  { name: 'v1 tcp', protocol: 1, mode: 'crc', revision1: true, stack: 'tcp' },
  { name: 'v2.1 crc inproc', protocol: 2, mode: 'crc', revision1: true, stack: 'inproc' },
  { name: 'v2.1 secure inproc', protocol: 2, mode: 'secure', revision1: true, stack: 'inproc' },
  { name: 'v1 inproc', protocol: 1, mode: 'crc', revision1: true, stack: 'inproc' },
];

/** Messengers of one test, with one way to talk; disposed together. */
export class Bench implements AsyncDisposable {
  readonly variant: Variant;
  readonly errors: unknown[] = [];
  readonly logs: string[] = [];
  private readonly stack: NetworkStack | undefined;
  private readonly all: MessengerImpl[] = [];
  private nonce = 1;

  constructor(variant: Variant) {
    this.variant = variant;
    this.stack = variant.stack === 'inproc' ? new InprocStack(nodeEnv) : undefined;
  }

  make(options: Partial<MessengerOptions> & Pick<MessengerOptions, 'name'>): {
    msgr: MessengerImpl;
    rec: Recorder;
  } {
    const { variant } = this;
    const auth = new FixedAuth(nodeEnv.random, modesOf(variant.mode), true);
    const msgr = createMessenger({
      env: nodeEnv,
      authClient: auth,
      authServer: auth,
      stack: this.stack,
      nonce: this.nonce++,
      onError: error => this.errors.push(error),
      log: (level, message) => this.logs.push(`${level} ${options.name.type} ${message}`),
      logLevel: process.env['MSGR_LOG'] === undefined ? 1 : 10,
      ...options,
      config: {
        ms_bind_port_min: 0,
        msgr2_revision1: variant.revision1,
        ms_initial_backoff: 0.01,
        ms_max_backoff: 0.2,
        ...options.config,
      },
    });
    const rec = new Recorder();
    msgr.addDispatcher(rec);
    this.all.push(msgr);
    return { msgr, rec };
  }

  client(options: Partial<MessengerOptions> = {}): { msgr: MessengerImpl; rec: Recorder } {
    return this.make({ name: { type: ENTITY_TYPE_CLIENT, num: 4100 + this.nonce }, ...options });
  }

  async server(
    options: Partial<MessengerOptions> = {},
    at?: EntityAddr,
  ): Promise<{ msgr: MessengerImpl; rec: Recorder }> {
    const made = this.make({ name: { type: ENTITY_TYPE_OSD, num: this.nonce }, ...options });
    const type = this.variant.protocol === 1 ? ADDR_LEGACY : ADDR_MSGR2;
    await made.msgr.bind([at ?? makeEntityAddr(type, '127.0.0.1', 0)]);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (process.env['MSGR_LOG'] !== undefined) console.error(this.logs.join('\n'));
    await Promise.all(this.all.map(msgr => msgr.shutdown()));
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise(done => setTimeout(done, ms));
}
