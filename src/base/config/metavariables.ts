/** An option whose raw text is to be put in place of a variable, and expanded in turn. */
export interface Replacement {
  readonly option: string;
  readonly text: string;
}

const VARIABLE = /\$(?:\{([a-z_]+)\}|([a-z_]+))/g;

/**
 * Replaces $name and ${name} (common/config.cc _expand_meta). `special` gives the variables that are no options,
 * `option` the raw text of options, which is expanded in turn. Where options refer to each other in a circle, '$name'
 * of the one that closes it stands for the whole value that closed it.
 */
export function expandVariables(
  text: string,
  special: (name: string) => string | undefined,
  option: (name: string) => Replacement | undefined,
  of?: string,
): string {
  const open = of === undefined ? [] : [of];
  const expand = (part: string): string => {
    let closed: string | undefined;
    const expanded = part.replace(VARIABLE, (whole, braced?: string, bare?: string) => {
      const name = (braced ?? bare)!;
      const known = special(name);
      if (known !== undefined) return known;
      const found = option(name);
      if (found === undefined) return whole;
      if (open.includes(found.option)) {
        closed ??= `$${found.option}`;
        return whole;
      }
      open.push(found.option);
      const replaced = expand(found.text);
      open.pop();
      return replaced;
    });
    return closed ?? expanded;
  };
  return expand(text);
}
