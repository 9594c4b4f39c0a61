import { leafOfOffset, leavesOf } from '../../../graph/d-off.ts';
import type { GraphEvent } from '../../../graph/events.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { Distribute } from './distribute.ts';

/**
 * Which children are up, what of it is told to the layers above (`dht_notify`), and which leaves of the graph are below which child.
 */
export class Children {
  readonly #dht: Distribute;
  readonly #up: boolean[];
  /** Whole seconds; 0: down. */
  readonly #upSince: number[];
  readonly #last: (GraphEvent | undefined)[];
  /** Number of leaves in the graph, and for each the child above it. */
  #leaves = 1;
  #childOfLeaf: number[] = [];

  constructor(dht: Distribute) {
    this.#dht = dht;
    this.#up = new Array<boolean>(dht.count).fill(false);
    this.#upSince = new Array<number>(dht.count).fill(0);
    this.#last = new Array<GraphEvent | undefined>(dht.count).fill(undefined);
  }

  is(child: number): boolean {
    return child >= 0 && this.#up[child];
  }

  allUp(): boolean {
    return this.#up.every(Boolean);
  }

  /** The child that is up for longest, the first of several; -1: none. */
  first(): number {
    let found = -1;
    for (let i = 0; i < this.#upSince.length; i++)
      if (this.#upSince[i] > 0 && (found < 0 || this.#upSince[i] < this.#upSince[found])) found = i;
    return found;
  }

  /** The last child that is up; -1: none. */
  last(): number {
    return this.#up.lastIndexOf(true);
  }

  notify(event: GraphEvent, from: Xlator | undefined, data: unknown): void {
    const dht = this.#dht;
    if (event === 'PARENT_UP' || event === 'PARENT_DOWN') {
      dht.tellChildren(event, data);
      return;
    }
    const child = from === undefined ? -1 : dht.children.indexOf(from);
    const knewAll = this.#last.every(e => e !== undefined);
    let told = event;
    let propagate = false;
    switch (event) {
      case 'CHILD_UP':
        dht.generation++;
        if (child < 0) break;
        this.#up[child] = true;
        this.#last[child] = event;
        this.#upSince[child] = Math.max(1, Math.floor(dht.host.env.clock.now() / 1000));
        dht.usage.fetch(child);
        break;
      case 'SOME_DESCENDENT_UP':
        dht.generation++;
        propagate = true;
        break;
      case 'CHILD_DOWN':
        if (child < 0) break;
        this.#up[child] = false;
        this.#last[child] = event;
        this.#upSince[child] = 0;
        // Gluster ends the process here; what a library can do is to give up all of the volume.
        if (dht.config.assertNoChildDown) {
          dht.log('C', `${dht.childNames[child]} is down and assert-no-child-down is on`);
          propagate = true;
        } else if (this.#last.some(e => e !== 'CHILD_DOWN')) told = 'SOME_DESCENDENT_DOWN';
        break;
      case 'CHILD_CONNECTING':
        if (child >= 0) this.#last[child] = event;
        break;
      case 'UPCALL':
        markExplicitLookup(dht, data);
        propagate = true;
        break;
      default:
        propagate = true;
    }
    const knowsAll = this.#last.every(e => e !== undefined);
    if (knowsAll) propagate = true;
    if (!knewAll && knowsAll) {
      // The first time that all were heard of: one that is up is enough.
      if (this.#last.includes('CHILD_UP')) told = 'CHILD_UP';
      else if (this.#last.includes('CHILD_CONNECTING')) told = 'CHILD_CONNECTING';
      else told = 'CHILD_DOWN';
    }
    if (propagate) dht.tellParents(told, data);
  }

  // --- offsets of directory entries

  /** Numbers the leaves of the graph as they do themselves, who put their numbers into offsets. */
  numberLeaves(): void {
    const dht = this.#dht;
    const below = new Map<Xlator, number>();
    for (let i = 0; i < dht.count; i++) for (const leaf of leavesOf([dht.children[i]])) below.set(leaf, i);
    const leaves = leavesOf(dht.host.xlators);
    this.#leaves = Math.max(1, leaves.length);
    this.#childOfLeaf = leaves.map(leaf => below.get(leaf) ?? 0);
  }

  /** The child that a listing goes on with. */
  childOfOffset(offset: bigint): number {
    return this.#childOfLeaf[leafOfOffset(offset, this.#leaves)] ?? 0;
  }
}

/** A change of a layout, or of a file to a linkto file, is only understood by a lookup. */
function markExplicitLookup(dht: Distribute, data: unknown): void {
  const upcall = data as
    | { flags?: number; dict?: { has(key: string): boolean }; stat?: { mode: number } }
    | undefined;
  if (upcall === undefined || upcall === null || typeof upcall.flags !== 'number') return;
  const layout = upcall.dict?.has(dht.config.xattrName) ?? false;
  const linkto = upcall.stat !== undefined && (upcall.stat.mode & 0o7777) === 0o1000;
  if (layout || linkto) upcall.flags |= UP_EXPLICIT_LOOKUP;
}

/** `UP_EXPLICIT_LOOKUP` (upcall-utils.h). */
const UP_EXPLICIT_LOOKUP = 0x1000;
