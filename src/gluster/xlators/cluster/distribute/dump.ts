import type { Inode } from '../../../graph/inode.ts';
import type { DumpWriter } from '../../../graph/xlator.ts';
import type { Distribute } from './distribute.ts';
import type { Layout } from './layout.ts';

const UNHASHED = { off: 0, on: 1, auto: 2 } as const;

function dumpLayout(dht: Distribute, layout: Layout, prefix: string, out: DumpWriter): void {
  out.write(`${prefix}.cnt`, layout.entries.length);
  out.write(`${prefix}.preset`, layout.generation === 0 ? 1 : 0);
  out.write(`${prefix}.gen`, layout.generation);
  if (layout.entries.length === 1) return;
  layout.entries.forEach((entry, i) => {
    out.write(`${prefix}.list[${i}].err`, entry.err);
    out.write(`${prefix}.list[${i}].start`, `0x${entry.start.toString(16)}`);
    out.write(`${prefix}.list[${i}].stop`, `0x${entry.stop.toString(16)}`);
    const child = dht.children[entry.subvolume];
    if (child === undefined) return;
    out.write(`${prefix}.list[${i}].xlator.type`, child.type);
    out.write(`${prefix}.list[${i}].xlator.name`, child.name);
  });
}

/** A statedump's section of this xlator (`dht_priv_dump`). */
export function dumpState(dht: Distribute, out: DumpWriter): void {
  const { config } = dht;
  out.section(`xlator.cluster.dht.${dht.name}.priv`);
  out.write('subvol_cnt', dht.count);
  dht.children.forEach((child, i) => {
    out.write(`subvolumes[${i}]`, `${child.type}.${child.name}`);
    dumpLayout(dht, dht.fileLayouts[i], `file_layouts[${i}]`, out);
    out.write(`subvolume_status[${i}]`, dht.up.is(i) ? 1 : 0);
  });
  out.write('search_unhashed', UNHASHED[config.lookupUnhashed]);
  out.write('gen', dht.generation);
  out.write('min_free_disk', config.minFreeDisk.toFixed(6));
  out.write('min_free_inodes', config.minFreeInodes.toFixed(6));
  out.write('disk_unit percentage', config.diskInPercent ? 1 : 0);
  out.write('refresh_interval', 0);
  out.write('unhashed_sticky_bit', config.unhashedStickyBit ? 1 : 0);
  out.write('use-readdirp', config.useReaddirp ? 1 : 0);
  dht.children.forEach((child, i) => {
    if (!dht.up.is(i)) return;
    const { availPercent, availBytes, availInodesPercent } = dht.usage.figures(i);
    out.write(`subvolumes[${i}]`, child.name);
    out.write(`du_stats[${i}].avail_percent`, availPercent.toFixed(6));
    out.write(`du_stats[${i}].avail_space`, availBytes);
    out.write(`du_stats[${i}].avail_inodes`, availInodesPercent.toFixed(6));
    out.write(`du_stats[${i}].log`, 0);
  });
}

export function dumpContext(dht: Distribute, inode: Inode, out: DumpWriter): void {
  const layout = dht.layoutOf(inode);
  if (layout === undefined) return;
  out.section(`xlator.cluster.dht.${dht.name}.inode`);
  dumpLayout(dht, layout, 'layout', out);
}
