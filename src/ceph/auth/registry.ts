import { NacreError } from '../../base/errors.ts';
import {
  ENTITY_TYPE_CLIENT,
  ENTITY_TYPE_MDS,
  ENTITY_TYPE_MGR,
  ENTITY_TYPE_MON,
  ENTITY_TYPE_OSD,
} from '../types/entity.ts';
import {
  AUTH_CEPHX,
  AUTH_NONE,
  AUTH_UNKNOWN,
  CON_MODE_CRC,
  CON_MODE_SECURE,
  CON_MODE_UNKNOWN,
} from './types.ts';

/** The options that say which methods and modes are allowed, in order of preference, as in a ceph.conf. */
export interface AuthOptions {
  /** auth_cluster_required: between daemons. Methods 'cephx' and 'none'. */
  readonly clusterRequired: string;
  /** auth_service_required: what daemons ask of clients. */
  readonly serviceRequired: string;
  /** auth_client_required: what a client accepts of the cluster. */
  readonly clientRequired: string;
  /** ms_cluster_mode: between daemons. Modes 'crc' and 'secure'. */
  readonly clusterMode: string;
  /** ms_service_mode: daemons towards clients. */
  readonly serviceMode: string;
  /** ms_client_mode: clients towards daemons. */
  readonly clientMode: string;
  /** ms_mon_cluster_mode, ms_mon_service_mode, ms_mon_client_mode: the same with a monitor or manager. */
  readonly monClusterMode: string;
  readonly monServiceMode: string;
  readonly monClientMode: string;
}

/** Ceph's defaults (common/options). */
export const DEFAULT_AUTH_OPTIONS: AuthOptions = {
  clusterRequired: 'cephx',
  serviceRequired: 'cephx',
  clientRequired: 'cephx, none',
  clusterMode: 'crc secure',
  serviceMode: 'crc secure',
  clientMode: 'crc secure',
  monClusterMode: 'secure crc',
  monServiceMode: 'secure crc',
  monClientMode: 'secure crc',
};

const METHODS: Readonly<Record<string, number>> = { none: AUTH_NONE, cephx: AUTH_CEPHX };
const MODES: Readonly<Record<string, number>> = { crc: CON_MODE_CRC, secure: CON_MODE_SECURE };

/** 'cephx', 'none' or the number of a method that we do not know. */
export function authMethodName(method: number): string {
  if (method === AUTH_UNKNOWN) return 'unknown';
  for (const [name, number] of Object.entries(METHODS)) if (number === method) return name;
  return `method ${method}`;
}

function parseList(text: string, known: Readonly<Record<string, number>>, what: string): number[] {
  const found: number[] = [];
  for (const word of text.split(/[\s,;=]+/)) {
    if (word === '') continue;
    const number = known[word];
    if (number === undefined)
      throw new NacreError(
        'EINVAL',
        'auth.options',
        `${what} '${word}' is none of ${Object.keys(known).join(', ')}`,
      );
    if (!found.includes(number)) found.push(number);
  }
  return found;
}

/**
 * Which methods and connection modes an entity of one type allows with each type of peer
 * (auth/AuthRegistry.h).
 */
export interface AuthRegistry {
  /** CEPH_ENTITY_TYPE_* of this end. */
  readonly moduleType: number;
  supportedMethods(peerType: number): number[];
  /** Auth none has no keys, so only crc mode goes with it. */
  supportedModes(peerType: number, method: number): number[];
  /** The first of `preferred` that is allowed; CON_MODE_UNKNOWN when none is. */
  pickMode(peerType: number, method: number, preferred: readonly number[]): number;
}

/** Throws EINVAL when an option names a method or mode that does not exist. */
export function createAuthRegistry(moduleType: number, options: Partial<AuthOptions> = {}): AuthRegistry {
  const all = { ...DEFAULT_AUTH_OPTIONS, ...options };
  const cluster = parseList(all.clusterRequired, METHODS, 'auth method');
  const service = parseList(all.serviceRequired, METHODS, 'auth method');
  const client = parseList(all.clientRequired, METHODS, 'auth method');
  const clusterModes = parseList(all.clusterMode, MODES, 'connection mode');
  const serviceModes = parseList(all.serviceMode, MODES, 'connection mode');
  const clientModes = parseList(all.clientMode, MODES, 'connection mode');
  const monClusterModes = parseList(all.monClusterMode, MODES, 'connection mode');
  const monServiceModes = parseList(all.monServiceMode, MODES, 'connection mode');
  const monClientModes = parseList(all.monClientMode, MODES, 'connection mode');
  const isMon = (type: number) => type === ENTITY_TYPE_MON || type === ENTITY_TYPE_MGR;

  const rules = (peerType: number): { methods: number[]; modes: number[] } => {
    if (moduleType === ENTITY_TYPE_CLIENT)
      return { methods: client, modes: isMon(peerType) ? monClientModes : clientModes };
    if (isMon(moduleType))
      return isMon(peerType)
        ? { methods: cluster, modes: monClusterModes }
        : { methods: service, modes: monServiceModes };
    if (isMon(peerType)) return { methods: cluster, modes: monClusterModes };
    if (peerType === ENTITY_TYPE_OSD || peerType === ENTITY_TYPE_MDS)
      return { methods: cluster, modes: clusterModes };
    return { methods: service, modes: serviceModes };
  };

  const supportedModes = (peerType: number, method: number): number[] => {
    const { modes } = rules(peerType);
    return method === AUTH_NONE ? modes.filter(mode => mode === CON_MODE_CRC) : modes;
  };

  return {
    moduleType,
    supportedMethods: peerType => rules(peerType).methods,
    supportedModes,
    pickMode(peerType, method, preferred) {
      const allowed = supportedModes(peerType, method);
      return preferred.find(mode => allowed.includes(mode)) ?? CON_MODE_UNKNOWN;
    },
  };
}

/** Options by name, as the configuration has them. */
export type AuthOptionSource = (name: string) => string;

/** What the configuration says; auth_supported stands for all three methods where it is set. */
export function authOptionsFrom(get: AuthOptionSource): AuthOptions {
  const supported = get('auth_supported').trim();
  const method = (name: string) => (supported !== '' ? supported : get(name));
  return {
    clusterRequired: method('auth_cluster_required'),
    serviceRequired: method('auth_service_required'),
    clientRequired: method('auth_client_required'),
    clusterMode: get('ms_cluster_mode'),
    serviceMode: get('ms_service_mode'),
    clientMode: get('ms_client_mode'),
    monClusterMode: get('ms_mon_cluster_mode'),
    monServiceMode: get('ms_mon_service_mode'),
    monClientMode: get('ms_mon_client_mode'),
  };
}
