import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { ImageCtx } from '../../src/ceph/rbd/image-ctx.ts';
import * as api from '../../src/ceph/rbd/io/api.ts';
import type { FsxTarget } from './rbd-fsx.ts';

const PYTHON = `
import rados, rbd, sys, json, base64, hashlib
cluster = rados.Rados(conffile='', conf=dict(json.loads(sys.argv[1]), rbd_default_clone_format='2'))
cluster.connect()
io = cluster.open_ioctx('rbd')
image = None
def run(op, *a):
    global image
    if op == 'open':
        if image: image.close()
        image = rbd.Image(io, a[0]) if a[0] else None
    elif op == 'read': return base64.b64encode(image.read(a[0], a[1])).decode()
    elif op == 'write': image.write(base64.b64decode(a[1]), a[0])
    elif op == 'discard': image.discard(a[0], a[1])
    elif op == 'zeroes': image.write_zeroes(a[0], a[1], rbd.RBD_WRITE_ZEROES_FLAG_THICK_PROVISION if a[2] else 0)
    elif op == 'writesame': image.write(base64.b64decode(a[2]) * (a[1] // 512), a[0])
    elif op == 'flush': image.flush()
    elif op == 'resize': image.resize(a[0])
    elif op == 'snap': image.create_snap(a[0])
    elif op == 'rollback':
        image.rollback_to_snap(a[0])
        # librbd leaves the map of the snapshot, in which objects are clean that are not so against newer snapshots.
        if image.features() & rbd.RBD_FEATURE_OBJECT_MAP: image.rebuild_object_map()
    elif op == 'clone':
        kw = {'data_pool': a[3]} if a[3] else {}
        rbd.RBD().clone(io, a[0], a[1], io, a[2], features=a[4], **kw)
    elif op == 'flatten': image.flatten()
    elif op == 'sum':
        with rbd.Image(io, a[0], snapshot=a[1], read_only=True) as i:
            return hashlib.sha256(i.read(0, i.size())).hexdigest()
for line in sys.stdin:
    try: answer = {'value': run(*json.loads(line))}
    except Exception as e: answer = {'error': repr(e)}
    print(json.dumps(answer), flush=True)
`;

/** python3-rbd in a process of its own, with these options; one request at a time. */
export class RealRbd implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private readonly waiting: ((line: string) => void)[] = [];
  private stderr = '';

  constructor(conf: string, config: Readonly<Record<string, string>>) {
    const env = { ...process.env, CEPH_CONF: conf, CEPH_ARGS: '' };
    this.child = spawn('/usr/bin/python3', ['-c', PYTHON, JSON.stringify(config)], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stderr!.on('data', chunk => (this.stderr += chunk));
    this.lines = createInterface({ input: this.child.stdout! });
    this.lines.on('line', line => this.waiting.shift()?.(line));
    this.lines.on('close', () => {
      for (const wake of this.waiting.splice(0)) wake(JSON.stringify({ error: `ended: ${this.stderr}` }));
    });
  }

  async run(...request: unknown[]): Promise<string> {
    const line = await new Promise<string>(resolve => {
      this.waiting.push(resolve);
      this.child.stdin!.write(`${JSON.stringify(request)}\n`);
    });
    const { value, error } = JSON.parse(line) as { value?: string; error?: string };
    if (error !== undefined) throw new Error(`${request[0]}: ${error}`);
    return value ?? '';
  }

  /** The image that it has open. */
  target(granularity: number): FsxTarget {
    return {
      read: async (offset, length) => Buffer.from(await this.run('read', offset, length), 'base64'),
      write: async (offset, data) => void (await this.run('write', offset, data.toString('base64'))),
      // Its discards leave out parts, which the model would have to know.
      discard: async (offset, length) =>
        void (await this.run(granularity === 0 ? 'zeroes' : 'discard', offset, length, false)),
      writeZeroes: async (offset, length, thick) => void (await this.run('zeroes', offset, length, thick)),
      writeSame: async (offset, length, pattern) =>
        void (await this.run('writesame', offset, length, pattern.toString('base64'))),
      flush: async () => void (await this.run('flush')),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.stdin!.end();
    await new Promise(resolve => this.child.once('exit', resolve));
  }
}

/** An image that we have open. */
export function imageTarget(ctx: () => ImageCtx): FsxTarget {
  return {
    read: (offset, length) => api.read(ctx(), offset, length),
    write: (offset, data) =>
      api.write(ctx(), offset, [data.subarray(0, data.length >> 1), data.subarray(data.length >> 1)]),
    discard: (offset, length) => api.discard(ctx(), offset, length, { granularity: 0 }),
    writeZeroes: (offset, length, thick) => api.writeZeroes(ctx(), offset, length, { thick }),
    writeSame: (offset, length, pattern) => api.writeSame(ctx(), offset, length, pattern),
    compareAndWrite: async (offset, compare, data) => {
      try {
        await api.compareAndWrite(ctx(), offset, compare, data);
        return undefined;
      } catch (error) {
        if (error instanceof api.MismatchError) return error.mismatch;
        throw error;
      }
    },
    flush: () => api.flush(ctx()),
  };
}
