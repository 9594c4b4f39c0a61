import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { legacyAddrText } from '../../src/ceph/types/addr-text.ts';
import { lockInfo } from '../../src/ceph/types/cls-lock.ts';
import type { Codec } from '../../src/ceph/types/codec.ts';
import { snapSet } from '../../src/ceph/types/codecs.ts';
import { entityNameText } from '../../src/ceph/types/entity.ts';
import { eversionText } from '../../src/ceph/types/eversion.ts';
import { hashInfo } from '../../src/ceph/types/hash-info.ts';
import { hobjectText, parseHObject } from '../../src/ceph/types/hobject.ts';
import { intervalsText } from '../../src/ceph/types/interval-set.ts';
import { mgrMap } from '../../src/ceph/types/mgr-map.ts';
import { type ObjectInfo, objectFlagNames, objectInfo } from '../../src/ceph/types/object-info.ts';
import { creatingPgs } from '../../src/ceph/types/pg-map.ts';
import { reqidText } from '../../src/ceph/types/reqid.ts';
import type { SnapSet } from '../../src/ceph/types/snap.ts';
import { osdSuperblock } from '../../src/ceph/types/superblock.ts';
import { utimeText } from '../../src/ceph/types/utime.ts';
import { goldenPath } from '../support/golden.ts';

const folder = goldenPath('peers/golden/ceph/objects');
const cluster = goldenPath('peers/golden/ceph/cluster');

/** Reads a whole file as one value, which must also be written as the same bytes. */
function read<T>(codec: Codec<T>, bytes: Buffer): T {
  const d = new Decoder(bytes);
  const value = codec.decode(d);
  expect(d.remaining).toBe(0);
  expect(encodeToBuffer(e => codec.encode(e, value)).toString('hex')).toBe(bytes.toString('hex'));
  return value;
}

type Json = Record<string, unknown>;
const json = (path: string): Json => JSON.parse(readFileSync(path, 'utf8')) as Json;

