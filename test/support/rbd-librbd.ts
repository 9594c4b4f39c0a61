import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { CloneSpec, ImageSums, RbdClient, RbdHandle } from './rbd-clients.ts';

const PYTHON = `
import rados, rbd, sys, json, base64, hashlib
cluster = rados.Rados(conffile='')
cluster.connect()
io = cluster.open_ioctx('rbd')
handles = {}
def digest(name, snap):
    with rbd.Image(io, name, snapshot=snap, read_only=True) as i:
        h = hashlib.sha256()
        for at in range(0, i.size(), 1 << 22): h.update(i.read(at, min(1 << 22, i.size() - at)))
        return [i.size(), h.hexdigest()]
def run(op, key, *a):
    if op == 'open':
        for k, v in a[1].items(): cluster.conf_set(k, v)
        handles[key] = rbd.Image(io, a[0])
        return
    if op == 'sums':
        with rbd.Image(io, key, read_only=True) as i: names = [s['name'] for s in i.list_snaps()]
        return [[s or '', *digest(key, s)] for s in [None] + names]
    if op == 'sum': return [a[0] or '', *digest(key, a[0])]
    if op == 'protect':
        with rbd.Image(io, key) as i: i.protect_snap(a[0])
        return
    if op == 'clone':
        cluster.conf_set('rbd_default_clone_format', str(a[2]))
        return rbd.RBD().clone(io, key, a[0], io, a[1], **a[3])
    image = handles[key]
    if op == 'close': handles.pop(key).close()
    elif op == 'read': return base64.b64encode(image.read(a[0], a[1])).decode()
    elif op == 'write': image.write(base64.b64decode(a[1]), a[0])
    elif op == 'burst':
        for offset, data in a[0]: image.write(base64.b64decode(data), offset)
    elif op == 'discard': image.discard(a[0], a[1])
    elif op == 'zeroes': image.write_zeroes(a[0], a[1], rbd.RBD_WRITE_ZEROES_FLAG_THICK_PROVISION if a[2] else 0)
    elif op == 'flush': image.flush()
    elif op == 'resize': image.resize(a[0])
    elif op == 'snap': image.create_snap(a[0])
    elif op == 'unsnap': image.remove_snap(a[0])
    elif op == 'rollback':
        image.rollback_to_snap(a[0])
        # librbd leaves the map of the snapshot, in which objects are clean that are not so against newer snapshots.
        if image.features() & rbd.RBD_FEATURE_OBJECT_MAP: image.rebuild_object_map()
    elif op == 'flatten': image.flatten()
    elif op == 'features': image.update_features(a[0], a[1])
    elif op == 'rebuild': image.rebuild_object_map()
    elif op == 'owner': return image.is_exclusive_lock_owner()
    else: raise Exception(op)
for line in sys.stdin:
    try: answer = {'value': run(*json.loads(line))}
    except Exception as e: answer = {'error': repr(e)}
    print(json.dumps(answer), flush=True)
`;

/** librbd in a process of its own, through python3-rbd: one request after the other, on the pool 'rbd'. */
export class LibRbd implements RbdClient, AsyncDisposable {
  readonly name = 'librbd';
  readonly child: ChildProcess;
  private readonly lines: Interface;
  private readonly waiting: ((line: string) => void)[] = [];
  private stderr = '';
  private count = 0;

  constructor(conf: string) {
    const env = { ...process.env, CEPH_CONF: conf, CEPH_ARGS: '' };
    this.child = spawn('/usr/bin/python3', ['-c', PYTHON], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin!.on('error', () => {}); // it was killed: the lines end too
    this.child.stderr!.on('data', chunk => (this.stderr += chunk));
    this.lines = createInterface({ input: this.child.stdout! });
    this.lines.on('line', line => this.waiting.shift()?.(line));
    this.lines.on('close', () => {
      for (const wake of this.waiting.splice(0)) wake(JSON.stringify({ error: `ended: ${this.stderr}` }));
    });
  }

  async run<T>(...request: unknown[]): Promise<T> {
    const line = await new Promise<string>(resolve => {
      this.waiting.push(resolve);
      this.child.stdin!.write(`${JSON.stringify(request)}\n`);
    });
    const { value, error } = JSON.parse(line) as { value: T; error?: string };
    if (error !== undefined)
      throw new Error(`librbd: ${JSON.stringify(request).slice(0, 120)}: ${error} ${this.stderr}`);
    return value;
  }

  async open(image: string, config: Readonly<Record<string, string>>): Promise<LibRbdHandle> {
    const key = `${this.count++}`;
    await this.run('open', key, image, config);
    return new LibRbdHandle(this, key);
  }

  sums(image: string): Promise<ImageSums> {
    return this.run('sums', image);
  }

  async sum(image: string, snap: string): Promise<ImageSums[number]> {
    return this.run('sum', image, snap);
  }

  async clone({ parent, snap, child, format, layout, dataPool, features }: CloneSpec): Promise<void> {
    if (format === 1) await this.run('protect', parent, snap);
    const options: Record<string, unknown> = {
      features: Number(features),
      order: layout.order,
      stripe_unit: layout.stripeUnit,
      stripe_count: layout.stripeCount,
    };
    if (dataPool !== undefined) options['data_pool'] = dataPool;
    await this.run('clone', parent, snap, child, format, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise(resolve => this.child.once('exit', resolve));
    this.child.stdin!.end();
    if (this.child.exitCode === null && this.child.signalCode === null) await gone;
  }
}

/** An image that librbd has open. */
export class LibRbdHandle implements RbdHandle {
  private readonly client: LibRbd;
  private readonly key: string;

  constructor(client: LibRbd, key: string) {
    this.client = client;
    this.key = key;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    return Buffer.from(await this.client.run<string>('read', this.key, offset, length), 'base64');
  }

  write(offset: number, data: Buffer): Promise<void> {
    return this.client.run('write', this.key, offset, data.toString('base64'));
  }

  burst(writes: readonly (readonly [number, Buffer])[]): Promise<void> {
    const list = writes.map(([offset, data]) => [offset, data.toString('base64')]);
    return this.client.run('burst', this.key, list);
  }

  discard(offset: number, length: number): Promise<void> {
    return this.client.run('discard', this.key, offset, length);
  }

  writeZeroes(offset: number, length: number, thick: boolean): Promise<void> {
    return this.client.run('zeroes', this.key, offset, length, thick);
  }

  flush(): Promise<void> {
    return this.client.run('flush', this.key);
  }

  resize(size: number): Promise<void> {
    return this.client.run('resize', this.key, size);
  }

  snapshot(name: string): Promise<void> {
    return this.client.run('snap', this.key, name);
  }

  removeSnapshot(name: string): Promise<void> {
    return this.client.run('unsnap', this.key, name);
  }

  rollback(name: string): Promise<void> {
    return this.client.run('rollback', this.key, name);
  }

  flatten(): Promise<void> {
    return this.client.run('flatten', this.key);
  }

  updateFeatures(features: bigint, enable: boolean): Promise<void> {
    return this.client.run('features', this.key, Number(features), enable);
  }

  rebuildObjectMap(): Promise<void> {
    return this.client.run('rebuild', this.key);
  }

  isOwner(): Promise<boolean> {
    return this.client.run('owner', this.key);
  }

  close(): Promise<void> {
    return this.client.run('close', this.key);
  }
}
