import { readFileSync } from 'node:fs';
import { parseConfFile } from '../../base/config/conf-file.ts';
import { NacreError } from '../../base/errors.ts';

/** What a map made from a configuration file consists of. */
export interface ConfOsds {
  readonly numOsds: number;
  /** In the order in which they go into the hierarchy. */
  readonly osds: readonly number[];
  location(osd: number): ReadonlyMap<string, string>;
}

const TYPES = ['row', 'room', 'datacenter'];

/**
 * The OSDs that a configuration file has sections for, and where its `host`, `rack` ... say that they are.
 * @throws NacreError EINVAL when no file is named, ENOENT when it cannot be read
 */
export async function osdsOfConf(file: string | undefined): Promise<ConfOsds> {
  const name = file ?? process.env['CEPH_CONF'];
  if (name === undefined)
    throw new NacreError('EINVAL', 'osdmap.create_from_conf', 'name the configuration file with -c');
  const conf = parseConfFile(readFileSync(name, 'utf8'), name);
  const osds: number[] = [];
  for (const section of [...conf.keys()].sort()) {
    const m = /^osd\.(\d{1,9})$/.exec(section);
    if (m !== null) osds.push(Number(m[1]));
  }
  const location = (osd: number): Map<string, string> => {
    // What stands in [osd] holds for all of them, whatever their own sections say.
    const value = (key: string): string =>
      conf.get('osd')?.get(key) ?? conf.get(`osd.${osd}`)?.get(key) ?? '';
    const where = new Map([
      ['host', value('host') || 'unknownhost'],
      ['rack', value('rack') || 'unknownrack'],
    ]);
    for (const type of TYPES) if (value(type) !== '') where.set(type, value(type));
    return where.set('root', 'default');
  };
  return { numOsds: Math.max(0, ...osds) + 1, osds, location };
}
