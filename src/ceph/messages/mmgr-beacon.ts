import type { Encoder } from '../../base/encoder.ts';
import { entityAddrVecText } from '../types/addr-text.ts';
import { list, map, str } from '../types/codec.ts';
import { entityAddrVec } from '../types/codecs.ts';
import {
  ADDRVEC_EMPTY,
  decodeEntityAddrVec,
  type EntityAddrVec,
  encodeEntityAddrVec,
} from '../types/entity-addr.ts';
import type { Features } from '../types/features.ts';
import { type HealthCheckMap, healthCheckMap } from '../types/health.ts';
import { compareBytewise } from '../types/hobject.ts';
import { type MgrModuleInfo, mgrModuleInfo } from '../types/mgr-map.ts';
import { type MonCommand, monCommand, type ProgressEvent, progressEvent } from '../types/mon-types.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { Message, registerMessage } from './message.ts';
import {
  MSG_MGR_BEACON,
  MSG_MGR_DIGEST,
  MSG_MON_HEALTH_CHECKS,
  MSG_MON_MGR_REPORT,
} from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

const strings = map(str, str);
const names = list(str);
const commands = list(monCommand);
const modules = list(mgrModuleInfo);
const addrVecs = list(entityAddrVec);
const events = map(str, progressEvent);

// Between the manager and the monitor.

/**
 * MMgrBeacon (messages/MMgrBeacon.h), version 10: paxos head, entity_addrvec_t, u64 gid, u8 available, str name,
 * uuid fsid, set of str module names, vector of MonCommand, map str -> str metadata, map str -> str services,
 * vector of MgrMap::ModuleInfo, u64 features (since 9), vector of entity_addrvec_t clients (since 10). Version
 * 11, of late 16.2, adds the names of the clients.
 */
export class MMgrBeacon extends PaxosServiceMessage {
  readonly type = MSG_MGR_BEACON;
  version = 11;
  compatVersion = 8;
  fsid: Uuid;
  gid: bigint;
  name: string;
  available = false;
  serverAddrs: EntityAddrVec = ADDRVEC_EMPTY;
  /** Given while activating only. */
  commandDescs: readonly MonCommand[] = [];
  metadata: ReadonlyMap<string, string> = new Map();
  /** URIs by service name. */
  services: ReadonlyMap<string, string> = new Map();
  modules: readonly MgrModuleInfo[] = [];
  mgrFeatures = 0n;
  /** Addresses of RADOS clients in the manager, so that the monitor can fence them. */
  clients: readonly EntityAddrVec[] = [];
  clientNames: readonly string[] = [];

  constructor(fsid: Uuid, gid: bigint, name: string) {
    super();
    this.fsid = fsid;
    this.gid = gid;
    this.name = name;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    encodeEntityAddrVec(e, this.serverAddrs, features);
    e.u64b(this.gid);
    e.bool(this.available);
    e.str(this.name);
    encodeUuid(e, this.fsid);
    names.encode(e, [...new Set(this.modules.map(m => m.name))].sort(compareBytewise));
    commands.encode(e, this.commandDescs, features);
    strings.encode(e, this.metadata);
    strings.encode(e, this.services);
    modules.encode(e, this.modules, features);
    e.u64b(this.mgrFeatures);
    addrVecs.encode(e, this.clients, features);
    if (this.version >= 11) names.encode(e, this.clientNames);
  }

  override describe(): string {
    const addrs = entityAddrVecText(this.serverAddrs);
    return `mgrbeacon mgr.${this.name}(${this.fsid},${this.gid}, ${addrs}, ${this.available ? 1 : 0})`;
  }
}

/**
 * MMonMgrReport (messages/MMonMgrReport.h), version 3: paxos head, health_check_map_t, blob ServiceMap, map str ->
 * ProgressEvent (since 2), u64 gid (since 3). The data is an encoded PGMapDigest.
 */
