import { createContext, type OwnedContext } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import type { Env, TimerHandle, Timers } from '../../env/env.ts';
import { nodeEnv } from '../../env/node.ts';
import { parseAuthEntityName } from '../auth/entity-name.ts';
import { loadKeyring } from '../auth/keyring.ts';
import { createMessenger, type NetworkStack } from '../messenger/index.ts';
import { initialMons, MonClient } from '../mon-client/index.ts';
import { Objecter } from '../objecter/objecter.ts';
import { ENTITY_TYPE_CLIENT } from '../types/entity.ts';
import type { RadosParts } from './cluster.ts';
import { MgrClient } from './mgr-client.ts';

export interface ConnectOptions {
  /** Configuration file, or a list of files to try; null for none. By default Ceph's search order. */
  readonly conf?: string | null;
  /** Content of a configuration file, in place of one. */
  readonly confText?: string;
  /** Name of the cluster: which /etc/ceph/NAME.conf is read. */
  readonly clusterName?: string;
  /** 'client.admin'. */
  readonly name?: string;
  /** 'admin': the same without the type. */
  readonly id?: string;
  /** Keyring file. */
  readonly keyring?: string;
  /** The base64 key itself. */
  readonly key?: string;
  readonly monHost?: string;
  /** Any option of Ceph by name; beats what files and environment say. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** Command line words ('--debug-ms=1', '-c', ...). */
  readonly args?: readonly string[];
  /** Leave CEPH_ARGS, CEPH_CONF and CEPH_KEYRING alone. */
  readonly ignoreEnvironment?: boolean;
  readonly env?: Env;
  /** A context that exists already; stays open when the handle is closed. */
  readonly context?: OwnedContext;
  /** How bytes travel; TCP by default. */
  readonly stack?: NetworkStack;
  readonly signal?: AbortSignal;
}

function contextOf(options: ConnectOptions): OwnedContext {
  if (options.context !== undefined) return options.context;
  const { conf, confText, clusterName, name, id, keyring, key, monHost, config, args, ignoreEnvironment } =
    options;
  const overrides: Record<string, string | number | boolean> = { ...config };
  if (keyring !== undefined) overrides['keyring'] = keyring;
  if (key !== undefined) overrides['key'] = key;
  if (monHost !== undefined) overrides['mon_host'] = monHost;
  return createContext({
    env: options.env ?? nodeEnv,
    conf,
    confText,
    cluster: clusterName,
    name: name ?? (id === undefined ? undefined : `client.${id}`),
    args,
    ignoreEnvironment,
    overrides,
  });
}

/** client_mount_timeout, from now on: seconds, 0 for none. */
class MountTimeout {
  readonly ms: number;
  private readonly controller = new AbortController();
  private readonly timers: Timers;
  private readonly timer: TimerHandle | undefined;

  constructor({ timers }: Env, seconds: number) {
    this.ms = seconds * 1000;
    this.timers = timers;
    const late = new NacreError('ETIMEDOUT', 'rados.connect', `no map of the cluster within ${seconds} s`);
    if (seconds > 0) this.timer = timers.set(() => this.controller.abort(late), this.ms, true);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  clear(): void {
    if (this.timer !== undefined) this.timers.clear(this.timer);
  }
}

/** Builds and starts everything that a cluster handle is made of. */
export async function connect(options: ConnectOptions): Promise<RadosParts> {
  const { signal } = options;
  signal?.throwIfAborted();
  const context = contextOf(options);
  const ownsContext = options.context === undefined;
  const started: { close(): Promise<unknown> }[] = [];
  if (ownsContext) started.push(context);
  try {
    if (ownsContext) await context.openAdminSocket();
    const { config, env } = context;
    const entityName = parseAuthEntityName(config.name.toString());
    const keyring = loadKeyring(env, entityName, {
      keyring: config.get('keyring'),
      key: config.get('key'),
      keyfile: config.get('keyfile'),
    });
    const mons = await initialMons(context);
    const mon = new MonClient({ context, entityName, keyring, mons });
    const name = { type: ENTITY_TYPE_CLIENT, num: -1 };
    const messenger = createMessenger({ context, name, authClient: mon.authClient, stack: options.stack });
    mon.attach(messenger);
    started.push({ close: () => messenger.shutdown() }, mon);
    const limit = new MountTimeout(env, config.get('client_mount_timeout'));
    const limited = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
    started.push({ close: async () => limit.clear() });
    await mon.authenticate({ timeoutMs: limit.ms, signal });
    // Requests are named by it; over protocol v1 that is all by which OSDs know us.
    messenger.myName = { ...name, num: Number(mon.globalId) };
    const objecter = new Objecter(context, messenger, mon);
    started.push(objecter);
    objecter.start();
    await objecter.maps.waitFor(1, limited).finally(() => limit.clear());
    return { context, ownsContext, messenger, mon, objecter, mgr: new MgrClient(messenger, mon) };
  } catch (error) {
    for (const part of started.reverse()) await part.close();
    throw error;
  }
}
