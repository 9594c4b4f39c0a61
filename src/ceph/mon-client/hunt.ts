import type { Random } from '../../env/env.ts';
import type { MonMap } from './monmap.ts';

/** Fisher and Yates; with weights, those of more weight come first more often (those of none come last). */
function shuffle(ranks: number[], weightOf: (rank: number) => number, random: Random): number[] {
  const left = [...ranks];
  const order: number[] = [];
  while (left.length > 0) {
    let total = 0;
    for (const rank of left) total += weightOf(rank);
    let at = 0;
    if (total === 0) at = Math.floor(random.float() * left.length);
    else {
      let pick = random.float() * total;
      while (at < left.length - 1 && pick >= weightOf(left[at])) pick -= weightOf(left[at++]);
    }
    order.push(...left.splice(at, 1));
  }
  return order;
}

/**
 * Which monitors to try next (MonClient::_add_conns): of those not tried yet the ones of lowest priority,
 * shuffled by weight, at most `parallel` of them (0: all). Starts over when all were tried. Notes them in
 * `tried`.
 */
export function nextMons(map: MonMap, tried: Set<number>, parallel: number, random: Random): number[] {
  const info = (rank: number) => map.mons.get(map.ranks[rank])!;
  const untried = () => map.ranks.map((_, rank) => rank).filter(rank => !tried.has(rank));
  let ranks = untried();
  if (ranks.length === 0) {
    tried.clear();
    ranks = untried();
  }
  let lowest = Number.POSITIVE_INFINITY;
  for (const rank of ranks) lowest = Math.min(lowest, info(rank).priority);
  ranks = ranks.filter(rank => info(rank).priority === lowest);
  const order = shuffle(ranks, rank => info(rank).weight, random);
  const picked = parallel > 0 ? order.slice(0, parallel) : order;
  for (const rank of picked) tried.add(rank);
  return picked;
}