export class MMonMgrReport extends PaxosServiceMessage {
  readonly type = MSG_MON_MGR_REPORT;
  version = 3;
  compatVersion = 1;
  healthChecks: HealthCheckMap = healthCheckMap.zero();
  /** Encoded ServiceMap; empty for no change. */
  serviceMap: Uint8Array = Buffer.alloc(0);
  progressEvents: ReadonlyMap<string, ProgressEvent> = new Map();
  gid = 0n;

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    healthCheckMap.encode(e, this.healthChecks, features);
    e.blob(this.serviceMap);
    events.encode(e, this.progressEvents, features);
    e.u64b(this.gid);
  }

  override describe(): string {
    return (
      `monmgrreport(gid ${this.gid}, ${this.healthChecks.checks.size} checks, ` +
      `${this.progressEvents.size} progress events)`
    );
  }
}

/** MMgrDigest (messages/MMgrDigest.h): blob mon_status JSON, blob health JSON: what the manager is kept told. */
export class MMgrDigest extends Message {
  readonly type = MSG_MGR_DIGEST;
  version = 1;
  compatVersion = 1;
  monStatus: Uint8Array;
  health: Uint8Array;

  constructor(monStatus: Uint8Array, health: Uint8Array) {
    super();
    this.monStatus = monStatus;
    this.health = health;
  }

  override encodePayload(e: Encoder): void {
    e.blob(this.monStatus);
    e.blob(this.health);
  }

  override describe(): string {
    return 'mgrdigest';
  }
}

/** MMonHealthChecks (messages/MMonHealthChecks.h): paxos head, health_check_map_t: a monitor's own checks. */
export class MMonHealthChecks extends PaxosServiceMessage {
  readonly type = MSG_MON_HEALTH_CHECKS;
  version = 1;
  compatVersion = 1;
  healthChecks: HealthCheckMap;

  constructor(healthChecks: HealthCheckMap) {
    super();
    this.paxosVersion = 1;
    this.healthChecks = healthChecks;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    healthCheckMap.encode(e, this.healthChecks, features);
  }

  override describe(): string {
    return `mon_health_checks(${this.healthChecks.checks.size} checks)`;
  }
}

registerMessage(MSG_MGR_BEACON, (d, header) => {
  const v = header.version;
  if (v < 8) d.fail(`version ${v} is older than what is read`);
  const m = new MMgrBeacon(UUID_ZERO, 0n, '');
  m.version = Math.min(v, 11);
  m.decodePaxos(d);
  m.serverAddrs = decodeEntityAddrVec(d);
  m.gid = d.u64b();
  m.available = d.bool();
  m.name = d.str();
  m.fsid = decodeUuid(d);
  names.decode(d);
  m.commandDescs = commands.decode(d);
  m.metadata = strings.decode(d);
  m.services = strings.decode(d);
  m.modules = modules.decode(d);
  if (v >= 9) m.mgrFeatures = d.u64b();
  if (v >= 10) m.clients = addrVecs.decode(d);
  if (v >= 11) m.clientNames = names.decode(d);
  return m;
});
registerMessage(MSG_MON_MGR_REPORT, (d, header, data) => {
  const m = new MMonMgrReport();
  m.decodePaxos(d);
  m.healthChecks = healthCheckMap.decode(d);
  m.serviceMap = d.blob();
  if (header.version >= 2) m.progressEvents = events.decode(d);
  if (header.version >= 3) m.gid = d.u64b();
  if (data !== undefined) m.data = [data];
  return m;
});
registerMessage(MSG_MGR_DIGEST, d => {
  const monStatus = d.blob();
  return new MMgrDigest(monStatus, d.blob());
});
registerMessage(MSG_MON_HEALTH_CHECKS, d => {
  const m = new MMonHealthChecks(healthCheckMap.zero());
  m.decodePaxos(d);
  m.healthChecks = healthCheckMap.decode(d);
  return m;
});
