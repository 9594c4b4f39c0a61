import type { CommandResult, RealCeph } from '../support/real-ceph.ts';

// Real librbd beside ours: scripts of operations for python3-rbd, each run in one process.

/** [name, ...arguments]; see RUN. */
export type Step = readonly [string, ...(string | number | boolean | null)[]];

const RUN = `
import json, sys, time, rados, rbd, hashlib
conf, pool, name, steps = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
cluster = rados.Rados(conffile=conf); cluster.connect()
io = cluster.open_ioctx(pool); r = rbd.RBD()
def data(n, seed):
    return bytes(((i * 31 + seed * 7) % 251) + 1 for i in range(min(n, 4096))) * (n // 4096 + 1)
def image(snap=None, ro=False):
    return rbd.Image(io, name, snapshot=snap, read_only=ro)
out = []
img = None
def head():
    global img
    if img is None: img = image()
    return img
def close():
    global img
    if img is not None: img.close(); img = None
for step in steps:
    op, a = step[0], step[1:]
    if op == 'write': head().write(data(a[1], a[2])[:a[1]], a[0])
    elif op == 'discard': head().discard(a[0], a[1])
    elif op == 'zeroes': head().write_zeroes(a[0], a[1])
    elif op == 'resize': head().resize(a[0])
    elif op == 'snap': head().create_snap(a[0])
    elif op == 'snap-remove': head().remove_snap(a[0])
    elif op == 'snap-rename': head().rename_snap(a[0], a[1])
    elif op == 'protect': head().protect_snap(a[0])
    elif op == 'unprotect': head().unprotect_snap(a[0])
    elif op == 'rollback': head().rollback_to_snap(a[0])
    elif op == 'flatten': head().flatten()
    elif op == 'sparsify': head().sparsify(a[0])
    elif op == 'limit': head().set_snap_limit(a[0])
    elif op == 'clone':
        cluster.conf_set('rbd_default_clone_format', str(a[3]))
        r.clone(io, name, a[0], io, a[1], features=a[2])
    elif op == 'flush': head().flush()
    elif op == 'hold': time.sleep(a[0])
    elif op == 'sums':
        close(); sums = {}
        with image(ro=True) as i: names = [s['name'] for s in i.list_snaps()]
        for s in [None] + names:
            with image(s, True) as i: sums[s or ''] = [i.size(), hashlib.md5(i.read(0, i.size())).hexdigest() if i.size() else '']
        out.append(sums)
    elif op == 'state':
        close()
        with image(ro=True) as i:
            snaps = []
            for s in i.list_snaps():
                if s['namespace'] == rbd.RBD_SNAP_NAMESPACE_TYPE_USER:
                    i.set_snap(s['name'])
                    snaps.append([s['name'], s['size'], i.is_protected_snap(s['name']), i.overlap()])
                    i.set_snap(None)
            out.append({'size': i.size(), 'overlap': i.overlap(), 'features': i.features(), 'snaps': snaps})
    elif op == 'diffs':
        close(); found = {}
        with image(ro=True) as i: names = [s['name'] for s in i.list_snaps()]
        for n, to in enumerate(names + [None]):
            with image(to, True) as i:
                for frm in [None] + names[:n]:
                    for whole in [False, True]:
                        for parent in ([True, False] if frm is None else [True]):
                            ext = []
                            i.diff_iterate(0, i.size(), frm, lambda o, l, e: ext.append([o, l, bool(e)]), parent, whole)
                            found['%s>%s %s %s' % (frm or '', to or '', whole, parent)] = ext
        out.append(found)
    else: raise Exception(op)
close()
print(json.dumps(out))
`;

/** Runs steps on an image and gives what those that ask were told. */
export async function real(
  ceph: RealCeph,
  pool: string,
  image: string,
  steps: readonly Step[],
): Promise<unknown[]> {
  const { stdout, stderr, code } = await ceph.python(RUN, [ceph.conf, pool, image, JSON.stringify(steps)]);
  if (code !== 0) throw new Error(`${JSON.stringify(steps).slice(0, 300)}: ${stderr}`);
  return JSON.parse(stdout.toString()) as unknown[];
}

/** The real `rbd`; throws when it fails. */
export async function rbdCommand(
  ceph: RealCeph,
  args: readonly string[],
  input?: Uint8Array,
): Promise<CommandResult> {
  const result = await ceph.exec(
    'env',
    ['RBD_FORCE_ALLOW_V1=1', 'rbd', '-c', ceph.conf, ...args],
    input === undefined ? {} : { input },
  );
  if (result.code !== 0) throw new Error(`rbd ${args.join(' ')}: ${result.code} ${result.stderr}`);
  return result;
}

/**
 * `rbd object-map check`, which ends well (and flags the map) when it finds a difference: that fails here. But for an object
 * that is said to have changed and did not: librbd's maps have them too, of discards behind the end of an object. Then the map
 * is rebuilt, as it is flagged.
 */
export async function checkObjectMap(ceph: RealCeph, image: string): Promise<void> {
  const { stderr } = await rbdCommand(ceph, ['object-map', 'check', image]);
  const wrong = stderr.match(/object map error: .*/g) ?? [];
  const harmful = wrong.filter(line => !line.endsWith('marked as 1, but should be 3'));
  if (harmful.length > 0) throw new Error(`${image}: ${harmful.join('\n')}`);
  if (wrong.length > 0) await rbdCommand(ceph, ['object-map', 'rebuild', image]);
  const { stdout } = await rbdCommand(ceph, ['info', image, '--format', 'json']);
  const { flags } = JSON.parse(String(stdout)) as { flags: readonly string[] };
  if (flags.length > 0) throw new Error(`${image} is flagged: ${flags.join(', ')}`);
}

/** The bytes that the script's 'write' writes. */
export function pattern(length: number, seed: number): Buffer {
  const block = Buffer.alloc(Math.min(length, 4096));
  for (let i = 0; i < block.length; i++) block[i] = ((i * 31 + seed * 7) % 251) + 1;
  const out = Buffer.alloc(length);
  for (let at = 0; at < length; at += 4096) block.copy(out, at);
  return out;
}

/** A workload of writes and discards within `size` bytes. */
export function workload(next: (below: number) => number, size: number, count: number): Step[] {
  const steps: Step[] = [];
  for (let i = 0; i < count; i++) {
    const offset = next(size);
    const length = 1 + next(Math.min(size - offset, next(4) === 0 ? 300_000 : 30_000));
    const kind = next(8);
    if (kind < 5) steps.push(['write', offset, length, next(250)]);
    else if (kind < 7) steps.push(['discard', offset, length]);
    else steps.push(['zeroes', offset, length]);
  }
  return steps;
}
