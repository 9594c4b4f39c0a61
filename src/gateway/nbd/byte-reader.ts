import type { Socket } from 'node:net';

/** Reads a socket piece by piece, without taking more than was asked for. */
export class ByteReader {
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Exactly so many bytes; undefined when the connection ends before. */
  async read(bytes: number): Promise<Buffer | undefined> {
    const { socket } = this;
    const parts: Buffer[] = [];
    for (let left = bytes; left > 0; ) {
      // Never asks for more than is there: a stream that holds less than was asked for announces that again and again.
      const chunk: Buffer | null = socket.read(Math.min(left, Math.max(1, socket.readableLength)));
      if (chunk !== null) {
        parts.push(chunk);
        left -= chunk.length;
      } else if (socket.destroyed || socket.readableEnded) return undefined;
      else await this.more();
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** Reads over so many bytes. False when the connection ends before. */
  async skip(bytes: number): Promise<boolean> {
    for (let left = bytes; left > 0; ) {
      const part = Math.min(left, 64 << 10);
      if ((await this.read(part)) === undefined) return false;
      left -= part;
    }
    return true;
  }

  /** Waits until the socket has taken what was written; false when it is gone. */
  async written(): Promise<boolean> {
    const { socket } = this;
    if (socket.writableNeedDrain && !socket.destroyed)
      await new Promise<void>(resolve => {
        const done = () => {
          socket.off('drain', done);
          socket.off('close', done);
          resolve();
        };
        socket.on('drain', done);
        socket.on('close', done);
      });
    return !socket.destroyed;
  }

  private more(): Promise<void> {
    const { socket } = this;
    return new Promise(resolve => {
      const done = () => {
        for (const event of ['readable', 'end', 'close'] as const) socket.off(event, done);
        resolve();
      };
      for (const event of ['readable', 'end', 'close'] as const) socket.on(event, done);
    });
  }
}
