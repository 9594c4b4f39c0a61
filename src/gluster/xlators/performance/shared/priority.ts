interface Pattern {
  readonly matches: RegExp;
  readonly priority: number;
}

/** Which files stay longer in a cache than others: '*.jpg:1,abc*:2'; the last pattern that a path matches counts. */
export class Priorities {
  private readonly patterns: Pattern[] = [];
  private readonly byDefault: number;

  /** Throws a text that says what is wrong with it. */
  constructor(text: string, byDefault: number) {
    this.byDefault = byDefault;
    for (const part of text.split(',')) {
      if (part.trim() === '') continue;
      const colon = part.lastIndexOf(':');
      const priority = Number(part.slice(colon + 1));
      if (colon < 1 || !Number.isInteger(priority) || priority < 0)
        throw new RangeError(`'${part}' is no pattern with a priority`);
      this.patterns.push({ matches: globToRegExp(part.slice(0, colon).trim()), priority });
    }
  }

  of(path: string): number {
    let priority = this.byDefault;
    for (const each of this.patterns) if (each.matches.test(path)) priority = each.priority;
    return priority;
  }
}

/** As fnmatch(3) with FNM_NOESCAPE: `*`, `?` and sets, which match slashes too. */
export function globToRegExp(glob: string): RegExp {
  const source = glob.replace(/\[!?[^\]]+\]|[\s\S]/g, part => {
    if (part === '*') return '[\\s\\S]*';
    if (part === '?') return '[\\s\\S]';
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source}$`);
}