const hex8 = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`;

/** As ceph-objectstore-tool dumps it. */
function infoJson(o: ObjectInfo): Json {
  return {
    oid: {
      oid: o.soid.oid,
      key: o.soid.key,
      snapid: Number(BigInt.asIntN(64, o.soid.snap)),
      hash: o.soid.hash,
      max: o.soid.max ? 1 : 0,
      pool: o.soid.pool,
      namespace: o.soid.nspace,
    },
    version: eversionText(o.version),
    prior_version: eversionText(o.priorVersion),
    last_reqid: reqidText(o.lastReqid),
    user_version: o.userVersion,
    size: o.size,
    mtime: utimeText(o.mtime),
    local_mtime: utimeText(o.localMtime),
    lost: objectFlagNames(o.flags).includes('lost') ? 1 : 0,
    flags: objectFlagNames(o.flags),
    truncate_seq: o.truncateSeq,
    truncate_size: o.truncateSize,
    data_digest: hex8(o.dataDigest),
    omap_digest: hex8(o.omapDigest),
    expected_object_size: o.expectedObjectSize,
    expected_write_size: o.expectedWriteSize,
    alloc_hint_flags: o.allocHintFlags,
    manifest: { type: o.manifest.type },
    watchers: {},
  };
}

function snapSetJson(s: SnapSet): Json {
  return {
    seq: Number(s.seq),
    clones: s.clones.map(c => ({
      snap: Number(c),
      size: s.cloneSize.get(c),
      overlap: intervalsText(s.cloneOverlap.get(c) ?? []),
      snaps: s.cloneSnaps.get(c)?.map(Number),
    })),
  };
}

describe.skipIf(folder === undefined)('metadata of real objects', () => {
  const dir = folder ?? '';
  const names = folder === undefined ? [] : readdirSync(dir).filter(f => /^obj\.\d+\.dump\.json$/.test(f));

  it.each(names.map(n => n.replace('.dump.json', '')))('%s', name => {
    const dump = json(join(dir, `${name}.dump.json`));
    const bytes = (attr: string): Buffer => readFileSync(join(dir, `${name}.attr.${attr}.bin`));
    expect(infoJson(read(objectInfo, bytes('_')))).toEqual(dump['info']);
    if (dump['SnapSet'] !== undefined)
      expect(snapSetJson(read(snapSet, bytes('snapset')))).toEqual(dump['SnapSet']);
    if (dump['hinfo'] !== undefined) {
      const h = read(hashInfo, bytes('hinfo_key'));
      const hashes = dump['hinfo'] as {
        total_chunk_size: number;
        cumulative_shard_hashes: { hash: number }[];
      };
      expect(h.totalChunkSize).toBe(hashes.total_chunk_size);
      expect(h.cumulativeShardHashes).toEqual(hashes.cumulative_shard_hashes.map(s => s.hash));
    }
  });

  it('superblock', () => {
    const sb = read(osdSuperblock, readFileSync(join(dir, 'osd-superblock.bin')));
    const features = (set: ReadonlyMap<number, string>): Json =>
      Object.fromEntries([...set].map(([id, text]) => [`feature_${id}`, text]));
    expect({
      cluster_fsid: sb.clusterFsid,
      osd_fsid: sb.osdFsid,
      whoami: sb.whoami,
      current_epoch: sb.currentEpoch,
      oldest_map: sb.oldestMap,
      newest_map: sb.newestMap,
      weight: sb.weight,
      compat: {
        compat: features(sb.compatFeatures.compat),
        ro_compat: features(sb.compatFeatures.roCompat),
        incompat: features(sb.compatFeatures.incompat),
      },
      clean_thru: sb.cleanThru,
      last_epoch_mounted: sb.mounted,
      purged_snaps_last: sb.purgedSnapsLast,
      last_purged_snaps_scrub: utimeText(sb.lastPurgedSnapsScrub),
      cluster_osdmap_trim_lower_bound: sb.clusterOsdmapTrimLowerBound,
    }).toEqual(json(join(dir, 'osd-superblock.json')));
  });

  it('a lock', () => {
    const text = readFileSync(join(dir, 'rep-small.lock.lk1.hex'), 'utf8');
    const hex = text.replace(/^[0-9a-f]+: ((?:[0-9a-f]+ ?)+).*$/gm, '$1').replace(/\s/g, '');
    const lock = read(lockInfo, Buffer.from(hex, 'hex'));
    const dump = json(join(dir, 'rep-small.lock.lk1.json'));
    expect(dump['tag']).toBe(lock.tag);
    expect(dump['lockers']).toEqual(
      lock.lockers.map(([id, info]) => ({
        name: entityNameText(id.locker),
        cookie: id.cookie,
        description: info.description,
        expiration: utimeText(info.expiration),
        addr: legacyAddrText(info.addr),
      })),
    );
  });

  it('names of objects in a PG log', () => {
    const dump = readFileSync(join(dir, 'pg-log.2.1.json'), 'utf8');
    const names = [...dump.matchAll(/"object": "(.*)"/g)].map(m => m[1]);
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(hobjectText(parseHObject(name)!)).toBe(name);
  });
});

describe.skipIf(cluster === undefined)('maps of a real cluster', () => {
  it('manager map', () => {
    const map = read(mgrMap, readFileSync(join(cluster ?? '', 'mgrmap.bin')));
    const dump = json(join(cluster ?? '', 'mgr-dump.json'));
    expect(map.epoch).toBe(dump['epoch']);
    expect(map.activeName).toBe(dump['active_name']);
    expect(Number(map.activeGid)).toBe(dump['active_gid']);
    expect(utimeText(map.activeChange)).toBe(dump['active_change']);
    expect(map.modules).toEqual(dump['modules']);
    expect(map.availableModules.map(m => m.name)).toEqual(
      (dump['available_modules'] as { name: string }[]).map(m => m.name),
    );
  });

  it('PGs being created', () => {
    const pgs = read(creatingPgs, readFileSync(join(cluster ?? '', 'osd_pg_creating.bin')));
    expect(pgs.createdPools.length).toBeGreaterThan(0);
  });
});
