import { VERSION } from '../../base/version.ts';
import type { Env } from '../../env/env.ts';
import { entityAddrVecText } from '../types/addr-text.ts';
import type { EntityAddrVec } from '../types/entity.ts';
import { type OsdSuperblock, osdSuperblock } from '../types/superblock.ts';
import type { Uuid } from '../types/uuid.ts';

/** Incompatible features of an OSD's store that monitors know of (osd/OSD.cc, get_osd_initial_compat_set). */
const INCOMPAT: ReadonlyMap<number, string> = new Map([
  [1, 'initial feature set(~v.18)'],
  [2, 'pginfo object'],
  [3, 'object locator'],
  [4, 'last_epoch_clean'],
  [5, 'categories'],
  [6, 'hobjectpool'],
  [7, 'biginfo'],
  [8, 'leveldbinfo'],
  [9, 'leveldblog'],
  [10, 'snapmapper'],
  [12, 'transaction hints'],
  [13, 'pg meta object'],
  [14, 'explicit missing set'],
  [15, 'fastinfo pg attr'],
  [16, 'deletes in missing set'],
  [17, 'new snapmapper key structure'],
]);

export function makeSuperblock(
  fsid: Uuid,
  osd: number,
  uuid: Uuid,
  oldest: number,
  newest: number,
): OsdSuperblock {
  return {
    ...osdSuperblock.zero(),
    clusterFsid: fsid,
    whoami: osd,
    osdFsid: uuid,
    currentEpoch: newest,
    oldestMap: oldest,
    newestMap: newest,
    compatFeatures: { compat: new Map(), roCompat: new Map(), incompat: INCOMPAT },
    mounted: 0,
  };
}

/** Compatible with this release; the rest of the text says who we are. */
const RELEASE = '16.2.15';

/** What 'ceph osd metadata' shows. */
export function osdMetadata(
  env: Env,
  osd: number,
  addrs: { front: EntityAddrVec; back: EntityAddrVec; hbFront: EntityAddrVec; hbBack: EntityAddrVec },
): Map<string, string> {
  const { host } = env;
  return new Map(
    Object.entries({
      arch: host.arch,
      back_addr: entityAddrVecText(addrs.back),
      ceph_release: 'pacific',
      ceph_version: cephVersionText(),
      ceph_version_short: RELEASE,
      cpu: host.cpuModel,
      default_device_class: 'ssd',
      distro: host.platform,
      distro_description: host.platform,
      front_addr: entityAddrVecText(addrs.front),
      hb_back_addr: entityAddrVecText(addrs.hbBack),
      hb_front_addr: entityAddrVecText(addrs.hbFront),
      hostname: host.hostname,
      id: String(osd),
      kernel_description: host.kernelVersion,
      kernel_version: host.release,
      mem_total_kb: String(Math.floor(host.memoryTotal / 1024)),
      osd_objectstore: 'memstore',
      rotational: '0',
    }).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

export function cephVersionText(): string {
  return `ceph version ${RELEASE} (nacre ${VERSION}) pacific (stable)`;
}
