import type { Fd } from './fd.ts';
import { FOP_NAMES, type FopName } from './fops.ts';
import type { Frame } from './frame.ts';
import { Loc } from './loc.ts';
import type { Xlator } from './xlator.ts';

/** A fop with all types taken off, for what treats all of them alike. */
export type AnyFop = (frame: Frame, ...args: unknown[]) => Promise<unknown>;
export type AnyFops = Readonly<Record<FopName, AnyFop>>;

/** The fops of a way down, without their types. */
export function anyFops(fops: object): AnyFops {
  return fops as AnyFops;
}

/**
 * Gives a class of xlators a method for each of `names`: for layers that do the same with all fops. `make` is called once a fop, when the
 * class is made.
 */
export function defineFops<X extends Xlator>(
  xlator: { readonly prototype: X },
  make: (fop: FopName, index: number) => (this: X, frame: Frame, ...args: unknown[]) => Promise<unknown>,
  names: readonly FopName[] = FOP_NAMES,
): void {
  for (const fop of names)
    Object.defineProperty(xlator.prototype, fop, {
      value: make(fop, FOP_NAMES.indexOf(fop)),
      writable: true,
      configurable: true,
    });
}

/** What a fop works on: the first path or open file among its arguments. */
export function subjectOf(args: readonly unknown[]): Loc | Fd | undefined {
  for (const arg of args) {
    if (arg instanceof Loc) return arg;
    if (typeof arg === 'object' && arg !== null && 'inode' in arg && 'anonymous' in arg) return arg as Fd;
  }
  return undefined;
}
