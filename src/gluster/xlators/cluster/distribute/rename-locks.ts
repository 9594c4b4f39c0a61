import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { formatGfid } from '../../../types/gfid.ts';
import type { Distribute } from './distribute.ts';
import { type Namespace, protectNamespace, unprotectNamespace } from './locks.ts';

/** Whether the old name is locked first: by the names of the hashed children, then by directory and name. */
function sourceFirst(dht: Distribute, from: Loc, to: Loc, srcHashed: number, dstHashed: number): boolean {
  const a = dht.childNames[srcHashed];
  const b = dht.childNames[dstHashed];
  if (a !== b) return a < b;
  return formatGfid(from.pargfid) + from.name <= formatGfid(to.pargfid) + to.name;
}

/** Protects both names of a rename, in an order that all clients have in common. */
export async function protectBoth(
  dht: Distribute,
  frame: Frame,
  from: Loc,
  to: Loc,
  srcHashed: number,
  dstHashed: number,
): Promise<Namespace[]> {
  const order: [Loc, number][] = [
    [from, srcHashed],
    [to, dstHashed],
  ];
  const first = sourceFirst(dht, from, to, srcHashed, dstHashed);
  if (!first) order.reverse();
  const names: Namespace[] = [];
  try {
    for (const [loc, hashed] of order) names.push(await protectNamespace(dht, frame, loc, hashed));
  } catch (error) {
    for (const namespace of names) unprotectNamespace(dht, namespace);
    throw error;
  }
  // They are let go in the order old name, new name, whatever the order in which they were taken.
  return first ? names : names.reverse();
}
