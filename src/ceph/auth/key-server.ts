import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import type { Env } from '../../env/env.ts';
import {
  ENTITY_TYPE_AUTH,
  ENTITY_TYPE_MDS,
  ENTITY_TYPE_MGR,
  ENTITY_TYPE_MON,
  ENTITY_TYPE_OSD,
  entityTypeName,
} from '../types/entity.ts';
import { compareUTime, type UTime, utimeFromMs, utimeToMs } from '../types/utime.ts';
import { type CephXTicketBlob, encodeServiceTicketInfo } from './cephx-protocol.ts';
import { type CryptoKey, encodeSealed, generateKey, seal } from './crypto.ts';
import { type AuthEntityName, authEntityNameText } from './entity-name.ts';
import {
  AUTH_INC_ADD,
  AUTH_INC_DEL,
  AUTH_INC_NOP,
  AUTH_INC_SET_ROTATING,
  decodeRotatingInto,
  emptyKeyServerData,
  encodeRotating,
  type KeyServerData,
  type KeyServerEntry,
  type KeyServerIncremental,
  sortedEntries,
} from './key-server-data.ts';
import type { KeyStore } from './rotating-keyring.ts';
import {
  type AuthCapsInfo,
  type AuthTicket,
  type EntityAuth,
  encodeRotatingSecrets,
  NO_ROTATING_SECRETS,
  needNewSecrets,
  ROTATING_KEYS,
  type RotatingSecrets,
} from './tickets.ts';

/** Service kinds that have rotating secrets. */
const ROTATING_SERVICES = [
  ENTITY_TYPE_AUTH,
  ENTITY_TYPE_MON,
  ENTITY_TYPE_OSD,
  ENTITY_TYPE_MDS,
  ENTITY_TYPE_MGR,
];
const NO_CAPS: AuthCapsInfo = { allowAll: false, caps: Buffer.alloc(0) };

export interface KeyServerOptions {
  readonly env: Env;
  /** auth_mon_ticket_ttl and auth_service_ticket_ttl, seconds; asked each time, since they can be changed. */
  readonly monTicketTtl?: () => number;
  readonly serviceTicketTtl?: () => number;
}

/** A service's secret that seals tickets now. */
export interface ActiveSecret {
  readonly id: bigint;
  readonly key: CryptoKey;
  /** How long a ticket under it is good for, milliseconds. */
  readonly ttlMs: number;
}

/** What goes into a ticket: the service's half and the bearer's (CephXSessionAuthInfo). */
export interface SessionAuthInfo {
  readonly service: number;
  readonly secretId: bigint;
  readonly serviceSecret: CryptoKey;
  readonly ticket: AuthTicket;
  readonly sessionKey: CryptoKey;
  readonly validity: UTime;
}

/** The monitors' key database at work: entities, rotating secrets, tickets (auth/cephx/CephxKeyServer.h). */
export class KeyServer implements KeyStore {
  data: KeyServerData;
  private readonly env: Env;
  private readonly monTicketTtl: () => number;
  private readonly serviceTicketTtl: () => number;

  constructor(options: KeyServerOptions, data = emptyKeyServerData()) {
    this.env = options.env;
    this.monTicketTtl = options.monTicketTtl ?? (() => 72 * 60 * 60);
    this.serviceTicketTtl = options.serviceTicketTtl ?? (() => 60 * 60);
    this.data = data;
  }

  private ttlMs(service: number): number {
    return 1000 * (service === ENTITY_TYPE_AUTH ? this.monTicketTtl() : this.serviceTicketTtl());
  }

  generateKey(): CryptoKey {
    return generateKey(this.env.random, utimeFromMs(this.env.clock.now()));
  }

  getAuth(name: AuthEntityName): EntityAuth | undefined {
    return this.data.secrets.get(authEntityNameText(name))?.auth;
  }

  addAuth(name: AuthEntityName, auth: EntityAuth): void {
    this.data.secrets.set(authEntityNameText(name), { name, auth });
  }

  /** False when there was none. */
  removeAuth(name: AuthEntityName): boolean {
    return this.data.secrets.delete(authEntityNameText(name));
  }

  /** All entities in the order of `ceph auth ls`. */
  entries(): KeyServerEntry[] {
    return sortedEntries(this.data);
  }

  getSecret(name: AuthEntityName): CryptoKey | undefined {
    return this.getAuth(name)?.key;
  }

  /** An entity's capabilities at a service; undefined when there is no such entity. */
  getCaps(name: AuthEntityName, service: number): AuthCapsInfo | undefined {
    const auth = this.getAuth(name);
    if (auth === undefined) return undefined;
    const caps = auth.caps.get(entityTypeName(service));
    return caps === undefined ? NO_CAPS : { allowAll: false, caps };
  }

