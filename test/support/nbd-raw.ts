import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

// A client of the NBD protocol (github.com/NetworkBlockDevice/nbd, doc/proto.md) that says whatever it is told to, for
// what no decent client does.

/** 'IHAVEOPT', option, length, data. `length`: what is claimed. */
export function optionBytes(option: number, data = Buffer.alloc(0), length = data.length): Buffer {
  const head = Buffer.from('IHAVEOPT\0\0\0\0\0\0\0\0', 'latin1');
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(length, 12);
  return Buffer.concat([head, data]);
}

/** A request of the transmission phase, without payload. */
export function requestBytes(
  type: number,
  cookie: number,
  offset: number,
  length: number,
  flags = 0,
): Buffer {
  const out = Buffer.alloc(28);
  out.writeUInt32BE(0x25609513, 0);
  out.writeUInt16BE(flags, 4);
  out.writeUInt16BE(type, 6);
  out.writeBigUInt64BE(BigInt(cookie), 8);
  out.writeBigUInt64BE(BigInt(offset), 16);
  out.writeUInt32BE(length, 24);
  return out;
}

/** NBD_OPT_GO for an export, nothing else asked for. */
export function goBytes(name: string): Buffer {
  const text = Buffer.from(name);
  const data = Buffer.alloc(6 + text.length);
  data.writeUInt32BE(text.length);
  text.copy(data, 4);
  return optionBytes(7, data);
}

export class RawNbdClient {
  readonly socket: Socket;
  /** Settles when the server has closed the connection. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    this.closed = new Promise(resolve => socket.once('close', () => resolve()));
  }

  static async connect(path: string): Promise<RawNbdClient> {
    const client = new RawNbdClient(connect({ path }));
    await once(client.socket, 'connect');
    return client;
  }

  write(...data: Uint8Array[]): void {
    for (const each of data) this.socket.write(each);
  }

  /** Exactly so many bytes; what there is when the connection ends before. */
  async read(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = bytes; left > 0; ) {
      const part: Buffer | null = this.socket.read(Math.min(left, Math.max(1, this.socket.readableLength)));
      if (part !== null) {
        parts.push(part);
        left -= part.length;
      } else if (this.socket.readableEnded || this.socket.destroyed) break;
      else
        await new Promise<void>(resolve => {
          const done = () => {
            for (const event of ['readable', 'end', 'close']) this.socket.off(event, done);
            resolve();
          };
          for (const event of ['readable', 'end', 'close']) this.socket.on(event, done);
        });
    }
    return Buffer.concat(parts);
  }

  /** Reads until the server closes. */
  async rest(): Promise<Buffer> {
    return this.read(Number.MAX_SAFE_INTEGER);
  }

  /** The server's greeting, and the client's flags in answer: fixed newstyle, no zeros. */
  async greet(flags = 3): Promise<void> {
    await this.read(18);
    const answer = Buffer.alloc(4);
    answer.writeUInt32BE(flags);
    this.write(answer);
  }

  /** The next reply to an option. */
  async optionReply(): Promise<{ option: number; type: number; data: Buffer }> {
    const head = await this.read(20);
    if (head.length < 20) throw new Error('the server left');
    const data = await this.read(head.readUInt32BE(16));
    return { option: head.readUInt32BE(8), type: head.readUInt32BE(12), data };
  }

  /** Handshake up to the transmission phase, simple replies. */
  async enter(name: string): Promise<void> {
    await this.greet();
    this.write(goBytes(name));
    for (;;) {
      const { type } = await this.optionReply();
      if (type === 1) return;
      if (type !== 3) throw new Error(`reply ${type.toString(16)} to NBD_OPT_GO`);
    }
  }

  /** The next simple reply; `bytes` of data when it went well. */
  async reply(bytes = 0): Promise<{ cookie: number; error: number; data: Buffer }> {
    const head = await this.read(16);
    if (head.length < 16) throw new Error('the server left');
    const error = head.readUInt32BE(4);
    return {
      cookie: Number(head.readBigUInt64BE(8)),
      error,
      data: error === 0 ? await this.read(bytes) : Buffer.alloc(0),
    };
  }
}
