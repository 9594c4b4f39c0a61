import { NacreError } from '../../base/errors.ts';
import { POOL_OP_CREATE, POOL_OP_DELETE } from '../messages/mpool-op.ts';
import type { Objecter } from '../objecter/objecter.ts';

export interface PoolName {
  readonly id: number;
  readonly name: string;
}

interface Waits {
  readonly signal?: AbortSignal;
}

/** The pools of a cluster. */
export class Pools {
  private readonly objecter: Objecter;

  constructor(objecter: Objecter) {
    this.objecter = objecter;
  }

  /** By id, as of the map that we have. */
  list(): PoolName[] {
    return [...this.objecter.map.poolNames].map(([id, name]) => ({ id, name })).sort((a, b) => a.id - b.id);
  }

  /** The id of a pool, or the name for an id. A newer map is looked at before giving up with ENOENT. */
  lookup(name: string, options?: Waits): Promise<number>;
  lookup(id: number, options?: Waits): Promise<string>;
  async lookup(which: string | number, options: Waits = {}): Promise<number | string> {
    const find = (): number | string | undefined =>
      typeof which === 'string'
        ? this.objecter.map.poolIdByName(which)
        : this.objecter.map.poolNames.get(which);
    const known = find();
    if (known !== undefined) return known;
    await this.objecter.maps.waitForLatest(options.signal);
    const found = find();
    if (found === undefined)
      throw new NacreError('ENOENT', 'rados.pool_lookup', `there is no pool '${which}'`);
    return found;
  }

  /** Makes a replicated pool with the defaults of the monitors; resolves to its id. EEXIST when it is there. */
  async create(name: string, options: Waits & { crushRule?: number } = {}): Promise<number> {
    if (this.objecter.map.poolIdByName(name) !== undefined)
      throw new NacreError('EEXIST', 'rados.pool_create', `pool '${name}' exists`);
    const change = { op: POOL_OP_CREATE, pool: 0, name, crushRule: options.crushRule };
    await this.objecter.monOps.poolOp(change, options.signal);
    return this.lookup(name, options);
  }

  /** Deletes a pool with everything in it. EPERM unless the monitors' mon_allow_pool_delete is set. */
  async delete(name: string, options: Waits = {}): Promise<void> {
    const pool = await this.lookup(name, options);
    // Not the pool's own name: monitors take that for a pool that has come back, and do nothing.
    const change = { op: POOL_OP_DELETE, pool, name: 'delete' };
    await this.objecter.monOps.poolOp(change, options.signal);
  }
}
