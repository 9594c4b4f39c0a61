/** What xlators tell each other besides fops (`glusterfs_event_t`): from the top down, or from the bricks up. */
export type GraphEvent =
  /** Down: the graph is in use from now on; clients connect. */
  | 'PARENT_UP'
  /** Down: the graph is not used any more; finish what is there and disconnect. */
  | 'PARENT_DOWN'
  /** Up: all of a graph was made. */
  | 'GRAPH_NEW'
  | 'CHILD_UP'
  | 'CHILD_DOWN'
  | 'CHILD_CONNECTING'
  /** Up: of one below a cluster xlator, which itself is up or not as a whole. */
  | 'SOME_DESCENDENT_UP'
  | 'SOME_DESCENDENT_DOWN'
  /** Up: a brick refused us. */
  | 'AUTH_FAILED'
  /** Up: another client changed something that we may have cached (`UpcallEvent`). */
  | 'UPCALL'
  /** Up: a brick answered a ping. */
  | 'CHILD_PING'
  | 'TRANSLATOR_OP';
