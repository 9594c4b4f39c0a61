import type { Env } from '../../env/env.ts';
import { ENTITY_TYPE_MDS, ENTITY_TYPE_MGR, ENTITY_TYPE_OSD } from '../types/entity.ts';
import type { CryptoKey } from './crypto.ts';
import type { AuthEntityName } from './entity-name.ts';
import { copyKey } from './ticket-handler.ts';
import { NO_ROTATING_SECRETS, needNewSecrets, type RotatingSecrets } from './tickets.ts';

/** Where the accepting end finds the secrets that tickets are sealed with (auth/Auth.h, KeyStore). */
export interface KeyStore {
  /** An entity's own key. */
  getSecret(name: AuthEntityName): CryptoKey | undefined;
  /** The rotating secret of a service kind (CEPH_ENTITY_TYPE_*) by its id. */
  getServiceSecret(serviceType: number, secretId: bigint): CryptoKey | undefined;
}

/** True for daemons that accept authorizers and so need the rotating secrets of their kind. */
export function needsRotatingKeys(type: number): boolean {
  return type === ENTITY_TYPE_OSD || type === ENTITY_TYPE_MDS || type === ENTITY_TYPE_MGR;
}

export interface RotatingKeyringOptions {
  readonly env: Env;
  /** CEPH_ENTITY_TYPE_* of the daemon. */
  readonly serviceType: number;
  /** The daemon's keyring, for authorizers that were made with an entity's own key. */
  readonly secretOf?: (name: AuthEntityName) => CryptoKey | undefined;
}

/**
 * A daemon's copy of its service's rotating secrets, as the monitors last sent them (auth/RotatingKeyRing.h).
 */
export class RotatingKeyring implements KeyStore {
  private readonly options: RotatingKeyringOptions;
  private secrets: RotatingSecrets = NO_ROTATING_SECRETS;

  constructor(options: RotatingKeyringOptions) {
    this.options = options;
  }

  setSecrets(secrets: RotatingSecrets): void {
    const copy = new Map(
      [...secrets.secrets].map(([id, secret]) => [
        id,
        { key: copyKey(secret.key), expiration: secret.expiration },
      ]),
    );
    this.secrets = { secrets: copy, maxVersion: secrets.maxVersion };
  }

  /** True when none are here, or the current one expired more than `graceMs` milliseconds ago. */
  needNewSecrets(graceMs = 0): boolean {
    return needNewSecrets(this.secrets, this.options.env.clock.now() - graceMs);
  }

  getSecret(name: AuthEntityName): CryptoKey | undefined {
    return this.options.secretOf?.(name);
  }

  getServiceSecret(serviceType: number, secretId: bigint): CryptoKey | undefined {
    if (serviceType !== this.options.serviceType) return undefined;
    return this.secrets.secrets.get(secretId)?.key;
  }
}
