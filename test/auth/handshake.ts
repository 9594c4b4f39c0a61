import { NacreError } from '../../src/base/errors.ts';
import type { CryptoKey } from '../../src/ceph/auth/crypto.ts';
import { parseAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import { KeyServer, type KeyServerOptions } from '../../src/ceph/auth/key-server.ts';
import { capsFromText } from '../../src/ceph/auth/keyring.ts';
import { createMonAuthServer, type MonAuthServer } from '../../src/ceph/auth/mon-auth-server.ts';
import { type AuthOptions, createAuthRegistry } from '../../src/ceph/auth/registry.ts';
import type { RotatingKeyring } from '../../src/ceph/auth/rotating-keyring.ts';
import { SessionAuthClient, type SessionAuthHooks } from '../../src/ceph/auth/session-client.ts';
import type {
  AuthClient,
  AuthConnection,
  AuthDone,
  AuthenticatedPeer,
  AuthServer,
} from '../../src/ceph/auth/types.ts';
import { ENTITY_TYPE_MGR, ENTITY_TYPE_MON, ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { makeEntityAddr } from '../../src/ceph/types/entity-addr.ts';
import type { Env } from '../../src/env/env.ts';

export const WANT = ENTITY_TYPE_MON | ENTITY_TYPE_OSD | ENTITY_TYPE_MGR;

export function connection(peerType: number): AuthConnection {
  return { peerType, peerAddrs: [makeEntityAddr(2, '10.0.0.1', 3300, 0)], authState: undefined };
}

export interface Handshake {
  readonly method: number;
  readonly conMode: number;
  readonly globalId: bigint;
  readonly client: AuthDone;
  readonly server: AuthDone;
  readonly peer: AuthenticatedPeer;
  /** Rounds that the server asked for. */
  readonly rounds: number;
}

/**
 * One handshake of protocol v2 between both ends, as a messenger would carry it. `tamper` sees every payload
 * on its way: 'request', 'more' (to the client), 'answer' (to the server), 'done'.
 */
export async function handshake(
  client: AuthClient,
  server: AuthServer,
  clientType: number,
  serverType: number,
  tamper: (what: string, payload: Buffer) => Buffer = (_, payload) => payload,
): Promise<Handshake> {
  const c = connection(serverType);
  const s = connection(clientType);
  for (let attempt = 0; attempt < 5; attempt++) {
    const { method, preferredModes, payload } = client.getAuthRequest(c);
    const conMode = server.pickConMode(clientType, method, preferredModes);
    const allowed = server.supportedMethods(clientType);
    const refuse = (result: number) =>
      client.handleAuthBadMethod(c, method, result, allowed, server.supportedModes(clientType, method));
    if (!allowed.includes(method)) {
      refuse(-95);
      continue;
    }
    let words = tamper('request', payload);
    let refused = false;
    for (let round = 0; ; round++) {
      const result = await server.handleAuthRequest(s, round > 0, method, conMode, words);
      if (result.status === 'fail') {
        refuse(result.result);
        refused = true;
        break;
      }
      if (result.status === 'more') {
        words = tamper('answer', client.handleAuthReplyMore(c, tamper('more', result.reply)));
        continue;
      }
      const done = client.handleAuthDone(c, result.globalId, conMode, tamper('done', result.reply));
      return {
        method,
        conMode,
        globalId: result.globalId,
        client: done,
        server: result.done,
        peer: result.peer,
        rounds: round,
      };
    }
    if (!refused) break;
    s.authState = undefined;
  }
  throw new NacreError('EIO', 'test', 'the handshake does not end');
}

/** A connect of protocol v1 with an authorizer. */
export async function handshakeV1(
  client: AuthClient,
  server: AuthServer,
  clientType: number,
  serverType: number,
): Promise<{ client: AuthDone; server: AuthDone; peer: AuthenticatedPeer; challenged: boolean }> {
  const c = connection(serverType);
  const s = connection(clientType);
  const { protocol, authorizer } = client.getAuthorizerV1(c);
  let result = await server.handleAuthorizerV1(s, protocol, authorizer);
  const challenged = result.status === 'more';
  if (result.status === 'more')
    result = await server.handleAuthorizerV1(s, protocol, client.addChallengeV1(c, result.reply));
  if (result.status !== 'done') throw new NacreError('EACCES', 'test', `bad authorizer: ${result.status}`);
  const done = client.verifyReplyV1(c, result.reply);
  return { client: done, server: result.done, peer: result.peer, challenged };
}

export interface TestCluster {
  readonly keys: KeyServer;
  readonly mon: MonAuthServer;
  readonly refusals: string[];
  client(
    name: string,
    options?: Partial<AuthOptions>,
    more?: { hooks?: SessionAuthHooks; rotating?: RotatingKeyring; secret?: () => CryptoKey | undefined },
  ): SessionAuthClient;
}

/** A monitor's auth with client.admin, client.b and osd.0. */
export function testCluster(
  env: Env,
  options: Partial<AuthOptions> = {},
  keyOptions: Omit<KeyServerOptions, 'env'> = {},
): TestCluster {
  const keys = new KeyServer({ env, ...keyOptions });
  for (const name of ['client.admin', 'client.b', 'osd.0'])
    keys.addAuth(parseAuthEntityName(name), {
      key: keys.generateKey(),
      caps: capsFromText({ mon: 'allow *', osd: `allow * for ${name}` }),
    });
  keys.addAuth(parseAuthEntityName('client.nocaps'), { key: keys.generateKey(), caps: new Map() });
  keys.updateRotating();
  const refusals: string[] = [];
  let nextId = 4100n;
  const mon = createMonAuthServer({
    env,
    registry: createAuthRegistry(ENTITY_TYPE_MON, options),
    keys,
    assignGlobalId: () => nextId++,
    onRefused: (_, error) => refusals.push(error.message),
  });
  return {
    keys,
    mon,
    refusals,
    client(name, clientOptions = {}, more = {}) {
      const entityName = parseAuthEntityName(name);
      return new SessionAuthClient(
        {
          env,
          registry: createAuthRegistry(entityName.type, clientOptions),
          entityName,
          secret: more.secret ?? (() => keys.getSecret(entityName)),
          wantKeys: WANT,
          rotating: more.rotating,
        },
        more.hooks,
      );
    },
  };
}
