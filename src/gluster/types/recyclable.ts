/**
 * Memory that can be used again: whoever has used up what lies in it calls `recycle`, once, and then neither he nor anybody else may look at
 * it. Nobody has to: memory that is only dropped is the garbage collector's.
 */
export interface Recyclable {
  recycle(): void;
}
