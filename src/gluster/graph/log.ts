/** Levels as Gluster's logs name them, by their letter: critical, error, warning, info, debug, trace. */
export type GraphLogLevel = 'C' | 'E' | 'W' | 'I' | 'D' | 'T';

/** Where xlators log. Check `gathers` before building a costly message. */
export interface GraphLog {
  gathers(level: GraphLogLevel): boolean;
  /** `where`: the xlator's name, as in '0-vg0-dht'. */
  log(level: GraphLogLevel, where: string, message: string): void;
}
