import type { Encoder } from '../../base/encoder.ts';
import { map, str } from '../types/codec.ts';
import {
  ADDRVEC_EMPTY,
  decodeEntityAddrVec,
  type EntityAddrVec,
  encodeEntityAddrVec,
} from '../types/entity-addr.ts';
import type { Features } from '../types/features.ts';
import { type OsdSuperblock, osdSuperblock } from '../types/superblock.ts';
import { registerMessage } from './message.ts';
import { MSG_OSD_BOOT } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

const strings = map(str, str);

/**
 * MOSDBoot (messages/MOSDBoot.h), version 7: paxos head, OSDSuperblock, entity_addrvec_t heartbeat back,
 * entity_addrvec_t cluster, u32 boot epoch, entity_addrvec_t heartbeat front, map str -> str metadata, u64
 * features. An OSD asks to be marked up; its public addresses are those of the connection. The paxos version
 * is the epoch of its newest map.
 */
export class MOSDBoot extends PaxosServiceMessage {
  readonly type = MSG_OSD_BOOT;
  version = 7;
  compatVersion = 7;
  superblock: OsdSuperblock;
  hbBackAddrs: EntityAddrVec = ADDRVEC_EMPTY;
  clusterAddrs: EntityAddrVec = ADDRVEC_EMPTY;
  hbFrontAddrs: EntityAddrVec = ADDRVEC_EMPTY;
  /** Epoch in which this process was last marked up; 0 for not yet. */
  bootEpoch: number;
  metadata: ReadonlyMap<string, string> = new Map();
  osdFeatures: bigint;

  constructor(superblock: OsdSuperblock, epoch: number, bootEpoch: number, osdFeatures: bigint) {
    super();
    this.paxosVersion = epoch;
    this.superblock = superblock;
    this.bootEpoch = bootEpoch;
    this.osdFeatures = osdFeatures;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    osdSuperblock.encode(e, this.superblock, features);
    encodeEntityAddrVec(e, this.hbBackAddrs, features);
    encodeEntityAddrVec(e, this.clusterAddrs, features);
    e.u32(this.bootEpoch);
    encodeEntityAddrVec(e, this.hbFrontAddrs, features);
    strings.encode(e, this.metadata);
    e.u64b(this.osdFeatures);
  }

  override describe(): string {
    return (
      `osd_boot(osd.${this.superblock.whoami} booted ${this.bootEpoch} features ${this.osdFeatures} ` +
      `v${this.paxosVersion})`
    );
  }
}

registerMessage(MSG_OSD_BOOT, (d, header) => {
  if (header.version < 7) d.fail(`version ${header.version} is older than what is read`);
  const m = new MOSDBoot(osdSuperblock.zero(), 0, 0, 0n);
  m.decodePaxos(d);
  m.superblock = osdSuperblock.decode(d);
  m.hbBackAddrs = decodeEntityAddrVec(d);
  m.clusterAddrs = decodeEntityAddrVec(d);
  m.bootEpoch = d.u32();
  m.hbFrontAddrs = decodeEntityAddrVec(d);
  m.metadata = strings.decode(d);
  m.osdFeatures = d.u64b();
  return m;
});
