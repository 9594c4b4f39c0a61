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
    if (bytes === 0) return Buffer.alloc(0);
    for (;;) {
      const chunk: Buffer | null = socket.read(bytes);
      if (chunk !== null) return chunk.length === bytes ? chunk : undefined;
      if (socket.destroyed || socket.readableEnded) return undefined;
      await this.more();
    }
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
