import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { FsxRandom, type FsxTarget } from './rbd-fsx.ts';

// libnbd in a process of its own, asked over its standard streams:
//   line: connection, command, offset, length, flags; the data of a write behind it
//   answer: line 'ok LENGTH' with as much data behind it, or 'error TEXT'
const SCRIPT = `
import nbd, sys
uri, structured, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
handles = []
for i in range(count):
    h = nbd.NBD()
    h.set_request_structured_replies(structured == 'all' or (structured == 'some' and i % 2 == 0))
    h.connect_uri(uri)
    assert h.can_multi_conn()
    handles.append(h)
FUA, NO_HOLE = nbd.CMD_FLAG_FUA, nbd.CMD_FLAG_NO_HOLE
src, out = sys.stdin.buffer, sys.stdout.buffer
while True:
    line = src.readline().decode().split()
    if not line: break
    which, what, offset, length, flags = int(line[0]), line[1], int(line[2]), int(line[3]), line[4]
    h = handles[which % count]
    fua = FUA if 'f' in flags else 0
    data = b''
    try:
        if what == 'read': data = bytes(h.pread(length, offset))
        elif what == 'write': h.pwrite(src.read(length), offset, fua)
        elif what == 'zero': h.zero(length, offset, fua | (NO_HOLE if 't' in flags else 0))
        elif what == 'trim': h.trim(length, offset, fua)
        elif what == 'flush': h.flush()
        out.write(b'ok %d\\n' % len(data) + data)
    except nbd.Error as e:
        out.write(b'error %s\\n' % str(e).encode())
    out.flush()
for h in handles: h.shutdown()
`;

/** A disk behind libnbd, each operation through one of its connections, for fsx. */
export class NbdDisk implements FsxTarget {
  private readonly child: ChildProcess;
  private readonly random: FsxRandom;
  private received: Buffer[] = [];
  private wake: (() => void) | undefined;
  private ended = false;

  /** `structured`: which connections ask for structured replies. */
  constructor(uri: string, structured: 'all' | 'some' | 'none', connections: number, seed = 1) {
    this.random = new FsxRandom(seed);
    this.child = spawn('/usr/bin/python3', ['-c', SCRIPT, uri, structured, String(connections)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdin!.on('error', () => {});
    this.child.stdout!.on('data', chunk => {
      this.received.push(chunk);
      this.wake?.();
    });
    this.child.once('close', () => {
      this.ended = true;
      this.wake?.();
    });
  }

  private async ask(
    what: string,
    offset: number,
    length: number,
    thick = false,
    data?: Buffer,
  ): Promise<Buffer> {
    const { random, child } = this;
    const flags = `${random.below(8) === 0 ? 'f' : ''}${thick ? 't' : ''}-`;
    child.stdin!.write(`${random.below(64)} ${what} ${offset} ${length} ${flags}\n`);
    if (data !== undefined) child.stdin!.write(data);
    for (;;) {
      const all = this.received.length === 1 ? this.received[0] : Buffer.concat(this.received);
      this.received = [all];
      const newline = all.indexOf(10);
      if (newline >= 0) {
        const line = all.toString('latin1', 0, newline);
        if (!line.startsWith('ok ')) throw new Error(line);
        const end = newline + 1 + Number(line.slice(3));
        if (all.length >= end) {
          this.received = [all.subarray(end)];
          return all.subarray(newline + 1, end);
        }
      }
      if (this.ended) throw new Error('libnbd is gone');
      await new Promise<void>(resolve => {
        this.wake = resolve;
      });
    }
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.ask('read', offset, length);
  }

  async write(offset: number, data: Buffer): Promise<void> {
    await this.ask('write', offset, data.length, false, data);
  }

  async discard(offset: number, length: number): Promise<void> {
    await this.ask('trim', offset, length);
  }

  async writeZeroes(offset: number, length: number, thick: boolean): Promise<void> {
    await this.ask('zero', offset, length, thick);
  }

  async flush(): Promise<void> {
    await this.ask('flush', 0, 0);
  }

  /** Says farewell on all connections. */
  async close(): Promise<void> {
    if (this.ended) return;
    const closed = once(this.child, 'close');
    this.child.stdin!.end();
    await closed;
  }
}
