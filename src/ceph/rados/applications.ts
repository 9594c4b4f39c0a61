import { NacreError } from '../../base/errors.ts';
import type { Rados } from './cluster.ts';

/** What pools are for: 'rbd', 'rgw', 'cephfs' or one's own, with notes by key (rados_application_*). */
export class Applications {
  private readonly cluster: Rados;

  constructor(cluster: Rados) {
    this.cluster = cluster;
  }

  private async run(command: Readonly<Record<string, unknown>>): Promise<void> {
    await this.cluster.monCommand(command);
    await this.cluster.waitForLatestOsdMap();
  }

  /** EPERM when the pool has another application, unless `force`. */
  async enable(pool: string, app: string, options: { force?: boolean } = {}): Promise<void> {
    const force = options.force === true ? { yes_i_really_mean_it: true } : {};
    await this.run({ prefix: 'osd pool application enable', pool, app, ...force });
  }

  async list(pool: string): Promise<string[]> {
    return [...(await this.of(pool)).keys()];
  }

  /** All notes on an application. ENOENT when the pool has no such application. */
  async metadata(pool: string, app: string): Promise<ReadonlyMap<string, string>> {
    const notes = (await this.of(pool)).get(app);
    if (notes === undefined)
      throw new NacreError('ENOENT', 'rados.application', `pool '${pool}' has no application '${app}'`);
    return notes;
  }

  async setMetadata(pool: string, app: string, key: string, value: string): Promise<void> {
    await this.run({ prefix: 'osd pool application set', pool, app, key, value });
  }

  async removeMetadata(pool: string, app: string, key: string): Promise<void> {
    await this.run({ prefix: 'osd pool application rm', pool, app, key });
  }

  private async of(pool: string): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    await this.cluster.waitForLatestOsdMap();
    const id = await this.cluster.pools.lookup(pool);
    return this.cluster.map.pools.get(id)!.applicationMetadata;
  }
}
