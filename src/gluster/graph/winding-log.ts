import { onTrace, type Span } from '../../base/trace.ts';
import type { Graph } from './graph.ts';
import type { Xlator } from './xlator.ts';

/*
 * Lines as GlusterFS logs them at TRACE level (STACK_WIND and STACK_UNWIND, libglusterfs/stack.h):
 *
 *   T [debug/io-stats.lookup] 0-stack-trace: winding from vg0 to vg0-io-threads
 *   T [debug/io-stats.lookup] 0-stack-trace: vg0 returned 0
 *
 * There every layer is wound to, also those that do nothing with the fop. Here they are stepped over, so their lines are put in.
 */

/** The layers from one to another below it, by first children; both included. Undefined when there is no such way. */
function wayDown(from: Xlator, to: Xlator): Xlator[] | undefined {
  for (const child of from.children) {
    const way = [from];
    for (let at: Xlator | undefined = child; at !== undefined; at = at.children[0]) {
      way.push(at);
      if (at === to) return way;
    }
  }
  return undefined;
}

/** The lines of one wind; `above` is the name of what stands on the graph. */
export function windingLines(graph: Graph, span: Span, above = 'fuse'): string[] {
  const { detail, layer } = span;
  const to = typeof detail?.['xlator'] === 'string' ? graph.find(detail['xlator']) : undefined;
  if (to === undefined || layer !== `${to.type}.${layer.slice(layer.lastIndexOf('.') + 1)}`) return [];
  const fop = layer.slice(layer.lastIndexOf('.') + 1);
  const line = (by: string, fromName: string, toName: string) =>
    `T [${by}.${fop}] ${graph.graphId}-stack-trace: winding from ${fromName} to ${toName}`;
  const from = graph.find(String(detail?.['from'] ?? ''));
  const lines: string[] = [];
  let way: Xlator[] | undefined;
  if (from === undefined) {
    const { top } = graph;
    lines.push(line('mount/fuse', above, top.name));
    way = top === to ? [top] : wayDown(top, to);
  } else way = wayDown(from, to);
  for (let i = 1; way !== undefined && i < way.length; i++) {
    // The original's meta calls the layer below without winding to it.
    if (way[i - 1].type !== 'meta') lines.push(line(way[i - 1].type, way[i - 1].name, way[i].name));
  }
  return lines;
}

/** Writes a line for each wind and unwind in the graph until disposed. Whoever begins to listen has the graph traced. */
export function logWinding(graph: Graph, write: (line: string) => void, above = 'fuse'): Disposable {
  return onTrace({
    wind(span) {
      for (const line of windingLines(graph, span, above)) write(line);
    },
    unwind(span) {
      const { detail, layer, error } = span;
      const name = detail?.['xlator'];
      if (typeof name !== 'string' || graph.find(name) === undefined) return;
      write(`T [${layer}] ${graph.graphId}-stack-trace: ${name} returned ${error === undefined ? 0 : -1}`);
    },
  });
}
