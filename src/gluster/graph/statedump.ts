import { formatGfid } from '../types/gfid.ts';
import { FOP_LABELS } from './fop-labels.ts';
import type { Graph } from './graph.ts';
import type { TableInode } from './inode-table.ts';
import { nanoseconds } from './latency.ts';
import { formatLogTime } from './log.ts';
import type { DumpWriter, Xlator } from './xlator.ts';

/*
 * A state dump (libglusterfs/src/statedump.c): sections in brackets, each with `key=value` lines and followed by an empty line;
 * first the process, then each xlator with its latencies and what it tells itself, then the inodes with what xlators keep of them.
 */

class DumpText implements DumpWriter {
  private readonly lines: string[] = [];

  section(title: string): void {
    this.lines.push('', `[${title}]`);
  }

  write(key: string, value: string | number | boolean | bigint): void {
    this.lines.push(`${key}=${typeof value === 'boolean' ? Number(value) : value}`);
  }

  line(text: string): void {
    this.lines.push(text);
  }

  toString(): string {
    return `${this.lines.join('\n')}\n`;
  }
}

/** `owner`: whose the inodes are, 'mount.fuse'. */
export function statedump(graph: Graph, owner: string): string {
  const { env } = graph;
  const out = new DumpText();
  out.line(`DUMP-START-TIME: ${formatLogTime(env.clock.now())}`);
  out.section('mallinfo');
  out.write('mallinfo_arena', env.host.rss());
  out.section('global.callpool');
  out.write('callpool.cnt', new Set([...graph.frames].map(({ root }) => root)).size);
  dumpInodes(graph, owner, out);
  out.section(`active graph - ${graph.graphId + 1}`);
  for (const xlator of graph.xlators) dumpXlator(graph, xlator, out);
  out.line('');
  out.line(`DUMP-END-TIME: ${formatLogTime(env.clock.now())}`);
  return out.toString();
}

function dumpXlator(graph: Graph, xlator: Xlator, out: DumpText): void {
  const { name, type } = xlator;
  out.section(`${name}.latency`);
  for (const [fop, { count, total, min, max }] of graph.latencyOf(xlator)?.entries() ?? [])
    out.write(
      `${name}.latency.${FOP_LABELS[fop]}`,
      `AVG:${((total / count) * 1e6).toFixed(6)} CNT:${count} TOTAL:${nanoseconds(total)} ` +
        `MIN:${nanoseconds(min)} MAX:${nanoseconds(max)}`,
    );
  // There is no accounting by allocation in a garbage-collected process.
  out.section(`${type}.${name} - Memory usage`);
  out.write('num_types', 0);
  xlator.dump?.(out);
}

function dumpInodes(graph: Graph, owner: string, out: DumpText): void {
  const { inodes, top } = graph;
  const active = [...inodes.active()];
  const prefix = `xlator.${owner}.itable`;
  out.section(prefix);
  out.write(`${prefix}.name`, `${top.name}/inode`);
  out.write(`${prefix}.lru_limit`, inodes.lruLimit);
  out.write(`${prefix}.active_size`, active.length);
  out.write(`${prefix}.lru_size`, inodes.lruSize - inodes.invalidateSize);
  out.write(`${prefix}.purge_size`, 0);
  out.write(`${prefix}.invalidate_size`, inodes.invalidateSize);
  let number = 1;
  for (const inode of active) dumpInode(graph, inode, `${prefix}.active.${number++}`, out);
  number = 1;
  for (const inode of inodes.lru()) dumpInode(graph, inode, `${prefix}.lru.${number++}`, out);
}

function dumpInode(graph: Graph, inode: TableInode, title: string, out: DumpText): void {
  out.section(title);
  out.write('gfid', formatGfid(inode.gfid));
  out.write('nlookup', inode.nlookup);
  out.write('fd-count', inode.fds.size);
  out.write('active-fd-count', inode.fds.size);
  out.write('ref', inode.refs);
  out.write('invalidate-sent', inode === inode.table.root ? 0 : Number(inode.wasInvalidated));
  out.write('ia_type', inode.type);
  for (const xlator of graph.xlators) xlator.dumpInode?.(inode, out);
  let number = 1;
  for (const fd of inode.fds) {
    out.section(`${title}.fd.${number++}`);
    out.write('pid', fd.pid);
    out.write('refcount', 1);
    out.write('flags', fd.flags);
    for (const xlator of graph.xlators) xlator.dumpFd?.(fd, out);
  }
}
