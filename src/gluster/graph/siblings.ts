/**
 * The names of a directory in an order: first as they were listed or made, later as they were last gone through. Each child lies in the
 * list of the directory that its first name is in.
 */
export interface Sibling<T> {
  before: T | undefined;
  after: T | undefined;
  /** Of a directory: its last child. */
  last: T | undefined;
}

export function append<T extends Sibling<T>>(child: T, directory: T): void {
  child.before = directory.last;
  if (directory.last !== undefined) directory.last.after = child;
  directory.last = child;
}

export function remove<T extends Sibling<T>>(child: T, directory: T): void {
  if (child.before !== undefined) child.before.after = child.after;
  if (child.after !== undefined) child.after.before = child.before;
  else directory.last = child.before;
  child.before = undefined;
  child.after = undefined;
}

/** Moves a child to behind another one of the same directory. */
export function moveBehind<T extends Sibling<T>>(child: T, previous: T, directory: T): void {
  remove(child, directory);
  child.before = previous;
  child.after = previous.after;
  if (previous.after !== undefined) previous.after.before = child;
  else directory.last = child;
  previous.after = child;
}

/** Puts all children of a directory in that order. */
export function chain<T extends Sibling<T>>(children: readonly T[], directory: T): void {
  let before: T | undefined;
  for (const child of children) {
    child.before = before;
    child.after = undefined;
    if (before !== undefined) before.after = child;
    before = child;
  }
  directory.last = before;
}
