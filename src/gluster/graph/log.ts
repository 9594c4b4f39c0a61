/** Levels as Gluster's logs name them, by their letter: critical, error, warning, info, debug, trace. */
export type GraphLogLevel = 'C' | 'E' | 'W' | 'I' | 'D' | 'T';

/** Where xlators log. Check `gathers` before building a costly message. */
export interface GraphLog {
  gathers(level: GraphLogLevel): boolean;
  /** `where`: the xlator's name, as in '0-vg0-dht'. */
  log(level: GraphLogLevel, where: string, message: string): void;
}

const RANK: Readonly<Record<GraphLogLevel, number>> = { C: 0, E: 1, W: 2, I: 3, D: 4, T: 5 };
/** Names that options and commands take (`gf_log_level`). */
const LEVEL_OF_NAME: Readonly<Record<string, GraphLogLevel>> = {
  NONE: 'C',
  CRITICAL: 'C',
  ERROR: 'E',
  WARNING: 'W',
  INFO: 'I',
  DEBUG: 'D',
  TRACE: 'T',
};

/** With their numbers (`gf_loglevel_t`). */
export const GRAPH_LOG_LEVELS: readonly (readonly [number: number, letter: GraphLogLevel])[] = [
  [3, 'C'],
  [4, 'E'],
  [5, 'W'],
  [7, 'I'],
  [8, 'D'],
  [9, 'T'],
];

/** 'INFO' -> 'I'; undefined for no level. */
export function parseLogLevel(name: string): GraphLogLevel | undefined {
  return LEVEL_OF_NAME[name.toUpperCase()];
}

/** Nobody reads it. */
export const SILENT_LOG: GraphLog = { gathers: () => false, log: () => {} };

/** A log whose lines are laid out as GlusterFS lays them out: `[2026-11-21 01:27:48.355401 +0000] I 0-vg0-dht: ...`. */
export class LineLog implements GraphLog {
  level: GraphLogLevel;
  private readonly now: () => number;
  private readonly write: (line: string) => void;

  /** `now`: milliseconds since the Unix epoch. */
  constructor(now: () => number, write: (line: string) => void, level: GraphLogLevel = 'I') {
    this.now = now;
    this.write = write;
    this.level = level;
  }

  gathers(level: GraphLogLevel): boolean {
    return RANK[level] <= RANK[this.level];
  }

  log(level: GraphLogLevel, where: string, message: string): void {
    if (this.gathers(level)) this.write(`[${formatLogTime(this.now())}] ${level} ${where}: ${message}`);
  }
}

/** '2026-11-21 01:27:48.355401 +0000', as Gluster's logs and dumps write times. */
export function formatLogTime(ms: number): string {
  const whole = Math.floor(ms);
  const micros = Math.floor((ms - whole) * 1000);
  const iso = new Date(whole).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(micros).padStart(3, '0')} +0000`;
}
