import type { TraceNode } from '../../base/trace-tree.ts';
import type { Colors } from './tty.ts';

/** '1.24 ms', '87 us', '2.05 s'. */
export function formatDuration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)} us`;
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}

function detailText(node: TraceNode): string {
  return Object.entries(node.span.detail ?? {})
    .filter(([key, value]) => value !== undefined && key !== 'link')
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

export interface TreeOptions {
  readonly colors: Colors;
  /** Levels below the root that are shown. */
  readonly depth?: number;
}

interface Line {
  readonly label: string;
  readonly width: number;
  readonly node: TraceNode;
}

function layOut(node: TraceNode, stem: string, branch: string, left: number, c: Colors, into: Line[]): void {
  const { layer } = node.span;
  const crossing = node.parent !== undefined && node.hops > node.parent.hops;
  into.push({
    label: c.dim(stem + branch) + (crossing ? c.cyan(layer) : layer),
    width: stem.length + branch.length + layer.length,
    node,
  });
  if (left <= 0) return;
  const below = stem + (branch === '' ? '' : branch === '└─ ' ? '   ' : '│  ');
  node.children.forEach((child, i) => {
    layOut(child, below, i === node.children.length - 1 ? '└─ ' : '├─ ', left - 1, c, into);
  });
}

/**
 * The tree of one operation: layer, time from entry to exit, time in the layer itself, what it worked on.
 *
 *     rados.write_full            1.24 ms  own 52 us   oid=a
 *     └─ Objecter.op_submit       1.19 ms  own 0.98 ms
 *        └─ Objecter._send_op       87 us  own 87 us   osd=1
 */
export function treeText(root: TraceNode, options: TreeOptions): string {
  const { colors: c } = options;
  const lines: Line[] = [];
  layOut(root, '', '', options.depth ?? Number.POSITIVE_INFINITY, c, lines);
  const width = Math.max(...lines.map(line => line.width));
  const cells = lines.map(({ node }) => ({
    total: node.open ? 'open' : formatDuration(node.duration),
    own: node.open ? '' : `own ${formatDuration(node.own)}`,
  }));
  const totalWidth = Math.max(...cells.map(({ total }) => total.length));
  const ownWidth = Math.max(...cells.map(({ own }) => own.length));
  return lines
    .map(({ label, width: used, node }, i) => {
      const { total, own } = cells[i];
      const start = node === root ? 0 : node.span.begin - root.span.begin;
      const error = node.span.error === undefined ? '' : `  ${c.red(node.span.error)}`;
      const text =
        `${label}${' '.repeat(width - used)}  ${c.bold(total.padStart(totalWidth))}  ${c.dim(own.padEnd(ownWidth))}` +
        `  ${c.dim(`+${formatDuration(start)}`)}  ${c.dim(detailText(node))}`;
      return text.trimEnd() + error;
    })
    .join('\n');
}

/** The same for programs. Times in milliseconds; `begin` from the root's entry. */
export function treeJson(node: TraceNode, root = node): Record<string, unknown> {
  const { span } = node;
  return {
    layer: span.layer,
    begin: round(span.begin - root.span.begin),
    ms: node.open ? undefined : round(node.duration),
    own: node.open ? undefined : round(node.own),
    error: span.error,
    detail: span.detail,
    children: node.children.map(child => treeJson(child, root)),
  };
}

function round(ms: number): number {
  return Math.round(ms * 1e6) / 1e6;
}
