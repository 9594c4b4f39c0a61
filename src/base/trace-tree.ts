import { onTrace, type Span } from './trace.ts';

/** A span with its place in the tree of its operation. */
export class TraceNode {
  readonly span: Span;
  /** The span above: the one that was named as parent, or that of another daemon with the same link. */
  readonly parent: TraceNode | undefined;
  readonly children: TraceNode[] = [];
  readonly root: TraceNode;
  /** How often the operation went from one daemon to another on its way here. */
  readonly hops: number;
  open = true;
  /** Of a root: spans of its tree that are open. */
  openSpans = 0;
  /** Of a root: links that lead into its tree. */
  readonly links: string[] = [];

  constructor(span: Span, parent: TraceNode | undefined, hops: number) {
    this.span = span;
    this.parent = parent;
    this.root = parent === undefined ? this : parent.root;
    this.hops = hops;
  }

  /** Milliseconds from entry to exit; 0 while it is open. */
  get duration(): number {
    return this.open ? 0 : this.span.end - this.span.begin;
  }

  /** Milliseconds in the layer itself: without the time when any layer below it was at work. */
  get own(): number {
    const { begin, end } = this.span;
    const below = this.children
      .filter(child => !child.open)
      .map(({ span }) => [Math.max(begin, span.begin), Math.min(end, span.end)])
      .filter(([from, to]) => to > from)
      .sort((a, b) => a[0] - b[0]);
    let covered = 0;
    let upTo = begin;
    for (const [from, to] of below) {
      if (to <= upTo) continue;
      covered += to - Math.max(from, upTo);
      upTo = to;
    }
    return Math.max(0, this.duration - covered);
  }
}

export interface TraceForestListener {
  entered?(node: TraceNode): void;
  left?(node: TraceNode): void;
  /** An operation is through: its root and everything below it. `root.open` only when the forest was disposed early. */
  finished?(root: TraceNode): void;
}

/**
 * Puts the spans of a process together to trees, one an operation. A span without a parent that carries a link
 * continues the operation with that link: what an OSD in this process does for a request hangs below the client's
 * span that sent it, and what a replica does below the primary's.
 */
export class TraceForest implements Disposable {
  private readonly nodes = new Map<Span, TraceNode>();
  private readonly byLink = new Map<string, TraceNode[]>();
  private readonly listener: TraceForestListener;
  private readonly subscription: Disposable;

  constructor(listener: TraceForestListener) {
    this.listener = listener;
    this.subscription = onTrace({ wind: span => this.wind(span), unwind: span => this.unwind(span) });
  }

  /** The span above one that has no parent of its own. */
  private linked(link: string): TraceNode | undefined {
    const candidates = this.byLink.get(link);
    if (candidates === undefined) return undefined;
    // A primary's spans come after one hop, and what replicas do belongs below them, not below each other.
    const hops = candidates.some(node => node.hops === 1) ? 1 : 0;
    let at: TraceNode | undefined = candidates.findLast(node => node.hops === hops);
    while (at !== undefined && !at.open && at.parent !== undefined && at.parent.hops === hops) at = at.parent;
    return at;
  }

  private wind(span: Span): void {
    const link = span.detail?.link;
    let parent = span.parent === undefined ? undefined : this.nodes.get(span.parent);
    let hops = parent?.hops ?? 0;
    if (span.parent === undefined && link !== undefined) {
      parent = this.linked(link);
      if (parent !== undefined) hops = parent.hops + 1;
    }
    const node = new TraceNode(span, parent, hops);
    this.nodes.set(span, node);
    parent?.children.push(node);
    node.root.openSpans++;
    if (link !== undefined) this.index(link, node);
    this.listener.entered?.(node);
  }

  private index(link: string, node: TraceNode): void {
    const known = this.byLink.get(link);
    if (known === undefined) {
      this.byLink.set(link, [node]);
      node.root.links.push(link);
    } else known.push(node);
  }

  private unwind(span: Span): void {
    const node = this.nodes.get(span);
    if (node === undefined || !node.open) return;
    node.open = false;
    this.listener.left?.(node);
    const { root } = node;
    root.openSpans--;
    if (!root.open && root.openSpans === 0) this.finish(root);
  }

  private finish(root: TraceNode): void {
    for (const link of root.links) this.byLink.delete(link);
    this.forget(root);
    this.listener.finished?.(root);
  }

  private forget(node: TraceNode): void {
    this.nodes.delete(node.span);
    for (const child of node.children) this.forget(child);
  }

  /** Stops listening; operations that are not through are handed out as they are. */
  [Symbol.dispose](): void {
    this.subscription[Symbol.dispose]();
    for (const node of [...this.nodes.values()]) if (node.root === node) this.finish(node);
  }
}
