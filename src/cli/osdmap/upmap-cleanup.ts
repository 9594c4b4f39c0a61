import { writeFileSync } from 'node:fs';
import { applyIncremental, cleanUpmaps, type OsdMap, OsdMapIncremental } from '../../ceph/osdmap/index.ts';
import { comparePgId, type PgId, pgText } from '../../ceph/types/pg.ts';

/** The `ceph` commands that make an incremental's changes of upmap entries. */
function commands(inc: OsdMapIncremental): string {
  const sorted = (pgs: readonly PgId[]): PgId[] => pgs.slice().sort(comparePgId);
  let text = '';
  for (const pg of sorted(inc.oldPgUpmap)) text += `ceph osd rm-pg-upmap ${pgText(pg)}\n`;
  for (const [pg, osds] of inc.newPgUpmap) text += `ceph osd pg-upmap ${pgText(pg)} ${osds.join(' ')}\n`;
  for (const pg of sorted(inc.oldPgUpmapItems)) text += `ceph osd rm-pg-upmap-items ${pgText(pg)}\n`;
  for (const [pg, items] of inc.newPgUpmapItems)
    text += `ceph osd pg-upmap-items ${pgText(pg)} ${items.flat().join(' ')}\n`;
  return text;
}

/** Writes the commands that drop pointless upmap entries to a file ('-' for standard output), and applies them. */
export function upmapCleanup(map: OsdMap, file: string): OsdMap {
  if (file !== '-') {
    writeFileSync(file, '');
    process.stdout.write(`writing upmap command output to: ${file}\n`);
  }
  process.stdout.write('checking for upmap cleanups\n');
  const inc = new OsdMapIncremental(map.epoch + 1);
  inc.fsid = map.fsid;
  if (!cleanUpmaps(map, inc)) return map;
  const text = commands(inc);
  if (file === '-') process.stdout.write(text);
  else writeFileSync(file, text);
  return applyIncremental(map, inc);
}
