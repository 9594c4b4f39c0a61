import net from 'node:net';
import type { Transmission } from './transmission.ts';

const SCRATCH = 64 << 10;

interface OnRead {
  buffer: () => Uint8Array;
  callback: (bytes: number, into: Uint8Array) => boolean;
}

/**
 * Moves an accepted, unencrypted connection into a socket that reads into memory of our choice: what is left of a
 * write's payload goes straight to where it belongs, anything else to a scratch buffer. The old socket must have
 * written everything. Undefined when its handle is not to be had. `early`: what it had read already.
 */
export function directSocket(
  old: net.Socket,
  target: () => Transmission,
): { socket: net.Socket; early: Buffer | null } | undefined {
  const inner = old as net.Socket & { _handle: { readStop(): number; reading: boolean } | null };
  const handle = inner._handle;
  if (handle === null || old.writableLength > 0) return undefined;
  handle.readStop();
  handle.reading = false;
  const early: Buffer | null = old.read();
  let scratch = Buffer.allocUnsafeSlow(SCRATCH);
  let first = true;
  const onread: OnRead = {
    buffer: () => {
      // The first is asked for while the socket is being made.
      if (first) {
        first = false;
        return scratch;
      }
      return target().parser.lend() ?? scratch;
    },
    callback: (bytes, into) => {
      if (into !== scratch) target().filledRoom(bytes);
      else if (target().feed(scratch.subarray(0, bytes))) scratch = Buffer.allocUnsafeSlow(SCRATCH);
      return true;
    },
  };
  inner._handle = null;
  // Without its handle it is gone for the server, too.
  old.destroy();
  const socket = new net.Socket({ handle, onread } as unknown as net.SocketConstructorOpts);
  return { socket, early };
}
