/**
 * Kinds of option values (`volume_option_type_t`, libglusterfs/options.h). 'size' takes units (4KB, 1.5GiB) and is bytes; 'time'
 * takes 10, 2min, 1h and is seconds; 'bool' takes on/off, yes/no, true/false, enable/disable, 1/0.
 */
export type OptionKind =
  | 'any'
  | 'string'
  | 'int'
  | 'size'
  | 'percent'
  | 'percent-or-size'
  | 'bool'
  | 'xlator'
  | 'path'
  | 'time'
  | 'double'
  | 'address'
  | 'address-list'
  | 'priority-list'
  | 'size-list'
  | 'auth-address';

/** An option, declared once: it serves parsing, `reconfigure`, the documentation and `--help`. */
export interface OptionSpec {
  readonly kind: OptionKind;
  /** As it would be written in a volfile. */
  readonly default?: string;
  readonly min?: number;
  readonly max?: number;
  /** The only values there are. */
  readonly values?: readonly string[];
  /** Other names that a volfile may use. */
  readonly aliases?: readonly string[];
  readonly description: string;
  /** May change while the graph is up. */
  readonly reconfigurable?: boolean;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/**
 * An xlator's options as its volfile and the defaults give them. The getters throw on a name that its table does not have, which is a
 * mistake of the xlator; bad values were refused when the graph was made.
 */
export interface Options {
  /** The text in force, default included. */
  text(name: string): string | undefined;
  bool(name: string): boolean;
  /** int, size (bytes), percent, time (seconds), double. */
  number(name: string): number;
  string(name: string): string;
  /** Set in the volfile, not by default. */
  isSet(name: string): boolean;
  /** Everything in force, for .meta and statedumps. */
  entries(): Iterable<readonly [name: string, text: string]>;
}