  apply(inc: KeyServerIncremental): void {
    switch (inc.op) {
      case AUTH_INC_NOP:
        break;
      case AUTH_INC_ADD:
        this.addAuth(inc.name, inc.auth);
        break;
      case AUTH_INC_DEL:
        this.removeAuth(inc.name);
        break;
      case AUTH_INC_SET_ROTATING:
        decodeRotatingInto(new Decoder(inc.rotating, 'rotating secrets'), this.data);
        break;
    }
  }

  getServiceSecret(serviceType: number, secretId: bigint): CryptoKey | undefined {
    return this.data.rotating.get(serviceType)?.secrets.get(secretId)?.key;
  }

  /**
   * The secret that seals tickets of a service now: the second oldest, so that every daemon has it already,
   * or the next one when that has expired.
   */
  activeSecret(service: number): ActiveSecret | undefined {
    const rotating = this.data.rotating.get(service);
    if (rotating === undefined || rotating.secrets.size === 0) return undefined;
    const secrets = [...rotating.secrets];
    const now = this.env.clock.now();
    let at = secrets.length > 1 ? 1 : 0;
    if (utimeToMs(secrets[at][1].expiration) < now && at + 1 < secrets.length) at++;
    const [id, secret] = secrets[at];
    // A ttl that was raised just now must not outlive the keys that are out already.
    const last = utimeToMs(secrets[secrets.length - 1][1].expiration);
    return { id, key: secret.key, ttlMs: Math.max(0, Math.min(this.ttlMs(service), last - now)) };
  }

  /**
   * Makes the rotating secrets that are due. The encoded set when something changed, to be stored and
   * applied.
   */
  updateRotating(): Buffer | undefined {
    let added = false;
    for (const service of ROTATING_SERVICES) if (this.rotate(service)) added = true;
    if (!added) return undefined;
    this.data.rotatingVersion++;
    return encodeRotating(this.data);
  }

  private rotate(service: number): boolean {
    let rotating: RotatingSecrets = this.data.rotating.get(service) ?? NO_ROTATING_SECRETS;
    const ttl = this.ttlMs(service);
    const now = this.env.clock.now();
    let added = false;
    while (needNewSecrets(rotating, now)) {
      const secrets = new Map(rotating.secrets);
      const newest = [...secrets.values()].at(-1);
      let expiration = utimeFromMs(now);
      if (newest !== undefined) {
        const next = utimeFromMs(now + ttl);
        expiration = compareUTime(newest.expiration, next) > 0 ? newest.expiration : next;
      }
      const maxVersion = rotating.maxVersion + 1n;
      secrets.set(maxVersion, {
        key: this.generateKey(),
        expiration: utimeFromMs(utimeToMs(expiration) + ttl),
      });
      for (const oldest of secrets.keys()) {
        if (secrets.size <= ROTATING_KEYS) break;
        secrets.delete(oldest);
      }
      rotating = { secrets, maxVersion };
      added = true;
    }
    if (added) this.data.rotating.set(service, rotating);
    return added;
  }

  /**
   * The rotating secrets of an entity's own service kind, sealed with its key: the reply to
   * CEPHX_GET_ROTATING_KEY.
   */
  rotatingEncrypted(name: AuthEntityName): Buffer | undefined {
    const key = this.getSecret(name);
    const rotating = this.data.rotating.get(name.type);
    if (key === undefined || rotating === undefined) return undefined;
    return encodeToBuffer(e => encodeSealed(e, key, inside => encodeRotatingSecrets(inside, rotating)));
  }

  /**
   * Makes a ticket of `service` for the bearer of `parent`. With `secret` it is sealed with that one, as
   * monitors do among themselves. Undefined when the service has no secrets or the entity is gone.
   */
  buildSessionAuthInfo(
    service: number,
    parent: Pick<AuthTicket, 'name' | 'globalId'>,
    secret: ActiveSecret | undefined = this.activeSecret(service),
  ): SessionAuthInfo | undefined {
    const caps = service === ENTITY_TYPE_AUTH ? NO_CAPS : this.getCaps(parent.name, service);
    if (secret === undefined || caps === undefined) return undefined;
    const now = this.env.clock.now();
    return {
      service,
      secretId: secret.id,
      serviceSecret: secret.key,
      ticket: {
        name: parent.name,
        globalId: parent.globalId,
        created: utimeFromMs(now),
        expires: utimeFromMs(now + secret.ttlMs),
        caps,
        flags: 0,
      },
      sessionKey: this.generateKey(),
      validity: utimeFromMs(secret.ttlMs),
    };
  }
}

/** The service's half of a ticket, sealed with its secret. */
export function buildTicketBlob(info: SessionAuthInfo): CephXTicketBlob {
  const blob = seal(info.serviceSecret, e =>
    encodeServiceTicketInfo(e, { ticket: info.ticket, sessionKey: info.sessionKey }),
  );
  return { secretId: info.secretId, blob };
}
