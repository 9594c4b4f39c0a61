import { randomUUID } from 'node:crypto';
import { createContext, type OwnedContext } from '../../src/base/context.ts';
import { parseAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import { loadKeyring } from '../../src/ceph/auth/keyring.ts';
import { initialMons } from '../../src/ceph/mon-client/index.ts';
import { MemStore } from '../../src/ceph/object-store/index.ts';
import { OSD } from '../../src/ceph/osd/index.ts';
import { GHOBJECT_MAX, GHOBJECT_MIN, type GHObject } from '../../src/ceph/types/hobject.ts';
import { nodeEnv } from '../../src/env/node.ts';
import type { RealCeph } from '../support/real-ceph.ts';

/** One OSD of ours under a real monitor: who it is, and what outlives its process. */
export class OurOsd {
  readonly id: number;
  readonly uuid = randomUUID();
  readonly store = new MemStore();
  private readonly ceph: RealCeph;
  private readonly key: string;
  osd: OSD | undefined;
  private context: OwnedContext | undefined;

  constructor(ceph: RealCeph, id: number, key: string) {
    this.ceph = ceph;
    this.id = id;
    this.key = key;
  }

  async start(): Promise<void> {
    const context = createContext({
      env: nodeEnv,
      conf: this.ceph.conf,
      name: `osd.${this.id}`,
      overrides: {
        log_to_stderr: process.env['OSD_DEBUG'] !== undefined,
        debug_osd: process.env['OSD_DEBUG'] ?? '0/5',
        debug_ms: process.env['OSD_DEBUG'] === undefined ? '0/0' : '1/1',
        log_to_file: false,
        ms_bind_port_min: 0,
        ms_bind_port_max: 0,
      },
    });
    this.context = context;
    const keyring = loadKeyring(nodeEnv, parseAuthEntityName(`osd.${this.id}`), {
      key: this.key,
      keyring: '',
      keyfile: '',
    });
    const mons = await initialMons(context);
    this.osd = OSD.create({ ctx: context, id: this.id, uuid: this.uuid, store: this.store, mons, keyring });
    await this.osd.start({ timeoutMs: 20_000 });
  }

  async stop(): Promise<void> {
    await this.osd?.stop();
    await this.context?.close();
    this.osd = undefined;
  }
}

/** The head of that name in any PG of a store. */
export function findObject(store: MemStore, name: string): { cid: string; oid: GHObject } | undefined {
  for (const cid of store.listCollections()) {
    const { objects } = store.list(cid, GHOBJECT_MIN, GHOBJECT_MAX, 1000);
    const oid = objects.find(({ hobj }) => hobj.oid === name);
    if (oid !== undefined) return { cid, oid };
  }
  return undefined;
}

/** OSDs of ours in this process, booted into a real monitor's map. */
export class OurOsds implements AsyncDisposable {
  readonly all: OurOsd[] = [];

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map(osd => osd.stop()));
  }
}

export async function startOsds(ceph: RealCeph, count: number): Promise<OurOsds> {
  const osds = new OurOsds();
  const command = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await ceph.ceph(args);
    if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    return stdout.toString();
  };
  for (let id = 0; id < count; id++) {
    const key = await command([
      'auth',
      'get-or-create-key',
      `osd.${id}`,
      'mon',
      'allow profile osd',
      'osd',
      'allow *',
    ]);
    const osd = new OurOsd(ceph, id, key.trim());
    await command(['osd', 'new', osd.uuid, String(id)]);
    osds.all.push(osd);
  }
  await Promise.all(osds.all.map(osd => osd.start()));
  return osds;
}
