import { IMAGE_VERBS } from './catalogue-images.ts';
import { MISSING } from './catalogue-missing.ts';
import { MORE_VERBS } from './catalogue-more.ts';
import type { VerbSpec } from './catalogue-parts.ts';

/** Every verb, in the order that help lists them in. */
export const VERBS: readonly VerbSpec[] = [...IMAGE_VERBS, ...MORE_VERBS, ...MISSING].sort((a, b) =>
  a.name < b.name ? -1 : 1,
);

/** The verb that a command line begins with, and how many words it takes up. The longest that fits. */
export function findVerb(words: readonly string[]): { verb: VerbSpec; length: number } | undefined {
  let found: { verb: VerbSpec; length: number } | undefined;
  for (const verb of VERBS)
    for (const name of [verb.name, verb.alias]) {
      const parts = name?.split(' ') ?? [];
      if (parts.length <= (found?.length ?? 0) || parts.some((part, i) => part !== words[i])) continue;
      found = { verb, length: parts.length };
    }
  return found;
}
