import { Decoder } from '../../src/base/decoder.ts';
import { trashImageSpec } from '../../src/ceph/types/cls-rbd.ts';
import { clsRbdSnap } from '../../src/ceph/types/cls-rbd-header.ts';
import { utimeToMs } from '../../src/ceph/types/utime.ts';
import type { RealCeph } from './real-ceph.ts';

/** Everything in a pool, as the real librados tells it. */
const DUMP = `
import rados, json, sys
c = rados.Rados(conffile=sys.argv[1]); c.connect()
io = c.open_ioctx(sys.argv[2])
io.set_namespace(rados.LIBRADOS_ALL_NSPACES)
found = [(o.nspace, o.key) for o in io.list_objects()]
out = {}
for ns, oid in found:
    io.set_namespace(ns)
    size, _ = io.stat(oid)
    omap = {}
    with rados.ReadOpCtx() as op:
        values, _ = io.get_omap_vals(op, "", "", 10000)
        io.operate_read_op(op, oid)
        for k, v in values: omap[k.hex() if isinstance(k, bytes) else k] = (v or b'').hex()
    out[ns + '/' + oid] = {
        'data': io.read(oid, max(size, 1)).hex(),
        'omap': omap,
        'xattrs': sorted(k for k, _ in io.get_xattrs(oid)),
    }
print(json.dumps(out))
`;

const WIPE = `
import rados, sys
c = rados.Rados(conffile=sys.argv[1]); c.connect()
for pool in sys.argv[2:]:
    io = c.open_ioctx(pool)
    io.set_namespace(rados.LIBRADOS_ALL_NSPACES)
    for ns, oid in [(o.nspace, o.key) for o in io.list_objects()]:
        io.set_namespace(ns)
        io.remove_object(oid)
`;

interface DumpedObject {
  readonly data: string;
  readonly omap: Readonly<Record<string, string>>;
  readonly xattrs: readonly string[];
}

async function python(ceph: RealCeph, source: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ceph.python(source, [ceph.conf, ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout.toString();
}

/** Removes every object of pools. */
export async function wipe(ceph: RealCeph, ...pools: readonly string[]): Promise<void> {
  await python(ceph, WIPE, pools);
}

const TIMES = new Set(['create_timestamp', 'access_timestamp', 'modify_timestamp']);

/** A value of an omap without what differs from run to run: times. */
function plain(oid: string, key: string, value: string): unknown {
  const d = new Decoder(Buffer.from(value, 'hex'), key);
  if (TIMES.has(key)) return 'a time';
  // Numbers that could be taken for a snapshot's.
  if (key === 'features' || key === 'op_features' || key === 'flags') return `bits ${d.u64()}`;
  if (key.startsWith('snapshot_')) {
    const { timestamp: _, id, ...rest } = clsRbdSnap.decode(d);
    return JSON.parse(
      JSON.stringify({ ...rest, id: `#${id}` }, (_k, v) => (typeof v === 'bigint' ? `${v}` : v)),
    );
  }
  if (oid.endsWith('/rbd_trash')) {
    const { deletionTime, defermentEndTime, ...rest } = trashImageSpec.decode(d);
    return { ...rest, delay: Math.round((utimeToMs(defermentEndTime) - utimeToMs(deletionTime)) / 1000) };
  }
  return value;
}

/** Ids of snapshots are never given twice: each becomes its place among them. */
function renumber(text: string, ids: readonly bigint[]): string {
  let out = text;
  ids.forEach((id, i) => {
    const le = Buffer.alloc(8);
    le.writeBigUInt64LE(id);
    out = out
      .replaceAll(le.toString('hex'), `<snap ${i}>`)
      .replaceAll(id.toString(16).padStart(16, '0'), `<snap ${i}>`)
      .replaceAll(`"#${id}"`, `"#${i}"`);
  });
  return out;
}

/** Everything in pools that makes up their images, comparable between two runs. */
export async function poolContent(ceph: RealCeph, ...pools: readonly string[]): Promise<unknown> {
  const content: Record<string, unknown> = {};
  const ids = new Set<bigint>();
  for (const pool of pools) {
    const dump = JSON.parse(await python(ceph, DUMP, [pool])) as Record<string, DumpedObject>;
    for (const [oid, { data, omap, xattrs }] of Object.entries(dump).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const values: Record<string, unknown> = {};
      for (const key of Object.keys(omap).sort()) {
        if (key.startsWith('snapshot_')) ids.add(BigInt(`0x${key.slice('snapshot_'.length)}`));
        values[key] = plain(oid, key, omap[key]);
      }
      // snap_seq stays when snapshots go.
      const seq = omap['snap_seq'];
      if (seq !== undefined) {
        const id = Buffer.from(seq, 'hex').readBigUInt64LE();
        if (id > 0n) ids.add(id);
      }
      content[pool + oid] = { data, omap: values, xattrs: xattrs.filter(name => name !== 'lock.rbd_lock') };
    }
  }
  const sorted = [...ids].sort((a, b) => (a < b ? -1 : 1));
  return JSON.parse(renumber(JSON.stringify(content), sorted));
}
